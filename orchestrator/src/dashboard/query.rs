//! A page's query: what was asked for stands in the URL, so that a page can be kept, sent on, and reloaded. A form
//! leaves empty fields in it, which mean nothing.

use axum::http::Uri;
use common::http::Problem;
use uuid::Uuid;

use crate::filter::Filter;

/// Names and values, without empty ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(uri: &Uri) -> Self {
        Self::read(uri.query().unwrap_or_default())
    }

    /// Reads `application/x-www-form-urlencoded`.
    pub(super) fn read(text: &str) -> Self {
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")).trim().to_owned())
        };
        Self(text.split('&').map(pair).filter(|(_, value)| !value.is_empty()).collect())
    }

    /// A value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value that is a number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, Problem> {
        let read = |text: &str| {
            text.parse().map_err(|_| Problem::bad_request(format!("{name} = {text}: it must be a whole number")))
        };
        self.get(name).map(read).transpose()
    }

    /// The filter in it.
    pub(super) fn filter(&self) -> Result<Filter, Problem> {
        let text = |name| self.get(name).map(str::to_owned);
        let read = |id: &str| {
            Uuid::parse_str(id)
                .map_err(|_| Problem::bad_request(format!("id = {id}: it must be the id of an order or a saga")))
        };
        Ok(Filter {
            status: text("status"),
            definition: text("definition"),
            version: self.number("version")?,
            step: text("step"),
            customer: text("customer"),
            waiting_longer_than: text("waitingLongerThan"),
            id: self.get("id").map(read).transpose()?,
            reason: text("reason"),
            text: text("text"),
            ..Filter::default()
        })
    }
}

/// A filter as a query, `status=running&step=a`; empty when it lets everything through.
pub(super) fn of_filter(filter: &Filter) -> String {
    let (version, id) = (filter.version.map(|v| v.to_string()), filter.id.map(|id| id.to_string()));
    link(&[
        ("status", filter.status.as_deref()),
        ("definition", filter.definition.as_deref()),
        ("version", version.as_deref()),
        ("step", filter.step.as_deref()),
        ("customer", filter.customer.as_deref()),
        ("waitingLongerThan", filter.waiting_longer_than.as_deref()),
        ("id", id.as_deref()),
        ("reason", filter.reason.as_deref()),
        ("text", filter.text.as_deref()),
    ])
}

/// A query of these values, as far as they are there.
pub(super) fn link(values: &[(&str, Option<&str>)]) -> String {
    let there = values.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded((*value)?))));
    there.collect::<Vec<_>>().join("&")
}

/// With everything escaped that is not a letter, a digit or one of `-._~` (RFC 3986, section 2.3).
pub(super) fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

/// The text of what was escaped; an escape that is none stays as it is.
pub(super) fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_filter_says_comes_back_from_its_url() {
        let filter = Filter {
            status: Some("incident".to_owned()),
            version: Some(2),
            reason: Some("out of retries: <a> & \"b\" 100% é+".to_owned()),
            id: Some(Uuid::from_u128(7)),
            ..Filter::default()
        };
        let text = of_filter(&filter);
        assert_eq!(Query::read(&text).filter().unwrap(), filter, "{text}");
        assert_eq!(of_filter(&Filter::default()), "");
    }

    #[test]
    fn empty_fields_mean_nothing_and_nonsense_is_told() {
        let query = Query::read("status=&step=a+b&step=c&x=%zz%4");
        assert_eq!((query.get("status"), query.get("step"), query.get("x")), (None, Some("a b"), Some("%zz%4")));
        assert_eq!(query.all("step").collect::<Vec<_>>(), ["a b", "c"]);
        assert!(Query::read("version=x").filter().is_err() && Query::read("id=x").filter().is_err());
    }
}

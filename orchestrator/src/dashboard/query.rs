//! The query of a page: its parameters are in the URL, so that a page can be bookmarked, shared and reloaded. Forms
//! send empty fields, which are ignored.

use axum::http::Uri;
use uuid::Uuid;

use crate::error::ApiError;
use crate::filter::{Filter, Sort};

/// Names and values, without empty ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(uri: &Uri) -> Self {
        Self::parse(uri.query().unwrap_or_default())
    }

    /// Parses `application/x-www-form-urlencoded`.
    pub(super) fn parse(text: &str) -> Self {
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

    /// A value as a number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, ApiError> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                ApiError::bad_request(
                    format!("{name} = {text}: it must be a whole number"),
                    format!("{name} = {text}: deve ser um número inteiro"),
                )
            })
        };
        self.get(name).map(parse).transpose()
    }

    /// The order of a list.
    pub(super) fn sort(&self) -> Result<Sort, ApiError> {
        match self.get("sort") {
            None => Ok(Sort::default()),
            Some(text) => {
                [Sort::Newest, Sort::Waiting].into_iter().find(|sort| sort.as_str() == text).ok_or_else(|| {
                    ApiError::bad_request(
                        format!("sort = {text}: it must be newest or waiting"),
                        format!("sort = {text}: deve ser newest ou waiting"),
                    )
                })
            }
        }
    }

    /// The filter in it.
    pub(super) fn filter(&self) -> Result<Filter, ApiError> {
        let text = |name| self.get(name).map(str::to_owned);
        let parse = |id: &str| {
            Uuid::parse_str(id).map_err(|_| {
                ApiError::bad_request(
                    format!("id = {id}: it must be the id of an order or a saga"),
                    format!("id = {id}: deve ser o id de um pedido ou de uma saga"),
                )
            })
        };
        Ok(Filter {
            status: text("status"),
            definition: text("definition"),
            version: self.number("version")?,
            step: text("step"),
            customer: text("customer"),
            waiting_longer_than: text("waitingLongerThan"),
            retrying: self.get("retrying").map(flag).transpose()?,
            from: text("from"),
            to: text("to"),
            id: self.get("id").map(parse).transpose()?,
            reason: text("reason"),
            text: text("text"),
            ..Filter::default()
        })
    }
}

fn flag(text: &str) -> Result<bool, ApiError> {
    text.parse().map_err(|_| {
        ApiError::bad_request(
            format!("retrying = {text}: it must be true or false"),
            format!("retrying = {text}: deve ser true ou false"),
        )
    })
}

/// A filter as a query, `status=running&step=a`; empty if the filter is.
pub(super) fn of_filter(filter: &Filter) -> String {
    let version = filter.version.map(|version| version.to_string());
    let id = filter.id.map(|id| id.to_string());
    link(&[
        ("status", filter.status.as_deref()),
        ("definition", filter.definition.as_deref()),
        ("version", version.as_deref()),
        ("step", filter.step.as_deref()),
        ("customer", filter.customer.as_deref()),
        ("waitingLongerThan", filter.waiting_longer_than.as_deref()),
        ("retrying", filter.retrying.map(|retrying| if retrying { "true" } else { "false" })),
        ("from", filter.from.as_deref()),
        ("to", filter.to.as_deref()),
        ("id", id.as_deref()),
        ("reason", filter.reason.as_deref()),
        ("text", filter.text.as_deref()),
    ])
}

/// A query of the values that are given.
pub(super) fn link(values: &[(&str, Option<&str>)]) -> String {
    let given = values.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded((*value)?))));
    given.collect::<Vec<_>>().join("&")
}

/// Percent-encodes all but letters, digits and `-._~` (RFC 3986, section 2.3).
pub(super) fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

/// Decodes percent-encoded text; invalid escapes are left as they are.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
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
    fn a_filter_survives_its_url() {
        let filter = Filter {
            status: Some("incident".to_owned()),
            version: Some(2),
            reason: Some("out of retries: <a> & \"b\" 100% é+".to_owned()),
            retrying: Some(true),
            from: Some("2026-01-31T09:00:00+03:00".to_owned()),
            id: Some(Uuid::from_u128(7)),
            ..Filter::default()
        };
        let text = of_filter(&filter);
        assert_eq!(Query::parse(&text).filter().unwrap(), filter, "{text}");
        assert_eq!(of_filter(&Filter::default()), "");
    }

    #[test]
    fn empty_fields_are_ignored_and_invalid_ones_rejected() {
        let query = Query::parse("status=&step=a+b&step=c&x=%zz%4");
        assert_eq!((query.get("status"), query.get("step"), query.get("x")), (None, Some("a b"), Some("%zz%4")));
        assert_eq!(query.all("step").collect::<Vec<_>>(), ["a b", "c"]);
        assert!(Query::parse("retrying=x").filter().is_err() && Query::parse("sort=x").sort().is_err());
        assert_eq!(Query::parse("sort=waiting").sort().unwrap(), Sort::Waiting);
        assert!(Query::parse("version=x").filter().is_err() && Query::parse("id=x").filter().is_err());
    }
}

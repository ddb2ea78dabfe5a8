//! The filter of the list of sagas and of bulk actions. Shared, so that a bulk action applies to the sagas that are
//! listed.

use std::time::Duration;

use common::bounds::first_chars;
use common::time::Timestamp;
use rusqlite::types::Value;
use saga::Status;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::ApiError;

/// `text` is searched in this many of the newest sagas that match the rest of the filter, since it is not indexed.
pub const TEXT_SEARCH_LIMIT: usize = 4_000;

/// The index by which sagas are searched: the one that leaves the fewest. SQLite does not know these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchBy {
    /// The status.
    Status,
    /// The definition and its version.
    Definition,
    /// The time, or the index of another part of the filter.
    Time,
    /// The waiting time.
    Waiting,
}

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The newest saga first.
    #[default]
    Newest,
    /// The saga that waits longest first; sagas that do not wait are left out.
    Waiting,
}

impl Sort {
    /// Its name in URLs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Waiting => "waiting",
        }
    }
}

/// The sagas that match all given parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// The saga's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Its definition's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// Its definition's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// A step the saga waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Its customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The minimum time it has waited, such as `30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_longer_than: Option<String>,
    /// True: an attempt of the step it waits for has failed, and another one is in flight or follows. False: none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retrying: Option<bool>,
    /// The earliest time it started, in RFC 3339; without a zone in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// It started before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Its id, which is the order's id for the saga of an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The reason of its blocked step, without ids, as incidents are grouped; with `step`, of that step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A text in its state (data, reasons, history); ASCII case is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The latest start of a wait longer than `waiting_longer_than`; set by [`Filter::checked`].
    #[serde(skip)]
    pub waiting_since: Option<i64>,
    /// `from` in milliseconds since 1970; set by [`Filter::checked`].
    #[serde(skip)]
    pub started_from: Option<i64>,
    /// `to` in milliseconds since 1970; set by [`Filter::checked`].
    #[serde(skip)]
    pub started_before: Option<i64>,
}

impl Filter {
    /// Checks the values; waits are measured from `now`.
    ///
    /// # Errors
    /// 400 with the first invalid value and the allowed ones.
    pub fn checked(mut self, now: Timestamp) -> Result<Self, ApiError> {
        if let Some(status) = self.status.as_deref().filter(|s| Status::ALL.iter().all(|known| known.as_str() != *s)) {
            let known: Vec<_> = Status::ALL.iter().map(|s| s.as_str()).collect();
            let known = known.join(", ");
            return Err(ApiError::bad_request(
                format!("status = {status}: it must be one of {known}"),
                format!("status = {status}: deve ser um de {known}"),
            ));
        }
        if let Some(text) = &self.waiting_longer_than {
            let invalid = |error| {
                ApiError::bad_request(
                    format!("waitingLongerThan = {text}: {error}; write it as 30s or 5m"),
                    format!("waitingLongerThan = {text}: duração inválida; escreva como 30s ou 5m"),
                )
            };
            let waited: Duration = humantime::parse_duration(text).map_err(invalid)?;
            let waited = i64::try_from(waited.as_millis()).unwrap_or(i64::MAX);
            self.waiting_since = Some(now.0.saturating_sub(waited));
        }
        self.started_from = self.from.as_deref().map(|text| parse_time("from", text)).transpose()?;
        self.started_before = self.to.as_deref().map(|text| parse_time("to", text)).transpose()?;
        check_order(self.started_from, self.started_before)?;
        Ok(self)
    }

    /// Returns true if every saga matches.
    pub fn is_empty(&self) -> bool {
        let set_by_checked = Self {
            waiting_since: self.waiting_since,
            started_from: self.started_from,
            started_before: self.started_before,
            ..Self::default()
        };
        *self == set_by_checked
    }

    /// The conditions on the table `sagas`, each after an ` AND `, and their named values. `text` is searched where the
    /// sagas are read.
    pub(crate) fn clauses(&self, by: SearchBy) -> (String, Vec<(&'static str, Value)>) {
        let text = |value: &String| Value::from(value.clone());
        // Open sagas are few: search a step among their waits, not among all sagas.
        let waits = match (&self.step, &self.reason) {
            (Some(_), Some(_)) => " WHERE step = :step AND state = 'stuck' AND reason = :reason",
            (Some(_), None) => " WHERE step = :step",
            (None, _) => " WHERE state = 'stuck' AND reason = :reason",
        };
        let waits = format!(" AND (started, id) IN (SELECT started, id FROM waits{waits})");
        let again = self.step.as_ref().filter(|_| self.reason.is_some()).map(|_| "");
        // By another index than that of the waits, many sagas match: those of the step are not collected first.
        let of_step = match by {
            SearchBy::Time => &*waits,
            SearchBy::Status | SearchBy::Definition | SearchBy::Waiting => AT_STEP,
        };
        // A unary plus keeps SQLite from using an index.
        let status = if by == SearchBy::Status { " AND status = :status" } else { " AND +status = :status" };
        let [definition, version] = match by {
            SearchBy::Definition => [" AND definition = :definition", " AND version = :version"],
            SearchBy::Status | SearchBy::Time | SearchBy::Waiting => {
                [" AND +definition = :definition", " AND +version = :version"]
            }
        };
        let waiting = match by {
            SearchBy::Waiting | SearchBy::Time => " AND waiting < :waiting",
            SearchBy::Status | SearchBy::Definition => " AND +waiting < :waiting",
        };
        let [from, to] = match by {
            SearchBy::Waiting => [" AND +started >= :from", " AND +started < :to"],
            SearchBy::Status | SearchBy::Definition | SearchBy::Time => [" AND started >= :from", " AND started < :to"],
        };
        let plain = [
            (":status", status, self.status.as_ref().map(text)),
            (":definition", definition, self.definition.as_ref().map(text)),
            (":version", version, self.version.map(Value::from)),
            (":step", of_step, self.step.as_ref().map(text)),
            (":reason", again.unwrap_or(&waits), self.reason.as_ref().map(text)),
            (":customer", " AND customer = :customer", self.customer.as_ref().map(text)),
            (":waiting", waiting, self.waiting_since.map(Value::from)),
            (":from", from, self.started_from.map(Value::from)),
            (":to", to, self.started_before.map(Value::from)),
            (":saga", ONE, self.id.map(|id| Value::from(id.to_string()))),
        ];
        let mut clauses = String::new();
        let mut values = Vec::new();
        for (name, clause, value) in plain {
            if let Some(value) = value {
                clauses += clause;
                values.push((name, value));
            }
        }
        // A literal: SQLite does not match a bound value with the condition of the partial index.
        clauses += match (self.retrying, by) {
            (Some(true), SearchBy::Time) => " AND retrying = 1",
            (Some(true), SearchBy::Status | SearchBy::Definition | SearchBy::Waiting) => " AND +retrying = 1",
            (Some(false), _) => " AND +retrying = 0",
            (None, _) => "",
        };
        (clauses, values)
    }
}

/// The time of a parameter, in milliseconds since 1970: RFC 3339, or a date with or without a time in UTC, as the
/// fields of a browser send it.
///
/// # Errors
/// 400 for another text.
pub fn parse_time(name: &str, text: &str) -> Result<i64, ApiError> {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    Timestamp::parse(&whole).map(|time| time.0).map_err(|_| {
        let text = first_chars(text, 40);
        ApiError::bad_request(
            format!("{name} = {text}: it must be a time in RFC 3339, such as 2026-01-31T12:00:00Z"),
            format!("{name} = {text}: deve ser um horário em RFC 3339, como 2026-01-31T12:00:00Z"),
        )
    })
}

/// Checks that a period does not end before it begins.
///
/// # Errors
/// 400 if it does.
pub fn check_order(from: Option<i64>, to: Option<i64>) -> Result<(), ApiError> {
    match (from, to) {
        (Some(from), Some(to)) if from >= to => {
            Err(ApiError::bad_request("from must be before to", "o início (from) deve ser anterior ao fim (to)"))
        }
        _ => Ok(()),
    }
}

/// One saga: by its id and its start, which is read from its state.
const ONE: &str = " AND id = :saga AND started = (SELECT json_extract(state, '$.saga.started') FROM entities \
                   WHERE key = 'saga/' || :saga LIMIT 1)";

/// A saga that waits for a step, which may be one of several.
const AT_STEP: &str = " AND instr(', ' || step || ', ', ', ' || :step || ', ')";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_a_zone_or_in_utc() {
        let noon = 1_769_860_800_000;
        for text in ["2026-01-31T12:00:00Z", "2026-01-31T12:00", "2026-01-31T12:00:00", "2026-01-31T09:00:00-03:00"] {
            assert_eq!(parse_time("from", text).unwrap(), noon, "{text}");
        }
        assert_eq!(parse_time("from", "2026-01-31").unwrap(), noon - 12 * 3_600_000);
        for text in ["yesterday", "", "2026-13-01", "2026-01-31T12:00:00+", "ção de ontem à noite"] {
            let error = parse_time("from", text).unwrap_err();
            assert!(error.status() == 400 && error.detail().starts_with("from = "), "{text}: {error:?}");
        }
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_rejected() {
        let of = |from: &str, to: &str| {
            let filter = Filter { from: Some(from.to_owned()), to: Some(to.to_owned()), ..Filter::default() };
            filter.checked(Timestamp(0))
        };
        assert!(of("2026-01-31", "2026-02-01").is_ok());
        assert!(of("2026-01-31", "2026-01-31").is_err());
        let empty = Filter { started_from: Some(1), ..Filter::default() };
        assert!(empty.is_empty(), "a value that only checked() sets is no part of the filter");
    }
}

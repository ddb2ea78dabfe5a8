//! The filter of the list of sagas and of bulk actions. Shared, so that a bulk action applies to the sagas that are
//! listed.

use std::time::Duration;

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
        Ok(self)
    }

    /// Returns true if every saga matches.
    pub fn is_empty(&self) -> bool {
        *self == Self { waiting_since: self.waiting_since, ..Self::default() }
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
        // A unary plus keeps SQLite from using an index.
        let [status, definition, version] = match by {
            SearchBy::Status => [" AND status = :status", " AND +definition = :definition", " AND +version = :version"],
            SearchBy::Definition => {
                [" AND +status = :status", " AND definition = :definition", " AND version = :version"]
            }
            SearchBy::Time => [" AND +status = :status", " AND +definition = :definition", " AND +version = :version"],
        };
        let plain = [
            (":status", status, self.status.as_ref().map(text)),
            (":definition", definition, self.definition.as_ref().map(text)),
            (":version", version, self.version.map(Value::from)),
            (":step", &waits, self.step.as_ref().map(text)),
            (":reason", again.unwrap_or(&waits), self.reason.as_ref().map(text)),
            (":customer", " AND customer = :customer", self.customer.as_ref().map(text)),
            (":waiting", " AND waiting < :waiting", self.waiting_since.map(Value::from)),
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
        (clauses, values)
    }
}

/// One saga: by its id and its start, which is read from its state.
const ONE: &str = " AND id = :saga AND started = (SELECT json_extract(state, '$.saga.started') FROM entities \
                   WHERE key = 'saga/' || :saga LIMIT 1)";

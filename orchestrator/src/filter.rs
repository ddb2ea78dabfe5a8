//! Which sagas are meant: the filter of the list, and of acts on many sagas at once. One place, so that what is shown
//! is what would be acted on.

use std::time::Duration;

use common::http::Problem;
use common::time::Timestamp;
use rusqlite::types::Value;
use saga::Status;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is looked for in the newest so many sagas that fit otherwise: it is not indexed.
pub const TEXT_REACH: usize = 4_000;

/// By what sagas are looked for: by whatever leaves the fewest. SQLite does not know how many there are of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Those of a status.
    Status,
    /// Those of a definition's version.
    Definition,
    /// All of them, or what else is asked for.
    Time,
}

/// What sagas have to be; what is left out does not matter.
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
    /// A step that something is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// It waits for longer than this, such as `30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_longer_than: Option<String>,
    /// Its id, which for an order's saga is the order's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Why the step that stands in its way does, without ids, as incidents are grouped by it; with `step`, the one
    /// step's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A text in its state (data, reasons, history), upper and lower case of ASCII being the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When `waiting_longer_than` was asked.
    #[serde(skip)]
    pub waiting_since: Option<i64>,
}

impl Filter {
    /// With its values checked, as of now.
    ///
    /// # Errors
    /// 400: the first value that can't be, and what may be there.
    pub fn checked(mut self, now: Timestamp) -> Result<Self, Problem> {
        if let Some(status) = self.status.as_deref().filter(|s| Status::ALL.iter().all(|known| known.as_str() != *s)) {
            let known: Vec<_> = Status::ALL.iter().map(|s| s.as_str()).collect();
            return Err(Problem::bad_request(format!("status = {status}: it must be one of {}", known.join(", "))));
        }
        if let Some(text) = &self.waiting_longer_than {
            let wrong = |e| Problem::bad_request(format!("waitingLongerThan = {text}: {e}; write it as 30s or 5m"));
            let waited: Duration = humantime::parse_duration(text).map_err(wrong)?;
            let waited = i64::try_from(waited.as_millis()).unwrap_or(i64::MAX);
            self.waiting_since = Some(now.0.saturating_sub(waited));
        }
        Ok(self)
    }

    /// Whether it lets every saga through.
    pub fn is_empty(&self) -> bool {
        *self == Self { waiting_since: self.waiting_since, ..Self::default() }
    }

    /// Conditions for the table `sagas`, each with ` AND ` before it, and the values they name. The text is looked for
    /// where they are read.
    pub(crate) fn clauses(&self, by: By) -> (String, Vec<(&'static str, Value)>) {
        let text = |value: &String| Value::from(value.clone());
        // Open sagas are few: those at a step are looked up there, and not among all that ever were.
        let waits = match (&self.step, &self.reason) {
            (Some(_), Some(_)) => " WHERE step = :step AND state = 'stuck' AND reason = :reason",
            (Some(_), None) => " WHERE step = :step",
            (None, _) => " WHERE state = 'stuck' AND reason = :reason",
        };
        let waits = format!(" AND (started, id) IN (SELECT started, id FROM waits{waits})");
        let again = self.step.as_ref().filter(|_| self.reason.is_some()).map(|_| "");
        // A plus keeps SQLite from going by an index.
        let [status, definition, version] = match by {
            By::Status => [" AND status = :status", " AND +definition = :definition", " AND +version = :version"],
            By::Definition => [" AND +status = :status", " AND definition = :definition", " AND version = :version"],
            By::Time => [" AND +status = :status", " AND +definition = :definition", " AND +version = :version"],
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
        let (mut clauses, mut values) = (String::new(), Vec::new());
        for (name, clause, value) in plain {
            if let Some(value) = value {
                clauses += clause;
                values.push((name, value));
            }
        }
        (clauses, values)
    }
}

/// One saga: when it began stands in its state, and by that and its id it is found.
const ONE: &str = " AND id = :saga AND started = (SELECT json_extract(state, '$.saga.started') FROM entities \
                   WHERE key = 'saga/' || :saga LIMIT 1)";

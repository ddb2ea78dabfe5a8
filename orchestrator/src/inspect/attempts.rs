//! The attempts of a step, from the history of its saga.

use std::collections::BTreeMap;

use saga::{Action, Entry, Saga, Timestamp, What};

/// The outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// None yet.
    Open,
    /// It succeeded.
    Done,
    /// It was refused.
    Refused,
    /// It failed.
    Failed,
    /// It was not answered in time.
    TimedOut,
    /// The saga started to compensate while it was open.
    Abandoned,
}

impl AttemptOutcome {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Abandoned => "abandoned",
        }
    }

    /// Returns true if the attempt did not succeed.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Refused | Self::Failed | Self::TimedOut)
    }
}

/// An attempt to execute or to compensate a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The action.
    pub action: Action,
    /// Its number, from 1.
    pub number: u32,
    /// When its command was sent.
    pub sent: Timestamp,
    /// Its outcome.
    pub outcome: AttemptOutcome,
    /// Milliseconds until the outcome; `None` while it is open.
    pub waited: Option<u64>,
    /// The error or the reason of the refusal; empty without one.
    pub error: String,
}

/// The attempts of a step that the history still has: first its executions, then its compensations, in their order.
pub fn attempts(saga: &Saga, step: &str) -> Vec<Attempt> {
    let mut all: BTreeMap<(bool, u32), Attempt> = BTreeMap::new();
    for entry in saga.history.iter().filter(|entry| entry.step == step && entry.attempt > 0) {
        let Some((action, outcome)) = meaning(entry.what) else { continue };
        let key = (action == Action::Compensate, entry.attempt);
        // A full history may have lost the entry of the command.
        let sent = Timestamp(entry.at.0.saturating_sub(i64::try_from(entry.waited).unwrap_or(0)));
        let attempt = all.entry(key).or_insert_with(|| Attempt {
            action,
            number: entry.attempt,
            sent,
            outcome: AttemptOutcome::Open,
            waited: None,
            error: String::new(),
        });
        if outcome != AttemptOutcome::Open {
            attempt.outcome = outcome;
            attempt.waited = Some(entry.at.since(attempt.sent));
            attempt.error.clone_from(&entry.why);
        }
    }
    all.into_values().collect()
}

/// The last error of an action of a step that the history still has.
pub fn last_error<'s>(saga: &'s Saga, step: &str, action: Action) -> Option<&'s str> {
    let is_error = |entry: &&Entry| {
        entry.step == step && meaning(entry.what).is_some_and(|(own, outcome)| own == action && outcome.is_bad())
    };
    saga.history.iter().rev().find(is_error).map(|entry| entry.why.as_str())
}

/// The action and the outcome that an entry is about; `None` if it is not about an attempt.
const fn meaning(what: What) -> Option<(Action, AttemptOutcome)> {
    Some(match what {
        What::Sent => (Action::Execute, AttemptOutcome::Open),
        What::Done => (Action::Execute, AttemptOutcome::Done),
        What::Refused => (Action::Execute, AttemptOutcome::Refused),
        What::Failed => (Action::Execute, AttemptOutcome::Failed),
        What::TimedOut => (Action::Execute, AttemptOutcome::TimedOut),
        What::Abandoned => (Action::Execute, AttemptOutcome::Abandoned),
        What::CompensationSent => (Action::Compensate, AttemptOutcome::Open),
        What::Compensated => (Action::Compensate, AttemptOutcome::Done),
        What::CompensationRefused => (Action::Compensate, AttemptOutcome::Refused),
        What::CompensationFailed => (Action::Compensate, AttemptOutcome::Failed),
        What::CompensationTimedOut => (Action::Compensate, AttemptOutcome::TimedOut),
        What::Started
        | What::Skipped
        | What::CompensationStarted
        | What::Incident
        | What::Resumed
        | What::CallbackStored
        | What::Happened
        | What::OperatorAction
        | What::OperatorRefused
        | What::Ignored
        | What::Ended => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn saga(history: &serde_json::Value) -> Saga {
        serde_json::from_value(json!({
            "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "definition": "order", "version": 1, "status": "incident",
            "started": 0, "updated": 9_000, "data": {}, "steps": [{"name": "pay", "status": "stuck", "undos": 2}],
            "conclude": {"name": "conclude", "status": "waiting"}, "history": history,
        }))
        .unwrap()
    }

    #[test]
    fn ten_attempts_that_failed_are_ten_attempts() {
        let mut history = vec![json!({"at": 0, "what": "started"})];
        for n in 1..=10 {
            history.push(json!({"at": n * 1_000, "step": "pay", "n": n, "what": "sent"}));
            history
                .push(json!({"at": n * 1_000 + 200, "step": "pay", "n": n, "what": "failed", "why": "503", "ms": 200}));
        }
        let found = attempts(&saga(&json!(history)), "pay");
        assert_eq!(found.len(), 10);
        let last = Attempt {
            action: Action::Execute,
            number: 10,
            sent: Timestamp(10_000),
            outcome: AttemptOutcome::Failed,
            waited: Some(200),
            error: "503".to_owned(),
        };
        assert_eq!(found.last(), Some(&last));
    }

    #[test]
    fn executions_and_compensations_are_counted_separately_and_survive_a_lost_entry() {
        let history = json!([
            {"at": 100, "step": "pay", "n": 1, "what": "done", "ms": 60},
            {"at": 200, "step": "pay", "n": 1, "what": "undoing"},
            {"at": 300, "step": "pay", "n": 1, "what": "undo_refused", "why": "closed", "ms": 100},
            {"at": 400, "step": "pay", "n": 2, "what": "undoing"},
            {"at": 500, "step": "pay", "n": 1, "what": "ignored", "why": "late"},
        ]);
        let saga = saga(&history);
        let shown: Vec<_> =
            attempts(&saga, "pay").into_iter().map(|one| (one.action, one.number, one.sent.0, one.outcome)).collect();
        assert_eq!(
            shown,
            [
                (Action::Execute, 1, 40, AttemptOutcome::Done),
                (Action::Compensate, 1, 200, AttemptOutcome::Refused),
                (Action::Compensate, 2, 400, AttemptOutcome::Open),
            ]
        );
        assert_eq!(last_error(&saga, "pay", Action::Compensate), Some("closed"));
        assert_eq!(last_error(&saga, "pay", Action::Execute), None);
    }
}

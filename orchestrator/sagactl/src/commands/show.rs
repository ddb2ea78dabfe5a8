//! The text of a saga, and the columns of a list of sagas.

use serde_json::Value;

use crate::render::{Column, at, items, properties, table};

/// The columns of a list of sagas.
pub const LIST: [Column; 7] = [
    ("ID", "/id"),
    ("DEFINITION", "/definition"),
    ("VERSION", "/version"),
    ("STATUS", "/status"),
    ("WAITS FOR", "/currentSteps"),
    ("CUSTOMER", "/customer"),
    ("UPDATED", "/updatedAt"),
];

const HEAD: [Column; 14] = [
    ("saga", "/id"),
    ("definition", "/definition"),
    ("version", "/version"),
    ("customer", "/customer"),
    ("status", "/status"),
    ("waits for", "/currentSteps"),
    ("ending", "/ending/status"),
    ("reason", "/ending/reason"),
    ("started", "/startedAt"),
    ("updated", "/updatedAt"),
    ("ended", "/endedAt"),
    ("deadline", "/deadlineAt"),
    ("paused", "/pausedAt"),
    ("history entries dropped", "/historyFolded"),
];
const STEPS: [Column; 8] = [
    ("STEP", "/name"),
    ("STATUS", "/status"),
    ("ATTEMPTS", "/attempts"),
    ("COMPENSATIONS", "/compensationAttempts"),
    ("STARTED", "/startedAt"),
    ("ENDED", "/endedAt"),
    ("NEXT", "/nextAt"),
    ("REASON", "/reason"),
];
const OPERATIONS: [Column; 5] =
    [("AT", "/at"), ("OPERATION", "/action"), ("BY", "/by"), ("WHY", "/why"), ("REFUSED", "/refused")];

/// A saga with its steps, history and operations.
pub fn saga(saga: &Value, width: Option<u16>) -> String {
    let mut text = properties(&HEAD, saga);
    text.push('\n');
    text.push_str(&table(&STEPS, items(saga, "/steps"), width));
    text.push('\n');
    items(saga, "/history").iter().for_each(|entry| text.push_str(&entry_line(entry)));
    let operations = items(saga, "/operations");
    if !operations.is_empty() {
        text.push('\n');
        text.push_str(&table(&OPERATIONS, operations, width));
    }
    text
}

/// An entry of a history in a line.
pub fn entry_line(entry: &Value) -> String {
    let step = at(entry, "/step");
    let subject = match (step.as_str(), entry["attempt"].as_u64().unwrap_or(0)) {
        ("", _) => String::new(),
        (step, 0) => format!("{step}: "),
        (step, attempt) => format!("{step} #{attempt}: "),
    };
    let why = at(entry, "/why");
    let why = if why.is_empty() { why } else { format!(": {why}") };
    let times = match entry["times"].as_u64() {
        Some(times) if times > 1 => format!(" ({times} times, last {})", at(entry, "/lastAt")),
        Some(_) | None => String::new(),
    };
    format!("{}  {subject}{}{why}{times}\n", at(entry, "/at"), at(entry, "/what"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_saga_is_shown_with_its_steps_history_and_operations() {
        let shown = saga(
            &json!({
                "id": "s1", "definition": "order", "version": 4, "status": "incident", "currentSteps": ["reserve"],
                "ending": {"status": "cancelled", "reason": "by_us"}, "historyFolded": 0,
                "steps": [{"name": "reserve", "status": "stuck", "attempts": 2, "reason": "out of retries"}],
                "history": [
                    {"at": "T1", "step": "", "attempt": 0, "what": "started", "why": "", "times": 1},
                    {"at": "T2", "step": "reserve", "attempt": 2, "what": "failed", "why": "no", "times": 3,
                     "lastAt": "T4"},
                ],
                "operations": [{"at": "T5", "action": "retry", "by": "ana", "why": "again"}],
            }),
            None,
        );
        for part in [
            "saga                     s1\n",
            "waits for                reserve\n",
            "reason                   by_us\n",
            "STEP     STATUS  ATTEMPTS  REASON\nreserve  stuck   2         out of retries\n",
            "T1  started\nT2  reserve #2: failed: no (3 times, last T4)\n",
            "AT  OPERATION  BY   WHY\nT5  retry      ana  again\n",
        ] {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
    }
}

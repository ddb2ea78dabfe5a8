//! `sagas watch`

use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

use super::show::entry_line;
use crate::cli::Format;
use crate::client::{Call, Service};
use crate::failure::{Exit, Failure};
use crate::render::{at, items};
use crate::session::{Session, print};

/// The shortest pause between two requests.
const SHORTEST: Duration = Duration::from_millis(100);

/// Prints the history of a saga as it grows, until the saga ends. As JSON, the saga in a line at each change.
pub async fn run(session: &Session, id: Uuid, every: Duration, within: Option<Duration>) -> Result<Exit, Failure> {
    let id = id.to_string();
    let begun = Instant::now();
    let mut last = Value::Null;
    loop {
        let saga = session.client.json(Call::get(Service::Orchestrator, &["api", "sagas", &id])).await?;
        if saga != last {
            print(&match session.format {
                Format::Json => format!("{saga}\n"),
                Format::Table => news(&last, &saga),
            })?;
        }
        if !saga["endedAt"].is_null() {
            return Ok(Exit::Ok);
        }
        last = saga;
        let pause = every.max(SHORTEST);
        if within.is_some_and(|within| begun.elapsed() + pause > within) {
            let detail = format!("the saga is {} and has not ended", at(&last, "/status"));
            return Err(Failure::new(Exit::Failed, detail, "watch it longer, or show it"));
        }
        tokio::time::sleep(pause).await;
    }
}

/// The entries that are new since the last state, and the status if it changed.
fn news(last: &Value, saga: &Value) -> String {
    let known = items(last, "/history");
    let mut text = String::new();
    for entry in items(saga, "/history").iter().filter(|entry| !known.contains(entry)) {
        text.push_str(&entry_line(entry));
    }
    let status = at(saga, "/status");
    if at(last, "/status") != status {
        let waits = at(saga, "/currentSteps");
        let waits = if waits.is_empty() { waits } else { format!(", waits for {waits}") };
        text.push_str(&format!("{}  saga {status}{waits}\n", at(saga, "/updatedAt")));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_new_entries_are_printed() {
        let first = json!({"status": "running", "updatedAt": "T1", "currentSteps": ["a"],
            "history": [{"at": "T1", "what": "started", "step": ""}]});
        let text = news(&Value::Null, &first);
        assert_eq!(text, "T1  started\nT1  saga running, waits for a\n");
        let second = json!({"status": "running", "updatedAt": "T2", "currentSteps": ["b"],
            "history": [{"at": "T1", "what": "started", "step": ""},
                        {"at": "T2", "what": "done", "step": "a", "attempt": 1}]});
        assert_eq!(news(&first, &second), "T2  a #1: done\n");
    }
}

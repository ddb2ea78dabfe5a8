//! `tasks`

use serde_json::{Map, Value, json};

use super::{act, pages};
use crate::cli::{Act, OptionalAct, Page, TaskFilter, Tasks};
use crate::client::{Call, Service};
use crate::failure::{Exit, Failure};
use crate::render::{Column, at, items, properties, table};
use crate::session::Session;

const LIST: [Column; 7] = [
    ("ID", "/id"),
    ("TASK", "/label/en"),
    ("ROLE", "/role"),
    ("OPENED", "/openedAt"),
    ("DUE", "/dueAt"),
    ("OVERDUE", "/overdue"),
    ("CLAIMED BY", "/claimedBy"),
];

const TASK: [Column; 10] = [
    ("task", "/id"),
    ("label", "/label/en"),
    ("saga", "/saga"),
    ("definition", "/definition"),
    ("role", "/role"),
    ("opened", "/openedAt"),
    ("due", "/dueAt"),
    ("claimed by", "/claimedBy"),
    ("claimed at", "/claimedAt"),
    ("completed by", "/completedBy"),
];

const FORM: [Column; 5] =
    [("FIELD", "/name"), ("TYPE", "/type"), ("REQUIRED", "/required"), ("WORDS", "/words"), ("MOST", "/max")];

/// Runs a command.
pub async fn run(session: &Session, command: Tasks) -> Result<Exit, Failure> {
    match command {
        Tasks::List { filter, page } => list(session, &filter, &page).await,
        Tasks::Show { id } => {
            let task = session.client.json(Call::get(Service::Orchestrator, &["api", "tasks", &id])).await?;
            session.print(&task, || display_text(&task, session.width))?;
            Ok(Exit::Ok)
        }
        Tasks::Claim { id, take_over, act: OptionalAct { why, idempotency_key } } => {
            let body = json!({ "takeOver": take_over, "why": why.unwrap_or_default() });
            done(session, &id, "claim", body, idempotency_key.as_ref()).await
        }
        Tasks::Release { id, act: OptionalAct { why, idempotency_key } } => {
            let body = json!({ "why": why.unwrap_or_default() });
            done(session, &id, "release", body, idempotency_key.as_ref()).await
        }
        Tasks::Complete { id, field, act: Act { why, idempotency_key } } => {
            let body = json!({ "fields": fields(&field), "why": why });
            done(session, &id, "complete", body, idempotency_key.as_ref()).await
        }
    }
}

async fn list(session: &Session, filter: &TaskFilter, page: &Page) -> Result<Exit, Failure> {
    let TaskFilter { kind, role, claimed_by, overdue, definition } = filter;
    let overdue = overdue.then(|| "true".to_owned());
    let all =
        [("kind", kind), ("role", role), ("claimedBy", claimed_by), ("overdue", &overdue), ("definition", definition)];
    let query: Vec<_> = all.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
    let tasks = pages::all(session, Service::Orchestrator, &["api", "tasks"], &query, page.limit).await?;
    session.print(&tasks, || {
        let more = if tasks["next"].is_null() { "" } else { "there are more: raise --limit\n" };
        table(&LIST, items(&tasks, "/items"), session.width) + more
    })?;
    Ok(Exit::Ok)
}

async fn done(session: &Session, id: &str, action: &str, body: Value, key: Option<&String>) -> Result<Exit, Failure> {
    let key = act::key_of(key);
    let done = session.client.json(act::post(&["api", "tasks", id, action], body, &key)).await?;
    session.print(&done, || outcome(&done))?;
    Ok(Exit::Ok)
}

/// What was done, by whom.
fn outcome(done: &Value) -> String {
    format!("{} of {} by {} at {}\n", at(done, "/action"), at(done, "/id"), at(done, "/by"), at(done, "/at"))
}

/// A task, what it is about, and the fields of its form.
fn display_text(task: &Value, width: Option<u16>) -> String {
    let form = items(task, "/form");
    let fields = if form.is_empty() { String::new() } else { format!("\n{}", table(&FORM, form, width)) };
    properties(&TASK, task) + &about(task) + &fields
}

/// The values that the saga of a task was started with.
fn about(task: &Value) -> String {
    let Some(values) = task["about"].as_object().filter(|values| !values.is_empty()) else { return String::new() };
    let escaped = |name: &String| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    let pointers: Vec<String> = values.keys().map(escaped).collect();
    let columns: Vec<_> =
        values.keys().zip(&pointers).map(|(name, pointer)| (name.as_str(), pointer.as_str())).collect();
    format!("\nABOUT\n{}", properties(&columns, &task["about"]))
}

/// The fields of a form: numbers and booleans as in JSON, all else as texts.
fn fields(pairs: &[(String, String)]) -> Map<String, Value> {
    let typed = |text: &String| match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        Ok(Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_)) | Err(_) => Value::from(text.clone()),
    };
    pairs.iter().map(|(name, value)| (name.clone(), typed(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_numbers_booleans_or_texts() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = [pair("pieces", "2"), pair("whole", "true"), pair("status", "received"), pair("note", "null")];
        let expected = json!({"pieces": 2, "whole": true, "status": "received", "note": "null"});
        assert_eq!(Value::Object(fields(&all)), expected);
    }

    #[test]
    fn a_task_is_shown_with_its_form() {
        let task = json!({"id": "a.inspect", "label": {"en": "Inspect"}, "claimedBy": null,
            "form": [{"name": "status", "type": "word", "required": true, "words": ["received", "rejected"]}]});
        let text = "task   a.inspect\nlabel  Inspect\n\nFIELD   TYPE  REQUIRED  WORDS\n\
                    status  word  true      received, rejected\n";
        assert_eq!(display_text(&task, None), text);
    }

    #[test]
    fn an_outcome_names_who_did_what() {
        let done = json!({"id": "a.inspect", "action": "claim", "by": "ana", "at": "2026-01-31T12:00:00.000Z"});
        assert_eq!(outcome(&done), "claim of a.inspect by ana at 2026-01-31T12:00:00.000Z\n");
    }
}

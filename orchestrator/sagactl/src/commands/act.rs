//! Operations on sagas: on one by its id, or on all that match a filter.

use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::show::{self, LIST};
use crate::cli::{Filter, Sagas, Target};
use crate::client::{Call, Service};
use crate::failure::{Exit, Failure};
use crate::render::{Column, at, items, table};
use crate::session::{Session, confirm};

const RESULTS: [Column; 3] = [("ID", "/id"), ("DONE", "/done"), ("WHY NOT", "/why")];

/// Runs an operation.
pub async fn run(session: &Session, command: Sagas) -> Result<Exit, Failure> {
    let Some((target, operation)) = operation(command) else { return Ok(Exit::Ok) };
    match target.id {
        Some(id) => on_one(session, id, &target, operation).await,
        None => on_many(session, &target, operation).await,
    }
}

/// The operation of a command, as the API reads it.
fn operation(command: Sagas) -> Option<(Target, Map<String, Value>)> {
    let (target, operation) = match command {
        Sagas::Retry { target, step } => (target, json!({ "action": "retry", "step": step })),
        Sagas::Skip { target, step, answer } => {
            (target, json!({ "action": "skip", "step": step, "answer": answer.unwrap_or_else(|| json!({})) }))
        }
        Sagas::Cancel { target, reason } => (target, json!({ "action": "cancel", "reason": reason })),
        Sagas::Pause { target } => (target, json!({ "action": "pause" })),
        Sagas::Resume { target } => (target, json!({ "action": "resume" })),
        Sagas::Resolve { target, step, not_happened, answer } => (
            target,
            json!({ "action": "resolve", "step": step, "happened": !not_happened,
                "answer": answer.unwrap_or_else(|| json!({})) }),
        ),
        Sagas::List { .. } | Sagas::Show { .. } | Sagas::Watch { .. } | Sagas::Start { .. } => return None,
    };
    let mut operation = operation.as_object().cloned().unwrap_or_default();
    operation.retain(|_, value| !value.is_null());
    operation.insert("why".to_owned(), json!(target.act.why));
    Some((target, operation))
}

/// The parts of a filter that are given, by their names in the API.
pub fn filter(filter: &Filter) -> Vec<(&'static str, Value)> {
    let Filter { status, definition, at_step, customer, waiting_longer_than, stuck_reason, text } = filter;
    let name = definition.as_ref().map(|definition| json!(definition.name));
    let version = definition.as_ref().and_then(|definition| definition.version).map(Value::from);
    let text_of = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    let all = [
        ("status", text_of(status)),
        ("definition", name),
        ("version", version),
        ("step", text_of(at_step)),
        ("customer", text_of(customer)),
        ("waitingLongerThan", text_of(waiting_longer_than)),
        ("reason", text_of(stuck_reason)),
        ("text", text_of(text)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The key of a request, so that it can be repeated if its outcome is unknown.
pub fn key_of(given: Option<&String>) -> String {
    given.cloned().unwrap_or_else(|| Uuid::new_v4().to_string())
}

async fn on_one(session: &Session, id: Uuid, target: &Target, body: Map<String, Value>) -> Result<Exit, Failure> {
    let id = id.to_string();
    let key = key_of(target.act.idempotency_key.as_ref());
    let path = ["api", "sagas", &id, "actions"];
    let saga = session.client.json(post(&path, Value::Object(body), &key)).await?;
    session.print(&saga, || show::saga(&saga, session.width))?;
    Ok(Exit::Ok)
}

/// A request that changes something.
pub const fn post<'a>(path: &'a [&'a str], body: Value, key: &'a str) -> Call<'a> {
    Call {
        service: Service::Orchestrator,
        method: Method::POST,
        path,
        query: Vec::new(),
        body: Some(body),
        key: Some(key),
    }
}

async fn on_many(session: &Session, target: &Target, mut body: Map<String, Value>) -> Result<Exit, Failure> {
    let path = ["api", "sagas", "actions"];
    let key = key_of(target.act.idempotency_key.as_ref());
    let filter = filter(&target.filter).into_iter().map(|(name, value)| (name.to_owned(), value));
    body.insert("filter".to_owned(), Value::Object(filter.collect()));
    if target.dry_run || !target.yes {
        let mut dry = body.clone();
        dry.insert("dryRun".to_owned(), json!(true));
        let listed = session.client.json(post(&path, Value::Object(dry), &Uuid::new_v4().to_string())).await?;
        if target.dry_run {
            session.print(&listed, || dry_run(&listed, session.width))?;
            return Ok(Exit::Ok);
        }
        let action = at(&Value::Object(body.clone()), "/action");
        let count = at(&listed, "/count");
        if !confirm(&format!("{}{action} these {count} sagas?", table(&LIST, items(&listed, "/items"), session.width)))?
        {
            return Err(Failure::new(Exit::Failed, "nothing was done", "confirm with y, or add --yes"));
        }
        // Only those that were shown.
        let ids: Vec<&Value> = items(&listed, "/items").iter().map(|saga| &saga["id"]).collect();
        body.insert("only".to_owned(), json!(ids));
    }
    let results = session.client.json(post(&path, Value::Object(body), &key)).await?;
    session.print(&results, || done(&results, session.width))?;
    let all = items(&results, "/items").iter().all(|item| item["done"] == true);
    Ok(if all { Exit::Ok } else { Exit::Failed })
}

fn dry_run(listed: &Value, width: Option<u16>) -> String {
    let more = if listed["more"] == true { "; more match than one request acts on" } else { "" };
    format!("{}{} sagas, nothing was done{more}\n", table(&LIST, items(listed, "/items"), width), at(listed, "/count"))
}

fn done(results: &Value, width: Option<u16>) -> String {
    let more = if results["more"] == true { "; more match: repeat the command" } else { "" };
    let count = format!("{} of {} done{more}\n", at(results, "/done"), at(results, "/count"));
    table(&RESULTS, items(results, "/items"), width) + &count
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn body(line: &str) -> (Value, Vec<(&'static str, Value)>) {
        let Command::Sagas(command) = Cli::try_parse_from(line.split(' ')).unwrap().command else { panic!("{line}") };
        let (target, operation) = operation(*command).unwrap();
        (Value::Object(operation), filter(&target.filter))
    }

    #[test]
    fn operations_have_the_fields_of_the_api() {
        let id = "0190a000-0000-7000-8000-000000000001";
        for (line, expected) in [
            (format!("sagactl sagas retry {id} --why w"), json!({"action": "retry", "why": "w"})),
            (
                format!("sagactl sagas skip {id} --step ship --answer {{\"a\":1}} --why w"),
                json!({"action": "skip", "step": "ship", "answer": {"a": 1}, "why": "w"}),
            ),
            (
                format!("sagactl sagas cancel {id} --reason r --why w"),
                json!({"action": "cancel", "reason": "r", "why": "w"}),
            ),
            (
                format!("sagactl sagas resolve {id} --not-happened --why w"),
                json!({"action": "resolve", "happened": false, "answer": {}, "why": "w"}),
            ),
        ] {
            assert_eq!(body(&line).0, expected, "{line}");
        }
    }

    #[test]
    fn a_filter_has_the_names_of_the_api() {
        let line = "sagactl sagas pause --why w --definition order@3 --at-step ship --waiting-longer-than 5m \
                    --stuck-reason refused";
        let expected = vec![
            ("definition", json!("order")),
            ("version", json!(3)),
            ("step", json!("ship")),
            ("waitingLongerThan", json!("5m")),
            ("reason", json!("refused")),
        ];
        assert_eq!(body(line).1, expected);
    }

    #[test]
    fn results_of_many_are_counted() {
        let results = json!({"count": 2, "done": 1, "more": true,
            "items": [{"id": "a", "done": true}, {"id": "b", "done": false, "why": "it ended"}]});
        let text = "ID  DONE   WHY NOT\na   true\nb   false  it ended\n1 of 2 done; more match: repeat the command\n";
        assert_eq!(done(&results, None), text);
    }
}

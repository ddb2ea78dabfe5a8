//! `webhooks`

use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::act::key_of;
use crate::cli::{Act, Webhooks};
use crate::client::{Call, Service};
use crate::failure::{Exit, Failure};
use crate::render::{Column, items, properties, table};
use crate::session::Session;

const WEBHOOKS: [Column; 6] = [
    ("ID", "/id"),
    ("STATUS", "/status"),
    ("WAITING", "/pending"),
    ("GIVEN UP", "/undelivered"),
    ("LAST SUCCESS", "/lastSuccessAt"),
    ("URL", "/url"),
];
const WEBHOOK: [Column; 15] = [
    ("id", "/id"),
    ("url", "/url"),
    ("description", "/description"),
    ("status", "/status"),
    ("disabled at", "/disabledAt"),
    ("disabled reason", "/disabledReason"),
    ("waiting", "/pending"),
    ("given up", "/undelivered"),
    ("accepted", "/accepted"),
    ("failed attempts", "/failedAttempts"),
    ("last success", "/lastSuccessAt"),
    ("failing since", "/failingSince"),
    ("last error", "/lastError"),
    ("previous secret until", "/previousSecretUntil"),
    ("secret", "/secret"),
];
const DELIVERIES: [Column; 7] = [
    ("EVENT", "/eventId"),
    ("TYPE", "/type"),
    ("SUBJECT", "/subject"),
    ("RESULT", "/result"),
    ("ATTEMPTS", "/attempts"),
    ("NEXT", "/nextAt"),
    ("ERROR", "/error"),
];

/// Runs a command.
pub async fn run(session: &Session, command: Webhooks) -> Result<Exit, Failure> {
    match command {
        Webhooks::List => {
            let all = session.client.json(Call::get(Service::Orchestrator, &["api", "webhooks"])).await?;
            session.print(&all, || table(&WEBHOOKS, items(&all, "/items"), session.width))?;
        }
        Webhooks::Show { id } => {
            let id = id.to_string();
            let webhook = session.client.json(Call::get(Service::Orchestrator, &["api", "webhooks", &id])).await?;
            session.print(&webhook, || display_text(&webhook))?;
        }
        Webhooks::Create { url, events, description, act } => {
            let body = json!({ "url": url, "events": events, "description": description, "why": act.why });
            let webhook = change(session, Method::POST, &[], body, &act).await?;
            session.print(&webhook, || display_text(&webhook))?;
        }
        Webhooks::Update { id, url, events, description, act } => {
            let body = update(url, events, description, &act.why);
            let webhook = change(session, Method::PATCH, &[&id.to_string()], body, &act).await?;
            session.print(&webhook, || display_text(&webhook))?;
        }
        Webhooks::Enable { id, act } => on_one(session, id, &["enable"], Map::new(), &act).await?,
        Webhooks::Disable { id, act } => on_one(session, id, &["disable"], Map::new(), &act).await?,
        Webhooks::Rotate { id, act } => on_one(session, id, &["secret", "rotate"], Map::new(), &act).await?,
        Webhooks::Test { id, act } => on_one(session, id, &["test"], Map::new(), &act).await?,
        Webhooks::Replay { id, since, act } => {
            let since = since.map(|since| ("since".to_owned(), since.into()));
            on_one(session, id, &["replay"], since.into_iter().collect(), &act).await?;
        }
        Webhooks::Delete { id, act } => delete(session, id, &act).await?,
        Webhooks::Deliveries { id, state, limit } => {
            let id = id.to_string();
            let path = ["api", "webhooks", &id, "deliveries"];
            let query = vec![("state", state.as_str().to_owned()), ("limit", limit.to_string())];
            let all = session.client.json(Call { query, ..Call::get(Service::Orchestrator, &path) }).await?;
            session.print(&all, || table(&DELIVERIES, items(&all, "/items"), session.width))?;
        }
    }
    Ok(Exit::Ok)
}

fn display_text(webhook: &Value) -> String {
    let events: Vec<&str> = items(webhook, "/events").iter().filter_map(Value::as_str).collect();
    format!("{}events: {}\n", properties(&WEBHOOK, webhook), events.join(", "))
}

fn update(url: Option<String>, events: Vec<String>, description: Option<String>, why: &str) -> Value {
    let mut body = json!({ "why": why });
    let events = (!events.is_empty()).then(|| events.into());
    let values = [("url", url.map(Value::from)), ("description", description.map(Value::from)), ("events", events)];
    for (name, value) in values {
        if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
            body.insert(name.to_owned(), value);
        }
    }
    body
}

async fn change(session: &Session, method: Method, below: &[&str], body: Value, act: &Act) -> Result<Value, Failure> {
    let key = key_of(act.idempotency_key.as_ref());
    let mut path = vec!["api", "webhooks"];
    path.extend(below);
    let call = Call {
        service: Service::Orchestrator,
        method,
        path: &path,
        query: Vec::new(),
        body: Some(body),
        key: Some(&key),
    };
    session.client.json(call).await
}

/// An act on a webhook, whose answer is the webhook or says what follows.
async fn on_one(
    session: &Session,
    id: Uuid,
    act_path: &[&str],
    mut body: Map<String, Value>,
    act: &Act,
) -> Result<(), Failure> {
    let id = id.to_string();
    let mut below = vec![&*id];
    below.extend(act_path);
    body.insert("why".to_owned(), act.why.clone().into());
    let answer = change(session, Method::POST, &below, Value::Object(body), act).await?;
    session.print(&answer, || match answer.get("id") {
        Some(_) => display_text(&answer),
        None => properties(&[("event", "/eventId"), ("deliveries", "/undelivered")], &answer),
    })
}

async fn delete(session: &Session, id: Uuid, act: &Act) -> Result<(), Failure> {
    let id = id.to_string();
    let key = key_of(act.idempotency_key.as_ref());
    let call = Call {
        service: Service::Orchestrator,
        method: Method::DELETE,
        path: &["api", "webhooks", &id],
        query: vec![("why", act.why.clone())],
        body: None,
        key: Some(&key),
    };
    session.client.done(call).await?;
    session.print(&json!({ "id": id, "deleted": true }), || format!("webhook {id} is deleted\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_shown_with_its_events_and_without_what_is_missing() {
        let webhook = json!({"id": "w", "url": "https://shop.example/", "status": "enabled", "pending": 0,
            "events": ["order.*", "saga.ended"], "lastError": null});
        let text = display_text(&webhook);
        assert!(text.contains("https://shop.example/") && text.contains("events: order.*, saga.ended\n"), "{text}");
        assert!(!text.contains("last error") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn an_update_has_the_values_that_are_given() {
        let body = update(None, vec!["order.*".to_owned()], None, "w");
        assert_eq!(body, json!({"why": "w", "events": ["order.*"]}));
    }
}

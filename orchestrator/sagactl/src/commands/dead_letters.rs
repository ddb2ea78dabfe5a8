//! `dlq`

use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{Dlq, Position};
use crate::client::{Call, Service};
use crate::failure::{Exit, Failure};
use crate::render::{Column, at, clean, items, properties, table};
use crate::session::Session;

const TOPICS: [Column; 3] = [("TOPIC", "/topic"), ("MESSAGES", "/count"), ("PUT BACK", "/putBack")];
const LETTERS: [Column; 5] = [
    ("PARTITION", "/partition"),
    ("OFFSET", "/offset"),
    ("AT", "/at"),
    ("PUT BACK BY", "/putBack/by"),
    ("REASON", "/reason"),
];
const LETTER: [Column; 11] = [
    ("partition", "/partition"),
    ("offset", "/offset"),
    ("at", "/at"),
    ("reason", "/reason"),
    ("source topic", "/source/topic"),
    ("source partition", "/source/partition"),
    ("source offset", "/source/offset"),
    ("key", "/key"),
    ("put back by", "/putBack/by"),
    ("put back at", "/putBack/at"),
    ("put back why", "/putBack/why"),
];

/// Runs a command.
pub async fn run(session: &Session, command: Dlq) -> Result<Exit, Failure> {
    match command {
        Dlq::List { topic: None } => {
            let topics = session.client.json(Call::get(Service::Orchestrator, &["api", "dead-letters"])).await?;
            session.print(&topics, || table(&TOPICS, items(&topics, "/items"), session.width))?;
        }
        Dlq::List { topic: Some(topic) } => {
            let letters = dead_letters(session, &topic).await?;
            session.print(&letters, || table(&LETTERS, items(&letters, "/items"), session.width))?;
        }
        Dlq::Show { position } => {
            let letter = letter(&dead_letters(session, &position.topic).await?, &position)?;
            session.print(&letter, || text(&letter))?;
        }
        Dlq::PutBack { position, again, why } => put_back(session, &position, again, &why).await?,
    }
    Ok(Exit::Ok)
}

/// The newest messages of a topic.
async fn dead_letters(session: &Session, topic: &str) -> Result<Value, Failure> {
    session.client.json(Call::get(Service::Orchestrator, &["api", "dead-letters", topic])).await
}

/// The dead letter at a position.
fn letter(letters: &Value, position: &Position) -> Result<Value, Failure> {
    let is_at = |letter: &&Value| letter["partition"] == position.partition && letter["offset"] == position.offset;
    items(letters, "/items").iter().find(is_at).cloned().ok_or_else(|| {
        let Position { topic, partition, offset } = position;
        let detail = format!("partition {partition}, offset {offset} is not among the newest messages of {topic}");
        Failure::new(Exit::Failed, detail, format!("look at sagactl dlq list {topic}"))
    })
}

fn text(letter: &Value) -> String {
    let mut text = properties(&LETTER, letter);
    let headers = items(letter, "/headers");
    if !headers.is_empty() {
        text.push('\n');
        text.push_str(&table(&[("HEADER", "/name"), ("VALUE", "/value")], headers, None));
    }
    let value = match &letter["value"] {
        Value::Null => "no value".to_owned(),
        Value::String(value) => clean(value),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => clean(&letter["value"].to_string()),
    };
    text.push_str(&format!("\n{value}\n"));
    text
}

async fn put_back(session: &Session, position: &Position, again: bool, why: &str) -> Result<(), Failure> {
    let partition = position.partition.to_string();
    let offset = position.offset.to_string();
    let path = ["api", "dead-letters", &position.topic, &partition, &offset, "put-back"];
    let done = session
        .client
        .json(Call {
            service: Service::Orchestrator,
            method: Method::POST,
            path: &path,
            query: Vec::new(),
            body: Some(json!({ "why": why, "again": again })),
            // Not repeatable by a key: the API refuses a letter that was put back, unless again is set.
            key: None,
        })
        .await?;
    session.print(&done, || {
        let topic = at(&done, "/topic");
        format!("put back: {topic}, partition {partition}, offset {offset}, by {}\n", at(&done, "/by"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_found_by_its_position_and_shown_with_headers_and_value() {
        let letters = json!({"items": [
            {"partition": 0, "offset": 1, "reason": "other"},
            {"partition": 1, "offset": 1, "reason": "not JSON", "value": "{\u{1b}", "source": {"topic": "a"},
             "headers": [{"name": "ce_id", "value": "7"}]},
        ]});
        let position = |partition, offset| Position { topic: "a.dlq".to_owned(), partition, offset };
        let found = letter(&letters, &position(1, 1)).unwrap();
        let shown = text(&found);
        for part in ["reason        not JSON\n", "HEADER  VALUE\nce_id   7\n", "\n{\\u{1b}\n"] {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
        assert_eq!(letter(&letters, &position(2, 1)).unwrap_err().exit, Exit::Failed);
    }
}

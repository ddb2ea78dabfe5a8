//! What goes through, and what it goes through: sagas by the minute, consumer groups and how far they are behind, dead
//! letters and putting them back.

use axum::extract::{Extension, State};
use axum::response::Json;
use common::http::{Body, InPath, Params, Problem};
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;
use common::worker::{DeadLetter, DeadLetterTopic, Group};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::actions::{ACTING, why};
use crate::letters::{LETTER_PUT_BACK, PutBack, letter_key};
use crate::sessions::Who;
use crate::stats::Window;
use crate::view;

/// Messages of a dead-letter topic that are shown.
pub(crate) const SHOWN: usize = 100;

/// `?window=1h`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    window: Window,
}

/// `GET /api/throughput`
pub(super) async fn throughput(State(api): State<Api>, Params(asked): Params<Asked>) -> Result<Json<Value>, Problem> {
    let series = api.series(asked.window).await?;
    let groups = api.groups().await?;
    Ok(Json(json!({
        "window": asked.window,
        "from": saga::Timestamp(series.time(0)).to_string(),
        "perMinute": { "started": series.started, "ended": series.endings },
        "viewLagMs": api.lag(),
        "thisInstance": api.context.status.partitions().iter()
            .map(|(partition, place)| (partition.to_string(), (*place).into())).collect::<serde_json::Map<_, Value>>(),
        "groups": groups.iter().map(group).collect::<Vec<_>>(),
    })))
}

fn group(group: &Group) -> Value {
    let members = group
        .members
        .iter()
        .map(|member| json!({ "instance": member.client, "host": member.host, "partitions": member.partitions }));
    json!({
        "name": group.name,
        "state": group.state,
        "lag": group.lag.values().sum::<i64>(),
        "lagByTopic": group.lag,
        "members": members.collect::<Vec<_>>(),
    })
}

/// `GET /api/dead-letters`
pub(super) async fn dead_topics(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let items = api.dead_topics().await?.into_iter();
    let items = items.map(|(topic, back)| json!({ "topic": topic.topic, "count": topic.count, "putBack": back }));
    Ok(Json(json!({ "items": items.collect::<Vec<_>>() })))
}

/// `GET /api/dead-letters/{topic}`: the newest messages.
pub(super) async fn letters(State(api): State<Api>, InPath(topic): InPath<String>) -> Result<Json<Value>, Problem> {
    let items = api.letters(&topic).await?.into_iter().map(|(found, back)| letter(&found, back.as_ref()));
    Ok(Json(json!({ "items": items.collect::<Vec<_>>() })))
}

fn letter(found: &DeadLetter, back: Option<&PutBack>) -> Value {
    let headers = found.headers.0.iter().map(|(name, value)| json!({ "name": name, "value": value }));
    json!({
        "partition": found.partition,
        "offset": found.offset,
        "at": found.at.to_string(),
        "reason": found.reason(),
        "source": found.source().map(|(topic, partition, offset)| {
            json!({ "topic": topic, "partition": partition, "offset": offset })
        }),
        "key": found.key,
        "value": found.value,
        "headers": headers.collect::<Vec<_>>(),
        "putBack": back.map(|back| json!({ "by": back.by, "why": back.why, "at": back.at.to_string() })),
    })
}

/// `{"why":"the field is known by now"}`; `again` for one that was put back before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asks {
    why: String,
    #[serde(default)]
    again: bool,
}

/// `POST /api/dead-letters/{topic}/{partition}/{offset}/put-back`
pub(super) async fn put_back(
    State(api): State<Api>,
    Extension(who): Extension<Who>,
    InPath((topic, partition, offset)): InPath<(String, i32, i64)>,
    Body(asks): Body<Asks>,
) -> Result<Json<Value>, Problem> {
    let told = api.put_back(&topic, (partition, offset), &who, asks.why, asks.again).await?;
    Ok(Json(json!({ "topic": told.topic, "partition": told.partition, "offset": told.offset, "by": told.by })))
}

impl Api {
    /// The consumer groups.
    pub(crate) async fn groups(&self) -> Result<Vec<Group>, Problem> {
        Ok(self.context.watch.groups().await?)
    }

    /// The dead-letter topics, and how many messages of each were put back.
    pub(crate) async fn dead_topics(&self) -> Result<Vec<(DeadLetterTopic, i64)>, Problem> {
        let back = self.context.view.read(view::put_back_counts).await?;
        let topics = self.context.watch.dead_topics().await?.into_iter();
        Ok(topics.map(|topic| (topic.clone(), back.get(&topic.topic).copied().unwrap_or(0))).collect())
    }

    /// The newest dead letters of a topic, and who put them back.
    pub(crate) async fn letters(&self, topic: &str) -> Result<Vec<(DeadLetter, Option<PutBack>)>, Problem> {
        if !topics::is_dead_letters(topic) {
            return Err(Problem::not_found(format!("{topic} is no dead-letter topic")));
        }
        let wanted = topic.to_owned();
        let back = self.context.view.read(move |connection| view::put_back(connection, &wanted)).await?;
        let found = self.context.watch.letters(topic, SHOWN).await?.into_iter();
        let own = |letter: &DeadLetter| {
            back.iter().find(|b| b.partition == letter.partition && b.offset == letter.offset).cloned()
        };
        Ok(found.map(|letter| (letter.clone(), own(&letter))).collect())
    }

    /// Sends a dead letter to where it came from, and keeps that this was done. Sent first: a message that comes twice
    /// is known by its id, and one that is only said to be sent is lost.
    pub(crate) async fn put_back(
        &self,
        topic: &str,
        (partition, offset): (i32, i64),
        who: &Who,
        reason: String,
        again: bool,
    ) -> Result<PutBack, Problem> {
        let why = why(reason)?;
        let Some(letter) = self.context.watch.letter(topic, partition, offset).await? else {
            return Err(Problem::not_found(format!("there is nothing on {topic}, partition {partition}, at {offset}")));
        };
        let Some(message) = letter.put_back() else {
            return Err(Problem::conflict("The message does not say where it came from."));
        };
        let wanted = topic.to_owned();
        let done = self.context.view.read(move |connection| view::put_back(connection, &wanted)).await?;
        if let Some(done) = done.iter().find(|d| d.partition == partition && d.offset == offset).filter(|_| !again) {
            return Err(Problem::conflict(format!("{} has put it back already, {}.", done.by, done.at)));
        }
        tracing::info!(topic, partition, offset, by = who.name, why, "a dead letter is put back");
        self.context.commands.send(&message).await?;
        let (at, by) = (Timestamp::now(), who.name.clone());
        let told = PutBack { topic: topic.to_owned(), partition, offset, by, why, at };
        let key = letter_key(topic, partition, offset);
        let id = common::ids::derive(&[&key, &at.0.to_string()]).to_string();
        let note = Outgoing::event(topics::SAGA_COMMANDS, &key, LETTER_PUT_BACK, id, &key, at, &told);
        self.context.commands.send(&note).await?;
        let wanted = told.clone();
        let there = move |connection: &rusqlite::Connection| {
            Ok(view::put_back(connection, &wanted.topic)?.contains(&wanted).then_some(()))
        };
        // It is sent; that the note is not seen in time changes nothing about it.
        if self.context.view.until(&key, ACTING, there).await?.is_none() {
            tracing::warn!(topic, partition, offset, "that it was put back is not seen yet");
        }
        Ok(told)
    }
}

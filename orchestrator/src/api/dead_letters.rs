//! `/api/dead-letters`: the dead-letter topics and their messages, and putting a message back on its source topic.

use axum::extract::{Extension, State};
use axum::response::Json;
use common::blob::Blob;
use common::http::{Body, PathParams, Problem};
use common::ids;
use common::messages::Outgoing;
use common::sensitive;
use common::time::Timestamp;
use common::topics;
use common::worker::{DeadLetter, DeadLetterTopic, PutBackError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::check_why;
use super::state::Api;
use crate::dead_letters::{LETTER_PUT_BACK, Position, PutBack};
use crate::error::ApiError;
use crate::sessions::Identity;
use crate::view;

/// The maximum number of messages of a topic that are returned.
const MAX_LETTERS: usize = 100;

/// A dead-letter topic.
#[derive(Clone, Debug)]
pub(crate) struct DeadTopic {
    pub(crate) topic: DeadLetterTopic,
    /// The number of its messages that were put back.
    pub(crate) put_back: i64,
}

/// A dead letter.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) message: DeadLetter,
    /// Who put it back, if an operator did.
    pub(crate) put_back: Option<PutBack>,
}

/// `GET /api/dead-letters`
pub(super) async fn topics(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    let all = api.dead_letter_topics().await?;
    let item =
        |dead: &DeadTopic| json!({ "topic": dead.topic.topic, "count": dead.topic.count, "putBack": dead.put_back });
    Ok(Json(json!({ "items": all.iter().map(item).collect::<Vec<_>>() })))
}

/// `GET /api/dead-letters/{topic}`: the newest messages.
pub(super) async fn list(
    State(api): State<Api>,
    PathParams(topic): PathParams<String>,
) -> Result<Json<Value>, ApiError> {
    let letters = api.dead_letters(&topic).await?;
    Ok(Json(json!({ "items": letters.iter().map(item).collect::<Vec<_>>() })))
}

fn item(letter: &Letter) -> Value {
    let message = &letter.message;
    let headers = message.headers.0.iter().map(|(name, value)| json!({ "name": name, "value": value }));
    let put_back = letter.put_back.as_ref();
    json!({
        "partition": message.partition,
        "offset": message.offset,
        "at": message.at.to_string(),
        "reason": message.reason(),
        "source": message.source().map(|(topic, partition, offset)| {
            json!({ "topic": topic, "partition": partition, "offset": offset })
        }),
        "key": message.key,
        "value": message.value.as_ref().map(display_text),
        "headers": headers.collect::<Vec<_>>(),
        "putBack": put_back.map(|done| json!({ "by": done.by, "why": done.why, "at": done.at.to_string() })),
    })
}

/// The value without its sensitive texts.
fn display_text(value: &Blob) -> Blob {
    value.text().map_or_else(|| value.clone(), |text| Blob::from(sensitive::mask_text(text).into_owned()))
}

/// `{"why":"the field is known by now"}`; with `again`, also a message that was put back before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PutBackRequest {
    why: String,
    #[serde(default)]
    again: bool,
}

/// `POST /api/dead-letters/{topic}/{partition}/{offset}/put-back`
pub(super) async fn put_back(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams((topic, partition, offset)): PathParams<(String, i32, i64)>,
    Body(request): Body<PutBackRequest>,
) -> Result<Json<Value>, ApiError> {
    let position = Position { topic, partition, offset };
    let done = api.put_back(&position, &identity, request.why, request.again).await?;
    Ok(Json(json!({ "topic": done.topic, "partition": done.partition, "offset": done.offset, "by": done.by })))
}

impl Api {
    /// The dead-letter topics.
    pub(crate) async fn dead_letter_topics(&self) -> Result<Vec<DeadTopic>, ApiError> {
        let counts = self.context.view.read(view::put_back_counts).await.map_err(Problem::from)?;
        let topics = self.context.watch.dead_letter_topics().await.map_err(Problem::from)?.into_iter();
        let dead = topics.map(|topic| {
            let put_back = counts.get(&topic.topic).copied().unwrap_or(0);
            DeadTopic { topic, put_back }
        });
        Ok(dead.collect())
    }

    /// The newest dead letters of a topic.
    pub(crate) async fn dead_letters(&self, topic: &str) -> Result<Vec<Letter>, ApiError> {
        if !topics::is_dead_letters(topic) {
            return Err(ApiError::not_found(
                format!("{topic} is not a dead-letter topic"),
                format!("{topic} não é um tópico de dead letters."),
            ));
        }
        let put_back = self.all_put_back(topic).await?;
        let messages = self.context.watch.dead_letters(topic, MAX_LETTERS).await.map_err(Problem::from)?.into_iter();
        let letter = |message: DeadLetter| {
            let own = put_back
                .iter()
                .find(|done| done.partition == message.partition && done.offset == message.offset)
                .cloned();
            Letter { message, put_back: own }
        };
        Ok(messages.map(letter).collect())
    }

    async fn all_put_back(&self, topic: &str) -> Result<Vec<PutBack>, Problem> {
        let topic = topic.to_owned();
        Ok(self.context.view.read(move |connection| view::put_back(connection, &topic)).await?)
    }

    /// Sends a dead letter to its source topic, and records that. The letter is sent first: its readers detect a
    /// repeated message by its id, while a record without the message would lose it.
    pub(crate) async fn put_back(
        &self,
        position: &Position,
        identity: &Identity,
        reason: String,
        again: bool,
    ) -> Result<PutBack, ApiError> {
        let why = check_why(reason)?;
        let Position { topic, partition, offset } = position.clone();
        let letter = self.context.watch.dead_letter(&topic, partition, offset).await.map_err(Problem::from)?;
        let Some(letter) = letter else {
            return Err(ApiError::not_found(
                format!("there is no message on {topic}, partition {partition}, offset {offset}"),
                format!("Não há mensagem em {topic}, partição {partition}, offset {offset}."),
            ));
        };
        let message = letter.put_back(&topic).map_err(|error| no_copy(&error))?;
        let known = self.all_put_back(&topic).await?.into_iter().find(|done| done.position() == *position);
        if let Some(done) = known.filter(|_| !again) {
            return Err(ApiError::conflict(
                format!("{} put it back already, at {}.", done.by, done.at),
                format!("{} já a devolveu, em {}.", done.by, done.at),
            ));
        }
        tracing::info!(topic, partition, offset, by = identity.name, why, "dead letter put back");
        self.context.commands.publish(&message).await.map_err(Problem::from)?;
        let by = identity.name.clone();
        let done = PutBack { topic, partition, offset, by, why, from: identity.from(), at: Timestamp::now() };
        self.record_put_back(&done).await?;
        Ok(done)
    }

    async fn record_put_back(&self, done: &PutBack) -> Result<(), Problem> {
        let key = done.position().key();
        let id = ids::derive(&[&key, &done.at.0.to_string()]).to_string();
        let record = Outgoing::event(topics::SAGA_COMMANDS, &key, LETTER_PUT_BACK, id, &key, done.at, done);
        self.context.commands.send(&record).await?;
        let wanted = done.clone();
        let is_visible = move |connection: &rusqlite::Connection| {
            Ok(view::put_back(connection, &wanted.topic)?.contains(&wanted).then_some(()))
        };
        // The letter was sent, whether or not the record is visible in time.
        if self.context.view.until(&key, self.context.effect_timeout, is_visible).await?.is_none() {
            let PutBack { topic, partition, offset, .. } = done;
            tracing::warn!(topic, partition, offset, "the record that a dead letter was put back is not visible yet");
        }
        Ok(())
    }
}

fn no_copy(error: &PutBackError) -> ApiError {
    match error {
        PutBackError::NoOrigin => ApiError::conflict(
            "The headers of the message do not name its source topic, partition and offset.",
            "Os cabeçalhos da mensagem não indicam o tópico, a partição e o offset de origem.",
        ),
        PutBackError::Incomplete(cut) => ApiError::conflict(
            format!("Only a part of the message was kept ({cut}): it can't be put back."),
            format!("Só uma parte da mensagem foi guardada ({cut}): não pode ser devolvida."),
        ),
    }
}

//! The messages the orchestrator reads: parsed once, into [`Incoming`].

mod callbacks;
pub mod events;
pub mod webhooks;

use std::sync::Arc;

use common::bounds::{KIB, json_bytes};
use common::ids;
use common::journal::Transaction;
use common::messages::{Message, Unreadable, header};
use common::topics;
use saga::{Action, Callback, CancelEvent, Definition, Operate, Operation, Outcome, Receive};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use self::callbacks::Addressed;
use self::webhooks::WebhookMessage;
use crate::dead_letters::{LETTER_PUT_BACK, PutBack};
use crate::entity::{Entity, Rollout};
use crate::rules::versions::{Active, Versions};

/// `ce_type` of an operator's action on the saga named by `ce_subject`. Its `ce_id` identifies the action: it is
/// applied once.
pub const SAGA_ACTION: &str = "saga.action";
/// `ce_type` of an operator's request to start the saga named by `ce_subject`. A saga that exists stays as it is.
pub const SAGA_START: &str = "saga.start";
/// `ce_type` of a new rollout; one message for each partition.
pub const ROLLOUT_SET: &str = "rollout.set";
/// `ce_type` of a definition on which new sagas start from now on; one message for each partition, first for 0.
pub const DEFINITION_DEPLOY: &str = "definition.deploy";
/// `ce_type` of a deployed definition on which no new saga starts from now on; one message for each partition.
pub const DEFINITION_UNDEPLOY: &str = "definition.undeploy";

/// The `ce_id` of an operator's message about a saga: a repeated request is the same message, and one about another
/// saga is another one.
pub(crate) fn request_message_id(kind: &str, saga: Uuid, request: &str) -> String {
    ids::derive(&[kind, &saga.to_string(), request]).to_string()
}

/// `saga.action`: `{"by":"techlead","why":"the customer called","action":"cancel"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SagaAction {
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The action.
    #[serde(flatten)]
    pub what: Operate,
}

/// `saga.start`: `{"by":"techlead","why":"a test","definition":"gift-card","data":{"card":"7"}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StartSaga {
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The name of the definition. The rollout decides on the version.
    pub definition: String,
    /// The payload of the event that starts a saga otherwise.
    pub data: Value,
}

/// `rollout.set`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetRollout {
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The rollout.
    #[serde(flatten)]
    pub rollout: Rollout,
}

/// `definition.deploy`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeployDefinition {
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The definition, as TOML (docs/sagas.md).
    pub text: String,
    /// The number that partition 0 gave to the request; `None` in the message for partition 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// `definition.undeploy`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UndeployDefinition {
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The name of the definition.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The number that partition 0 gave to the request; `None` in the message for partition 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// The longest text of a deployed definition, in bytes of JSON.
pub(crate) const DEPLOYED_TEXT_BYTES: usize = 256 * KIB;

/// The longest event that starts a saga: it is kept as long as the saga.
pub(crate) const EVENT_BYTES: usize = 512 * KIB;

/// The value of an event that starts a saga.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct EventValue(Value);

/// The value of a reply.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct ReplyValue(Outcome);

// The longest values. The engine bounds what a saga keeps of replies and actions.
common::bounded! {
    EventValue: EVENT_BYTES,
    ReplyValue: topics::INPUT_MAX_BYTES,
    SagaAction: topics::INPUT_MAX_BYTES,
    StartSaga: EVENT_BYTES + 16 * KIB,
    CancelRequested: 32 * KIB,
    SetRollout: 16 * KIB,
    DeployDefinition: DEPLOYED_TEXT_BYTES + 16 * KIB,
    UndeployDefinition: 16 * KIB,
    PutBack: 16 * KIB,
}

/// The payload of an event that cancels a saga; its other fields are ignored.
#[derive(Debug, Deserialize)]
struct CancelRequested {
    by: String,
    why: String,
}

/// An event or a request that starts a saga.
#[derive(Debug)]
pub struct StartEvent {
    /// The id of the saga.
    pub saga: Uuid,
    /// Its `ce_type`.
    pub kind: String,
    /// The operator who requests it; `None` for an event.
    pub requested: Option<StartRequest>,
    /// The versions of the definition that the event starts, the newest first.
    pub definitions: Vec<Arc<Definition>>,
    /// The value.
    pub payload: Value,
    /// The W3C trace context.
    pub traceparent: Option<String>,
}

/// An operator's request to start a saga.
#[derive(Debug)]
pub struct StartRequest {
    /// The request's id.
    pub id: String,
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    pub from: Option<String>,
}

/// A participant's reply to a command.
#[derive(Debug)]
pub struct StepReply {
    /// The id of the saga.
    pub saga: Uuid,
    /// The step whose command is answered.
    pub step: String,
    /// The attempt that is answered.
    pub attempt: u32,
    /// Whether the step was executed or compensated.
    pub action: Action,
    /// The result.
    pub outcome: Outcome,
}

/// A message the orchestrator reads.
#[derive(Debug)]
pub enum Incoming {
    /// An event that starts a saga.
    Start(StartEvent),
    /// An event that cancels a saga, from the sender of its start event.
    Cancel {
        /// The id of the saga.
        saga: Uuid,
        /// The cancellation.
        operation: Operation,
    },
    /// A participant's reply.
    Reply(StepReply),
    /// A message from an external system that a step waits for.
    Callback {
        /// The id of the saga.
        saga: Uuid,
        /// The callback.
        callback: Callback,
    },
    /// An operator's action on a saga.
    Operate {
        /// The id of the saga.
        saga: Uuid,
        /// The action.
        operation: Operation,
    },
    /// An operator's new rollout.
    SetRollout(SetRollout),
    /// A definition on which new sagas start.
    Deploy(DeployDefinition),
    /// A definition on which no new saga starts.
    Undeploy(UndeployDefinition),
    /// A dead letter was put back.
    PutBack(PutBack),
    /// A message about webhooks.
    Webhook(WebhookMessage),
}

impl Incoming {
    /// Parses a message. The definitions determine which topics carry start events and which carry callbacks; `tx` has
    /// those that were deployed.
    ///
    /// # Errors
    /// [`Unreadable`]: an unknown type, a missing or invalid header, or an invalid value.
    pub fn parse(message: &Message, versions: &Versions, tx: &mut Transaction<'_, Entity>) -> Result<Self, Unreadable> {
        match &*message.topic {
            topics::SAGA_REPLIES => reply(message),
            topics::SAGA_COMMANDS => command(message, versions, tx),
            topic => match versions.receives(topic) {
                None if topic != topics::PAYMENT_RESULTS => event(message, &versions.active(tx)),
                receives => callback(message, receives.as_deref().unwrap_or_default()),
            },
        }
    }
}

fn reply(message: &Message) -> Result<Incoming, Unreadable> {
    let saga = uuid(header::SAGA_ID, message)?;
    let step = required(header::STEP, message)?.to_owned();
    let attempt = required(header::ATTEMPT, message)?
        .parse()
        .map_err(|error| Unreadable::Header(header::ATTEMPT, format!("{error}")))?;
    let action =
        required(header::ACTION, message)?.parse().map_err(|error| Unreadable::Header(header::ACTION, error))?;
    let ReplyValue(outcome) = message.json()?;
    Ok(Incoming::Reply(StepReply { saga, step, attempt, action, outcome }))
}

fn command(message: &Message, versions: &Versions, tx: &mut Transaction<'_, Entity>) -> Result<Incoming, Unreadable> {
    if let Some(read) = WebhookMessage::parse(message)? {
        return Ok(Incoming::Webhook(read));
    }
    match message.kind() {
        Some(SAGA_ACTION) => {
            let saga = uuid(header::SUBJECT, message)?;
            let SagaAction { by, why, from, what } = message.json()?;
            Ok(Incoming::Operate { saga, operation: Operation { id: message.id(), by, why, from, what } })
        }
        Some(SAGA_START) => start(message, &versions.active(tx)),
        Some(ROLLOUT_SET) => Ok(Incoming::SetRollout(message.json()?)),
        Some(DEFINITION_DEPLOY) => Ok(Incoming::Deploy(message.json()?)),
        Some(DEFINITION_UNDEPLOY) => Ok(Incoming::Undeploy(message.json()?)),
        Some(LETTER_PUT_BACK) => Ok(Incoming::PutBack(message.json()?)),
        other => Err(Unreadable::UnknownType(other.unwrap_or_default().to_owned())),
    }
}

fn event(message: &Message, active: &Active<'_>) -> Result<Incoming, Unreadable> {
    let kind = required(header::TYPE, message)?;
    if let Some(cancel) = active.read.cancelled_by(&message.topic, kind) {
        return cancellation(message, cancel);
    }
    let definitions: Vec<_> = active.startable.started_by(&message.topic, kind).into_iter().cloned().collect();
    if definitions.is_empty() {
        return Err(Unreadable::UnknownType(kind.to_owned()));
    }
    let EventValue(payload) = message.json()?;
    let saga = uuid(header::SUBJECT, message)?;
    let kind = kind.to_owned();
    let traceparent = message.traceparent().map(str::to_owned);
    check_payload(&payload)?;
    Ok(Incoming::Start(StartEvent { saga, kind, requested: None, definitions, payload, traceparent }))
}

/// A number may be longer than it was written: 1e15 becomes 1000000000000000.0.
fn check_payload(payload: &Value) -> Result<(), Unreadable> {
    let bytes = json_bytes(payload);
    if bytes > EVENT_BYTES {
        return Err(Unreadable::TooLong { what: "value", bytes, most: EVENT_BYTES });
    }
    Ok(())
}

fn start(message: &Message, active: &Active<'_>) -> Result<Incoming, Unreadable> {
    let saga = uuid(header::SUBJECT, message)?;
    let StartSaga { by, why, from, definition, data: payload } = message.json()?;
    let definitions: Vec<_> = active.startable.versions_of(&definition).into_iter().cloned().collect();
    if definitions.is_empty() {
        return Err(Unreadable::Malformed(format!("there is no definition {definition}")));
    }
    check_payload(&payload)?;
    let requested = Some(StartRequest { id: message.id(), by, why, from });
    let traceparent = message.traceparent().map(str::to_owned);
    Ok(Incoming::Start(StartEvent { saga, kind: SAGA_START.to_owned(), requested, definitions, payload, traceparent }))
}

fn cancellation(message: &Message, cancel: &CancelEvent) -> Result<Incoming, Unreadable> {
    let CancelRequested { by, why } = message.json()?;
    let saga = uuid(header::SUBJECT, message)?;
    let what = Operate::Cancel { reason: Some(cancel.reason.clone()) };
    Ok(Incoming::Cancel { saga, operation: Operation { id: message.id(), by, why, from: None, what } })
}

/// Reads a message that the steps of a definition wait for.
///
/// # Errors
/// [`Unreadable`]: it fits no wait, or not the schema of its topic.
pub fn read_callback(message: &Message, receives: &[Receive]) -> Result<Callback, Unreadable> {
    callbacks::read(message, receives).map(|addressed| addressed.callback)
}

fn callback(message: &Message, receives: &[Receive]) -> Result<Incoming, Unreadable> {
    let Addressed { saga, callback } = callbacks::read(message, receives)?;
    Ok(Incoming::Callback { saga, callback })
}

fn required<'m>(name: &'static str, message: &'m Message) -> Result<&'m str, Unreadable> {
    message.header(name).ok_or_else(|| Unreadable::Header(name, "it is missing".to_owned()))
}

fn uuid(name: &'static str, message: &Message) -> Result<Uuid, Unreadable> {
    let text = required(name, message)?;
    Uuid::parse_str(text).map_err(|error| Unreadable::Header(name, format!("'{text}' is not an id: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_request_is_the_same_message_and_one_about_another_saga_another() {
        let saga = Uuid::from_u128(1);
        let id = request_message_id(SAGA_ACTION, saga, "key");
        assert_eq!(id, request_message_id(SAGA_ACTION, saga, "key"));
        for other in [
            request_message_id(SAGA_START, saga, "key"),
            request_message_id(SAGA_ACTION, Uuid::from_u128(2), "key"),
            request_message_id(SAGA_ACTION, saga, "another"),
        ] {
            assert_ne!(id, other);
        }
    }
}

//! What goes into a decision and what comes out: the vocabulary that the engine shares with who runs it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::data::Data;
use crate::operate::Operation;
use crate::saga::Saga;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Begin a saga. For one that exists it is a repetition, and changes nothing.
    Start {
        /// The saga's id; commands' ids are derived from it.
        id: Uuid,
        /// What the saga knows at its start: the starting event's payload under [`crate::Start::output`]
        /// ([`Data::with`] makes it).
        data: Data,
        /// W3C trace context of the starting event, carried along unread.
        traceparent: Option<String>,
    },
    /// A participant answered a command. The four values that came with the command come back with the reply.
    Reply {
        /// The step that the command was for.
        step: String,
        /// Which attempt of it, from 1.
        attempt: u32,
        /// Doing or undoing.
        action: Action,
        /// The answer.
        outcome: Outcome,
    },
    /// A message from outside that a `receive` step may wait for.
    Callback(Callback),
    /// Time has passed: look which timers are due.
    Timer,
    /// An operator acts.
    Operator(Operation),
}

/// Whether a command does a step or undoes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Do the step.
    Execute,
    /// Undo the step, whether or not it happened.
    Compensate,
}

impl Action {
    /// The name as in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Compensate => "compensate",
        }
    }
}

impl std::str::FromStr for Action {
    type Err = String;

    /// Reads the name as in messages; the error says what was there instead.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "execute" => Ok(Self::Execute),
            "compensate" => Ok(Self::Compensate),
            other => Err(format!("the action is {other:?}, it must be \"execute\" or \"compensate\"")),
        }
    }
}

/// A participant's answer. The kind of a failure decides what follows, so it is a type and not a text. As JSON it is
/// the value of a reply: `{"outcome":"ok","data":{}}`, `{"outcome":"refused","reason":"out_of_stock","detail":"..."}`,
/// `{"outcome":"failed","error":"...","retryAfterMs":500}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It is done (or undone).
    Ok {
        /// What the step's `output` keeps.
        #[serde(default)]
        data: Value,
    },
    /// A business no: it did not happen, and asking again is no use.
    Refused {
        /// A word for programs, such as `out_of_stock`.
        reason: String,
        /// A sentence for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// It did not work for technical reasons; asking again may help. It may have happened all the same.
    Failed {
        /// A sentence for people.
        error: String,
        /// Do not ask again before so many milliseconds have passed.
        #[serde(default, rename = "retryAfterMs", skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

/// A message from outside, already matched to its saga.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Callback {
    /// Where it came from: the `topic` of the `receive` step.
    pub source: String,
    /// The message's id (`ce_id`, or one made of topic, partition and offset): the same id is the same message.
    pub id: String,
    /// What it says; looked for in the step's `yes` and `no`, upper and lower case being the same.
    pub status: String,
    /// The whole message; the step's `output` keeps it. A text under `reason` in it becomes the reason of a no.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
}

/// What follows from an input.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The saga as it is now. `None` only where there was none, and the input was not a start.
    pub saga: Option<Saga>,
    /// What is to be done, in this order, once the saga is durable.
    pub effects: Vec<Effect>,
    /// What was ignored and why (repeated, late, not understood), for the log. The history has it too.
    pub notes: Vec<String>,
    /// Whether the saga is another than before: if not, there is nothing to write.
    pub changed: bool,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a command to a participant. What it carries besides: the saga's id, `step`, `attempt` and `action`, which
    /// come back with the reply. The ending is a command too, its step is `conclude`.
    SendCommand {
        /// The participant's topic.
        topic: String,
        /// The key on that topic.
        key: String,
        /// The command's type, such as `inventory.reserve`.
        command: String,
        /// The step it is for.
        step: String,
        /// Which attempt, from 1.
        attempt: u32,
        /// Doing or undoing.
        action: Action,
        /// The command's id, from [`command_id`]: the same for the same saga, step, attempt and action.
        id: Uuid,
        /// The command's value.
        payload: Value,
    },
    /// Tell a participant how far the saga is. It is not answered.
    Tell {
        /// The participant's topic.
        topic: String,
        /// The key on that topic.
        key: String,
        /// The message's type, such as `order.progress`.
        command: String,
        /// The message's id, from [`progress_id`]: the same for the same saga and status.
        id: Uuid,
        /// The message's value.
        payload: Value,
    },
}

/// The id of the message that tells a status: `UUIDv5(saga, "progress/{status}")`. A status has no `/` in it, so it is no
/// command's.
#[must_use]
pub fn progress_id(saga: Uuid, status: &str) -> Uuid {
    Uuid::new_v5(&saga, format!("progress/{status}").as_bytes())
}

/// The id of a command: `UUIDv5(saga, "step/attempt/action")` (RFC 9562, section 5.5).
#[must_use]
pub fn command_id(saga: Uuid, step: &str, attempt: u32, action: Action) -> Uuid {
    Uuid::new_v5(&saga, format!("{step}/{attempt}/{}", action.as_str()).as_bytes())
}

//! The messages between a saga and its participants: commands' actions and ids, outcomes, callbacks.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The action of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Execute the step.
    Execute,
    /// Compensate the step, whether or not it happened.
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

    /// Reads the name as in messages.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "execute" => Ok(Self::Execute),
            "compensate" => Ok(Self::Compensate),
            other => Err(format!("the action is {other:?}; it must be \"execute\" or \"compensate\"")),
        }
    }
}

/// The outcome of an attempt, as a participant reports it. As JSON it is the value of a reply:
/// `{"outcome":"ok","data":{}}`, `{"outcome":"refused","reason":"out_of_stock","detail":"..."}`,
/// `{"outcome":"failed","error":"...","retryAfterMs":500}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The step was executed or compensated.
    Ok {
        /// The value stored as the step's `output`.
        #[serde(default)]
        data: Value,
    },
    /// Refused for a business reason: the step did not happen, and a retry cannot succeed.
    Refused {
        /// A machine-readable reason, such as `out_of_stock`.
        reason: String,
        /// A human-readable description.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// Failed for a technical reason: a retry may succeed. The step may have happened.
    Failed {
        /// A human-readable description.
        error: String,
        /// The minimum pause before the next attempt, in milliseconds.
        #[serde(default, rename = "retryAfterMs", skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

/// A message of an external system, already matched to its saga.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Callback {
    /// The topic of the message: the `topic` of the `receive` step.
    pub source: String,
    /// The message's id (`ce_id`, or topic, partition and offset): messages with the same id are the same.
    pub id: String,
    /// The status, matched against the step's `yes` and `no` without regard to case.
    pub status: String,
    /// The fields of the message that the definition names, stored as the step's `output`; records of earlier releases
    /// have the whole message. The string `reason` in it is the reason of a refusal.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
}

/// The id of the progress message for a status: `UUIDv5(saga, "progress/{status}")`. A status contains no `/`, so no
/// command has this id.
#[must_use]
pub fn progress_id(saga: Uuid, status: &str) -> Uuid {
    Uuid::new_v5(&saga, format!("progress/{status}").as_bytes())
}

/// The id of the message with which an operation completes a task: `UUIDv5(saga, "answer/{step}/{operation}")`. No step
/// is named `answer/…`, so no command has this id.
#[must_use]
pub fn answer_id(saga: Uuid, step: &str, operation: &str) -> Uuid {
    Uuid::new_v5(&saga, format!("answer/{step}/{operation}").as_bytes())
}

/// The id of a command: `UUIDv5(saga, "step/attempt/action")` (RFC 9562, section 5.5).
#[must_use]
pub fn command_id(saga: Uuid, step: &str, attempt: u32, action: Action) -> Uuid {
    Uuid::new_v5(&saga, format!("{step}/{attempt}/{}", action.as_str()).as_bytes())
}

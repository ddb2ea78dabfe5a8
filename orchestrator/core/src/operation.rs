//! Operations of operators on a saga, and the record of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::time::Timestamp;

/// The number of operations that a saga remembers, to report their results and to apply none twice.
pub const OPERATIONS_LIMIT: usize = 16;

/// An operation of an operator on a saga.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The operation's id. An id is applied once.
    pub id: String,
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The kind of operation, with its arguments.
    pub what: Operate,
}

/// The kind of an operation. As JSON `{"action":"skip","step":"ship","answer":{}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operate {
    /// Pause a running or compensating saga: replies are applied, no command is sent, timers and the deadline stand
    /// still.
    Pause,
    /// Resume a paused saga.
    Resume,
    /// Abort the saga and compensate its steps; refused once the pivot has begun or all steps are done.
    Cancel {
        /// The reason of the ending, unless the definition's `cancelled` has one; by default `cancelled_by_operator`.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Send the next attempt now, and reset the retries; also for a step that is out of retries.
    Retry {
        /// The step; by default every step that can be retried.
        #[serde(default)]
        step: Option<String>,
    },
    /// Complete a running step with this answer.
    Skip {
        /// The step.
        step: String,
        /// The value stored as the step's `output`.
        #[serde(default)]
        answer: Value,
    },
    /// End an incident: the stuck step was done, or compensated, manually.
    Resolve {
        /// The step; required if several steps are stuck.
        #[serde(default)]
        step: Option<String>,
        /// False if a pivot of unknown outcome did not happen: the saga aborts.
        #[serde(default = "yes")]
        happened: bool,
        /// The value stored as the step's `output`.
        #[serde(default)]
        answer: Value,
    },
    /// Claim the task of a step, so that others do not work on it.
    Claim {
        /// The step.
        step: String,
        /// Take it from the person who claimed it.
        #[serde(default, rename = "takeOver", skip_serializing_if = "std::ops::Not::not")]
        take_over: bool,
    },
    /// Give up the claim of a task.
    Release {
        /// The step.
        step: String,
    },
    /// Complete a task: send the message that its step waits for.
    Complete {
        /// The step.
        step: String,
        /// The fields of the form, by path.
        #[serde(default)]
        fields: Map<String, Value>,
    },
}

const fn yes() -> bool {
    true
}

impl Operate {
    /// The name as in JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel { .. } => "cancel",
            Self::Retry { .. } => "retry",
            Self::Skip { .. } => "skip",
            Self::Resolve { .. } => "resolve",
            Self::Claim { .. } => "claim",
            Self::Release { .. } => "release",
            Self::Complete { .. } => "complete",
        }
    }

    /// Returns true for what people do with a task.
    #[must_use]
    pub const fn is_of_task(&self) -> bool {
        match self {
            Self::Claim { .. } | Self::Release { .. } | Self::Complete { .. } => true,
            Self::Pause
            | Self::Resume
            | Self::Cancel { .. }
            | Self::Retry { .. }
            | Self::Skip { .. }
            | Self::Resolve { .. } => false,
        }
    }

    /// The step named in the operation.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Pause | Self::Resume | Self::Cancel { .. } => None,
            Self::Retry { step } | Self::Resolve { step, .. } => step.as_deref(),
            Self::Skip { step, .. }
            | Self::Claim { step, .. }
            | Self::Release { step }
            | Self::Complete { step, .. } => Some(step),
        }
    }
}

/// The record of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OperationRecord {
    /// The operation's id.
    pub id: String,
    /// When the operation was applied or refused.
    pub at: Timestamp,
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The name of the operation, such as `pause`.
    pub action: String,
    /// Why the operation was refused; `None` if it was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

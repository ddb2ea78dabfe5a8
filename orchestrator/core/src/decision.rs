//! The result of a decision: the new state and its side effects.

use serde_json::Value;
use uuid::Uuid;

use crate::message::Action;
use crate::saga::Saga;

/// The result of [`crate::decide()`].
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The new state. `None` only if there was no saga and the input was not a start.
    pub saga: Option<Saga>,
    /// The side effects, in order, to be carried out once the new state is durable.
    pub effects: Vec<Effect>,
    /// The inputs that were ignored and the reason (repeated, late, unknown), for the log. The history records them
    /// too.
    pub notes: Vec<String>,
    /// Whether the state changed; if not, nothing needs to be written.
    pub changed: bool,
}

/// A side effect of a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a command to a participant, with the saga's id, `step`, `attempt` and `action`, which the reply returns.
    /// The ending is reported by a command of the step `conclude`.
    SendCommand {
        /// The participant's topic.
        topic: String,
        /// The key on that topic.
        key: String,
        /// The command's type, such as `inventory.reserve`.
        command: String,
        /// The step of the command.
        step: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// Execution or compensation.
        action: Action,
        /// The command's id, from `command_id`: the same for the same saga, step, attempt and action.
        id: Uuid,
        /// The command's value.
        payload: Value,
    },
    /// Send the message with which a person completed a task, to the topic on which the step waits. It comes back as a
    /// callback.
    SendAnswer {
        /// The topic.
        topic: String,
        /// The message's id, from `answer_id`: the same for the same saga, step and operation.
        id: Uuid,
        /// The message's value.
        payload: Value,
    },
    /// Send a progress message to a participant. It has no reply.
    SendProgress {
        /// The participant's topic.
        topic: String,
        /// The key on that topic.
        key: String,
        /// The message's type, such as `order.progress`.
        command: String,
        /// The message's id, from `progress_id`: the same for the same saga and status.
        id: Uuid,
        /// The message's value.
        payload: Value,
    },
}

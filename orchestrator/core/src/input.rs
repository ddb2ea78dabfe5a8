//! The input of a decision.

use uuid::Uuid;

use crate::data::Data;
use crate::message::{Action, Callback, Outcome};
use crate::operation::Operation;

/// An input of [`crate::decide()`].
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Start a saga. Ignored if the saga exists.
    Start {
        /// The saga's id; commands' ids are derived from it.
        id: Uuid,
        /// The initial data: the starting event's payload under [`crate::Start::output`]
        /// ([`Data::with`] makes it).
        data: Data,
        /// W3C trace context of the starting event, passed on unchanged.
        traceparent: Option<String>,
    },
    /// A reply of a participant to a command, with the step, attempt and action of that command.
    Reply {
        /// The step of the command.
        step: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// Execution or compensation.
        action: Action,
        /// The outcome.
        outcome: Outcome,
    },
    /// A message of an external system that a `receive` step may wait for.
    Callback(Callback),
    /// Time has passed: fire the timers that are due.
    Timer,
    /// An operation of an operator.
    Operator(Operation),
}

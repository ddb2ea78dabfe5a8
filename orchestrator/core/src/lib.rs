//! A saga engine as a pure function.
//!
//! A **saga** is a business transaction over several services: steps that are done one after the other (or side by
//! side), and undone in reverse when one of them cannot be done. This crate decides what comes next, and nothing else:
//! it has no clock, no randomness, no threads and no I/O. The same definition, state, input and time give the same
//! decision, always, so a decision can be replayed, tested and explored.
//!
//! ```text
//!   Definition (a TOML file)   Saga (the state)   Input (what happened)   now
//!            \                      |                     |               /
//!             +-------------------- decide() --------------------------- +
//!                                      |
//!               Decision { saga: the new state, effects: commands to send, notes }
//! ```
//!
//! - [`Definition::parse`] reads a definition and checks all of it; every error says where, what, and what to write.
//! - [`decide()`] takes a saga and an [`Input`] and answers with a [`Decision`]. It is total: there is an answer for
//!   every state and every input, also for nonsense (a note, and an entry in the history).
//! - [`draw()`] shows a definition as a picture, in BPMN or as a Mermaid flowchart.
//! - [`Saga::wake_at`] says when to call again with [`Input::Timer`].
//!
//! What is expected of participants: a command may come more than once, and out of order with its compensation; it is
//! answered for each attempt, with the same answer; a compensation is safe for a step that never happened, and keeps
//! that step from happening later.

#![deny(missing_docs)]

mod answer;
mod back;
mod condition;
mod data;
mod decide;
mod definition;
mod draw;
mod forward;
mod history;
mod input;
mod operate;
mod payload;
mod progress;
mod saga;
mod status;
mod time;

pub use condition::Condition;
pub use data::OUTPUT_LIMIT;
pub use data::{Data, Path, Pick};
pub use decide::decide;
pub use definition::{
    Call, CancelEvent, Definition, DefinitionError, Endings, Failures, Key, Label, Participant, Progress, Receive,
    Retry, Rule, Start, Step, Verdict, Work,
};
pub use draw::{Format, Mark, Marks, SHEET, draw, draw_marked};
pub use history::{Entry, HISTORY_LIMIT, TEXT_LIMIT, What};
pub use input::{Action, Callback, Decision, Effect, Input, Outcome, command_id, progress_id};
pub use operate::{OPERATIONS_LIMIT, Operate, Operated, Operation};
pub use payload::command_of;
pub use saga::{Ending, Reached, Saga, StepState, Timer, TimerKind, Was};
pub use status::{Status, StepStatus};
pub use time::Timestamp;

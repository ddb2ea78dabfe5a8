//! A saga engine as a pure function.
//!
//! A **saga** (Garcia-Molina and Salem, 1987) is a business transaction over several services: steps that are executed
//! in sequence or in parallel, and compensated in reverse order if one of them fails. This crate only decides what to
//! do next: it has no clock, no randomness, no threads and no I/O. The same definition, state, input and time always
//! give the same decision, so decisions can be replayed, tested and explored.
//!
//! ```text
//!   Definition (a TOML file)   Saga (the state)   Input              now
//!            \                      |                |               /
//!             +-------------------- decide() ----------------------- +
//!                                      |
//!               Decision { saga: the new state, effects: messages to send, notes }
//! ```
//!
//! - [`Definition::parse`] parses and checks a definition; every error names the line, the problem and a correction.
//! - [`decide()`] takes a saga and an [`Input`] and returns a [`Decision`]. It is total: invalid input gives a note and
//!   an entry in the history.
//! - [`draw()`] draws a definition as SVG, BPMN, a Mermaid flowchart, OSOP or FlowZap Code.
//! - [`import()`] imports OSOP and FlowZap Code as a definition.
//! - [`Saga::wake_at`] returns the time of the next [`Input::Timer`].
//!
//! Requirements on participants: a command may arrive more than once, and out of order with its compensation. Every
//! attempt is answered, with the same answer. A compensation succeeds for a step that never happened, and prevents that
//! step from happening later.

#![deny(missing_docs)]

mod callback;
mod compensate;
mod condition;
mod data;
mod decide;
mod decision;
mod definition;
mod draw;
mod execute;
mod form;
mod history;
mod import;
mod input;
mod inspect;
mod message;
mod operation;
mod operator;
mod outcome;
mod payload;
mod people;
mod progress;
mod reply;
mod saga;
mod status;
mod task;
mod time;
mod timer;
mod transition;

pub use condition::Condition;
pub use data::{DATA_LIMIT, Data, OUTPUT_LIMIT, Path, Pick, SENT_LIMIT};
pub use decide::decide;
pub use decision::{Decision, Effect};
pub use definition::{
    AttemptLimit, CONCLUDE, Call, CancelEvent, Definition, DefinitionError, EndingSpec, Endings, Filled, Human, Key,
    Label, Participant, Progress, Receive, Retry, Rule, Start, Step, StepEndings, WHOLE_LIMIT, Work, definition_schema,
};
pub use draw::{Format, Mark, Marks, STYLE_SHEET, conclude_label, draw, draw_marked};
pub use form::{Answer, FormError};
pub use history::{Entry, HISTORY_LIMIT, TEXT_LIMIT, What};
pub use import::{IMPORT_LIMIT, import};
pub use input::Input;
pub use inspect::{call_for, command_of};
pub use message::{Action, Callback, Outcome, answer_id, command_id, progress_id};
pub use operation::{OPERATIONS_LIMIT, Operate, Operation, OperationRecord};
pub use operator::CANCELLED_BY_OPERATOR;
pub use saga::{Ending, ProgressState, Saga, StepOutcome, StepState, Timer, TimerKind};
pub use status::{Status, StepStatus};
pub use task::{Task, TaskMark};
pub use time::Timestamp;
pub use timer::{DEADLINE_EXCEEDED, NOT_ANSWERED};

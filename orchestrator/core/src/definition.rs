//! A saga's definition as data: the content of its file, checked, with defaults filled in.

mod check;
mod duration;
mod error;
mod fields;
mod graph;
mod model;
mod parse;
mod read;
mod retry;
mod step;

pub use error::DefinitionError;
pub(crate) use graph::{mask, ones};
pub(crate) use model::{CONCLUDE, CallbackVerdict};
pub use model::{
    Call, CancelEvent, Definition, EndingSpec, Endings, Key, Label, Participant, Progress, Receive, Rule, Start, Step,
    StepEndings, Work,
};
pub use retry::{AttemptLimit, Retry};

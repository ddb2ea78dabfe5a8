//! A saga's definition as data: the content of its file, checked, with defaults filled in.

mod callback;
mod check;
mod duration;
mod error;
mod fields;
mod format;
mod graph;
mod human;
mod keys;
mod label;
mod model;
mod parse;
mod read;
mod read_human;
mod receive;
mod retry;
mod schema;
mod start;
mod step;
mod typed_fields;

pub(crate) use callback::CallbackVerdict;
pub use callback::{Receive, WHOLE_LIMIT};
pub use error::DefinitionError;
pub(crate) use graph::{mask, ones};
pub use human::{Filled, Human};
pub use label::Label;
pub use model::{
    CONCLUDE, Call, CancelEvent, Definition, EndingSpec, Endings, Key, Participant, Progress, Rule, Start, Step,
    StepEndings, Work,
};
pub use retry::{AttemptLimit, Retry};
pub use schema::definition_schema;

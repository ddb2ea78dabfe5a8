//! An imported definition, before it is written: the parts that the file names, and notes on those that it lacks.

use std::time::Duration;

/// A definition to be written.
#[derive(Debug)]
pub(super) struct Draft {
    pub name: String,
    pub version: u32,
    pub label: DraftLabel,
    /// The purpose of the process, for the head of the file.
    pub about: Option<String>,
    /// The format, such as `OSOP 1.0`.
    pub format: &'static str,
    /// Notes on the whole file.
    pub notes: Vec<String>,
    pub start: DraftStart,
    pub deadline: Option<Duration>,
    pub steps: Vec<DraftStep>,
    /// The command that reports the ending; `None` if the file has none.
    pub conclude: Option<DraftConclude>,
}

/// A display name. English is required; the file's text may be in another language.
#[derive(Debug, Clone)]
pub(super) struct DraftLabel {
    pub english: String,
    pub original: Option<String>,
}

/// The event that starts the saga.
#[derive(Debug)]
pub(super) struct DraftStart {
    pub topic: String,
    pub event: String,
    pub output: String,
    /// What is to be decided about it; empty if the file names all of it.
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub(super) struct DraftStep {
    pub name: String,
    pub label: DraftLabel,
    /// The place in the file, such as `reserve_inventory, line 14`.
    pub origin: String,
    pub after: Vec<String>,
    pub when: Option<String>,
    pub pivot: bool,
    pub output: Option<String>,
    pub work: DraftWork,
    pub compensate: Option<DraftCompensation>,
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub(super) enum DraftWork {
    Command(DraftCommand),
    Wait(DraftWait),
    Rules(Vec<DraftRule>),
}

#[derive(Debug)]
pub(super) struct DraftCommand {
    pub participant: String,
    pub command: String,
    /// The fields that the file names, each with its path. Empty: the whole starting event.
    pub input: Vec<(String, String)>,
    pub timeout: Option<Duration>,
    pub retry: Option<DraftRetry>,
}

/// Retries; what is `None` has the default.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DraftRetry {
    pub attempts: DraftAttempts,
    pub first: Option<Duration>,
    pub factor: Option<f64>,
    pub max: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DraftAttempts {
    Default,
    AtMost(u32),
    Unlimited,
}

#[derive(Debug)]
pub(super) struct DraftWait {
    pub topic: String,
    pub correlation: Option<String>,
    pub status: Option<String>,
    pub yes: Vec<String>,
    pub no: Vec<String>,
    pub timeout: Duration,
}

#[derive(Debug, Clone)]
pub(super) struct DraftRule {
    pub must: String,
    pub reason: String,
}

#[derive(Debug, Clone)]
pub(super) struct DraftCompensation {
    /// The participant, if it is not the step's.
    pub participant: Option<String>,
    pub command: String,
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub(super) struct DraftConclude {
    pub participant: String,
    pub command: String,
}

impl DraftLabel {
    /// A label of the file. A text outside of the Latin script is kept beside an English one made from the identifier.
    pub(super) fn of(text: Option<&str>, identifier: &str) -> Self {
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        let is_latin = |text: &str| text.chars().all(|c| !c.is_alphabetic() || c < '\u{250}');
        match text {
            Some(text) if is_latin(text) => Self { english: text.to_owned(), original: None },
            Some(text) => Self { english: english(identifier), original: Some(text.to_owned()) },
            None => Self { english: english(identifier), original: None },
        }
    }
}

/// A readable form of an identifier, which may have no letter of ASCII.
fn english(identifier: &str) -> String {
    let title = super::names::title(identifier);
    if title.is_empty() { identifier.to_owned() } else { title }
}

//! The conditions of a file, as conditions on the saga's data.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::formula::Formula;
use super::names::{Taken, identifier};
use super::write::{decide, display_text};
use crate::condition::{Condition, replace_paths};

/// Translates conditions, and collects notes on those that are no condition on the saga's data.
pub(super) struct Atoms<'a> {
    /// The path of the starting event.
    pub start: &'a str,
    /// The outputs of all steps.
    outputs: &'a BTreeSet<String>,
    /// The names of other formats for the same data.
    names: &'a dyn Fn(&[String]) -> Option<Vec<String>>,
    /// The questions to the starting event, and the field that answers each.
    fields: RefCell<BTreeMap<Question, String>>,
    taken: RefCell<Taken>,
    notes: RefCell<Vec<String>>,
}

/// A question to the starting event.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    /// Answered with `true`.
    IsMet(String),
    /// Answered with one of several texts.
    Which(String),
}

impl<'a> Atoms<'a> {
    pub(super) fn new(
        start: &'a str,
        outputs: &'a BTreeSet<String>,
        names: &'a dyn Fn(&[String]) -> Option<Vec<String>>,
    ) -> Self {
        Self { start, outputs, names, fields: RefCell::default(), taken: RefCell::default(), notes: RefCell::default() }
    }

    /// The formula of a condition. A text that is no condition on the saga's data becomes a question to the starting
    /// event, with a note.
    pub(super) fn formula(&self, text: &str) -> Formula {
        let translated = replace_paths(text, self.names);
        if self.is_known(&translated) {
            return Formula::of(&translated);
        }
        let field = self.field(Question::IsMet(text.trim().to_owned()), text);
        let path = format!("{}.{field}", self.start);
        let note = decide(format!(
            "the file's condition \"{}\" is no condition on the saga's data. Here the starting event answers it with \
             {field} = true; write the condition instead if the data has it.",
            display_text(text)
        ));
        self.note(note);
        Formula::of(&format!("has({path}) && {path} == true"))
    }

    /// The formula of one answer to a question with several.
    pub(super) fn answer(&self, question: &str, answer: &str) -> Formula {
        let field = self.field(Question::Which(question.trim().to_owned()), question);
        let path = format!("{}.{field}", self.start);
        let answer = answer.replace(['"', '\\'], " ");
        let note = decide(format!(
            "the file's question \"{}\" is no condition on the saga's data. Here the starting event answers it with \
             {field} = \"{}\", or another answer of the file.",
            display_text(question),
            display_text(&answer)
        ));
        self.note(note);
        Formula::of(&format!("has({path}) && {path} == \"{answer}\""))
    }

    /// The field that answers a question, named after its text. No two questions have one field: `score > 10` and
    /// `score <= 10` differ only in characters that a name cannot have.
    fn field(&self, question: Question, text: &str) -> String {
        let take = || self.taken.borrow_mut().take(identifier(text), '_');
        self.fields.borrow_mut().entry(question).or_insert_with(take).clone()
    }

    fn note(&self, note: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Returns true for a condition whose paths the starting event or a step provides.
    fn is_known(&self, text: &str) -> bool {
        let Ok(condition) = Condition::parse(text) else { return false };
        let provided = |path: &str| {
            let is_inside =
                |output: &str| path.strip_prefix(output).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            is_inside(self.start) || self.outputs.iter().any(|output| is_inside(output))
        };
        condition.paths().iter().all(|path| provided(path.as_str()))
    }

    /// The notes so far.
    pub(super) fn take_notes(&self) -> Vec<String> {
        self.notes.take()
    }
}

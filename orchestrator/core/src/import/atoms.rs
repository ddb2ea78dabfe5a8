//! The conditions of a file, as conditions on the saga's data.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::formula::Formula;
use super::names::identifier;
use super::write::{decide, shown};
use crate::condition::{Condition, replace_paths};

/// Translates conditions, and collects notes on those that are no condition on the saga's data.
pub(super) struct Atoms<'a> {
    /// The path of the starting event.
    pub start: &'a str,
    /// The outputs of all steps.
    pub outputs: &'a BTreeSet<String>,
    /// The names of other formats for the same data.
    pub names: &'a dyn Fn(&[String]) -> Option<Vec<String>>,
    pub notes: RefCell<Vec<String>>,
}

impl Atoms<'_> {
    /// The formula of a condition. A text that is no condition on the saga's data becomes a question to the starting
    /// event, with a note.
    pub(super) fn formula(&self, text: &str) -> Formula {
        let translated = replace_paths(text, self.names);
        if self.is_known(&translated) {
            return Formula::of(&translated);
        }
        let field = identifier(text);
        let path = format!("{}.{field}", self.start);
        let note = decide(format!(
            "the file's condition \"{}\" is no condition on the saga's data. Here the starting event answers it with \
             {field} = true; write the condition instead if the data has it.",
            shown(text)
        ));
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
        Formula::of(&format!("has({path}) && {path} == true"))
    }

    /// The formula of one answer to a question with several.
    pub(super) fn answer(&self, question: &str, answer: &str) -> Formula {
        let field = identifier(question);
        let path = format!("{}.{field}", self.start);
        let answer = answer.replace(['"', '\\'], " ");
        let note = decide(format!(
            "the file's question \"{}\" is no condition on the saga's data. Here the starting event answers it with \
             {field} = \"{}\", or another answer of the file.",
            shown(question),
            shown(&answer)
        ));
        self.notes.borrow_mut().push(note);
        Formula::of(&format!("has({path}) && {path} == \"{answer}\""))
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

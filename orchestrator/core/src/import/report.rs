//! The errors found so far in one file.

use std::cell::{Cell, RefCell};

use crate::definition::DefinitionError;

/// The most errors that are reported. More are counted.
const MAX_ERRORS: usize = 100;

/// The errors of one file. Collected, so that all of them are reported at once.
pub(super) struct Report<'f> {
    file: &'f str,
    errors: RefCell<Vec<DefinitionError>>,
    more: Cell<usize>,
}

impl<'f> Report<'f> {
    pub(super) const fn new(file: &'f str) -> Self {
        Self { file, errors: RefCell::new(Vec::new()), more: Cell::new(0) }
    }

    /// Adds an error at a line, from 1.
    pub(super) fn error(&self, line: Option<usize>, problem: impl Into<String>, write: impl Into<String>) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() == MAX_ERRORS {
            self.more.set(self.more.get() + 1);
            return;
        }
        errors.push(self.found(line, problem.into(), write.into()));
    }

    fn found(&self, line: Option<usize>, problem: String, write: String) -> DefinitionError {
        DefinitionError { file: self.file.to_owned(), line, step: None, problem, write }
    }

    /// Returns true if there is no error.
    pub(super) fn is_empty(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// The errors, by line, and the number of those beyond [`MAX_ERRORS`].
    pub(super) fn into_errors(self) -> Vec<DefinitionError> {
        let mut errors = self.errors.take();
        errors.sort_by_key(|error| error.line.unwrap_or(usize::MAX));
        if let more @ 1.. = self.more.get() {
            let problem = format!("more errors were found: {more}");
            errors.push(self.found(None, problem, "correct these first".to_owned()));
        }
        errors
    }
}

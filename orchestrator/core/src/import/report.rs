//! The errors found so far in one file.

use std::cell::RefCell;

use crate::definition::DefinitionError;

/// The errors of one file. Collected, so that all of them are reported at once.
pub(super) struct Report<'f> {
    file: &'f str,
    errors: RefCell<Vec<DefinitionError>>,
}

impl<'f> Report<'f> {
    pub(super) const fn new(file: &'f str) -> Self {
        Self { file, errors: RefCell::new(Vec::new()) }
    }

    /// Adds an error at a line, from 1.
    pub(super) fn error(&self, line: Option<usize>, problem: impl Into<String>, write: impl Into<String>) {
        self.errors.borrow_mut().push(DefinitionError {
            file: self.file.to_owned(),
            line,
            step: None,
            problem: problem.into(),
            write: write.into(),
        });
    }

    /// Returns true if there is no error.
    pub(super) fn is_empty(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// All errors, by line.
    pub(super) fn into_errors(self) -> Vec<DefinitionError> {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| error.line.unwrap_or(usize::MAX));
        errors
    }
}

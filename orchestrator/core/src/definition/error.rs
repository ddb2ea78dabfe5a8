//! Errors in a definition file.

use std::fmt;

/// An error in a definition file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct DefinitionError {
    /// The name of the file, as passed to [`super::Definition::parse`].
    pub file: String,
    /// The line, from 1; `None` if no line can be named.
    pub line: Option<usize>,
    /// The step concerned.
    pub step: Option<String>,
    /// The problem.
    pub problem: String,
    /// The correction, beginning with `write`.
    pub write: String,
}

/// `order.toml:12: step "reserve": unknown key "timeot"; write one of: after, ...`
impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": ")?;
        if let Some(step) = &self.step {
            write!(f, "step {step:?}: ")?;
        }
        write!(f, "{}; {}", self.problem, self.write)
    }
}

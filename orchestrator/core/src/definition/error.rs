//! What is wrong with a definition, told to who wrote it.

use std::fmt;

/// One thing that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct DefinitionError {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, from 1, where one can be named.
    pub line: Option<usize>,
    /// The step it is about.
    pub step: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
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

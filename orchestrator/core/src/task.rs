//! The state of a task of people: a step that waits for a form.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The task of a step that waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Task {
    /// When the wait began.
    pub opened: Timestamp,
    /// When it is overdue. A pause of the saga postpones it by its duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// The role of the people who work on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<TaskMark>,
    /// Who completed it. The step goes on when the message arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<TaskMark>,
}

/// Who did something with a task, and when.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskMark {
    /// The person.
    pub by: String,
    /// The time.
    pub at: Timestamp,
}

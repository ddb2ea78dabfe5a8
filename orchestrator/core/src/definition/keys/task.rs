//! `human` of a step that waits: the task of a person who answers it.

use super::key::{Key, Keys, Shape, Table};
use super::message::LABEL;

/// The keys of `human`.
pub(in super::super) mod human {
    use super::{Key, LABEL, Shape};

    pub const LABEL_OF: Key =
        Key::optional("label", Shape::Table(&LABEL), "The display names of the task. Default: the step's.");
    pub const ROLE: Key = Key::optional("role", Shape::Word, "The role of the people who work on the task.")
        .hint("a role such as \"warehouse\"");
    pub const DUE: Key =
        Key::optional("due", Shape::Duration, "How long the task may take until it is overdue. Default: no limit.");
    pub const WHEN: Key = Key::optional(
        "when",
        Shape::Condition,
        "A condition; if it is not true when the wait begins, there is no task.",
    );
    pub const FIELDS: Key = Key::optional(
        "fields",
        Shape::Texts,
        "The fields of the message that the form asks for, besides the status. Default: all that the orchestrator does \
         not fill in.",
    )
    .hint("a list of names from receive.fields");
}

/// `human`
pub(in super::super) static HUMAN: Table = Table {
    id: "human",
    about: "The wait is a task for people: a form makes the message.",
    keys: Keys::Fixed(&[human::LABEL_OF, human::ROLE, human::DUE, human::WHEN, human::FIELDS]),
};

//! Commands, their input and retries, and labels.

use super::key::{Key, Keys, Shape, Table};

const COMMAND: Key =
    Key::required("command", Shape::Text, "The type of the message.").hint("a type such as \"inventory.reserve\"");
const INPUT_OF: Key = Key::optional(
    "input",
    Shape::Table(&INPUT),
    "The fields of the message, each with its source. A field whose path does not exist is omitted.",
);
const RETRY_OF: Key = Key::optional(
    "retry",
    Shape::Table(&RETRY),
    "The retries after a failure or a timeout. Default: \
     { attempts = 5, first = \"200ms\", factor = 2, max = \"10s\", jitter = 0.2 }.",
);
const TIMEOUT: Key =
    Key::optional("timeout", Shape::Duration, "The time limit for the reply to each attempt. Default: \"30s\".");

/// The keys of a command.
pub(in super::super) mod call {
    use super::{COMMAND, INPUT_OF, Key, RETRY_OF, Shape};

    pub const PARTICIPANT: Key =
        Key::required("participant", Shape::Text, "The participant that carries out the command.").hint(
            "a name from [participants], receive = { ... } for a step that waits, or rules = [...] for a step that \
             checks rules",
        );
    pub const COMMAND_TYPE: Key = COMMAND;
    pub const INPUT: Key = INPUT_OF;
    pub const RETRY: Key = RETRY_OF;
    pub const TIMEOUT: Key = super::TIMEOUT;
}

/// The keys of a compensation.
pub(in super::super) mod compensate {
    use super::{Key, call};

    /// By default the step's.
    pub const PARTICIPANT: Key = Key {
        required: false,
        about: "The participant that carries out the compensation. Default: the step's.",
        ..call::PARTICIPANT
    };
}

/// `[conclude]`
pub(in super::super) static CALL: Table = Table {
    id: "conclude",
    about: "The command that reports the ending. It is repeated until it is answered.",
    keys: Keys::Fixed(&[call::PARTICIPANT, COMMAND, INPUT_OF, RETRY_OF, TIMEOUT]),
};

/// `compensate` of a step.
pub(in super::super) static COMPENSATE: Table = Table {
    id: "compensate",
    about: "The command that undoes the step. participant, retry and timeout default to the step's.",
    keys: Keys::Fixed(&[compensate::PARTICIPANT, COMMAND, INPUT_OF, RETRY_OF, TIMEOUT]),
};

/// The fields of a message.
pub(in super::super) static INPUT: Table = Table {
    id: "input",
    about: "The fields of a message, each with its source.",
    keys: Keys::Names { shape: Shape::PathOr(&PICK), required: &[] },
};

/// The keys of the source of a field.
pub(in super::super) mod pick {
    use super::{Key, Shape};

    pub const LITERAL: Key = Key::optional("literal", Shape::Json, "A constant.");
    pub const PATH: Key = Key::optional("path", Shape::Path, "A path into the saga's data.")
        .hint("a path into the saga's data, such as \"order.items\"");
    pub const FIELDS: Key = Key::optional(
        "fields",
        Shape::Texts,
        "The fields that are taken of the object, or of each object in the list.",
    )
    .hint("a list of names");
    pub const DEFAULT: Key = Key::optional("default", Shape::Json, "The value if the path does not exist.");
}

/// `{ path, fields, default }` or `{ literal }`
pub(in super::super) static PICK: Table = Table {
    id: "source",
    about: "The source of a field: a path with a selection of fields or a default, or a literal.",
    keys: Keys::Fixed(&[pick::LITERAL, pick::PATH, pick::FIELDS, pick::DEFAULT]),
};

/// The keys of retries.
pub(in super::super) mod retry {
    use super::{Key, Shape};

    pub const ATTEMPTS: Key = Key::optional("attempts", Shape::Attempts, "The number of attempts in total.");
    pub const FIRST: Key = Key::optional("first", Shape::Duration, "The pause before the second attempt.");
    pub const FACTOR: Key =
        Key::optional("factor", Shape::Number(1.0, 100.0), "The factor between a pause and the next.")
            .hint("a number from 1 to 100");
    pub const MAX: Key = Key::optional("max", Shape::Duration, "The longest pause, before jitter.");
    pub const JITTER: Key =
        Key::optional("jitter", Shape::Number(0.0, 1.0), "The largest share by which a pause is lengthened.")
            .hint("a number from 0 to 1");
}

/// `retry`
pub(in super::super) static RETRY: Table = Table {
    id: "retry",
    about: "The retries after a failure or a timeout.",
    keys: Keys::Fixed(&[retry::ATTEMPTS, retry::FIRST, retry::FACTOR, retry::MAX, retry::JITTER]),
};

/// `label`
pub(in super::super) static LABEL: Table = Table {
    id: "label",
    about: "Display names by language; English is required.",
    keys: Keys::Names { shape: Shape::Text, required: &["en"] },
};

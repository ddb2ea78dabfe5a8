//! Callbacks and their fields.

use super::key::{Key, Keys, Shape, Table};

/// The most characters that all fields of a callback can have together. Their UTF-8 is less than
/// [`crate::OUTPUT_LIMIT`].
pub(in super::super) const MOST_CHARS: u32 = 10_000;
/// The types that need no table.
const SIMPLE: &[&str] = &["uuid", "text", "number", "boolean", "timestamp"];
const TYPES: &str = "\"uuid\", \"word\", \"text\", \"number\", \"boolean\" or \"timestamp\"";

/// The keys of `receive`.
pub(in super::super) mod receive {
    use super::{FIELDS, Key, Shape};

    const STATUSES: &str = "a list of statuses of the callback, such as [\"approved\"]";

    pub const TOPIC: Key =
        Key::required("topic", Shape::Text, "The topic of the callback.").hint("the topic of the callback");
    pub const CORRELATION: Key =
        Key::optional("correlation", Shape::Path, "The path of the saga's id in the message. Default: \"sagaId\".")
            .hint("the path of the saga's id in the message");
    pub const STATUS: Key =
        Key::optional("status", Shape::Path, "The path of the result in the message. Default: \"status\".")
            .hint("the path of the status in the message");
    pub const YES: Key = Key::required("yes", Shape::SomeTexts, "The results that complete the step.").hint(STATUSES);
    pub const NO: Key = Key::optional("no", Shape::Texts, "The results that refuse the step.").hint(STATUSES);
    pub const TIMEOUT: Key = Key::required("timeout", Shape::Duration, "How long the step waits.");
    pub const FIELDS_OF: Key =
        Key::optional("fields", Shape::Table(&FIELDS), "The fields that are read from the message and kept.");
}

/// `receive`
pub(in super::super) static RECEIVE: Table = Table {
    id: "receive",
    about: "The message from outside the saga that the step waits for.",
    keys: Keys::Fixed(&[
        receive::TOPIC,
        receive::CORRELATION,
        receive::STATUS,
        receive::YES,
        receive::NO,
        receive::TIMEOUT,
        receive::FIELDS_OF,
    ]),
};

/// `fields` of `receive`
pub(in super::super) static FIELDS: Table = Table {
    id: "fields",
    about: "The fields of a message, each with its type. A name can be a path into objects.",
    keys: Keys::Names { shape: Shape::TypeOr(SIMPLE, &[&FIELD_PLAIN, &FIELD_TEXT, &FIELD_WORD]), required: &[] },
};

/// The keys of a field.
pub(in super::super) mod field {
    use super::{Key, MOST_CHARS, SIMPLE, Shape, TYPES};

    const ABOUT: &str = "The type of the field.";

    pub const PLAIN: Key = Key::required("type", Shape::OneOf(SIMPLE), ABOUT).hint(TYPES);
    pub const TEXT: Key = Key::required("type", Shape::OneOf(&["text"]), ABOUT).hint(TYPES);
    pub const WORD: Key = Key::required("type", Shape::OneOf(&["word"]), ABOUT).hint(TYPES);
    pub const REQUIRED: Key = Key::optional("required", Shape::Boolean, "Refuse a message without the field.");
    pub const MAX: Key = Key::optional("max", Shape::Count(MOST_CHARS), "The most characters. Default: 200.")
        .hint("a number of characters, at most 10000");
    pub const OVER: Key =
        Key::optional("over", Shape::OneOf(&["refuse", "cut"]), "What happens to a longer text. Default: \"refuse\".")
            .hint("\"refuse\" or \"cut\"");
    pub const WORDS: Key = Key::required("words", Shape::SomeTexts, "The words, one of which the value must be.")
        .hint("a list such as [\"approved\", \"declined\"]");
}

/// A field of a type without further keys.
pub(in super::super) static FIELD_PLAIN: Table =
    Table { id: "field", about: "A field of a message.", keys: Keys::Fixed(&[field::PLAIN, field::REQUIRED]) };

/// A text.
pub(in super::super) static FIELD_TEXT: Table = Table {
    id: "text-field",
    about: "A text in a message.",
    keys: Keys::Fixed(&[field::TEXT, field::REQUIRED, field::MAX, field::OVER]),
};

/// A word.
pub(in super::super) static FIELD_WORD: Table = Table {
    id: "word-field",
    about: "One of some words.",
    keys: Keys::Fixed(&[field::WORD, field::REQUIRED, field::WORDS]),
};

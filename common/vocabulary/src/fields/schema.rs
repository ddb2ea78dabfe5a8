//! The fields of a message: paths, types, bounds.

use std::borrow::Cow;

use serde::Serialize;

/// The default bound of a text, in characters.
pub const TEXT_MAX: u32 = 200;
/// Characters that a UUID, a time or a number may have.
const SHORT: usize = 64;

/// The fields that are read from a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The named fields.
    pub fields: Cow<'static, [Field]>,
    /// All other fields.
    pub others: Others,
}

/// The fields that a schema does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// Ignored, and not kept.
    Ignored,
    /// Kept as they are, if the whole value is at most this long.
    Kept {
        /// Bytes of the value.
        max_bytes: usize,
    },
}

/// A named field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Field {
    /// Its name, or names joined by dots that lead through objects; a number is an index of a list.
    pub path: Cow<'static, str>,
    /// Its type and bound.
    #[serde(flatten)]
    pub kind: Kind,
    /// Set if a message without it is refused.
    pub required: bool,
}

/// The type and the bound of a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Kind {
    /// A string with a UUID in any of its forms, with or without blanks around it. Kept in lower case with hyphens.
    Uuid,
    /// One of these words, in any case, with or without blanks around it. Kept as it is written here.
    Word {
        /// The words.
        words: Cow<'static, [Cow<'static, str>]>,
    },
    /// A string.
    Text {
        /// The bound, in characters.
        max: u32,
        /// What happens to a longer one.
        over: Over,
    },
    /// A number whose value is kept exactly: a whole number of 64 bits, or one that a double holds.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A string with an RFC 3339 time. Kept in UTC with milliseconds.
    Timestamp,
}

/// What happens to a text that is longer than its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// The message is refused: for texts that identify something.
    Refuse,
    /// It is cut to the bound, and ends with a note of its length: for texts that explain something.
    Cut,
}

/// What a schema has at a path.
pub(super) enum PathMatch<'s> {
    /// It is a field.
    Field(&'s Field),
    /// Fields are within it.
    Parent,
    /// The schema does not name it.
    Other,
}

impl Schema {
    /// A schema that keeps only these fields.
    pub const fn of(fields: &'static [Field]) -> Self {
        Self { fields: Cow::Borrowed(fields), others: Others::Ignored }
    }

    /// The field at a path.
    pub fn field(&self, path: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.path == path)
    }

    pub(super) fn place(&self, path: &str) -> PathMatch<'_> {
        if let Some(field) = self.field(path) {
            return PathMatch::Field(field);
        }
        let within = |field: &Field| field.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        if self.fields.iter().any(within) { PathMatch::Parent } else { PathMatch::Other }
    }
}

impl Field {
    /// A field that every message has.
    pub const fn required(path: &'static str, kind: Kind) -> Self {
        Self { path: Cow::Borrowed(path), kind, required: true }
    }

    /// A field that a message may have.
    pub const fn optional(path: &'static str, kind: Kind) -> Self {
        Self { path: Cow::Borrowed(path), kind, required: false }
    }

    /// The most characters that it can have.
    pub fn most_chars(&self) -> usize {
        match &self.kind {
            Kind::Text { max, .. } => usize::try_from(*max).unwrap_or(usize::MAX),
            Kind::Word { words } => words.iter().map(|word| word.len()).max().unwrap_or_default(),
            Kind::Uuid | Kind::Number | Kind::Boolean | Kind::Timestamp => SHORT,
        }
    }
}

impl Kind {
    /// A text that identifies something: a longer one is refused.
    pub const fn id(max: u32) -> Self {
        Self::Text { max, over: Over::Refuse }
    }

    /// A text that explains something: a longer one is cut.
    pub const fn prose(max: u32) -> Self {
        Self::Text { max, over: Over::Cut }
    }

    /// One of these words.
    pub const fn word(words: &'static [Cow<'static, str>]) -> Self {
        Self::Word { words: Cow::Borrowed(words) }
    }
}

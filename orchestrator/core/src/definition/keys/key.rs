//! What a key and a table are.

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Key {
    pub(in super::super) name: &'static str,
    pub(in super::super) required: bool,
    pub(in super::super) shape: Shape,
    /// What to write, for errors; empty for that of the shape.
    pub(in super::super) hint: &'static str,
    /// The meaning, for editors.
    pub(in super::super) about: &'static str,
}

/// A table.
#[derive(Debug)]
pub(in super::super) struct Table {
    /// The name in the JSON Schema.
    pub(in super::super) id: &'static str,
    pub(in super::super) about: &'static str,
    pub(in super::super) keys: Keys,
}

/// The keys of a table.
#[derive(Debug)]
pub(in super::super) enum Keys {
    /// These keys.
    Fixed(&'static [Key]),
    /// These keys; some others would make it a table of another kind, and are named in errors only.
    OneKind { keys: &'static [Key], others: &'static [&'static str] },
    /// Keys that are names chosen by the author, each with a value of this shape; some are required.
    Names { shape: Shape, required: &'static [&'static str] },
}

/// The value of a key.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Shape {
    /// A string that is not empty.
    Text,
    /// Lowercase letters, digits and `-`.
    Name,
    /// Letters, digits, `_` and `-`.
    Word,
    Path,
    Condition,
    /// Above zero.
    Duration,
    /// A duration that may be zero.
    Pause,
    /// A whole number from 1 to a limit.
    Count(u32),
    /// A number in a range.
    Number(f64, f64),
    Boolean,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A list of strings.
    Texts,
    /// A list of strings that is not empty.
    SomeTexts,
    /// A whole number from 1, or `"unlimited"`.
    Attempts,
    /// Any value but a date.
    Json,
    /// A path, or a table.
    PathOr(&'static Table),
    /// A type as a string, or one of some tables.
    TypeOr(&'static [&'static str], &'static [&'static Table]),
    Table(&'static Table),
    /// `true`, for the defaults of a table, or the table.
    TrueOr(&'static Table),
    /// A list, not empty, of tables of one of these kinds.
    Tables(&'static [&'static Table]),
}

impl Key {
    pub(super) const fn required(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, required: true, shape, hint: "", about }
    }

    pub(super) const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, required: false, shape, hint: "", about }
    }

    /// The key with what errors say to write.
    pub(super) const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// What to write.
    pub(in super::super) fn wants(&self) -> String {
        format!("{} = {}", self.name, if self.hint.is_empty() { self.shape.wants() } else { self.hint })
    }
}

impl Shape {
    /// What to write, unless the key has a hint.
    pub(in super::super) const fn wants(&self) -> &'static str {
        match self {
            Self::Text | Self::Word => "a string in quotes",
            Self::Name => "a name of lowercase letters, digits and \"-\", at most 64 characters long",
            Self::Path => "a path into the saga's data, such as \"order.items\"",
            Self::Condition => "a condition such as 'has(order.delivery)' or 'order.amountMinor > 1000 && !order.gift'",
            Self::Duration | Self::Pause => "a duration above zero, such as \"200ms\", \"10s\" or \"15m\"",
            Self::Count(_) => "a whole number from 1",
            Self::Number(_, _) => "a number",
            Self::Boolean => "true or false",
            Self::OneOf(_) | Self::TypeOr(_, _) => "one of the types",
            Self::Texts | Self::SomeTexts => "a list of strings",
            Self::Attempts => "a whole number from 1, or \"unlimited\"",
            Self::Json => "a string, a number, true, false, a list or a table",
            Self::PathOr(_) => "a path, or a table",
            Self::Table(_) | Self::Tables(_) => "a table",
            Self::TrueOr(_) => "true, or a table",
        }
    }
}

impl Table {
    /// The names of its keys, as errors list them.
    pub(in super::super) fn names(&self) -> Vec<&'static str> {
        match &self.keys {
            Keys::Fixed(keys) => keys.iter().map(|key| key.name).collect(),
            Keys::OneKind { keys, others } => keys.iter().map(|key| key.name).chain(others.iter().copied()).collect(),
            Keys::Names { .. } => Vec::new(),
        }
    }

    /// Returns true if the table may have this key.
    pub(in super::super) fn allows(&self, name: &str) -> bool {
        match &self.keys {
            Keys::Fixed(keys) | Keys::OneKind { keys, .. } => keys.iter().any(|key| key.name == name),
            Keys::Names { .. } => true,
        }
    }
}

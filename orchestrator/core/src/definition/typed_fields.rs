//! Parses `fields`: the names and types of the fields of a message, for `start` and `receive`.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;
use vocabulary::fields::{Field, Kind, Over, TEXT_MAX};

use super::keys::{self, FIELD_PLAIN, FIELD_TEXT, FIELD_WORD, MOST_CHARS};
use super::read::{Reader, count, display_text, texts};
use crate::data::Path;

/// The most fields of a message.
const MOST_FIELDS: usize = 64;
const TYPES: &str = "\"uuid\", \"word\", \"text\", \"number\", \"boolean\" or \"timestamp\"";

/// The fields `{ NAME = TYPE, NAME = { type, required, … } }`, sorted by path.
pub(super) fn typed_fields(table: &Reader<'_>) -> Vec<Field> {
    let entries = table.entries();
    sorted(entries.iter().filter_map(|(name, at, value)| field(table, name, at, value)).collect())
}

/// The fields in the order of their paths, in which definitions are compared.
pub(super) fn sorted(mut fields: Vec<Field>) -> Vec<Field> {
    fields.sort_by(|a, b| a.path.cmp(&b.path));
    fields
}

/// Reports too many fields, and fields within others.
pub(super) fn check_fields(table: &Reader<'_>, fields: &[Field]) {
    let error = |problem: String, write: String| table.error(table.span(), problem, write);
    let chars: usize = fields.iter().map(Field::most_chars).sum();
    if fields.len() > MOST_FIELDS || u32::try_from(chars).map_or(true, |chars| chars > MOST_CHARS) {
        let problem = format!("{} fields with {chars} characters in all", fields.len());
        error(problem, format!("write at most {MOST_FIELDS} fields with {MOST_CHARS} characters in all"));
    }
    let paths = || fields.iter().filter_map(|field| Path::parse(&field.path));
    for outer in paths() {
        if let Some(inner) = paths().find(|inner| *inner != outer && outer.contains(inner)) {
            error(format!("the field {outer} contains the field {inner}"), "write one of the two".to_owned());
        }
    }
}

fn field(table: &Reader<'_>, name: &str, at: &Range<usize>, value: &Spanned<DeValue<'_>>) -> Option<Field> {
    let Some(path) = Path::parse(name) else {
        table.error(
            at.clone(),
            format!("{name:?} in fields is not a path"),
            "write a name such as reason, or \"card.id\"",
        );
        return None;
    };
    let path: Cow<'static, str> = Cow::Owned(path.as_str().to_owned());
    if let Some(short) = value.get_ref().as_str() {
        let kind = simple_kind(short).filter(|_| short != "word");
        if kind.is_none() {
            let write = format!("write a type: {TYPES}; or {{ type = \"word\", words = [...] }}");
            table.error(value.span(), format!("{name} in fields is {short:?}"), write);
        }
        return Some(Field { path, kind: kind?, required: false });
    }
    let Some(inner) = value.get_ref().as_table() else {
        let problem = format!("{name} in fields is {}", display_text(value.get_ref()));
        table.error(value.span(), problem, format!("write a type: {TYPES}; or {{ type = \"text\", max = 200 }}"));
        return None;
    };
    let keys = match inner.get("type").and_then(|kind| kind.get_ref().as_str()) {
        Some("text") => &FIELD_TEXT,
        Some("word") => &FIELD_WORD,
        Some(_) | None => &FIELD_PLAIN,
    };
    table.inner(name, inner, value.span(), keys, |inner| {
        let required = inner.get(&keys::field::REQUIRED, |value| value.as_bool()).unwrap_or(false);
        let kind = kind(inner)?;
        Some(Field { path, kind, required })
    })
}

/// `{ type, max, over, words }`.
fn kind(table: &Reader<'_>) -> Option<Kind> {
    use keys::field as key;
    let known = |value: &DeValue<'_>| value.as_str().and_then(simple_kind);
    match table.get(&key::PLAIN, known)? {
        Kind::Text { .. } => {
            let limit = |value: &DeValue<'_>| count(value).filter(|max| *max <= MOST_CHARS);
            let max = table.get(&key::MAX, limit);
            let over = table.get(&key::OVER, over).unwrap_or(Over::Refuse);
            Some(Kind::Text { max: max.unwrap_or(TEXT_MAX), over })
        }
        Kind::Word { .. } => {
            let full = |value: &DeValue<'_>| texts(value).filter(|words| !words.is_empty());
            let words = table.get(&key::WORDS, full)?;
            Some(Kind::Word { words: words.into_iter().map(Cow::Owned).collect() })
        }
        other @ (Kind::Uuid | Kind::Number | Kind::Boolean | Kind::Timestamp) => Some(other),
    }
}

fn simple_kind(name: &str) -> Option<Kind> {
    match name {
        "uuid" => Some(Kind::Uuid),
        "word" => Some(Kind::Word { words: Cow::Borrowed(&[]) }),
        "text" => Some(Kind::id(TEXT_MAX)),
        "number" => Some(Kind::Number),
        "boolean" => Some(Kind::Boolean),
        "timestamp" => Some(Kind::Timestamp),
        _ => None,
    }
}

fn over(value: &DeValue<'_>) -> Option<Over> {
    match value.as_str()? {
        "refuse" => Some(Over::Refuse),
        "cut" => Some(Over::Cut),
        _ => None,
    }
}

//! Parses `receive`: the callback of a step, and the fields that are read from it.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;
use vocabulary::fields::{Field, Kind, Over, TEXT_MAX};
use vocabulary::schemas;

use super::callback::{Receive, correlation_field, status_field};
use super::fields::{TIMEOUT, path};
use super::keys::{self, FIELD_PLAIN, FIELD_TEXT, FIELD_WORD, FIELDS, Key, MOST_CHARS};
use super::read::{Reader, count, duration, shown, text, texts};
use crate::data::Path;

/// The most fields of a callback.
const MOST_FIELDS: usize = 64;
const TYPES: &str = "\"uuid\", \"word\", \"text\", \"number\", \"boolean\" or \"timestamp\"";

pub(super) fn receive(table: Reader<'_>) -> Receive {
    use keys::receive as key;
    let full = |value: &DeValue<'_>| texts(value).filter(|statuses| !statuses.is_empty());
    let mut receive = Receive {
        topic: table.get(&key::TOPIC, text).unwrap_or_default(),
        correlation: path_of(&table, &key::CORRELATION, "sagaId"),
        status: path_of(&table, &key::STATUS, "status"),
        yes: table.get(&key::YES, full).unwrap_or_default(),
        no: table.get(&key::NO, texts).unwrap_or_default(),
        timeout: table.get(&key::TIMEOUT, duration).unwrap_or(TIMEOUT),
        fields: None,
    };
    if let Some(both) = receive.yes.iter().find(|yes| receive.no.iter().any(|no| no.eq_ignore_ascii_case(yes))) {
        table.error(table.span(), format!("{both:?} is in both yes and no"), "write it in one of the two lists");
    }
    let named = table.table(&key::FIELDS_OF, &FIELDS).map(|fields| named_fields(fields, &receive));
    let default = schemas::of_topic(&receive.topic).map(|schema| sorted(schema.fields.to_vec()));
    receive.fields = named.filter(|named| Some(named) != default.as_ref());
    table.finish();
    receive
}

/// A path into a message, with a default.
fn path_of(table: &Reader<'_>, key: &Key, default: &str) -> Path {
    table.get(key, path).or_else(|| Path::parse(default)).unwrap_or_else(Path::nowhere)
}

fn sorted(mut fields: Vec<Field>) -> Vec<Field> {
    fields.sort_by(|a, b| a.path.cmp(&b.path));
    fields
}

/// `fields = { NAME = TYPE, NAME = { type, required, … } }`. The correlation and the status are always among them.
fn named_fields(table: Reader<'_>, receive: &Receive) -> Vec<Field> {
    let entries = table.entries();
    let mut fields: Vec<Field> =
        entries.iter().filter_map(|(name, at, value)| field(&table, name, at, value)).collect();
    let schema = schemas::of_topic(&receive.topic);
    for own in [correlation_field(&receive.correlation), status_field(&receive.status)] {
        match fields.iter_mut().find(|field| field.path == own.path) {
            Some(field) => field.required = true,
            None => fields.push(schema.and_then(|schema| schema.field(&own.path)).cloned().unwrap_or(own)),
        }
    }
    let fields = sorted(fields);
    check(&table, receive, &fields);
    fields
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
        let problem = format!("{name} in fields is {}", shown(value.get_ref()));
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

/// Reports every inconsistency of the fields.
fn check(table: &Reader<'_>, receive: &Receive, fields: &[Field]) {
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
    let kind_of = |path: &Path| fields.iter().find(|field| field.path == path.as_str()).map(|field| &field.kind);
    if kind_of(&receive.correlation) != Some(&Kind::Uuid) {
        error(format!("{} is the correlation", receive.correlation), "write type = \"uuid\" for it".to_owned());
    }
    match kind_of(&receive.status) {
        Some(Kind::Text { .. }) => {}
        Some(Kind::Word { words }) => {
            let known = |status: &String| words.iter().any(|word| word.eq_ignore_ascii_case(status));
            for status in receive.yes.iter().chain(&receive.no).filter(|status| !known(status)) {
                let write = format!("write one of: {}", words.join(", "));
                error(format!("{status:?} in yes or no is not a word of {}", receive.status), write);
            }
        }
        Some(Kind::Uuid | Kind::Number | Kind::Boolean | Kind::Timestamp) | None => {
            let write = "write type = \"word\" or \"text\" for it".to_owned();
            error(format!("{} is the status", receive.status), write);
        }
    }
    check_topic(&error, receive, fields);
}

/// The messages of some topics have a schema of their own, which fields must not contradict.
fn check_topic(error: &dyn Fn(String, String), receive: &Receive, fields: &[Field]) {
    let Some(schema) = schemas::of_topic(&receive.topic) else { return };
    for field in fields {
        match schema.field(&field.path) {
            Some(known) if known == field => {}
            Some(known) => {
                let written = serde_json::to_string(known).unwrap_or_default();
                let problem = format!("{} differs from the schema of {:?}", field.path, receive.topic);
                error(problem, format!("write the fields as in {written}, or leave them out"));
            }
            None => {
                let names: Vec<&str> = schema.fields.iter().map(|field| &*field.path).collect();
                let problem = format!("the messages on {:?} have no field {}", receive.topic, field.path);
                error(problem, format!("write some of: {}", names.join(", ")));
            }
        }
    }
}

//! Parses `receive`: the callback of a step, and the fields that are read from it.

use toml::de::DeValue;
use vocabulary::fields::{Field, Kind};
use vocabulary::schemas;

use super::callback::{Receive, correlation_field, status_field};
use super::fields::{TIMEOUT, path};
use super::keys::{self, FIELDS, Key};
use super::read::{Reader, duration, text, texts};
use super::typed_fields::{check_fields, sorted, typed_fields};
use crate::data::Path;

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
    receive.fields = named.filter(|named| !default.is_some_and(|default| are_those_of(&default, named)));
    table.finish();
    receive
}

/// Returns true if these are the fields of a topic's schema. A word may have fewer words there: which of them end the
/// wait is in `yes` and `no`.
fn are_those_of(schema: &[Field], fields: &[Field]) -> bool {
    schema.len() == fields.len() && schema.iter().zip(fields).all(|(known, field)| fits(known, field))
}

/// Returns true if a field is one of a schema, or has some of its words.
fn fits(known: &Field, field: &Field) -> bool {
    match (&known.kind, &field.kind) {
        (Kind::Word { words: all }, Kind::Word { words }) => {
            known.path == field.path && known.required == field.required && words.iter().all(|word| all.contains(word))
        }
        _ => known == field,
    }
}

/// A path into a message, with a default.
fn path_of(table: &Reader<'_>, key: &Key, default: &str) -> Path {
    table.get(key, path).or_else(|| Path::parse(default)).unwrap_or_else(Path::nowhere)
}

/// `fields = { NAME = TYPE, NAME = { type, required, … } }`. The correlation and the status are always among them.
fn named_fields(table: Reader<'_>, receive: &Receive) -> Vec<Field> {
    let mut fields = typed_fields(&table);
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

/// Reports every inconsistency of the fields.
fn check(table: &Reader<'_>, receive: &Receive, fields: &[Field]) {
    let error = |problem: String, write: String| table.error(table.span(), problem, write);
    check_fields(table, fields);
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
            Some(known) if fits(known, field) => {}
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

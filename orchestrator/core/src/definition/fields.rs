//! Parts of a definition that occur in several of its tables: labels, commands, picks, retries.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::keys::{self, INPUT, Key, LABEL, PICK, RETRY};
use super::label::Label;
use super::model::Call;
use super::read::{Reader, count, display_text, duration, json, number, text, texts};
use super::retry::{AttemptLimit, Retry};
use crate::condition::Condition;
use crate::data::{Path, Pick};

const PATH: &str = "a path into the saga's data, such as \"order.items\"";
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// `label = { en = "...", pt = "..." }`; by default the name.
pub(super) fn label(table: &Reader<'_>, key: &Key, name: &str) -> Label {
    let named = || Label(BTreeMap::from([("en".to_owned(), name.to_owned())]));
    let Some(languages) = table.table(key, &LABEL) else { return named() };
    let mut label = Label::default();
    for (language, at, value) in languages.entries() {
        match text(value.get_ref()) {
            Some(text) => _ = label.0.insert(language, text),
            None => {
                languages.error(at, format!("the label in {language:?} is not a string"), "write a string in quotes")
            }
        }
    }
    if !label.0.contains_key("en") {
        languages.missing("en", "label = { en = \"...\" }; other languages are optional, English is not");
    }
    label
}

/// A condition.
pub(super) fn condition(table: &Reader<'_>, key: &Key) -> Option<Condition> {
    let at = table.value(key)?.span();
    let condition = Condition::parse(&table.get(key, text)?);
    let problem = |error| format!("{}: {error}", key.name);
    condition.map_err(|error| table.error(at, problem(error), format!("write {}", key.shape.wants()))).ok()
}

pub(super) fn path(value: &DeValue<'_>) -> Option<Path> {
    Path::parse(value.as_str()?)
}

/// A path as a string, `{ path, fields, default }` or `{ literal }`.
pub(super) fn pick(parent: &Reader<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Pick> {
    if let Some(path) = path(value.get_ref()) {
        return Some(Pick::At { path, fields: Vec::new(), default: None });
    }
    let wants = format!("{PATH}, {{ path = \"...\", fields = [...], default = ... }} or {{ literal = ... }}");
    let Some(table) = value.get_ref().as_table() else {
        parent.error(value.span(), format!("{name} is {}", display_text(value.get_ref())), format!("write {wants}"));
        return None;
    };
    parent.inner(name, table, value.span(), &PICK, |table| {
        let literal = table.get(&keys::pick::LITERAL, json);
        let path = table.get(&keys::pick::PATH, path);
        let fields = table.get(&keys::pick::FIELDS, texts).unwrap_or_default();
        let default = table.get(&keys::pick::DEFAULT, json);
        match (literal, path) {
            (Some(literal), None) if fields.is_empty() && default.is_none() => Some(Pick::Literal(literal)),
            (None, Some(path)) => Some(Pick::At { path, fields, default }),
            (Some(_), None | Some(_)) | (None, None) => {
                table.error(
                    table.span(),
                    format!("{name} has no path, or a literal beside other keys"),
                    format!("write {wants}"),
                );
                None
            }
        }
    })
}

/// The keys of a command, in a step or in `[conclude]`.
pub(super) fn call(table: &Reader<'_>, retry: &Retry) -> Call {
    let participant = table.get(&keys::call::PARTICIPANT, text).unwrap_or_default();
    call_to(table, participant, retry, TIMEOUT)
}

/// The keys of `compensate`. The participant, retries and timeout default to those of the step.
pub(super) fn compensation(table: &Reader<'_>, execute: &Call) -> Call {
    let participant = table.get(&keys::compensate::PARTICIPANT, text).unwrap_or_else(|| execute.participant.clone());
    call_to(table, participant, &execute.retry, execute.timeout)
}

fn call_to(table: &Reader<'_>, participant: String, retry: &Retry, timeout: Duration) -> Call {
    let command = table.get(&keys::call::COMMAND_TYPE, text).unwrap_or_default();
    let input = input(table, &keys::call::INPUT);
    let retry =
        table.table(&keys::call::RETRY, &RETRY).map_or_else(|| retry.clone(), |table| self::retry(table, retry));
    let timeout = table.get(&keys::call::TIMEOUT, duration).unwrap_or(timeout);
    Call { participant, command, input, retry, timeout }
}

/// The fields of a message.
pub(super) fn input(table: &Reader<'_>, key: &Key) -> BTreeMap<String, Pick> {
    let mut input = BTreeMap::new();
    if let Some(fields) = table.table(key, &INPUT) {
        for (field, _, value) in fields.entries() {
            if let Some(pick) = pick(&fields, &field, value) {
                input.insert(field, pick);
            }
        }
    }
    input
}

fn retry(table: Reader<'_>, default: &Retry) -> Retry {
    let attempts = |value: &DeValue<'_>| {
        if value.as_str() == Some("unlimited") {
            Some(AttemptLimit::Unlimited)
        } else {
            count(value).map(AttemptLimit::AtMost)
        }
    };
    let share = |value: &DeValue<'_>| number(value).filter(|share| (0.0..=1.0).contains(share));
    let factor = |value: &DeValue<'_>| number(value).filter(|factor| (1.0..=100.0).contains(factor));
    let retry = Retry {
        attempts: table.get(&keys::retry::ATTEMPTS, attempts).unwrap_or(default.attempts),
        first: table.get(&keys::retry::FIRST, duration).unwrap_or(default.first),
        factor: table.get(&keys::retry::FACTOR, factor).unwrap_or(default.factor),
        max: table.get(&keys::retry::MAX, duration).unwrap_or(default.max),
        jitter: table.get(&keys::retry::JITTER, share).unwrap_or(default.jitter),
    };
    if retry.max < retry.first {
        table.error(table.span(), "max is shorter than first", "write a max that is at least first");
    }
    table.finish();
    retry
}

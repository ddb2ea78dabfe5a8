//! Parts of a definition that occur in several of its tables: labels, commands, picks, retries.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::model::{Call, Label};
use super::read::{Reader, count, duration, json, number, shown, text, texts};
use super::retry::{AttemptLimit, Retry};
use crate::data::{Path, Pick};

pub(super) const NAME: &str = "a name of lowercase letters, digits and \"-\", at most 64 characters long";
pub(super) const DURATION: &str = "a duration above zero, such as \"200ms\", \"10s\" or \"15m\"";
pub(super) const PATH: &str = "a path into the saga's data, such as \"order.items\"";
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// `label = { en = "...", pt = "..." }`; by default the name.
pub(super) fn label(table: &mut Reader<'_>, name: &str) -> Label {
    let named = || Label(BTreeMap::from([("en".to_owned(), name.to_owned())]));
    let Some(mut languages) = table.table("label") else { return named() };
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
        parent.error(value.span(), format!("{name} is {}", shown(value.get_ref())), format!("write {wants}"));
        return None;
    };
    parent.inner(name, table, value.span(), |table| {
        let literal = table.get("literal", "literal = a string, a number, true, false, a list or a table", json);
        let path = table.get("path", PATH, path);
        let fields = table.get("fields", "fields = a list of names", texts).unwrap_or_default();
        let default = table.get("default", "default = a string, a number, true, false, a list or a table", json);
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

/// The keys of a command, in a step, in `compensate` or in `[conclude]`. The participant, retries and timeout of a
/// compensation default to those of the step.
pub(super) fn call(table: &mut Reader<'_>, participant: Option<&str>, retry: &Retry, timeout: Duration) -> Call {
    let wants = "participant = a name from [participants], receive = { ... } for a step that waits, or rules = [...] \
                 for a step that checks rules";
    let participant = match participant {
        Some(default) => table.get("participant", wants, text).unwrap_or_else(|| default.to_owned()),
        None => table.need("participant", wants, text).unwrap_or_default(),
    };
    let command = table.need("command", "command = a type such as \"inventory.reserve\"", text).unwrap_or_default();
    let input = input(table);
    let retry = table.table("retry").map_or_else(|| retry.clone(), |table| self::retry(table, retry));
    let timeout = table.get("timeout", &format!("timeout = {DURATION}"), duration).unwrap_or(timeout);
    Call { participant, command, input, retry, timeout }
}

/// The fields of a message.
pub(super) fn input(table: &mut Reader<'_>) -> BTreeMap<String, Pick> {
    let mut input = BTreeMap::new();
    if let Some(mut fields) = table.table("input") {
        for (field, _, value) in fields.entries() {
            if let Some(pick) = pick(&fields, &field, value) {
                input.insert(field, pick);
            }
        }
    }
    input
}

fn retry(mut table: Reader<'_>, default: &Retry) -> Retry {
    let attempts = |value: &DeValue<'_>| {
        if value.as_str() == Some("unlimited") {
            Some(AttemptLimit::Unlimited)
        } else {
            count(value).map(AttemptLimit::AtMost)
        }
    };
    let wants = "attempts = a whole number from 1, or \"unlimited\"";
    let share = |value: &DeValue<'_>| number(value).filter(|share| (0.0..=1.0).contains(share));
    let factor = |value: &DeValue<'_>| number(value).filter(|factor| (1.0..=100.0).contains(factor));
    let retry = Retry {
        attempts: table.get("attempts", wants, attempts).unwrap_or(default.attempts),
        first: table.get("first", &format!("first = {DURATION}"), duration).unwrap_or(default.first),
        factor: table.get("factor", "factor = a number from 1 to 100", factor).unwrap_or(default.factor),
        max: table.get("max", &format!("max = {DURATION}"), duration).unwrap_or(default.max),
        jitter: table.get("jitter", "jitter = a number from 0 to 1", share).unwrap_or(default.jitter),
    };
    if retry.max < retry.first {
        table.error(table.span(), "max is shorter than first", "write a max that is at least first");
    }
    table.finish();
    retry
}

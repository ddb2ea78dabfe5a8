//! Checks a JSON value against the type of a field.

use std::borrow::Cow;

use serde_json::Value;
use uuid::Uuid;

use super::schema::{Kind, Over};
use crate::number;
use crate::time::Timestamp;

/// Characters of a wrong value that an error shows.
const SHOWN: usize = 60;

/// The value of a field from its JSON text, which is valid JSON; `None` for `null`.
///
/// # Errors
/// What is wrong, as the end of a sentence that begins with the field's name.
pub(super) fn read(kind: &Kind, json: &str) -> Result<Option<Value>, String> {
    let value = match (kind, json.as_bytes().first()) {
        (_, Some(b'n')) => return Ok(None),
        (Kind::Boolean, Some(b't')) => Value::Bool(true),
        (Kind::Boolean, Some(b'f')) => Value::Bool(false),
        (Kind::Number, Some(b'-' | b'0'..=b'9')) => number::exact(json)?,
        (Kind::Uuid, Some(b'"')) => uuid(&text(json)?)?,
        (Kind::Word { words }, Some(b'"')) => word(words, &text(json)?)?,
        (Kind::Text { max, over }, Some(b'"')) => Value::String(bounded(text(json)?, *max, *over)?),
        (Kind::Timestamp, Some(b'"')) => timestamp(&text(json)?)?,
        (
            Kind::Uuid | Kind::Word { .. } | Kind::Text { .. } | Kind::Number | Kind::Boolean | Kind::Timestamp,
            first,
        ) => return Err(format!("is {}; it must be {}", found(first), wanted(kind))),
    };
    Ok(Some(value))
}

/// The type of a field, in words.
pub(super) fn wanted(kind: &Kind) -> Cow<'static, str> {
    match kind {
        Kind::Uuid => "a text with a UUID".into(),
        Kind::Word { words } => format!("a text: {}", words.join(", ")).into(),
        Kind::Text { max, .. } => format!("a text of at most {max} characters").into(),
        Kind::Number => "a number".into(),
        Kind::Boolean => "true or false".into(),
        Kind::Timestamp => "a text with an RFC 3339 time".into(),
    }
}

fn found(first: Option<&u8>) -> &'static str {
    match first {
        Some(b'"') => "a text",
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "a boolean",
        Some(_) | None => "a number",
    }
}

fn text(json: &str) -> Result<String, String> {
    serde_json::from_str(json).map_err(|error| format!("is not a text: {error}"))
}

fn uuid(text: &str) -> Result<Value, String> {
    match Uuid::parse_str(text.trim()) {
        Ok(id) => Ok(Value::String(id.to_string())),
        Err(error) => Err(format!("'{}' is not a UUID: {error}", display_text(text))),
    }
}

fn word(words: &[Cow<'static, str>], text: &str) -> Result<Value, String> {
    match words.iter().find(|word| word.eq_ignore_ascii_case(text.trim())) {
        Some(word) => Ok(Value::String(word.to_string())),
        None => Err(format!("'{}' is not one of: {}", display_text(text), words.join(", "))),
    }
}

fn timestamp(text: &str) -> Result<Value, String> {
    match Timestamp::parse(text.trim()) {
        Ok(time) => Ok(Value::String(time.to_string())),
        Err(_) => Err(format!("'{}' is not an RFC 3339 time such as 2026-11-21T12:00:00Z", display_text(text))),
    }
}

fn bounded(text: String, max: u32, over: Over) -> Result<String, String> {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    // A text has at least as many bytes as characters.
    let chars = if text.len() > max { text.chars().count() } else { text.len() };
    if chars <= max {
        return Ok(text);
    }
    match over {
        Over::Refuse => Err(format!("has {chars} characters; at most {max} are allowed")),
        Over::Cut => {
            let note = format!("… (cut: {chars} characters)");
            let kept = max.saturating_sub(note.chars().count());
            Ok(text.chars().take(kept).chain(note.chars()).take(max).collect())
        }
    }
}

fn display_text(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}

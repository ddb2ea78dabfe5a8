//! The form of a task: an input for each field, by its type, and the values that a browser sends.

use common::fields::{Field, Kind};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::query::Query;
use crate::filter::parse_time;
use crate::i18n::Lang;

/// The prefix of the names of the inputs.
const PREFIX: &str = "field.";

/// The inputs of a form, whose message goes to this topic.
pub(super) fn inputs(fields: &[Field], topic: &str, lang: Lang) -> Markup {
    html! { @for field in fields { (input(field, topic, lang)) } }
}

fn input(field: &Field, topic: &str, lang: Lang) -> Markup {
    let name = format!("{PREFIX}{}", field.path);
    let needed = field.required;
    html! { label {
        span {
            (label_of(&field.path, lang))
            @if !needed { " " (lang.text("(optional)", "(opcional)")) }
            @if field.kind == Kind::Timestamp { " (UTC)" }
        }
        @match &field.kind {
            Kind::Word { words } => select name=(name) required[needed] {
                option value="" { (lang.text("choose", "escolha")) }
                @for word in words.iter() { option value=(word) { (lang.decision(topic, word)) } }
            },
            Kind::Boolean => select name=(name) required[needed] {
                option value="" { (lang.text("choose", "escolha")) }
                option value="true" { (lang.text("yes", "sim")) }
                option value="false" { (lang.text("no", "não")) }
            },
            Kind::Text { max, .. } if *max > 80 => {
                textarea name=(name) rows="2" maxlength=(max) required[needed] {}
            },
            Kind::Text { max, .. } => input name=(name) maxlength=(max) required[needed] autocomplete="off";,
            Kind::Number => input name=(name) type="number" step="any" required[needed] autocomplete="off";,
            Kind::Uuid => {
                input name=(name) required[needed] maxlength="36" autocomplete="off" spellcheck="false";
            },
            Kind::Timestamp => input name=(name) type="datetime-local" step="1" required[needed];,
        }
    } }
}

/// The label of an input. The person's own reason, which is recorded with the decision, is another input.
fn label_of(path: &str, lang: Lang) -> String {
    match path {
        "status" => lang.text("Decision", "Decisão").to_owned(),
        "reason" => lang.text("Reason of the result", "Motivo do resultado").to_owned(),
        other => lang.field(other),
    }
}

/// The values of a form that was sent. A value that is not of its type is left for the check of the form.
pub(super) fn values(fields: &[Field], form: &Query) -> Map<String, Value> {
    let value = |field: &Field| {
        let text = form.get(&format!("{PREFIX}{}", field.path))?;
        Some((field.path.to_string(), typed(&field.kind, text)))
    };
    fields.iter().filter_map(value).collect()
}

fn typed(kind: &Kind, text: &str) -> Value {
    let as_text = || Value::from(text);
    match kind {
        Kind::Number => serde_json::from_str(text).ok().filter(Value::is_number).unwrap_or_else(as_text),
        Kind::Boolean => text.parse().map_or_else(|_| as_text(), Value::Bool),
        Kind::Timestamp => parse_time("", text).map_or_else(|_| as_text(), |at| saga::Timestamp(at).to_string().into()),
        Kind::Word { .. } | Kind::Text { .. } | Kind::Uuid => as_text(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_type_has_an_input_and_its_value_is_typed() {
        let word = Kind::Word { words: vec!["received".into(), "rejected".into()].into() };
        let kinds = [
            ("status", word, "received", json!("received"), "<select name=\"field.status\" required"),
            ("pieces", Kind::Number, "2", json!(2), "type=\"number\""),
            ("whole", Kind::Boolean, "false", json!(false), "value=\"false\""),
            ("at", Kind::Timestamp, "2026-01-31T12:00", json!("2026-01-31T12:00:00.000Z"), "datetime-local"),
            ("note", Kind::prose(200), "a <b>", json!("a <b>"), "<textarea name=\"field.note\""),
            ("card.id", Kind::Uuid, "x", json!("x"), "name=\"field.card.id\""),
        ];
        for (path, kind, sent, value, part) in kinds {
            let field = Field { path: path.into(), kind, required: true };
            let text = inputs(std::slice::from_ref(&field), "approvals", Lang::Pt).into_string();
            assert!(text.contains(part), "{part} in {text}");
            let form = Query::parse(&format!("field.{path}={sent}"));
            assert_eq!(values(&[field], &form), Map::from_iter([(path.to_owned(), value)]));
        }
        let field = Field { path: "pieces".into(), kind: Kind::Number, required: false };
        assert_eq!(values(std::slice::from_ref(&field), &Query::parse("field.pieces=")), Map::new());
        let wrong = values(&[field], &Query::parse("field.pieces=two"));
        assert_eq!(wrong["pieces"], "two", "the check of the form refuses it");
    }
}

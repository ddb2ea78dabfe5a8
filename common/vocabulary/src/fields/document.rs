//! A schema in words, for errors, and as JSON Schema, for the message contract.

use std::fmt;

use schemars::Schema as JsonSchema;
use serde_json::{Map, Value, json};

use super::kind::wanted;
use super::schema::{Field, Kind, Over, Schema};

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |required: bool| {
            let fields = self.fields.iter().filter(move |field| field.required == required);
            fields.map(|field| format!("{} ({})", field.path, wanted(&field.kind))).collect::<Vec<_>>().join(", ")
        };
        write!(f, "a JSON object in UTF-8 with {}", list(true))?;
        let optional = list(false);
        if optional.is_empty() { Ok(()) } else { write!(f, "; optional: {optional}") }
    }
}

impl Schema {
    /// The schema as JSON Schema, with a sentence about each field. The fields are at the top of the object.
    pub fn json_schema(&self, about: &str, fields: &[(&str, &str)]) -> JsonSchema {
        let about_field = |path: &str| fields.iter().find(|(name, _)| *name == path).map_or("", |(_, about)| *about);
        let property = |field: &Field| (field.path.to_string(), property(field, about_field(&field.path)));
        let required = self.fields.iter().filter(|field| field.required).map(|field| Value::from(&*field.path));
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("description".to_owned(), json!(about));
        schema.insert("properties".to_owned(), Value::Object(self.fields.iter().map(property).collect()));
        schema.insert("required".to_owned(), Value::Array(required.collect()));
        schema.into()
    }
}

fn property(field: &Field, about: &str) -> Value {
    let mut property = match &field.kind {
        Kind::Uuid => json!({ "type": "string", "format": "uuid" }),
        Kind::Word { words } => {
            let words: Vec<String> = words.iter().map(|word| any_case(word)).collect();
            json!({ "type": "string", "pattern": format!("^\\s*({})\\s*$", words.join("|")) })
        }
        Kind::Text { max, over: Over::Refuse } => json!({ "type": "string", "maxLength": max }),
        Kind::Text { .. } => json!({ "type": "string" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Timestamp => json!({ "type": "string", "format": "date-time" }),
    };
    let note = match &field.kind {
        Kind::Word { words } => format!(" One of {}, in any case, with or without blanks around it.", words.join(", ")),
        Kind::Text { max, over: Over::Cut } => format!(" Cut to {max} characters."),
        Kind::Uuid | Kind::Text { .. } | Kind::Number | Kind::Boolean | Kind::Timestamp => String::new(),
    };
    if let Some(object) = property.as_object_mut() {
        if !field.required {
            let kind = object.remove("type").unwrap_or_default();
            object.insert("type".to_owned(), json!([kind, "null"]));
        }
        object.insert("description".to_owned(), json!(format!("{about}{note}")));
    }
    property
}

/// A regular expression of a word in any case.
fn any_case(word: &str) -> String {
    word.chars().map(|letter| format!("[{}{}]", letter.to_ascii_lowercase(), letter.to_ascii_uppercase())).collect()
}

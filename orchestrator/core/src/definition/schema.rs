//! The JSON Schema of definitions (draft 7, which editors of TOML support), made from the keys that the parser reads
//! by.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::keys::{FILE, Key, Keys, Shape, Table};

/// The JSON Schema of definitions, with a line feed at its end. It describes the tables, their keys and the types of
/// the values; [`crate::Definition::parse`] also checks that they fit together.
#[must_use]
pub fn definition_schema() -> String {
    let mut tables = BTreeMap::new();
    let mut schema = Map::from_iter([
        ("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#")),
        ("title".to_owned(), json!(FILE.id)),
    ]);
    schema.extend(table(&FILE, &mut tables));
    schema.insert("definitions".to_owned(), json!(tables));
    format!("{:#}\n", Value::Object(schema))
}

type Definitions = BTreeMap<&'static str, Value>;

fn table(table: &'static Table, tables: &mut Definitions) -> Map<String, Value> {
    let mut schema = Map::new();
    let mut put = |name: &str, value: Value| _ = schema.insert(name.to_owned(), value);
    put("description", json!(table.about));
    put("type", json!("object"));
    match &table.keys {
        Keys::Fixed(keys) | Keys::OneKind { keys, .. } => {
            let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
            let properties: Map<String, Value> =
                keys.iter().map(|key| (key.name.to_owned(), described(key, tables))).collect();
            put("properties", Value::Object(properties));
            put("required", json!(required));
            put("additionalProperties", json!(false));
        }
        Keys::Names { shape, required } => {
            put("required", json!(required));
            put("additionalProperties", of_shape(*shape, tables));
        }
    }
    schema
}

fn described(key: &Key, tables: &mut Definitions) -> Value {
    // Beside $ref draft 7 ignores other keywords.
    let mut schema = match of_shape(key.shape, tables) {
        Value::Object(schema) if schema.contains_key("$ref") => Map::from_iter([("allOf".to_owned(), json!([schema]))]),
        Value::Object(schema) => schema,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    schema.insert("description".to_owned(), json!(key.about));
    Value::Object(schema)
}

/// A reference to a table, which is added to the definitions.
fn reference(to: &'static Table, tables: &mut Definitions) -> Value {
    if !tables.contains_key(to.id) {
        let schema = table(to, tables);
        tables.insert(to.id, Value::Object(schema));
    }
    json!({"$ref": format!("#/definitions/{}", to.id)})
}

fn of_shape(shape: Shape, tables: &mut Definitions) -> Value {
    match shape {
        Shape::Text | Shape::Condition => json!({"type": "string", "minLength": 1}),
        Shape::Name => json!({"type": "string", "pattern": "^[a-z0-9-]{1,64}$"}),
        Shape::Word => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}),
        Shape::Path => path(),
        Shape::Duration | Shape::Pause => json!({"type": "string", "pattern": "^ *[0-9]+ *[A-Za-z]+"}),
        Shape::Count(most) => json!({"type": "integer", "minimum": 1, "maximum": most}),
        Shape::Number(least, most) => json!({"type": "number", "minimum": least, "maximum": most}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::OneOf(words) => json!({"enum": words}),
        Shape::Texts => json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
        Shape::SomeTexts => json!({"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}),
        Shape::Attempts => {
            json!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": u32::MAX}, {"enum": ["unlimited"]}]})
        }
        Shape::Json => json!({}),
        Shape::PathOr(table) => json!({"anyOf": [path(), reference(table, tables)]}),
        Shape::TypeOr(types, kinds) => {
            let mut any = vec![json!({"enum": types})];
            any.extend(kinds.iter().map(|kind| reference(kind, tables)));
            json!({"anyOf": any})
        }
        Shape::Table(table) => reference(table, tables),
        Shape::TrueOr(table) => json!({"anyOf": [{"const": true}, reference(table, tables)]}),
        Shape::Tables(kinds) => {
            let kinds: Vec<Value> = kinds.iter().map(|kind| reference(kind, tables)).collect();
            json!({"type": "array", "items": {"anyOf": kinds}, "minItems": 1})
        }
    }
}

fn path() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$", "maxLength": 200})
}

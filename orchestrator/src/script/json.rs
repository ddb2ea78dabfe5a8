//! JSON values written in TOML.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::{Map, Value};

/// A value of a script. A date of TOML is an error: JSON has none.
#[derive(Debug, Clone, Default)]
pub(super) struct Json(pub(super) Value);

/// A table of a script.
#[derive(Debug, Clone, Default)]
pub(super) struct JsonObject(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json(toml::Value::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(toml::Table::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

fn json(value: toml::Value) -> Result<Value, String> {
    match value {
        toml::Value::String(text) => Ok(Value::from(text)),
        toml::Value::Integer(number) => Ok(Value::from(number)),
        toml::Value::Float(number) if number.is_finite() => Ok(Value::from(number)),
        toml::Value::Float(number) => Err(format!("{number} is not a number of JSON; write a finite number")),
        toml::Value::Boolean(yes) => Ok(Value::from(yes)),
        toml::Value::Datetime(time) => Err(format!("JSON has no dates; write \"{time}\" in quotes")),
        toml::Value::Array(list) => list.into_iter().map(json).collect(),
        toml::Value::Table(table) => object(table).map(Value::Object),
    }
}

fn object(table: toml::Table) -> Result<Map<String, Value>, String> {
    table.into_iter().map(|(key, value)| Ok((key, json(value)?))).collect()
}

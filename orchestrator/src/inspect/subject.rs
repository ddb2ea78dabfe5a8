//! What a saga is about: the values that it was started with, for the people who work on its tasks.

use common::bounds::first_chars;
use common::sensitive;
use saga::{Definition, Saga};
use serde_json::{Map, Value};

/// The most values that are shown.
const MOST_VALUES: usize = 20;
/// The most characters of a text.
const MOST_CHARS: usize = 200;

/// The texts, numbers and booleans of the event that started a saga, by name, bounded and without sensitive texts.
/// Lists and objects, such as an address, are on the page of the saga.
pub fn subject(saga: &Saga, definition: &Definition) -> Map<String, Value> {
    let Some(mut started) = saga.data.get(&definition.start.output).cloned() else { return Map::new() };
    sensitive::mask(&mut started);
    let Value::Object(started) = started else { return Map::new() };
    started.into_iter().filter_map(|(name, value)| Some((name, bounded(value)?))).take(MOST_VALUES).collect()
}

fn bounded(value: Value) -> Option<Value> {
    match value {
        Value::String(text) => Some(first_chars(&text, MOST_CHARS).into()),
        Value::Number(_) | Value::Bool(_) => Some(value),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_values_of_the_start_are_shown_bounded_and_without_lists_and_secrets() {
        let definition = Definition::parse("parcel.toml", include_str!("../../sagas/parcel.toml")).unwrap();
        let saga = |data: Value| -> Saga {
            serde_json::from_value(json!({
                "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "definition": "parcel", "version": 1,
                "status": "running", "started": 0, "updated": 0, "data": data, "history": [], "steps": [],
                "conclude": {"name": "conclude", "status": "waiting"},
            }))
            .unwrap()
        };
        let parcel = json!({ "orderId": "7", "number": 2, "isLate": true, "refused": "x".repeat(300),
            "carrier": null, "pieces": [1], "delivery": {"name": "Ana"}, "token": "pm_secret" });
        let shown = subject(&saga(json!({ "parcel": parcel, "decision": {"by": "ana"} })), &definition);
        let names: Vec<&str> = shown.keys().map(String::as_str).collect();
        assert_eq!(names, ["isLate", "number", "orderId", "refused", "token"]);
        assert_eq!(shown["refused"].as_str().map(str::len), Some(MOST_CHARS));
        assert!(!shown["token"].to_string().contains("secret"), "{shown:?}");
        assert_eq!(subject(&saga(json!({})), &definition), Map::new());
        let many: Map<String, Value> = (0..30).map(|n| (format!("n{n}"), n.into())).collect();
        assert_eq!(subject(&saga(json!({ "parcel": many })), &definition).len(), MOST_VALUES);
    }
}

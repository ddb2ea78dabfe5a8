//! The data of a saga, and paths into it.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use vocabulary::bounds::text_bytes;

/// The maximum size of a step's output, in bytes of JSON.
pub const OUTPUT_LIMIT: usize = 64 * 1024;

/// The maximum size of a saga's data (the start event and all outputs), in bytes of JSON. A reply that would exceed it
/// is refused like one over [`OUTPUT_LIMIT`]. Together with the bounds of the history and the operations it bounds a
/// saga's state.
pub const DATA_LIMIT: usize = 1536 * 1024;

/// The maximum size of the messages that one decision sends, in bytes of JSON. A larger command is never sent: its step
/// is refused. Further commands are sent by the next decision.
pub const SENT_LIMIT: usize = 384 * 1024;

/// At least the size of a value, in bytes of JSON. Counting stops beyond `limit`.
pub(crate) fn weight(value: &Value, limit: usize) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 25,
        Value::String(text) => text_bytes(text) + 3,
        Value::Array(list) => {
            list.iter().fold(2, |sum, item| if sum > limit { sum } else { sum + weight(item, limit - sum) })
        }
        Value::Object(map) => {
            map.iter().fold(
                2,
                |sum, (key, item)| {
                    if sum > limit { sum } else { sum + text_bytes(key) + 4 + weight(item, limit - sum) }
                },
            )
        }
    }
}

/// The data of a saga: a JSON object with the starting event and the outputs of the steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Data(Map<String, Value>);

impl Data {
    /// Creates data with one value at a path: `Data::with(&definition.start.output, payload)`.
    #[must_use]
    pub fn with(path: &Path, value: Value) -> Self {
        let mut data = Self::default();
        data.put(path, value);
        data
    }

    /// The value at a path. A number in a path is an array index, from 0.
    #[must_use]
    pub fn get(&self, path: &Path) -> Option<&Value> {
        let mut names = path.0.split('.');
        let first = self.0.get(names.next()?)?;
        names.try_fold(first, into)
    }

    /// Puts a value at a path. Missing objects are created; values on the path that are not objects are replaced.
    pub fn put(&mut self, path: &Path, value: Value) {
        let mut map = &mut self.0;
        let mut rest = path.0.as_str();
        while let Some((name, after)) = rest.split_once('.') {
            let slot = map.entry(name).or_insert(Value::Null);
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            let Value::Object(next) = slot else { return };
            map = next;
            rest = after;
        }
        map.insert(rest.to_owned(), value);
    }

    /// At least its size, in bytes of JSON.
    pub(crate) fn weight(&self) -> usize {
        let of = |(key, value): (&String, &Value)| text_bytes(key) + 4 + weight(value, DATA_LIMIT);
        self.0.iter().map(of).sum::<usize>() + 2
    }

    /// The data as a JSON object.
    #[must_use]
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl Data {
    /// The data as a JSON object, by value.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

impl From<Map<String, Value>> for Data {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

/// A path into a saga's data: names joined by dots, such as `order.items`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Path(String);

impl Path {
    /// Parses a path; `None` unless it consists of names of letters, digits, `_` and `-` joined by dots.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        (text.len() <= 200 && text.split('.').all(name)).then(|| Self(text.to_owned()))
    }

    /// An empty path, in place of one that could not be parsed.
    pub(crate) const fn nowhere() -> Self {
        Self(String::new())
    }

    /// The value at this path in a message.
    #[must_use]
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.split('.').try_fold(value, into)
    }

    /// The path as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first name.
    #[must_use]
    pub fn root(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// Returns true if the other path is this one or begins with it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.0.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The member of a value with this name or index.
fn into<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => map.get(name),
        Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The source of a value for a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Pick {
    /// A value from the saga's data.
    At {
        /// The path. Besides the data there are `saga.id`, for the ending's command `ending.status`, `ending.reason`
        /// and `ending.steps`, and for progress messages `progress.status` and `progress.steps`.
        path: Path,
        /// The fields taken from an object, or from each object in a list; empty for all fields.
        fields: Vec<String>,
        /// The default; without one, the field is left out.
        default: Option<Value>,
    },
    /// A literal in the definition.
    Literal(Value),
}

/// Copies a value with only these fields of each object; no fields for all of them.
pub(crate) fn only(value: &Value, fields: &[String]) -> Value {
    match value {
        Value::Object(map) if !fields.is_empty() => {
            Value::Object(fields.iter().filter_map(|name| Some((name.clone(), map.get(name)?.clone()))).collect())
        }
        Value::Array(list) if !fields.is_empty() => list.iter().map(|item| only(item, fields)).collect(),
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            value.clone()
        }
    }
}

/// As in a definition: a path as a string, or an inline table.
impl Serialize for Pick {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        match self {
            Self::At { path, fields, default: None } if fields.is_empty() => path.serialize(serializer),
            Self::At { path, fields, default } => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("path", path)?;
                if !fields.is_empty() {
                    map.serialize_entry("fields", fields)?;
                }
                if let Some(default) = default {
                    map.serialize_entry("default", default)?;
                }
                map.end()
            }
            Self::Literal(value) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("literal", value)?;
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    #[test]
    fn a_path_leads_through_objects_and_lists() {
        let data = Data::with(&path("order"), json!({"items": [{"id": "a"}, {"id": "b"}]}));
        assert_eq!(data.get(&path("order.items.1.id")), Some(&json!("b")));
        assert_eq!(data.get(&path("order.items.x")), None);
        assert_eq!(data.get(&path("order.items.0.id.deeper")), None);
        assert_eq!(path("items.1.id").find(&json!({"items": [0, {"id": "b"}]})), Some(&json!("b")));
        assert_eq!(path("items").find(&json!(["items"])), None);
    }

    #[test]
    fn put_creates_missing_objects() {
        let mut data = Data::with(&path("order"), json!(7));
        data.put(&path("order.a.b"), json!(1));
        data.put(&path("order.a.c"), json!(2));
        assert_eq!(serde_json::to_value(&data).unwrap(), json!({"order": {"a": {"b": 1, "c": 2}}}));
    }

    #[test]
    fn invalid_paths_are_rejected() {
        for text in ["", ".", "a.", ".a", "a..b", "a b", "a/b", "é"] {
            assert_eq!(Path::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_path_contains_longer_paths() {
        assert!(path("order").contains(&path("order")));
        assert!(path("order").contains(&path("order.items")));
        assert!(!path("order").contains(&path("orders")));
        assert!(!path("order.items").contains(&path("order")));
    }

    #[test]
    fn only_the_named_fields_are_taken() {
        let items = json!([{"id": 1, "name": "a", "price": 5}, {"id": 2}, 3]);
        assert_eq!(only(&items, &["id".into(), "name".into()]), json!([{"id": 1, "name": "a"}, {"id": 2}, 3]));
        assert_eq!(only(&items, &[]), items);
    }
}

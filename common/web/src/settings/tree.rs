//! The values of settings as a tree, and the members and origins at its paths.

use config::{Value, ValueKind};
use serde_json::Value as Json;

/// A value of the `config` crate as a JSON value.
pub(super) fn tree(value: &Value) -> Json {
    value.clone().try_deserialize().unwrap_or(Json::Null)
}

/// The member at `segment` (a key, or an index such as `[0]`).
pub(super) fn child<'a>(value: &'a Json, segment: &str) -> Option<&'a Json> {
    match index(segment) {
        Some(index) => value.get(index),
        None => value.get(segment),
    }
}

fn index(segment: &str) -> Option<usize> {
    segment.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// The origin of the value at `path`, or of the nearest value around it that has one.
pub(super) fn origin(root: &Value, path: &[String]) -> String {
    let mut at = root;
    let mut origin = root.origin();
    for segment in path {
        let next = match (&at.kind, index(segment)) {
            (ValueKind::Array(all), Some(index)) => all.get(index),
            (ValueKind::Table(table), _) => table.get(segment),
            _ => None,
        };
        let Some(next) = next else { break };
        at = next;
        origin = at.origin().or(origin);
    }
    origin.unwrap_or("the settings").to_owned()
}

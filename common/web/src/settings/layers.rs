//! The sources of settings, for the `config` crate: the text of a file, and the environment, one layer per variable, so
//! that each value has its origin. Each layer is checked against the defaults, which have every key.

use std::ffi::OsString;

use config::{ConfigError, FileFormat, Format as _, Map, Source, Value, ValueKind};
use serde_json::Value as Json;

use super::error::{Fault, SettingsError, dotted};
use super::secret::is_secret;
use super::secret_files;
use super::tree::{child, tree};

/// Sections with arbitrary keys.
const OPEN: [&str; 1] = ["kafka.client"];

/// One source of settings.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    origin: String,
    values: Map<String, Value>,
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.values.clone())
    }
}

impl Layer {
    /// TOML text.
    pub(super) fn of_text(text: &str, origin: &str) -> Result<Self, SettingsError> {
        let origin = origin.to_owned();
        match FileFormat::Toml.parse(Some(&origin), text) {
            Ok(values) => Ok(Self { origin, values }),
            Err(reason) => Err(SettingsError::Syntax { origin, reason: reason.to_string().trim_end().to_owned() }),
        }
    }

    /// Adds a fault for every key that `known` lacks, and for every value of another type.
    pub(super) fn check_against(&self, known: &Json, faults: &mut Vec<Fault>) {
        compare(&self.tree(), known, &mut Vec::new(), &self.origin, faults);
    }

    /// Reads the secrets whose keys name files.
    pub(super) fn read_secret_files(&mut self, known: &Json, faults: &mut Vec<Fault>) {
        secret_files::resolve(&mut self.values, known, &self.origin, faults);
    }

    /// Its values as JSON.
    pub(super) fn tree(&self) -> Json {
        tree(&Value::new(None, self.values.clone()))
    }
}

/// The prefix of a service's environment variables, without the `__` that follows: `ORDER_SERVICE`.
pub fn prefix(service: &str) -> String {
    service.to_ascii_uppercase().replace('-', "_")
}

/// Every setting of `defaults` that an environment variable can set: (variable, key, default as TOML, secrets masked).
///
/// # Errors
/// [`SettingsError::Syntax`] when `defaults` is not TOML.
pub fn variables(defaults: &str, service: &str) -> Result<Vec<(String, String, String)>, SettingsError> {
    fn walk(value: &Json, path: &mut Vec<String>, prefix: &str, all: &mut Vec<(String, String, String)>) {
        let open = OPEN.contains(&dotted(path).as_str());
        if let (Json::Object(table), false) = (value, open) {
            for (key, value) in table {
                path.push(key.clone());
                walk(value, path, prefix, all);
                path.pop();
            }
            return;
        }
        let mut variable = format!("{prefix}__{}", path.join("__").to_ascii_uppercase());
        if open {
            variable.push_str("__…");
        }
        let secret = path.last().is_some_and(|name| is_secret(name));
        let default = if secret { "\"***\"".to_owned() } else { value.to_string() };
        all.push((variable, dotted(path), default));
    }
    let mut all = Vec::new();
    walk(&Layer::of_text(defaults, "the built-in defaults")?.tree(), &mut Vec::new(), &prefix(service), &mut all);
    Ok(all)
}

/// The layers of the environment variables that begin with `prefix`, in order of their names.
pub(super) fn of_environment(
    prefix: &str,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    known: &Json,
    faults: &mut Vec<Fault>,
) -> Vec<Layer> {
    let prefix = format!("{prefix}__");
    let ours = |(name, value): (OsString, OsString)| {
        let name = name.into_string().ok()?;
        name.starts_with(&prefix).then_some((name, value))
    };
    let mut variables: Vec<_> = environment.into_iter().filter_map(ours).collect();
    variables.sort();
    variables.iter().for_each(|variable| refuse_both(variable, &variables, &prefix, faults));
    let mut layers = Vec::with_capacity(variables.len());
    for (name, value) in variables {
        let origin = format!("the environment variable {name}");
        let path = path_of(name.strip_prefix(&prefix).unwrap_or(&name));
        match value.into_string() {
            Ok(value) => layers.push(of_variable(&path, &value, origin, known)),
            Err(_) => faults.push(Fault::new(&path, None, &origin, "must be Unicode text")),
        }
    }
    layers
}

/// Adds a fault if this variable names the file of a secret that another variable sets.
fn refuse_both((name, file): &(String, OsString), all: &[(String, OsString)], prefix: &str, faults: &mut Vec<Fault>) {
    let Some(target) = secret_files::target(name).filter(|_| !file.is_empty()) else { return };
    if all.iter().any(|(other, value)| other == target && !value.is_empty()) {
        let path = path_of(name.strip_prefix(prefix).unwrap_or(name));
        let file = Json::String(file.to_string_lossy().into_owned());
        let origin = format!("the environment variable {name}");
        faults.push(Fault::new(&path, Some(&file), &origin, format!("set either {target} or {name}, not both")));
    }
}

/// `KAFKA__BROKERS` is `kafka.brokers`; below an open section the rest is one name, with dots.
fn path_of(name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    for open in OPEN {
        let section = format!("{}__", open.replace('.', "__"));
        if let Some(rest) = name.strip_prefix(&section) {
            let property = rest.split('_').filter(|s| !s.is_empty()).collect::<Vec<_>>().join(".");
            return open.split('.').map(str::to_owned).chain([property]).collect();
        }
    }
    name.split("__").map(str::to_owned).collect()
}

fn of_variable(path: &[String], text: &str, origin: String, base: &Json) -> Layer {
    let known = path.iter().try_fold(base, |value, segment| child(value, segment));
    let kind = typed(text, known, &origin);
    let mut inner = Value::new(Some(&origin), kind);
    let mut names = path.iter().rev().peekable();
    let mut values = Map::new();
    while let Some(name) = names.next() {
        let table = Map::from_iter([(name.clone(), inner.clone())]);
        if names.peek().is_some() {
            inner = Value::new(Some(&origin), table);
        } else {
            values = table;
        }
    }
    Layer { origin, values }
}

/// The variable's text as a value of the default's type; as text, which is refused later, if it is not one.
fn typed(text: &str, known: Option<&Json>, origin: &String) -> ValueKind {
    let trimmed = text.trim();
    let read = match known {
        Some(Json::Number(n)) if n.is_f64() => trimmed.parse::<f64>().ok().map(ValueKind::Float),
        Some(Json::Number(_)) => trimmed.parse::<i64>().ok().map(ValueKind::I64),
        Some(Json::Bool(_)) => trimmed.parse::<bool>().ok().map(ValueKind::Boolean),
        Some(Json::Array(_)) if trimmed.starts_with('[') => {
            let parsed = FileFormat::Toml.parse(Some(origin), &format!("list = {trimmed}")).ok();
            parsed.and_then(|mut table| table.remove("list")).map(|value| value.kind)
        }
        Some(Json::Array(_)) => {
            let parts = trimmed.split(',').map(str::trim).filter(|part| !part.is_empty());
            Some(ValueKind::Array(parts.map(|part| Value::new(Some(origin), part)).collect()))
        }
        Some(Json::Object(_) | Json::String(_) | Json::Null) | None => None,
    };
    read.unwrap_or_else(|| ValueKind::String(text.to_owned()))
}

fn compare(given: &Json, known: &Json, path: &mut Vec<String>, origin: &str, faults: &mut Vec<Fault>) {
    if let (Json::Object(given), Json::Object(known)) = (given, known) {
        for (key, value) in given {
            path.push(key.clone());
            match known.get(key) {
                _ if path.len() > 1 && OPEN.contains(&dotted(&path[..path.len() - 1]).as_str()) => {}
                Some(known) => compare(value, known, path, origin, faults),
                None => faults.push(Fault::new(path, Some(value), origin, unknown(path, known))),
            }
            path.pop();
        }
        return;
    }
    let right = match known {
        Json::Null => true,
        Json::Bool(_) => given.is_boolean(),
        Json::Number(n) => given.is_i64() || given.is_u64() || n.is_f64() && given.is_number(),
        Json::String(_) => given.is_string() || given.is_number() || given.is_boolean(),
        Json::Array(_) => given.is_array(),
        Json::Object(_) => false,
    };
    if !right {
        faults.push(Fault::new(path, Some(given), origin, kind_of(known)));
    }
}

/// The allowed values, by the default's type.
fn kind_of(known: &Json) -> String {
    match known {
        Json::Bool(_) => "must be true or false".to_owned(),
        Json::Number(n) if n.is_f64() => format!("must be a number, such as {n}"),
        Json::Number(n) => format!("must be a whole number, such as {n}"),
        Json::String(text) if text.is_empty() => "must be text".to_owned(),
        Json::String(text) => format!("must be text, such as {text:?}"),
        Json::Array(_) => "must be a list, in brackets".to_owned(),
        Json::Object(keys) => {
            let keys: Vec<_> = keys.keys().map(String::as_str).collect();
            let of = if keys.is_empty() { String::new() } else { format!(" with the keys {}", keys.join(", ")) };
            format!("must be a section{of}")
        }
        Json::Null => "must be left out".to_owned(),
    }
}

/// The sentence about an unknown key: with the nearest known key, or all of them.
fn unknown(path: &[String], known: &serde_json::Map<String, Json>) -> String {
    let (key, section) = path.split_last().map_or(("", &[][..]), |(key, section)| (key.as_str(), section));
    let full = |name: &str| dotted(&[section, &[name.to_owned()]].concat());
    let near = known.keys().map(|name| (strsim::normalized_damerau_levenshtein(name, key), name));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((alike, name)) if alike >= 0.5 => format!("there is no such setting; did you mean {}?", full(name)),
        Some(_) if section.is_empty() => {
            format!("there is no such section; there are {}", known.keys().cloned().collect::<Vec<_>>().join(", "))
        }
        Some(_) | None => {
            let names: Vec<_> = known.keys().map(|name| full(name)).collect();
            format!("there is no such setting; there are {}", names.join(", "))
        }
    }
}

//! A service's settings: its own `default.toml`, under the file of `--config`, under the environment.
//!
//! - `default.toml` is part of the binary and has every key with a comment; no other keys exist.
//! - `--config FILE` is TOML of the same shape, with only the keys that differ. Lists are replaced as a whole.
//! - The environment comes last: `ORDER_SERVICE__KAFKA__BROKERS` is `kafka.brokers` of order-service. The prefix is the
//!   service's name in upper case with `_`; `__` separates sections, so that the variables which container
//!   platforms set for a service called `order-service` (`ORDER_SERVICE_PORT`) are never read as settings. A list is a
//!   TOML array (`["a", "b"]`) or text with commas.
//! - `[kafka.client]` has librdkafka properties, with dots in their names: `"security.protocol" = "SSL"` in a file,
//!   `ORDER_SERVICE__KAFKA__CLIENT__SECURITY_PROTOCOL=SSL` in the environment (there `_` stands for the dot; no
//!   librdkafka property has `_` in its name).
//! - A secret is also read from a file: `password_file`, or `ORDER_SERVICE__NOTICES__SMTP__PASSWORD_FILE`, names it.
//!
//! Invalid settings stop the start. All faults are reported at once: key, value, origin, and the allowed values.

mod check;
mod client;
mod edge;
mod error;
mod layers;
pub(crate) mod log_level;
mod print;
mod secret;
mod secret_files;
mod sections;
#[cfg(test)]
mod tests;
mod traces;
mod tree;
pub mod units;

use std::ffi::OsString;
use std::path::Path;

use config::{Config, Value};
use serde::de::DeserializeOwned;
use serde_json::Map;

pub use edge::{ApiKey, AuthSettings, EdgeSettings, JwtSettings, Role};
pub use error::{Fault, SettingsError};
pub use layers::{prefix, variables};
pub use secret::{Secret, is_secret};
pub use sections::{EventSettings, Format, Http, Kafka, Log, Settings, ViewSettings, WorkerSettings};
pub use traces::TraceSettings;

use layers::Layer;

/// Reads the settings of `service`: `defaults` (its `default.toml`), then `file`, then the process's environment.
///
/// # Errors
/// [`SettingsError`], with all faults.
pub fn load<S: DeserializeOwned>(
    defaults: &str,
    service: &str,
    file: Option<&Path>,
) -> Result<Settings<S>, SettingsError> {
    load_with(defaults, service, file, std::env::vars_os())
}

/// [`load`], with an environment given by the caller.
///
/// # Errors
/// As [`load`].
pub fn load_with<S: DeserializeOwned>(
    defaults: &str,
    service: &str,
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Settings<S>, SettingsError> {
    let base = Layer::of_text(defaults, "the built-in defaults")?;
    let known = base.tree();
    let mut faults = Vec::new();
    let mut over = Vec::new();
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        over.push(Layer::of_text(&text, &path.display().to_string())?);
    }
    over.extend(layers::of_environment(&prefix(service), environment, &known, &mut faults));
    for layer in &mut over {
        layer.read_secret_files(&known, &mut faults);
        layer.check_against(&known, &mut faults);
    }
    let builder = over.into_iter().fold(Config::builder().add_source(base), |all, layer| all.add_source(layer));
    let merged = builder.build().map_err(|e| SettingsError::Merge(e.to_string()))?;
    let read = read(&Merged::of(merged.cache), service, &mut faults);
    // A later check may report a key again.
    let mut reported = std::collections::BTreeSet::new();
    faults.retain(|fault| reported.insert(fault.key.clone()));
    read.filter(|_| faults.is_empty()).ok_or(SettingsError::Faults(faults))
}

/// The merged settings: a tree to decode, and the origin of each value.
struct Merged {
    tree: Map<String, serde_json::Value>,
    cache: Value,
}

impl Merged {
    fn of(cache: Value) -> Self {
        let tree = tree::tree(&cache).as_object().cloned().unwrap_or_default();
        Self { tree, cache }
    }

    /// A fault at `path`, with its value and origin.
    fn fault(&self, path: &[String], allowed: impl Into<String>) -> Fault {
        let mut value = self.tree.get(path.first().map_or("", String::as_str));
        for segment in path.iter().skip(1) {
            value = value.and_then(|v| tree::child(v, segment));
        }
        Fault::new(path, value, &tree::origin(&self.cache, path), allowed)
    }

    /// Decodes one section, or the remaining ones (`at` is then empty).
    fn section<T: DeserializeOwned>(&self, at: &str, value: serde_json::Value, faults: &mut Vec<Fault>) -> Option<T> {
        match serde_path_to_error::deserialize(value) {
            Ok(section) => Some(section),
            Err(error) => {
                let mut path: Vec<String> = (!at.is_empty()).then(|| at.to_owned()).into_iter().collect();
                path.extend(error.path().iter().map(ToString::to_string));
                faults.push(self.fault(&path, vocabulary::serde_messages::reword(&error.inner().to_string())));
                None
            }
        }
    }
}

fn read<S: DeserializeOwned>(merged: &Merged, service: &str, faults: &mut Vec<Fault>) -> Option<Settings<S>> {
    let mut rest = merged.tree.clone();
    let mut take = |name: &str| rest.remove(name).unwrap_or_else(|| serde_json::Value::Object(Map::new()));
    let http = merged.section("http", take("http"), faults);
    let edge = merged.section("edge", take("edge"), faults);
    // A service without keys has a login of its own, and an own section with this name.
    let has_keys = merged.tree.get("auth").is_some_and(|auth| auth.get("keys").is_some());
    let auth = merged.section("auth", if has_keys { take("auth") } else { serde_json::Value::Null }, faults);
    let kafka = merged.section("kafka", take("kafka"), faults);
    let view = merged.section("view", take("view"), faults);
    let worker = merged.section("worker", take("worker"), faults);
    let log = merged.section("log", take("log"), faults);
    let traces = merged.section("traces", take("traces"), faults);
    let own = merged.section("", serde_json::Value::Object(rest), faults);
    let http = http?;
    let edge = edge?;
    let auth = auth?;
    let kafka = kafka?;
    let view = view?;
    let worker = worker?;
    let log = log?;
    let traces = traces?;
    let own = own?;
    let mut settings = Settings { http, edge, auth, kafka, view, worker, log, traces, own };
    check::check(&settings, &mut |path, allowed| faults.push(merged.fault(path, allowed)));
    if settings.kafka.group.is_empty() {
        service.clone_into(&mut settings.kafka.group);
    }
    Some(settings)
}

//! The effective settings as TOML (`--print-config`), without secrets.

use serde::Serialize;
use toml::{Table, Value};

use super::{Settings, SettingsError};

impl<S: Serialize> Settings<S> {
    /// The effective settings as TOML. Values of secrets (passwords and their hashes, keys, tokens) are masked.
    ///
    /// # Errors
    /// [`SettingsError::Merge`] when the service's own sections can't be written as TOML.
    pub fn to_toml(&self) -> Result<String, SettingsError> {
        let unwritable = |reason: String| SettingsError::Merge(format!("TOML can't hold them: {reason}"));
        let mut table = Table::try_from(self).map_err(|e| unwritable(e.to_string()))?;
        mask(&mut table);
        toml::to_string(&table).map_err(|e| unwritable(e.to_string()))
    }
}

/// Whether the value of a key of that name must not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let marks = ["password", "passphrase", "secret", "key.pem", "key_pem", "api_key", "api.key", "token", "hash"];
    let names_a_place = name.ends_with(".url") || name.ends_with(".location");
    name == "ssl.key" || name == "sasl.oauthbearer.config" || !names_a_place && marks.iter().any(|m| name.contains(m))
}

fn mask(table: &mut Table) {
    for (name, value) in table.iter_mut() {
        if is_secret(name) && value.as_str() != Some("") {
            *value = Value::String("***".to_owned());
        } else if let Value::Table(inner) = value {
            mask(inner);
        } else if let Value::Array(all) = value {
            all.iter_mut().filter_map(Value::as_table_mut).for_each(mask);
        }
    }
}

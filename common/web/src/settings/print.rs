//! The effective settings as TOML (`--print-config`), without secrets.

use serde::Serialize;
use toml::{Table, Value};

use super::error::SettingsError;
use super::secret::is_secret;
use super::sections::Settings;

impl<S: Serialize> Settings<S> {
    /// The effective settings as TOML. Values of secrets (passwords and their hashes, keys, tokens) are masked.
    ///
    /// # Errors
    /// [`SettingsError::Merge`] if the service's own sections can't be written as TOML.
    pub fn to_toml(&self) -> Result<String, SettingsError> {
        let unwritable = |reason: String| SettingsError::Merge(format!("TOML can't hold them: {reason}"));
        let mut table = Table::try_from(self).map_err(|e| unwritable(e.to_string()))?;
        mask(&mut table);
        toml::to_string(&table).map_err(|e| unwritable(e.to_string()))
    }
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

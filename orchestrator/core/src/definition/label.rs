//! Display names.

use std::collections::BTreeMap;

use serde::Serialize;

/// A display name by language (BCP 47, such as `en` or `pt`). `en` is always present.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Label(pub(crate) BTreeMap<String, String>);

impl Label {
    /// The text in a language, by default in English.
    #[must_use]
    pub fn get(&self, language: &str) -> &str {
        self.0.get(language).or_else(|| self.0.get("en")).map_or("", String::as_str)
    }
}

//! Secret settings: passwords and keys.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that is never displayed, not even by `--print-config`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns true if it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "none" } else { "***" })
    }
}

/// Returns true if values of this key must be masked. The name of a file that holds a secret is shown.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let marks = ["password", "passphrase", "secret", "key.pem", "key_pem", "api_key", "api.key", "token", "hash"];
    let names_a_place = [".url", ".location", ".file", "_file"].iter().any(|end| name.ends_with(end));
    name == "ssl.key" || name == "sasl.oauthbearer.config" || !names_a_place && marks.iter().any(|m| name.contains(m))
}

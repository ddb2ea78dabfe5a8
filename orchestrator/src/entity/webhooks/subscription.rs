//! The configuration of a subscription: where its events go, which they are, and the keys that sign them.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pattern::EventPattern;

/// The key of a signature as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in Base64. It is never displayed.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SigningSecret(String);

impl SigningSecret {
    /// What every secret begins with.
    pub const PREFIX: &'static str = "whsec_";

    /// Reads a secret.
    ///
    /// # Errors
    /// What is valid; the text is not repeated.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let secret = Self(text.to_owned());
        let is_valid = secret.key().is_some_and(|key| (24..=64).contains(&key.len()));
        is_valid.then_some(secret).ok_or("must be \"whsec_\" and 24 to 64 bytes in Base64")
    }

    /// The secret of a key.
    pub fn of(key: &[u8]) -> Self {
        Self(format!("{}{}", Self::PREFIX, BASE64_STANDARD.encode(key)))
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The bytes of the key.
    pub fn key(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(self.0.strip_prefix(Self::PREFIX)?).ok()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A secret, and how long it signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSecret {
    /// The secret.
    pub secret: SigningSecret,
    /// Until when; `None` until it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Whether events are delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookStatus {
    /// They are.
    Enabled,
    /// They wait, and new ones are not taken.
    Disabled {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: DisabledReason,
    },
    /// What is left of it is being removed.
    Deleted,
}

/// Why a subscription was disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DisabledReason {
    /// An operator disabled it.
    Operator,
    /// The receiver answered 410 Gone.
    Gone,
    /// All deliveries failed for `webhooks.give_up`.
    Failing,
}

impl DisabledReason {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// The configuration of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Where the events are sent.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// The events.
    pub events: Vec<EventPattern>,
    /// The newest first; at most two.
    pub secrets: Vec<StoredSecret>,
    /// Whether events are delivered.
    pub status: WebhookStatus,
    /// Who created it.
    pub by: String,
    /// When. Older events are not delivered.
    pub created: Timestamp,
    /// The number of its last change, counted by partition 0.
    pub revision: u64,
}

impl Subscription {
    /// The longest URL, in bytes.
    pub const URL_BYTES: usize = 2_048;
    /// The longest description, in bytes.
    pub const DESCRIPTION_BYTES: usize = 300;
    /// The most patterns.
    pub const MOST_PATTERNS: usize = 32;
    /// The most secrets that sign at the same time.
    pub const MOST_SECRETS: usize = 2;

    /// Returns true if events are delivered.
    pub const fn is_enabled(&self) -> bool {
        matches!(self.status, WebhookStatus::Enabled)
    }

    /// Returns true if it is being removed.
    pub const fn is_deleted(&self) -> bool {
        matches!(self.status, WebhookStatus::Deleted)
    }

    /// Returns true if it wants events of this type.
    pub fn wants(&self, kind: &str) -> bool {
        self.events.iter().any(|pattern| pattern.matches(kind))
    }

    /// The secrets that sign at a time, the newest first.
    pub fn signing(&self, at: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        let signs = move |stored: &&StoredSecret| stored.until.is_none_or(|until| at < until);
        self.secrets.iter().filter(signs).map(|stored| &stored.secret)
    }

    /// Signs with another secret from now on, and with the present one until a time as well.
    pub fn rotate(&mut self, secret: SigningSecret, until: Timestamp) {
        self.secrets.truncate(1);
        for old in &mut self.secrets {
            old.until = Some(until);
        }
        self.secrets.insert(0, StoredSecret { secret, until: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_24_to_64_bytes_and_is_not_displayed() {
        for (bytes, valid) in [(23, false), (24, true), (64, true), (65, false)] {
            let secret = SigningSecret::of(&vec![7; bytes]);
            assert_eq!(SigningSecret::parse(secret.reveal()).is_ok(), valid, "{bytes}");
            assert_eq!(format!("{secret:?}"), "***");
        }
        assert!(SigningSecret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_err());
    }

    #[test]
    fn a_rotated_secret_signs_beside_the_new_one_until_the_overlap_ends() {
        let secret = |n| SigningSecret::of(&[n; 24]);
        let mut subscription = Subscription {
            url: String::new(),
            description: String::new(),
            events: Vec::new(),
            secrets: vec![StoredSecret { secret: secret(1), until: None }],
            status: WebhookStatus::Enabled,
            by: String::new(),
            created: Timestamp(0),
            revision: 1,
        };
        let signing =
            |subscription: &Subscription, at| subscription.signing(Timestamp(at)).cloned().collect::<Vec<_>>();
        subscription.rotate(secret(2), Timestamp(100));
        assert_eq!(signing(&subscription, 99), [secret(2), secret(1)]);
        assert_eq!(signing(&subscription, 100), [secret(2)]);
        subscription.rotate(secret(3), Timestamp(150));
        assert_eq!(signing(&subscription, 99), [secret(3), secret(2)], "at most two");
    }
}

//! The settings that only this service has, and the providers made from them.

use std::sync::{Arc, OnceLock};

use common::messages::{MessageMac, ShortSecret};
use common::settings::{EventSettings, Secret};
use serde::{Deserialize, Serialize};

use crate::provider::registry::ProviderRegistry;
use crate::provider::settings::ProviderSettings;

/// The settings that only this service has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// `[provider]`
    pub provider: ProviderSettings,
    /// `[results]`
    pub results: ResultSettings,
    /// `[events]`
    pub events: EventSettings,
    /// The providers, made once from the settings and shared by the executor and the API.
    #[serde(skip)]
    pub(crate) registry: Arc<OnceLock<Arc<ProviderRegistry>>>,
}

/// `[results]`: how results on `payment-results` are recognized.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultSettings {
    /// The secret shared with the orchestrator; empty: results are not marked.
    pub secret: Secret,
}

impl ResultSettings {
    /// Makes the marks; `None` without a secret.
    ///
    /// # Errors
    /// The secret is too short.
    pub fn mac(&self) -> Result<Option<MessageMac>, ShortSecret> {
        MessageMac::new(self.secret.reveal())
    }

    /// All invalid values: the key, the value, and what is allowed.
    pub fn validation_errors(&self, provider: &ProviderSettings) -> Vec<String> {
        let mut errors = Vec::new();
        if self.secret.is_empty() && !provider.stripe.api_key.is_empty() {
            let why = "payments with Stripe need a secret that the orchestrator has too (its payments.results_secret)";
            errors.push(format!("results.secret = \"\": {why}; create one with openssl rand -hex 32"));
        }
        if let Err(why) = self.mac() {
            errors.push(format!("results.secret = ***: {why}"));
        }
        errors
    }
}

impl Settings {
    /// The providers, once the service is built.
    pub fn providers(&self) -> Option<&Arc<ProviderRegistry>> {
        self.registry.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture::provider_settings;

    fn errors(secret: &str, api_key: &str) -> String {
        let mut provider = provider_settings();
        provider.stripe.api_key = api_key.into();
        ResultSettings { secret: secret.into() }.validation_errors(&provider).join("\n")
    }

    #[test]
    fn payments_with_stripe_need_a_secret_for_results() {
        assert_eq!(errors("", ""), "");
        assert_eq!(errors("a secret of the tests", "sk_test_1"), "");
        assert!(errors("", "sk_test_1").contains("payments.results_secret"));
        let short = errors("too short", "");
        assert!(short.contains("results.secret") && !short.contains("too short"), "{short}");
    }
}

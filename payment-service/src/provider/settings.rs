//! `[provider]`: the provider of new payments, the limits on calls, and the settings of each provider.

use std::fmt;
use std::time::Duration;

use common::settings::{Secret, units};
use serde::{Deserialize, Serialize};

use super::breaker::Limits;
use super::call::ProviderKind;
use super::guard::CallPolicy;

/// The pause between a failed call and the next attempt.
const PAUSE: Duration = Duration::from_millis(200);

/// `[provider]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// The provider of new payments.
    pub kind: ProviderKind,
    /// The delay of the simulated provider's late results.
    #[serde(with = "units::duration")]
    pub delay: Duration,
    /// The share of the simulated provider's calls that fails, from 0 to 1.
    pub failure_rate: f64,
    /// The timeout of a call to any provider.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// The most calls for one answer.
    pub attempts: u32,
    /// This many consecutive failures open the circuit breaker.
    pub breaker_failures: u32,
    /// How long it stays open before a call is tried.
    #[serde(with = "units::duration")]
    pub breaker_open: Duration,
    /// `[provider.stripe]`
    pub stripe: StripeSettings,
}

/// `[provider.stripe]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeSettings {
    /// The URL of its API.
    pub base_url: String,
    /// The secret API key.
    pub api_key: Secret,
    /// The secret of its webhook signatures; empty: webhooks are rejected.
    pub webhook_secret: Secret,
    /// The greatest age of a signature.
    #[serde(with = "units::duration")]
    pub webhook_tolerance: Duration,
    /// The payment method of requests without one; empty: the customer enters it at Stripe.
    pub payment_method: String,
    /// Where a bank's page sends the customer back to; empty: no bank's page is opened.
    pub return_url: String,
}

impl ProviderSettings {
    /// The limits on calls to every provider.
    pub fn call_policy(&self) -> CallPolicy {
        let breaker = Limits { failures: self.breaker_failures, open_for: self.breaker_open };
        CallPolicy { timeout: self.timeout, attempts: self.attempts, pause: PAUSE, breaker }
    }

    /// All invalid values: the key, the value, and what is allowed.
    pub fn validation_errors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        let mut require = |valid: bool, key: &str, value: &dyn fmt::Display, allowed: &str| {
            if !valid {
                errors.push(format!("provider.{key} = {value}: {allowed}"));
            }
        };
        let rate = self.failure_rate;
        require((0.0..=1.0).contains(&rate), "failure_rate", &rate, "must be from 0 to 1");
        let allowed = "must be from 100ms to 1m";
        let valid = (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&self.timeout);
        require(valid, "timeout", &self.timeout.as_secs_f64(), allowed);
        require((1..=10).contains(&self.attempts), "attempts", &self.attempts, "must be from 1 to 10");
        let failures = self.breaker_failures;
        require((1..=10_000).contains(&failures), "breaker_failures", &failures, "must be from 1 to 10000");
        let valid = (Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&self.breaker_open);
        require(valid, "breaker_open", &self.breaker_open.as_secs_f64(), "must be from 100ms to 1h");
        let StripeSettings { base_url, api_key, webhook_tolerance, return_url, .. } = &self.stripe;
        let url = reqwest::Url::parse(base_url);
        let valid = url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        require(valid, "stripe.base_url", base_url, "must be an address such as https://api.stripe.com");
        let url = reqwest::Url::parse(return_url);
        let valid = return_url.is_empty() || url.is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        require(valid, "stripe.return_url", return_url, "must be an address such as https://shop.example/orders");
        let valid = self.kind != ProviderKind::Stripe || !api_key.is_empty();
        require(valid, "stripe.api_key", &"\"\"", "provider.kind = stripe needs the secret key of a Stripe account");
        let valid = api_key.reveal().bytes().all(|byte| byte.is_ascii_graphic());
        require(valid, "stripe.api_key", &"***", "must be a key without spaces");
        let valid = !webhook_tolerance.is_zero();
        require(valid, "stripe.webhook_tolerance", &"0s", "must be more than 0s");
        errors
    }
}

//! `[provider]`: who takes the payments, how patient the service is with them, and what the real one needs.

use std::fmt;
use std::time::Duration;

use common::settings::{Secret, units};
use serde::{Deserialize, Serialize};

use super::breaker::Limits;
use super::call::ProviderKind;
use super::guard::Patience;

/// The pause before a call that failed is made again.
const PAUSE: Duration = Duration::from_millis(200);

/// `[provider]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// Which provider takes new payments.
    pub kind: ProviderKind,
    /// After which time the simulated provider answers where it answers late.
    #[serde(with = "units::duration")]
    pub delay: Duration,
    /// Which share of the simulated provider's calls fails, from 0 to 1.
    pub failure_rate: f64,
    /// The longest a call to any provider may take.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// Calls made for one answer, in all.
    pub attempts: u32,
    /// So many failures one after the other open the circuit breaker.
    pub breaker_failures: u32,
    /// So long it stays open before a call is tried.
    #[serde(with = "units::duration")]
    pub breaker_open: Duration,
    /// `[provider.stripe]`
    pub stripe: StripeSettings,
}

/// `[provider.stripe]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeSettings {
    /// Where its API is.
    pub base_url: String,
    /// The secret API key.
    pub api_key: Secret,
    /// What the signatures of its webhooks are made with; empty: webhooks are not taken.
    pub webhook_secret: Secret,
    /// How old a signature may be.
    #[serde(with = "units::duration")]
    pub webhook_tolerance: Duration,
    /// What is paid with where a request doesn't say it; empty: the customer says it to Stripe.
    pub payment_method: String,
}

impl ProviderSettings {
    /// What the settings say of every provider.
    pub fn patience(&self) -> Patience {
        let breaker = Limits { failures: self.breaker_failures, open_for: self.breaker_open };
        Patience { timeout: self.timeout, attempts: self.attempts, pause: PAUSE, breaker }
    }

    /// What is wrong: the key, and what is allowed.
    pub fn faults(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut need = |right: bool, key: &str, value: &dyn fmt::Display, allowed: &str| {
            if !right {
                wrong.push(format!("provider.{key} = {value}: {allowed}"));
            }
        };
        let rate = self.failure_rate;
        need((0.0..=1.0).contains(&rate), "failure_rate", &rate, "must be from 0 to 1");
        let allowed = "must be from 100ms to 1m";
        let right = (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&self.timeout);
        need(right, "timeout", &self.timeout.as_secs_f64(), allowed);
        need((1..=10).contains(&self.attempts), "attempts", &self.attempts, "must be from 1 to 10");
        let failures = self.breaker_failures;
        need((1..=10_000).contains(&failures), "breaker_failures", &failures, "must be from 1 to 10000");
        let right = (Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&self.breaker_open);
        need(right, "breaker_open", &self.breaker_open.as_secs_f64(), "must be from 100ms to 1h");
        let StripeSettings { base_url, api_key, webhook_tolerance, .. } = &self.stripe;
        let url = reqwest::Url::parse(base_url);
        let right = url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        need(right, "stripe.base_url", base_url, "must be an address such as https://api.stripe.com");
        let right = self.kind != ProviderKind::Stripe || !api_key.is_empty();
        need(right, "stripe.api_key", &"\"\"", "provider.kind = stripe needs the secret key of a Stripe account");
        let right = api_key.reveal().bytes().all(|byte| byte.is_ascii_graphic());
        need(right, "stripe.api_key", &"***", "must be a key without spaces");
        let right = !webhook_tolerance.is_zero();
        need(right, "stripe.webhook_tolerance", &"0s", "must be more than 0s");
        wrong
    }
}

//! The settings of webhooks.

use std::time::Duration;

use anyhow::ensure;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::target::Allowed;
use crate::rules::webhooks::policy::WebhookPolicy;

/// The most subscriptions for which a record has room.
const MOST_SUBSCRIPTIONS: usize = 16;
/// The most requests to a receiver at the same time, of a partition.
const MOST_CONCURRENCY: usize = 8;
/// The most events that wait, and that are kept.
const MOST_EVENTS: u64 = 1_000_000;

/// `[webhooks]`: deliveries of events to other systems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// The most subscriptions; 0: none may be created.
    pub subscriptions: usize,
    /// Whether URLs may begin with `http://`.
    pub allow_http: bool,
    /// Networks that may be called besides public addresses.
    #[serde(with = "networks")]
    pub allowed_networks: Vec<IpNet>,
    /// The time limit of a request.
    #[serde(with = "common::settings::units::duration")]
    pub timeout: Duration,
    /// The most requests to a receiver at the same time, of a partition.
    pub concurrency: usize,
    /// The most events of a subscription that wait, of a partition.
    pub pending: u64,
    /// The most deliveries that are kept after they were given up, of a subscription and partition.
    pub kept: u64,
    /// The pause after the first failure.
    #[serde(with = "common::settings::units::duration")]
    pub first_retry: Duration,
    /// The longest pause.
    #[serde(with = "common::settings::units::duration")]
    pub longest_retry: Duration,
    /// When a delivery is given up.
    #[serde(with = "common::settings::units::duration")]
    pub give_up: Duration,
    /// How long a secret that was replaced signs beside the new one.
    #[serde(with = "common::settings::units::duration")]
    pub rotation_overlap: Duration,
}

impl WebhookSettings {
    /// What URLs may be.
    pub fn allowed(&self) -> Allowed {
        Allowed { http: self.allow_http, networks: self.allowed_networks.clone() }
    }

    /// The limits of the rules.
    pub const fn policy(&self) -> WebhookPolicy {
        WebhookPolicy {
            subscriptions: self.subscriptions,
            concurrency: self.concurrency,
            pending: self.pending,
            kept: self.kept,
            first_retry: self.first_retry,
            longest_retry: self.longest_retry,
            give_up: self.give_up,
            rotation_overlap: self.rotation_overlap,
        }
    }

    /// Checks the values.
    ///
    /// # Errors
    /// The first invalid value, with its key.
    pub fn check(&self) -> anyhow::Result<()> {
        let subscriptions = self.subscriptions;
        ensure!(
            subscriptions <= MOST_SUBSCRIPTIONS,
            "webhooks.subscriptions = {subscriptions}: it must be from 0 to {MOST_SUBSCRIPTIONS}"
        );
        let concurrency = self.concurrency;
        ensure!(
            (1..=MOST_CONCURRENCY).contains(&concurrency),
            "webhooks.concurrency = {concurrency}: it must be from 1 to {MOST_CONCURRENCY}"
        );
        for (key, value) in [("pending", self.pending), ("kept", self.kept)] {
            ensure!((1..=MOST_EVENTS).contains(&value), "webhooks.{key} = {value}: it must be from 1 to {MOST_EVENTS}");
        }
        let second = Duration::from_secs(1);
        let day = Duration::from_secs(86_400);
        for (key, value, least, most) in [
            ("timeout", self.timeout, second / 10, 60 * second),
            ("first_retry", self.first_retry, second / 100, self.longest_retry),
            ("longest_retry", self.longest_retry, second / 100, day),
            ("give_up", self.give_up, second, 30 * day),
            ("rotation_overlap", self.rotation_overlap, Duration::ZERO, 30 * day),
        ] {
            ensure!(
                (least..=most).contains(&value),
                "webhooks.{key} = {value:?}: it must be from {least:?} to {most:?}"
            );
        }
        Ok(())
    }
}

/// Networks as texts; an address stands for itself.
mod networks {
    use std::net::IpAddr;

    use ipnet::IpNet;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error};

    const ALLOWED: &str = "must be IP addresses or networks, such as \"10.0.0.7\" or \"10.0.0.0/8\"";

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<IpNet>, D::Error> {
        let texts = Vec::<String>::deserialize(d)?;
        let network = |text: &String| text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse()).ok();
        texts.iter().map(|text| network(text).ok_or_else(|| D::Error::custom(ALLOWED))).collect()
    }

    pub(super) fn serialize<S: Serializer>(networks: &[IpNet], s: S) -> Result<S::Ok, S::Error> {
        networks.iter().map(ToString::to_string).collect::<Vec<_>>().serialize(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        webhooks: WebhookSettings,
    }

    fn defaults() -> WebhookSettings {
        toml::from_str::<File>(include_str!("../../config/default.toml")).unwrap().webhooks
    }

    #[test]
    fn the_defaults_are_those_of_the_rules_and_allow_public_addresses_by_https_only() {
        let defaults = defaults();
        defaults.check().unwrap();
        assert_eq!(defaults.policy(), WebhookPolicy::default());
        assert_eq!(defaults.allowed(), Allowed { http: false, networks: Vec::new() });
    }

    #[test]
    fn values_out_of_range_are_refused_with_their_key() {
        let second = Duration::from_secs(1);
        for (key, wrong) in [
            ("subscriptions", WebhookSettings { subscriptions: 17, ..defaults() }),
            ("concurrency", WebhookSettings { concurrency: 0, ..defaults() }),
            ("pending", WebhookSettings { pending: 0, ..defaults() }),
            ("kept", WebhookSettings { kept: MOST_EVENTS + 1, ..defaults() }),
            ("timeout", WebhookSettings { timeout: 61 * second, ..defaults() }),
            ("first_retry", WebhookSettings { longest_retry: second, ..defaults() }),
            ("give_up", WebhookSettings { give_up: Duration::ZERO, ..defaults() }),
        ] {
            let why = wrong.check().unwrap_err().to_string();
            assert!(why.starts_with(&format!("webhooks.{key} = ")), "{why}");
        }
    }
}

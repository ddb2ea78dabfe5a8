//! `[kafka.client]`: librdkafka's properties. Those on which the journal's guarantees depend, and those with their own
//! setting, are refused; librdkafka itself checks the names and values of all others.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use serde::{Deserialize, Deserializer};

const GUARANTEES: &str = "can't be set: the journal's guarantees depend on the service's value";
const TUNED: &str = "can't be set: the service's value is tuned together with its batches";

/// Properties that the service sets, under both names if librdkafka has two, and the reason.
const OURS: [(&str, &str); 42] = [
    ("bootstrap.servers", "can't be set here: set kafka.brokers"),
    ("metadata.broker.list", "can't be set here: set kafka.brokers"),
    ("client.id", "can't be set here: it distinguishes instances"),
    ("group.id", "can't be set here: set kafka.group"),
    ("session.timeout.ms", "can't be set here: set kafka.session_timeout"),
    ("heartbeat.interval.ms", "can't be set here: it follows from kafka.session_timeout"),
    ("max.poll.interval.ms", "can't be set here: it follows from kafka.session_timeout"),
    (
        "message.timeout.ms",
        "can't be set here: set worker.command_timeout; the journal's own messages wait without limit",
    ),
    (
        "delivery.timeout.ms",
        "can't be set here: set worker.command_timeout; the journal's own messages wait without limit",
    ),
    ("enable.auto.commit", GUARANTEES),
    ("enable.auto.offset.store", GUARANTEES),
    ("auto.commit.enable", GUARANTEES),
    ("auto.commit.interval.ms", GUARANTEES),
    ("auto.offset.reset", GUARANTEES),
    ("enable.idempotence", GUARANTEES),
    ("acks", GUARANTEES),
    ("request.required.acks", GUARANTEES),
    ("transactional.id", GUARANTEES),
    ("partitioner", GUARANTEES),
    ("enable.partition.eof", GUARANTEES),
    ("partition.assignment.strategy", GUARANTEES),
    ("group.protocol", GUARANTEES),
    ("message.max.bytes", GUARANTEES),
    ("fetch.message.max.bytes", GUARANTEES),
    ("max.partition.fetch.bytes", GUARANTEES),
    ("fetch.max.bytes", GUARANTEES),
    ("check.crcs", GUARANTEES),
    ("receive.message.max.bytes", GUARANTEES),
    ("socket.nagle.disable", TUNED),
    ("reconnect.backoff.ms", TUNED),
    ("reconnect.backoff.max.ms", TUNED),
    ("topic.metadata.refresh.interval.ms", TUNED),
    ("statistics.interval.ms", TUNED),
    ("fetch.min.bytes", TUNED),
    ("fetch.wait.max.ms", TUNED),
    ("fetch.queue.backoff.ms", TUNED),
    ("fetch.error.backoff.ms", TUNED),
    ("queued.max.messages.kbytes", TUNED),
    ("linger.ms", TUNED),
    ("queue.buffering.max.ms", TUNED),
    ("queue.buffering.max.messages", TUNED),
    ("max.in.flight.requests.per.connection", TUNED),
];

/// A property's value. librdkafka takes numbers and booleans as text.
#[derive(Deserialize)]
#[serde(untagged, expecting = "must be text, a number, true or false")]
enum Property {
    Text(String),
    Bool(bool),
    Whole(i64),
    Float(f64),
}

pub(super) fn properties<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, String>, D::Error> {
    let given = BTreeMap::<String, Property>::deserialize(d)?;
    let text = |property| match property {
        Property::Text(text) => text,
        Property::Bool(bool) => bool.to_string(),
        Property::Whole(number) => number.to_string(),
        Property::Float(number) => number.to_string(),
    };
    Ok(given.into_iter().map(|(name, property)| (name, text(property))).collect())
}

/// Why a property can't be set, if so.
pub(super) fn refuses(name: &str, value: &str) -> Option<String> {
    if let Some((_, reason)) = OURS.iter().find(|(ours, _)| *ours == name) {
        return Some((*reason).to_owned());
    }
    let mut alone = ClientConfig::new();
    match alone.set(name, value).create_native_config() {
        Ok(_) => None,
        Err(KafkaError::ClientConfig(_, reason, _, _)) => Some(format!("librdkafka rejects it: {}", reason.trim())),
        Err(other) => Some(format!("librdkafka rejects it: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_that_the_workers_set_are_refused() {
        let sources = [
            include_str!("../../../runtime/src/worker/client.rs"),
            include_str!("../../../runtime/src/worker/inputs.rs"),
            include_str!("../../../runtime/src/worker/member.rs"),
            include_str!("../../../runtime/src/worker/tail.rs"),
        ]
        .concat();
        for set in sources.split(".set(\"").skip(1) {
            let name = set.split('"').next().unwrap();
            assert!(OURS.iter().any(|(ours, _)| *ours == name), "{name} would be overridden silently");
        }
    }

    #[test]
    fn librdkafka_checks_the_others() {
        assert_eq!(refuses("security.protocol", "SSL"), None);
        assert_eq!(refuses("sasl.mechanism", "SCRAM-SHA-512"), None);
        assert!(refuses("secruity.protocol", "SSL").unwrap().contains("No such configuration property"));
        assert!(refuses("security.protocol", "tls13").unwrap().contains("Invalid value"));
        assert_eq!(refuses("acks", "1").unwrap(), GUARANTEES);
    }
}

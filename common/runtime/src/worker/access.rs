//! Kafka's refusals (KIP-11, KIP-84): the ACL that the service's principal lacks, by operation and resource.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use vocabulary::topics;

use super::client::{self, ClientLog};
use super::config::Config;

/// How long one topic is tried.
const PATIENCE: Duration = Duration::from_secs(5);

/// The principal in Kafka's notation, as far as the settings name it: that of a certificate depends on the brokers.
pub(super) fn principal(config: &Config) -> String {
    match config.client.get("sasl.username") {
        Some(user) => format!("User:{user}"),
        None => "this client's principal".to_owned(),
    }
}

/// The sentence about missing ACLs, such as `Read on topic order-commands`.
pub(super) fn denied(config: &Config, acls: &[String]) -> String {
    sentence(&principal(config), acls)
}

/// [`denied`], for a principal.
pub(super) fn sentence(principal: &str, acls: &[String]) -> String {
    format!("Kafka denies {principal} access. Grant it: {} (docs/security.md)", acls.join("; "))
}

/// The reason of an error of a consumer; of a missing ACL, the sentence that names it. `acls` are those of topics that
/// may be meant.
pub(super) fn explain(config: &Config, error: &anyhow::Error, acls: impl FnOnce() -> Vec<String>) -> String {
    match error.downcast_ref::<KafkaError>().and_then(KafkaError::rdkafka_error_code) {
        // Every consumer with a group looks for the group's coordinator, whatever it reads.
        Some(RDKafkaErrorCode::GroupAuthorizationFailed) => denied(config, &[read_on_group(config)]),
        Some(code) if client::is_denied(code) => denied(config, &acls()),
        Some(_) | None => format!("{error:#}"),
    }
}

/// The ACL of a consumer on a topic.
pub(super) fn read_on_topic(topic: &str) -> String {
    format!("Read on topic {topic}")
}

/// The ACL of a consumer on the service's group.
pub(super) fn read_on_group(config: &Config) -> String {
    format!("Read on group {}", config.group)
}

/// The operations that a service needs on each of its topics.
pub(super) fn operations(journal: &str, inputs: &[String], outputs: &[String]) -> BTreeMap<String, &'static str> {
    let mut all = operations_on(inputs, outputs);
    all.insert(journal.to_owned(), "Read and Write");
    all
}

/// The operations that a service needs on these inputs and outputs.
pub(super) fn operations_on(inputs: &[String], outputs: &[String]) -> BTreeMap<String, &'static str> {
    let mut all = BTreeMap::new();
    for name in inputs {
        all.insert(topics::dead_letters(name), "Write");
    }
    for name in outputs {
        all.insert(name.clone(), "Write");
    }
    for name in inputs {
        let also_written = all.contains_key(name);
        all.insert(name.clone(), if also_written { "Read and Write" } else { "Read" });
    }
    all
}

/// The topics of those partitions that the principal may not read: a consumer's error does not name them.
pub(super) fn unreadable<'a>(config: &Config, partitions: impl Iterator<Item = (&'a str, i32)>) -> BTreeSet<String> {
    let is_denied = |(topic, partition): &(&str, i32)| is_read_denied(config, topic, *partition).unwrap_or(false);
    partitions.filter(is_denied).map(|(topic, _)| topic.to_owned()).collect()
}

fn is_read_denied(config: &Config, topic: &str, partition: i32) -> Result<bool, KafkaError> {
    let mut settings = client::end_settings(config);
    settings.set("auto.offset.reset", "latest");
    let consumer: BaseConsumer<ClientLog> = BaseConsumer::from_config_and_context(&settings, ClientLog::new("access"))?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::End)?;
    consumer.assign(&list)?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match consumer.poll(Duration::from_millis(50)) {
            None => {}
            Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Ok(false),
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(client::is_denied) => return Ok(true),
            Some(Err(_)) => {}
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_has_the_operations_that_the_service_performs_on_it() {
        let inputs = ["in", "both"].map(str::to_owned);
        let outputs = ["both", "out", "in.dlq"].map(str::to_owned);
        let expected = [
            ("both", "Read and Write"),
            ("both.dlq", "Write"),
            ("in", "Read"),
            ("in.dlq", "Write"),
            ("out", "Write"),
            ("x-journal", "Read and Write"),
        ];
        let operations = operations("x-journal", &inputs, &outputs);
        let found: Vec<_> = operations.iter().map(|(topic, operations)| (topic.as_str(), *operations)).collect();
        assert_eq!(found, expected);
    }
}

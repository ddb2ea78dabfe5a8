//! The commands of Kafka's own tools that mend a topic, for messages to operators.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::access;
use super::client;
use super::config::Config;

/// Writes commands for the brokers of this service.
#[derive(Clone, Debug)]
pub(super) struct KafkaTools {
    connection: String,
    principal: String,
}

impl KafkaTools {
    pub(super) fn new(config: &Config) -> Self {
        let brokers = config.brokers.replace(' ', "");
        let is_secured = config.client.contains_key("security.protocol");
        let credentials = if is_secured { " --command-config client.properties" } else { "" };
        let connection = format!("--bootstrap-server {brokers}{credentials}");
        Self { connection, principal: access::principal(config) }
    }

    /// Sets `settings`, such as `retention.ms=-1,retention.bytes=-1`, of a topic.
    pub(super) fn alter(&self, topic: &str, settings: &str) -> String {
        let Self { connection, .. } = self;
        format!(
            "kafka-configs.sh {connection} --alter --entity-type topics --entity-name {topic} --add-config {settings}"
        )
    }

    /// Adds partitions to a topic, up to `count`.
    pub(super) fn add_partitions(&self, topic: &str, count: i32) -> String {
        format!("kafka-topics.sh {} --alter --topic {topic} --partitions {count}", self.connection)
    }

    /// The broker's reason to reject a message of at most `limit` bytes to a topic; with the command that mends the
    /// topic, if its settings are the cause.
    pub(super) fn explain(&self, topic: &str, limit: usize, error: &KafkaError) -> String {
        let (cause, settings) = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::InvalidRecord) => {
                ("a topic with cleanup.policy = compact takes no message without a key", "cleanup.policy=delete".into())
            }
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                ("the topic's max.message.bytes is too small", format!("max.message.bytes={limit}"))
            }
            Some(code) if client::is_denied(code) => {
                return access::sentence(&self.principal, &[format!("Write on topic {topic}")]);
            }
            _ => return error.to_string(),
        };
        format!("{error}: {cause}. Mend topic {topic} with: {}", self.alter(topic, &settings))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn tools(client: &[(&str, &str)]) -> KafkaTools {
        let config = Config {
            brokers: "a:9092, b:9092".to_owned(),
            client: client.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
            ..Config::for_tests()
        };
        KafkaTools::new(&config)
    }

    #[test]
    fn a_rejected_message_names_its_topic_and_the_remedy() {
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::InvalidRecord);
        let text = tools(&[]).explain("order-journal", 9, &error);
        let command = "kafka-configs.sh --bootstrap-server a:9092,b:9092 --alter --entity-type topics \
                       --entity-name order-journal --add-config cleanup.policy=delete";
        assert!(text.ends_with(command), "{text}");
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
        assert!(tools(&[]).explain("t", 9, &error).ends_with("--entity-name t --add-config max.message.bytes=9"));
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::TopicAuthorizationFailed);
        let denied = tools(&[("sasl.username", "orders")]).explain("t", 9, &error);
        assert_eq!(denied, "Kafka denies User:orders access. Grant it: Write on topic t (docs/security.md)");
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
        assert_eq!(tools(&[]).explain("t", 9, &error), error.to_string());
        let secured = tools(&[("security.protocol", "SSL")]).add_partitions("t", 4);
        let command = "kafka-topics.sh --bootstrap-server a:9092,b:9092 --command-config client.properties --alter \
                       --topic t --partitions 4";
        assert_eq!(secured, command);
    }
}

//! What the worker tests share: the settings of `sums`, its commands, and their producer.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tests::broker::Broker;
use tests::process::{Name, Service};
use tests::sums::{COMMANDS, Command};
use tests::{files, leftovers};

/// The partition count of every topic.
pub const PARTITIONS: i32 = 4;
const ACCOUNTS: usize = 97;

/// The settings of an instance of `sums`: the common ones, and those of a test.
pub fn settings(broker: &Broker, own: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("KAFKA__BROKERS", broker.address()),
        ("KAFKA__PARTITIONS", PARTITIONS.to_string()),
        // The shortest that brokers allow (group.min.session.timeout.ms).
        ("KAFKA__SESSION_TIMEOUT", "6s".to_owned()),
        ("LOG__FORMAT", "text".to_owned()),
    ];
    settings.extend(own.iter().map(|(key, value)| (*key, (*value).to_owned())));
    settings
}

/// An empty directory for a test's instances.
pub fn directory(test: &str) -> Result<PathBuf> {
    let clusters = files::clusters()?;
    leftovers::kill_leftovers(&clusters)?;
    let directory = clusters.join(test);
    files::empty(&directory)?;
    Ok(directory)
}

/// Two instances of `sums` that are not started.
pub fn pair(broker: &Broker, test: &str, own: &[(&'static str, &str)]) -> Result<[Service; 2]> {
    let directory = directory(test)?;
    let settings = settings(broker, own);
    let new = |instance| Service::new(Name::Sums, instance, &directory, &settings);
    Ok([new(0)?, new(1)?])
}

/// A producer of commands.
pub fn producer(broker: &Broker) -> Result<FutureProducer> {
    ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set_log_level(RDKafkaLogLevel::Critical)
        .create()
        .context("a producer")
}

/// The id and the value of an ordinary command.
fn command(number: usize) -> (String, Command) {
    let n = i64::try_from(number % 1_009).unwrap_or_default();
    (format!("command-{number}"), Command { account: format!("a{}", number * 31 % ACCOUNTS), n, once: false })
}

/// Sends the ordinary commands with these numbers.
pub async fn send(producer: FutureProducer, numbers: std::ops::Range<usize>) -> Result<()> {
    send_all(producer, numbers.map(command)).await
}

/// Sends commands, each once and in order, even while the broker restarts.
pub async fn send_all(producer: FutureProducer, commands: impl Iterator<Item = (String, Command)>) -> Result<()> {
    let mut sent = Vec::new();
    for (id, command) in commands {
        let value = serde_json::to_vec(&command)?;
        let headers = OwnedHeaders::new().insert(Header { key: "ce_id", value: Some(&id) });
        let record = FutureRecord::to(COMMANDS).key(&command.account).payload(&value).headers(headers);
        sent.push(producer.send_result(record).map_err(|(error, _)| error)?);
    }
    for delivery in sent {
        delivery.await?.map_err(|(error, _)| error)?;
    }
    Ok(())
}

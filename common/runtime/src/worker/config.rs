//! The worker's settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use journal::Limits;

/// The settings of an instance's workers.
#[derive(Clone, Debug)]
pub struct Config {
    /// `bootstrap.servers`.
    pub brokers: String,
    /// Partitions of every topic.
    pub partitions: i32,
    /// Replication of the topics that are created.
    pub replication: i32,
    /// The consumer group.
    pub group: String,
    /// Without a heartbeat for so long, a member loses its partitions to another.
    pub session_timeout: Duration,
    /// How often the topics are compared with what the service needs.
    pub topic_check: Duration,
    /// The user's librdkafka settings (TLS, SASL, …).
    pub client: BTreeMap<String, String>,
    /// The view's directory.
    pub view: PathBuf,
    /// With a view further behind than this, the instance is not ready.
    pub lag_limit: Duration,
    /// Batch sizes, and how far to decide ahead.
    pub limits: Limits,
    /// How long an HTTP command may take to reach the broker.
    pub command_timeout: Duration,
}

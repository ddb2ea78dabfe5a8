//! The worker's settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use journal::Limits;
use traces::Tracer;

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
    /// Side effects of the instance that run at the same time.
    pub side_effects: usize,
    /// True if other machines may reach the instance, and any caller may act. Its client id in the group shows it.
    pub is_exposed: bool,
    /// Takes the spans of sampled traces.
    pub tracer: Tracer,
}

#[cfg(test)]
impl Config {
    /// Settings without a broker.
    pub(crate) fn for_tests() -> Self {
        Self {
            brokers: "127.0.0.1:9".to_owned(),
            partitions: 1,
            replication: 1,
            group: "tests".to_owned(),
            session_timeout: Duration::from_secs(6),
            topic_check: Duration::from_secs(30),
            client: BTreeMap::new(),
            view: PathBuf::new(),
            lag_limit: Duration::from_secs(1),
            limits: Limits::default(),
            command_timeout: Duration::from_secs(1),
            side_effects: 4,
            is_exposed: false,
            tracer: Tracer::off(),
        }
    }
}

//! The sections that every service has, as `default.toml` spells them. Their limits are in `check`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{client, units};

/// `[http]`: the HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where it listens: address and port. Port 0 takes a free one.
    #[serde(deserialize_with = "units::socket_address")]
    pub listen: SocketAddr,
    /// The longest request body, in bytes.
    #[serde(with = "units::bytes")]
    pub body_limit: usize,
    /// How long a request may take.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

/// `[kafka]`: the broker and this service's place there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// `host:port`, several with commas between them.
    pub brokers: String,
    /// Partitions of every topic; fixed once the topics are made.
    pub partitions: i32,
    /// Replicas of the topics that this service makes.
    pub replication: i32,
    /// The consumer group; the service's name unless it is set.
    pub group: String,
    /// After so long without a word from an instance the group gives its partitions to others.
    #[serde(with = "units::duration")]
    pub session_timeout: Duration,
    /// librdkafka properties for every client: TLS, SASL, …
    #[serde(deserialize_with = "client::properties")]
    pub client: BTreeMap<String, String>,
}

/// `[view]`: the embedded SQLite file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewSettings {
    /// Where it lies; no two instances share one.
    pub directory: PathBuf,
    /// With a view further behind than this, the instance is not ready.
    #[serde(with = "units::duration")]
    pub lag_limit: Duration,
}

/// `[worker]`: batches, and how far deciding runs ahead of what is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSettings {
    /// The most messages in one batch, which is one journal record.
    pub batch_messages: usize,
    /// A batch is closed when its record has grown to so many bytes.
    #[serde(with = "units::bytes")]
    pub batch_bytes: usize,
    /// The most journal records appended and not yet read back.
    pub ahead_records: usize,
    /// The most bytes of them.
    #[serde(with = "units::bytes")]
    pub ahead_bytes: usize,
    /// Open entities of a partition kept in memory; others are read from the view when they are needed.
    pub open_in_memory: usize,
    /// How long an HTTP command may take to reach the broker; then its outcome is unknown (503).
    #[serde(with = "units::duration")]
    pub command_timeout: Duration,
}

/// `[log]`: what is logged, and how it looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A level, or levels by target: `info,runtime::worker=debug` (tracing-subscriber's `EnvFilter`).
    pub level: String,
    /// How a line looks.
    pub format: Format,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

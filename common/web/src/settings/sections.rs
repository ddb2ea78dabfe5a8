//! The sections that every service has, as in `default.toml`. Their limits are in `check`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::edge::{AuthSettings, EdgeSettings};
use super::traces::TraceSettings;
use super::{client, units};

/// All settings of a service: the sections that every service has, and its own.
#[derive(Clone, Debug, Serialize)]
pub struct Settings<S> {
    /// `[http]`
    pub http: Http,
    /// `[edge]`
    pub edge: EdgeSettings,
    /// `[auth]`, if callers authenticate with keys and tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthSettings>,
    /// `[kafka]`
    pub kafka: Kafka,
    /// `[view]`
    pub view: ViewSettings,
    /// `[worker]`
    pub worker: WorkerSettings,
    /// `[log]`
    pub log: Log,
    /// `[traces]`
    pub traces: TraceSettings,
    /// The sections that only this service has.
    #[serde(flatten)]
    pub own: S,
}

/// `[http]`: the HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The address and port to listen on. Port 0 takes a free one.
    #[serde(deserialize_with = "units::socket_address")]
    pub listen: SocketAddr,
    /// Further host names of the service; `*` means all.
    pub hosts: Vec<String>,
    /// The longest request body, in bytes.
    #[serde(with = "units::bytes")]
    pub body_limit: usize,
    /// The time limit of a request.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// The time limit for the header of the next request on a connection.
    #[serde(with = "units::duration")]
    pub header_timeout: Duration,
    /// The most open connections.
    pub connections: u32,
}

#[cfg(test)]
impl Default for Http {
    /// On a free port of this machine, with limits for tests.
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 0).into(),
            hosts: Vec::new(),
            body_limit: 1024,
            timeout: Duration::from_secs(60),
            header_timeout: Duration::from_secs(60),
            connections: 100,
        }
    }
}

/// `[kafka]`: the brokers, and this service's topics and group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// Partitions of every topic; fixed once the topics are created.
    pub partitions: i32,
    /// Replicas of the topics that this service creates.
    pub replication: i32,
    /// The consumer group; the service's name by default.
    pub group: String,
    /// An instance without a heartbeat for so long loses its partitions to others.
    #[serde(with = "units::duration")]
    pub session_timeout: Duration,
    /// How often the topics' settings and partitions are compared with what the service needs.
    #[serde(with = "units::duration")]
    pub topic_check: Duration,
    /// librdkafka properties for every client: TLS, SASL, …
    #[serde(deserialize_with = "client::properties")]
    pub client: BTreeMap<String, String>,
}

/// `[view]`: the embedded SQLite file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewSettings {
    /// Its directory; no two instances share one.
    pub directory: PathBuf,
    /// With a view further behind than this, the instance is not ready.
    #[serde(with = "units::duration")]
    pub lag_limit: Duration,
}

/// `[worker]`: batches, and how far deciding runs ahead of durable records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSettings {
    /// The most messages in one batch, which is one journal record.
    pub batch_messages: usize,
    /// The bytes of a record at which its batch ends.
    #[serde(with = "units::bytes")]
    pub batch_bytes: usize,
    /// The most journal records appended and not yet read back.
    pub ahead_records: usize,
    /// Their most bytes.
    #[serde(with = "units::bytes")]
    pub ahead_bytes: usize,
    /// Open entities of a partition in memory; others are read from the view when they are needed.
    pub open_in_memory: usize,
    /// Undelivered messages of a partition at which it decides nothing more until they are acknowledged.
    pub undelivered_messages: usize,
    /// Their most bytes.
    #[serde(with = "units::bytes")]
    pub undelivered_bytes: usize,
    /// Side effects that an instance executes at the same time; the others wait.
    pub side_effects: usize,
    /// How long an HTTP command may take to reach the broker; then its outcome is unknown (503).
    #[serde(with = "units::duration")]
    pub command_timeout: Duration,
    /// How long an HTTP request waits until the view shows its effect; then the response is 503.
    #[serde(with = "units::duration")]
    pub effect_timeout: Duration,
}

/// `[events]`: the events for external systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventSettings {
    /// Sends them, on a topic of their own.
    pub enabled: bool,
}

/// `[log]`: the levels and the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A level, or levels by target: `info,runtime::worker=debug` (tracing-subscriber's `EnvFilter`).
    pub level: String,
    /// The format of a line.
    pub format: Format,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Text for a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

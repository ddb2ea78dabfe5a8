//! The journal's Kafka shell: it carries the pure protocol ([`journal`]) over a real broker.
//!
//! ```text
//!  thread            one per     does
//!  membership        instance    is the group member; starts and stops workers; commits positions for lag tools
//!  tailer            instance    reads the journal: first to the workers (read-back), then to the view
//!  view              instance    writes SQLite ([`crate::view`])
//!  worker            partition   runs the protocol: takes inputs, decides, appends, says what came back valid
//!  inputs            claim       reads the input topics of one partition
//! ```
//! Calls into librdkafka block, so all of these are threads of their own; tokio runs HTTP and the acts only. Any thread
//! that can't go on ends the process (`Status::fatal`); there is no silent half-life.

mod client;
mod commands;
mod inputs;
mod member;
mod partition;
mod producer;
mod runtime;
mod shared;
mod side_effects;
mod status;
mod tail;
mod topics;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use commands::{Commands, SendError};
pub use runtime::{Runtime, Service};
pub use side_effects::{Executor, NoExecutor};
pub use status::Status;
pub use watch::{DeadLetter, DeadLetterTopic, Group, Member, Watch, WatchError};

use journal::Limits;

/// What the shell needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// `bootstrap.servers`.
    pub brokers: String,
    /// Partitions of every topic.
    pub partitions: i32,
    /// Replication of topics that are made.
    pub replication: i32,
    /// The consumer group.
    pub group: String,
    /// After so long without a word the group gives a member's partitions to another.
    pub session_timeout: Duration,
    /// librdkafka settings of the user (TLS, SASL, …).
    pub client: BTreeMap<String, String>,
    /// Where the view lies.
    pub view: PathBuf,
    /// With a view further behind than this, the instance is not ready.
    pub lag_limit: Duration,
    /// Batch sizes and how far to decide ahead.
    pub limits: Limits,
    /// How long an HTTP command may take to reach the broker.
    pub command_timeout: Duration,
}

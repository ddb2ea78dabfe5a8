//! The journal's Kafka shell: it runs the pure protocol ([`journal`]) on a real broker.
//!
//! ```text
//!  thread            one per     does
//!  membership        instance    is the group member; starts and stops workers; commits positions for lag tools
//!  tailer            instance    reads the journal: first to the view, then to the workers (read-back)
//!  view              instance    writes SQLite ([`crate::view`])
//!  worker            partition   runs the protocol: takes inputs, decides, appends, acts on valid entries
//!  inputs            claim       reads the input topics of one partition
//!  reports           producer    takes the delivery reports of a claim's journal, or of the instance's commands
//! ```
//! Calls into librdkafka block, so all of these are threads; tokio runs only HTTP and the side effects. A thread that
//! can't continue ends the process (`Status::fatal`): no instance runs in part.

mod acceptance;
mod access;
mod back_pressure;
mod claim;
mod claim_lifecycle;
mod client;
mod commands;
mod config;
mod damage;
mod decision_spans;
mod delivery_watch;
mod direct;
mod event;
mod exposition;
mod input_lag;
mod input_progress;
mod inputs;
mod journal_log;
mod kafka_tools;
mod loading;
mod member;
mod metrics;
mod partition;
mod patience;
mod polled;
mod positions;
mod producer;
mod read_back;
mod reader;
mod received;
mod runtime;
mod shared;
mod side_effects;
mod sources;
mod status;
mod tail;
mod threads;
mod topics;
mod watch;

pub use acceptance::{AcceptanceRequest, ContinueAt, PositionReport, accept, report};
pub use commands::{Commands, SendError};
pub use config::Config;
pub use runtime::{Runtime, Service, host_name};
pub use side_effects::{Executor, ExternalCall, NoExecutor};
pub use status::Status;
pub use topics::{TopicAdmin, TopicError};
pub use watch::{DeadLetter, DeadLetterTopic, Group, Member, PutBackError, Watch, WatchError};

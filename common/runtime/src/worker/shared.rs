//! What the workers of an instance share, and the events that they receive.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crossbeam_channel::Sender;
use journal::Head;
use tokio::sync::Semaphore;

use super::commands::Commands;
use super::config::Config;
use super::status::Status;

/// The decided positions, for lag tools: (topic, partition) to the next offset, as far as it changed.
pub(super) type SharedPositions = Arc<Mutex<HashMap<(String, i32), i64>>>;

/// An event for a worker.
#[derive(Debug)]
pub(super) enum Event {
    /// The group assigns the partition to this instance.
    Assigned,
    /// The group takes it away: finish, unless it is already lost, and report it.
    Revoked { at_once: bool, done: Sender<()> },
    /// A record of the journal.
    ReadBack { offset: i64, head: Head, at: Instant },
    /// The instance ends.
    Stop,
}

/// What all workers of an instance share.
pub(super) struct Shared<H, A> {
    pub(super) config: Config,
    pub(super) name: &'static str,
    pub(super) journal: &'static str,
    pub(super) inputs: Vec<String>,
    /// The partition counts of the topics at the start.
    pub(super) counts: Arc<BTreeMap<String, i32>>,
    pub(super) instance: String,
    pub(super) handler: H,
    pub(super) executor: Arc<A>,
    pub(super) commands: Commands,
    pub(super) tokio: tokio::runtime::Handle,
    /// Of the side effects that may run at the same time.
    pub(super) permits: Arc<Semaphore>,
    pub(super) status: Arc<Status>,
    pub(super) positions: SharedPositions,
}

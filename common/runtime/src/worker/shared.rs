//! What the workers of an instance share, and what they are told.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Sender;

use super::Config;
use super::commands::Commands;
use super::runtime::SharedPositions;
use super::status::Status;
use journal::Head;

/// What a worker hears of.
#[derive(Debug)]
pub(super) enum Event {
    /// The group assigns the partition to this instance.
    Assigned,
    /// The group takes it away: finish (unless it is lost already), and tell when done.
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
    pub(super) instance: String,
    pub(super) handler: H,
    pub(super) actor: Arc<A>,
    pub(super) commands: Commands,
    pub(super) tokio: tokio::runtime::Handle,
    pub(super) status: Arc<Status>,
    pub(super) positions: SharedPositions,
}

//! What the workers of an instance share.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use crossbeam_channel::Sender;
use tokio::sync::Semaphore;

use super::commands::Commands;
use super::config::Config;
use super::direct::Direct;
use super::status::Status;
use super::topics::FurtherInputs;
use crate::view::Tailed;

/// The decided positions, for lag tools: (topic, partition) to the next offset, as far as it changed.
pub(super) type SharedPositions = Arc<Mutex<HashMap<(String, i32), i64>>>;

/// What all workers of an instance share.
pub(super) struct Shared<H, A> {
    pub(super) config: Config,
    pub(super) name: &'static str,
    pub(super) journal: &'static str,
    pub(super) inputs: Vec<String>,
    /// The partition counts of the topics at the start.
    pub(super) counts: Arc<BTreeMap<String, i32>>,
    /// The inputs that are added while the service runs.
    pub(super) further: Arc<FurtherInputs>,
    pub(super) instance: String,
    pub(super) handler: H,
    pub(super) executor: Arc<A>,
    pub(super) commands: Commands,
    pub(super) direct: Direct,
    pub(super) tokio: tokio::runtime::Handle,
    /// Of the side effects that may run at the same time.
    pub(super) permits: Arc<Semaphore>,
    pub(super) status: Arc<Status>,
    pub(super) positions: SharedPositions,
    /// The view's writer.
    pub(super) view: Sender<Tailed>,
}

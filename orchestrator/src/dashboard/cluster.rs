//! A cache of the state of the cluster, shared by all requests: reading it takes requests to the broker for each
//! partition.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::worker::Group;
use tokio::sync::Mutex;

use crate::api::{Api, DeadTopic, Letter};
use crate::causes::{BrokenCircuit, DeadLetters};
use crate::error::ApiError;

/// How long the groups and topics are cached.
const GROUPS_FRESH: Duration = Duration::from_secs(2);
/// How long the last known state is shown while the brokers do not answer.
const LAST_KNOWN: Duration = Duration::from_secs(15);
/// How long the messages of a dead-letter topic are cached: reading them takes a consumer for each partition.
const LETTERS_FRESH: Duration = Duration::from_secs(10);

/// The state of the cluster.
#[derive(Clone)]
pub(super) struct ClusterState {
    pub(super) groups: Vec<Group>,
    pub(super) circuits: Vec<BrokenCircuit>,
    pub(super) dead: Vec<DeadTopic>,
}

struct Cached<T> {
    at: Instant,
    value: T,
}

/// The cache.
#[derive(Default)]
pub(super) struct ClusterCache {
    state: Mutex<Option<Cached<Result<ClusterState, ApiError>>>>,
    letters: Mutex<HashMap<String, Cached<Arc<Vec<Letter>>>>>,
    /// The last state that was read, for pages that do not wait for the brokers.
    last: std::sync::Mutex<Option<Cached<ClusterState>>>,
}

impl ClusterState {
    /// The dead letters that were not put back.
    pub(super) fn dead_letters(&self) -> Vec<DeadLetters> {
        let open = |dead: &DeadTopic| u64::try_from(dead.topic.count - dead.put_back).unwrap_or(0);
        self.dead.iter().map(|dead| DeadLetters { topic: dead.topic.topic.clone(), open: open(dead) }).collect()
    }
}

impl ClusterCache {
    /// The state of the cluster.
    pub(super) async fn state(&self, api: &Api) -> Result<ClusterState, ApiError> {
        let mut cached = self.state.lock().await;
        if let Some(fresh) = cached.as_ref().filter(|cached| cached.at.elapsed() < GROUPS_FRESH) {
            return fresh.value.clone();
        }
        let value = read_state(api).await;
        if let Ok(state) = &value {
            *self.last() = Some(Cached { at: Instant::now(), value: state.clone() });
        }
        *cached = Some(Cached { at: Instant::now(), value: value.clone() });
        value
    }

    fn last(&self) -> MutexGuard<'_, Option<Cached<ClusterState>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last known state of the cluster, without waiting for the brokers. It is read again in the background.
    pub(super) fn latest(self: &Arc<Self>, api: &Api) -> Option<ClusterState> {
        if self.state.try_lock().is_ok_and(|cached| cached.as_ref().is_none_or(|old| old.at.elapsed() >= GROUPS_FRESH))
        {
            let cache = self.clone();
            let api = api.clone();
            tokio::spawn(async move { cache.state(&api).await });
        }
        self.last().as_ref().filter(|last| last.at.elapsed() < LAST_KNOWN).map(|last| last.value.clone())
    }

    /// The newest dead letters of a topic.
    pub(super) async fn dead_letters_of(&self, api: &Api, topic: &str) -> Result<Arc<Vec<Letter>>, ApiError> {
        let mut cached = self.letters.lock().await;
        cached.retain(|_, cached| cached.at.elapsed() < LETTERS_FRESH);
        if let Some(fresh) = cached.get(topic) {
            return Ok(fresh.value.clone());
        }
        let value = Arc::new(api.dead_letters(topic).await?);
        cached.insert(topic.to_owned(), Cached { at: Instant::now(), value: value.clone() });
        Ok(value)
    }

    /// Drops what is cached of a topic, after one of its messages was put back.
    pub(super) async fn invalidate(&self, topic: &str) {
        self.letters.lock().await.remove(topic);
        *self.state.lock().await = None;
    }
}

async fn read_state(api: &Api) -> Result<ClusterState, ApiError> {
    let (groups, circuits) = tokio::join!(api.groups(), api.broken_circuits());
    let groups = groups?;
    let dead = api.dead_letter_topics().await?;
    Ok(ClusterState { groups, circuits, dead })
}

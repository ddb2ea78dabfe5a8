//! A short-lived cache of the statistics of a period and of the present waits, which are slow to sum up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::stats::{Cohort, Current, FlowHistory, Period, Recent};

/// The statistics of each step.
pub(super) type RecentSteps = Arc<BTreeMap<String, Recent>>;

/// The present waits at each step.
pub(super) type CurrentSteps = Arc<BTreeMap<String, Current>>;

/// How long the present waits are cached.
const CURRENT_FRESH: Duration = Duration::from_millis(500);

/// What a result is cached under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CacheKey {
    pub definition: String,
    pub version: u32,
    pub period: Period,
}

/// The most results of a kind: users choose periods.
const MAX_ENTRIES: usize = 64;

struct Cached<T> {
    at: Instant,
    value: T,
}

/// Results by key, the oldest first.
type Entries<K, T> = Mutex<Vec<(K, Cached<T>)>>;

#[derive(Default)]
struct Caches {
    recent: Entries<CacheKey, RecentSteps>,
    history: Entries<CacheKey, Arc<FlowHistory>>,
    cohorts: Entries<CacheKey, Arc<Cohort>>,
    /// By definition and version.
    current: Entries<(String, u32), CurrentSteps>,
}

/// The cached results.
#[derive(Clone, Default)]
pub(super) struct StatsCache(Arc<Caches>);

impl StatsCache {
    /// The statistics of a period, if they are still fresh.
    pub(super) fn recent(&self, key: &CacheKey) -> Option<RecentSteps> {
        get(&self.0.recent, key, key.period.fresh())
    }

    /// The course of the statistics, if it is still fresh.
    pub(super) fn history(&self, key: &CacheKey) -> Option<Arc<FlowHistory>> {
        get(&self.0.history, key, key.period.fresh())
    }

    /// Stores the course of the statistics.
    pub(super) fn put_history(&self, key: CacheKey, history: Arc<FlowHistory>) {
        put(&self.0.history, key, history);
    }

    /// Stores the statistics of a period.
    pub(super) fn put_recent(&self, key: CacheKey, recent: RecentSteps) {
        put(&self.0.recent, key, recent);
    }

    /// The sagas that started in a period, if they are still fresh.
    pub(super) fn cohort(&self, key: &CacheKey) -> Option<Arc<Cohort>> {
        get(&self.0.cohorts, key, key.period.fresh())
    }

    /// Stores the sagas that started in a period.
    pub(super) fn put_cohort(&self, key: CacheKey, cohort: Arc<Cohort>) {
        put(&self.0.cohorts, key, cohort);
    }

    /// The present waits of a definition's version, if they are still fresh.
    pub(super) fn current(&self, key: &(String, u32)) -> Option<CurrentSteps> {
        get(&self.0.current, key, CURRENT_FRESH)
    }

    /// Stores the present waits of a definition's version.
    pub(super) fn put_current(&self, key: (String, u32), current: CurrentSteps) {
        put(&self.0.current, key, current);
    }
}

fn lock<K, T>(entries: &Entries<K, T>) -> MutexGuard<'_, Vec<(K, Cached<T>)>> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}

fn get<K: PartialEq, T: Clone>(entries: &Entries<K, T>, key: &K, fresh: Duration) -> Option<T> {
    let entries = lock(entries);
    let cached = entries.iter().find(|(known, _)| known == key).map(|(_, cached)| cached);
    cached.filter(|cached| cached.at.elapsed() < fresh).map(|cached| cached.value.clone())
}

fn put<K: PartialEq, T>(entries: &Entries<K, T>, key: K, value: T) {
    let mut entries = lock(entries);
    entries.retain(|(known, _)| *known != key);
    if entries.len() >= MAX_ENTRIES {
        entries.remove(0);
    }
    entries.push((key, Cached { at: Instant::now(), value }));
}

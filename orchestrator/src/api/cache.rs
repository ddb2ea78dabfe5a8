//! A short-lived cache of the statistics of a window and of the present waits, which are slow to sum up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::stats::{Current, Recent, Window};

/// The statistics of each step.
pub(super) type RecentSteps = Arc<BTreeMap<String, Recent>>;

/// The present waits at each step.
pub(super) type CurrentSteps = Arc<BTreeMap<String, Current>>;

/// How long the present waits are cached.
const CURRENT_FRESH: Duration = Duration::from_millis(500);

/// What a result is cached under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CacheKey {
    pub definition: String,
    pub version: u32,
    pub window: &'static str,
}

struct Cached<T> {
    at: Instant,
    value: T,
}

/// Results by key.
type Entries<K, T> = Mutex<BTreeMap<K, Cached<T>>>;

#[derive(Default)]
struct Caches {
    recent: Entries<CacheKey, RecentSteps>,
    /// By definition and version.
    current: Entries<(String, u32), CurrentSteps>,
}

/// The cached results.
#[derive(Clone, Default)]
pub(super) struct StatsCache(Arc<Caches>);

impl StatsCache {
    /// The statistics of a window, if they are still fresh.
    pub(super) fn recent(&self, key: &CacheKey, window: Window) -> Option<RecentSteps> {
        get(&self.0.recent, key, window.fresh())
    }

    /// Stores the statistics of a window.
    pub(super) fn put_recent(&self, key: CacheKey, recent: RecentSteps) {
        put(&self.0.recent, key, recent);
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

fn lock<K, T>(entries: &Entries<K, T>) -> MutexGuard<'_, BTreeMap<K, Cached<T>>> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}

fn get<K: Ord, T: Clone>(entries: &Entries<K, T>, key: &K, fresh: Duration) -> Option<T> {
    let entries = lock(entries);
    entries.get(key).filter(|cached| cached.at.elapsed() < fresh).map(|cached| cached.value.clone())
}

fn put<K: Ord, T>(entries: &Entries<K, T>, key: K, value: T) {
    lock(entries).insert(key, Cached { at: Instant::now(), value });
}

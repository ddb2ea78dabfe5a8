//! A short-lived cache of the statistics of a window, which are slow to sum up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::stats::{Recent, Window};

/// The statistics of each step.
pub(super) type RecentSteps = Arc<BTreeMap<String, Recent>>;

/// What a result is cached under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CacheKey {
    pub definition: String,
    pub version: u32,
    pub window: &'static str,
}

struct Cached {
    at: Instant,
    recent: RecentSteps,
}

/// The cached results.
#[derive(Clone, Default)]
pub(super) struct RecentCache(Arc<Mutex<BTreeMap<CacheKey, Cached>>>);

impl RecentCache {
    /// A result that is still fresh for this window.
    pub(super) fn get(&self, key: &CacheKey, window: Window) -> Option<RecentSteps> {
        let entries = self.entries();
        let cached = entries.get(key).filter(|cached| cached.at.elapsed() < window.fresh())?;
        Some(cached.recent.clone())
    }

    /// Stores a result.
    pub(super) fn put(&self, key: CacheKey, recent: RecentSteps) {
        self.entries().insert(key, Cached { at: Instant::now(), recent });
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<CacheKey, Cached>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Requests that wait for an entity, so that they are answered as soon as the view shows its change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Requests that wait for entities to change.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<HashMap<String, (usize, Arc<Notify>)>>);

impl Waiters {
    /// Registers a waiter for an entity, until the guard is dropped.
    pub(crate) fn watch(self: &Arc<Self>, key: &str) -> Watch {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, notify) = all.entry(key.to_owned()).or_default();
        *count += 1;
        Watch { waiters: self.clone(), key: key.to_owned(), notify: notify.clone() }
    }

    /// Returns true if no request waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Wakes the requests that wait for one of these entities.
    pub(crate) fn wake<'a>(&self, keys: impl Iterator<Item = &'a str>) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return;
        }
        for key in keys {
            if let Some((_, notify)) = all.get(key) {
                notify.notify_waiters();
            }
        }
    }
}

/// A registered waiter.
#[derive(Debug)]
pub(crate) struct Watch {
    waiters: Arc<Waiters>,
    key: String,
    /// Notified at each change.
    pub(crate) notify: Arc<Notify>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut all = self.waiters.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, _)) = all.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_wakes_its_waiters_and_leaves_nothing_behind() {
        let waiters = Arc::new(Waiters::default());
        let watch = waiters.watch("a");
        let mut woken = Box::pin(watch.notify.notified());
        woken.as_mut().enable();
        waiters.wake(["b", "a"].into_iter());
        woken.await;
        drop(watch);
        assert!(waiters.0.lock().unwrap().is_empty());
    }
}

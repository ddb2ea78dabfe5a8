//! Requests that wait for an entity, so that they are answered as soon as the view shows its change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Requests that wait for entities to change.
#[derive(Debug)]
pub(crate) struct Waiters {
    all: Mutex<HashMap<String, (usize, Arc<Notify>)>>,
    added: Sender<()>,
    /// Notified at each transaction.
    written: Notify,
}

impl Waiters {
    /// No waiters. The receiver gets something when there are more.
    pub(crate) fn new() -> (Arc<Self>, Receiver<()>) {
        let (added, more) = bounded(1);
        let written = Notify::new();
        (Arc::new(Self { all: Mutex::default(), added, written }), more)
    }

    /// Registers a waiter for an entity, until the guard is dropped.
    pub(crate) fn watch(self: &Arc<Self>, key: &str) -> Watch {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, notify) = all.entry(key.to_owned()).or_default();
        *count += 1;
        // If it is full, the writer is about to look.
        let _ = self.added.try_send(());
        Watch { waiters: self.clone(), key: key.to_owned(), notify: notify.clone() }
    }

    /// Waits for the next transaction. The writer hurries while there is a [`Watch`].
    pub(crate) fn written(&self) -> Notified<'_> {
        self.written.notified()
    }

    /// Returns true if no request waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Wakes the requests that wait for one of these entities, or for a transaction.
    pub(crate) fn wake<'a>(&self, keys: impl Iterator<Item = &'a str>) {
        self.written.notify_waiters();
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut all = self.waiters.all.lock().unwrap_or_else(PoisonError::into_inner);
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
        let (waiters, more) = Waiters::new();
        let watch = waiters.watch("a");
        let mut woken = Box::pin(watch.notify.notified());
        woken.as_mut().enable();
        waiters.wake(["b", "a"].into_iter());
        woken.await;
        assert_eq!(more.try_recv(), Ok(()));
        drop(watch);
        assert!(waiters.all.lock().unwrap().is_empty());
    }
}

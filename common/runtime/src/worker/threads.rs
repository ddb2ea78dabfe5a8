//! Threads whose death ends the process, and how long their end is awaited.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::status::Status;

/// How long a worker may take to finish what is in flight.
pub(super) const DRAIN: Duration = Duration::from_secs(5);
/// How long a thread with nothing to finish may take to end.
pub(super) const END: Duration = Duration::from_secs(2);

/// Starts a thread whose panic ends the process.
pub(super) fn spawn(
    status: &Arc<Status>,
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    struct ReportPanic(Arc<Status>, String);
    impl Drop for ReportPanic {
        fn drop(&mut self) {
            if std::thread::panicking() {
                self.0.fatal(&format!("thread {} panicked", self.1));
            }
        }
    }
    let guard = ReportPanic(status.clone(), name.to_owned());
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _guard = guard;
        body();
    });
    thread.with_context(|| format!("thread {name} can't be started"))
}

/// Drops a client on a thread of its own: closing it waits for librdkafka's threads, and for the brokers.
pub(super) fn drop_apart(client: impl Send + 'static) {
    std::thread::spawn(move || drop(client));
}

/// Waits for a thread to end. A thread that still waits for an unreachable broker is abandoned: none of its work is
/// kept.
pub(super) fn join(thread: JoinHandle<()>, deadline: Instant) {
    while !thread.is_finished() {
        if Instant::now() >= deadline {
            let name = thread.thread().name().unwrap_or_default();
            return tracing::warn!("thread {name} does not end and is abandoned");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    if thread.join().is_err() {
        tracing::error!("a thread panicked");
    }
}

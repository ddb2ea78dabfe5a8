//! Side effects on external systems: started once the entity's record was read back, and answered with messages.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use journal::{Intent, NoSideEffect};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use traces::{Kind, Span, Tracer};
use vocabulary::messages::{Outgoing, derived_span};
use vocabulary::time::Timestamp;

use super::commands::{Commands, SendError};

/// The pause before an answer that was not confirmed is sent again.
const AGAIN: Duration = Duration::from_secs(1);

/// Executes a service's side effects.
pub trait Executor: Send + Sync + 'static {
    /// The service's side effects.
    type SideEffect;

    /// Executes the intent, with its id as idempotency key, and returns the outcome as messages whose ids derive from
    /// it. Called again with the same intent after a take-over.
    fn execute(&self, intent: &Intent<Self::SideEffect>, now: Timestamp) -> impl Future<Output = Vec<Outgoing>> + Send;

    /// How the call of a side effect appears in its trace; `None`: not at all.
    fn describe(_: &Self::SideEffect) -> Option<ExternalCall<'_>> {
        None
    }
}

/// A call to an external system, for traces.
#[derive(Clone, Copy, Debug)]
pub struct ExternalCall<'c> {
    /// The call, such as `payment.request`.
    pub name: &'static str,
    /// The system that is called, such as `stripe`.
    pub peer: &'static str,
    /// The `traceparent` of the call's cause.
    pub traceparent: Option<&'c str>,
}

/// The executor of services without side effects.
#[derive(Clone, Copy, Debug)]
pub struct NoExecutor;

impl Executor for NoExecutor {
    type SideEffect = NoSideEffect;
    async fn execute(&self, intent: &Intent<NoSideEffect>, _now: Timestamp) -> Vec<Outgoing> {
        match intent.what {}
    }
}

/// The fewest side effects at which those that have ended are searched for.
const CLEAN_AT: usize = 1_024;

/// The side effects of one claim that were requested. So many of an instance run at a time; the others wait, in the
/// order in which they became due. Dropping them aborts them.
pub(super) struct SideEffects<R> {
    executor: Arc<R>,
    commands: Commands,
    tokio: Handle,
    permits: Arc<Semaphore>,
    requested: HashMap<String, JoinHandle<()>>,
    clean_at: usize,
    tracer: Tracer,
}

impl<R: Executor<SideEffect: Send + Sync + 'static>> SideEffects<R> {
    pub(super) fn new(executor: Arc<R>, commands: Commands, tokio: Handle, permits: Arc<Semaphore>) -> Self {
        let tracer = commands.tracer().clone();
        Self { executor, commands, tokio, permits, requested: HashMap::new(), clean_at: CLEAN_AT, tracer }
    }

    /// Executes an intent when it is due and a permit is free.
    pub(super) fn start(&mut self, intent: Intent<R::SideEffect>) {
        if self.requested.len() >= self.clean_at {
            self.requested.retain(|_, task| !task.is_finished());
            self.clean_at = CLEAN_AT.max(2 * self.requested.len());
        }
        let executor = self.executor.clone();
        let commands = self.commands.clone();
        let permits = self.permits.clone();
        let tracer = self.tracer.clone();
        let id = intent.id.clone();
        let task = self.tokio.spawn(async move {
            tokio::time::sleep(intent.due.since(Timestamp::now())).await;
            let Ok(_permit) = permits.acquire().await else { return };
            let start = SystemTime::now();
            let mut answers = executor.execute(&intent, Timestamp::now()).await;
            record_call::<R>(&tracer, &intent, start);
            while !answers.is_empty() {
                // A separate task: an answer outlives the claim for one attempt, so that a call that was made is rarely
                // repeated.
                let sending = tokio::spawn(send_all(commands.clone(), answers));
                let Ok(unsent) = sending.await else { return };
                if let Some((_, error)) = unsent.first() {
                    tracing::warn!(intent = intent.id, "{error}; sending again");
                    tokio::time::sleep(AGAIN).await;
                }
                answers = unsent.into_iter().map(|(answer, _)| answer).collect();
            }
        });
        self.requested.insert(id, task);
    }

    /// Aborts a side effect.
    pub(super) fn abandon(&mut self, id: &str) {
        if let Some(task) = self.requested.remove(id) {
            task.abort();
        }
    }
}

/// Records the span of a call that has ended, if its trace is sampled.
fn record_call<R: Executor>(tracer: &Tracer, intent: &Intent<R::SideEffect>, start: SystemTime) {
    if !tracer.is_on() {
        return;
    }
    let Some(ExternalCall { name, peer, traceparent }) = R::describe(&intent.what) else { return };
    let Some(context) = tracer.sampled(traceparent) else { return };
    let id = derived_span(&[traceparent.unwrap_or_default(), &intent.id, "call"]);
    let span = Span::below(context, id, Kind::Client, name, start).until(SystemTime::now());
    tracer.record(span.with("service.peer.name", peer).with_text("order_saga.intent.id", Some(&intent.id)));
}

/// Sends messages in order. Returns those that were not confirmed.
async fn send_all(commands: Commands, messages: Vec<Outgoing>) -> Vec<(Outgoing, SendError)> {
    let mut unsent = Vec::new();
    for message in messages {
        if let Err(error) = commands.send(&message).await {
            unsent.push((message, error));
        }
    }
    unsent
}

impl<R> Drop for SideEffects<R> {
    fn drop(&mut self) {
        for task in self.requested.values() {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::worker::config::Config;
    use crate::worker::direct::Direct;

    use super::*;

    /// Counts the side effects that run at the same time, and all that have ended.
    #[derive(Default)]
    struct Counting {
        running: AtomicUsize,
        most: AtomicUsize,
        ended: AtomicUsize,
    }

    impl Executor for Counting {
        type SideEffect = ();
        async fn execute(&self, _: &Intent<()>, _: Timestamp) -> Vec<Outgoing> {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(running, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.running.fetch_sub(1, Ordering::SeqCst);
            self.ended.fetch_add(1, Ordering::SeqCst);
            Vec::new()
        }
    }

    fn intent(n: usize) -> Intent<()> {
        Intent { id: n.to_string(), due: Timestamp(0), what: () }
    }

    #[tokio::test]
    async fn tens_of_thousands_of_side_effects_run_a_few_at_a_time() {
        let commands = Commands::new(&Config::for_tests(), "tests", Direct::new("commands", &[])).unwrap();
        let executor = Arc::new(Counting::default());
        let permits = Arc::new(Semaphore::new(4));
        let mut effects = SideEffects::new(executor.clone(), commands, Handle::current(), permits);
        for n in 0..30_000 {
            effects.start(intent(n));
        }
        for n in 29_000..30_000 {
            effects.abandon(&n.to_string());
        }
        while executor.ended.load(Ordering::SeqCst) < 29_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(executor.most.load(Ordering::SeqCst), 4);
        effects.start(intent(30_000));
        assert!(effects.requested.len() < 30_000, "those that have ended are forgotten");
    }
}

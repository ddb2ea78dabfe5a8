//! Side effects on external systems: started once the entity's record was read back, and answered with messages.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use journal::{Intent, NoSideEffect};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use vocabulary::messages::Outgoing;
use vocabulary::time::Timestamp;

use super::commands::Commands;

/// The pause before an answer that Kafka did not confirm is sent again.
const AGAIN: Duration = Duration::from_secs(1);

/// Executes a service's side effects.
pub trait Executor: Send + Sync + 'static {
    /// The service's side effects.
    type SideEffect;

    /// Executes the intent, with its id as idempotency key, and returns the outcome as messages whose ids derive from
    /// it. Called again with the same intent after a take-over.
    fn execute(&self, intent: &Intent<Self::SideEffect>, now: Timestamp) -> impl Future<Output = Vec<Outgoing>> + Send;
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

/// The running side effects of one claim. Dropping them aborts them.
pub(super) struct SideEffects<R> {
    executor: Arc<R>,
    commands: Commands,
    tokio: Handle,
    running: HashMap<String, JoinHandle<()>>,
}

impl<R: Executor<SideEffect: Send + Sync + 'static>> SideEffects<R> {
    pub(super) fn new(executor: Arc<R>, commands: Commands, tokio: Handle) -> Self {
        Self { executor, commands, tokio, running: HashMap::new() }
    }

    /// Executes an intent when it is due.
    pub(super) fn start(&mut self, intent: Intent<R::SideEffect>) {
        self.running.retain(|_, task| !task.is_finished());
        let executor = self.executor.clone();
        let commands = self.commands.clone();
        let id = intent.id.clone();
        let task = self.tokio.spawn(async move {
            tokio::time::sleep(intent.due.since(Timestamp::now())).await;
            for answer in executor.execute(&intent, Timestamp::now()).await {
                while let Err(error) = commands.send(&answer).await {
                    tracing::warn!(intent = intent.id, "{error}; sending again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        });
        self.running.insert(id, task);
    }

    /// Aborts a side effect.
    pub(super) fn abandon(&mut self, id: &str) {
        if let Some(task) = self.running.remove(id) {
            task.abort();
        }
    }
}

impl<R> Drop for SideEffects<R> {
    fn drop(&mut self) {
        for task in self.running.values() {
            task.abort();
        }
    }
}

//! Acting on the world: what an entity's durable state wants done outside, done after the record was read back, answered
//! with messages.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::commands::Commands;
use journal::{Intent, NoSideEffect};
use vocabulary::messages::Outgoing;
use vocabulary::time::Timestamp;

/// The pause before an answer that Kafka did not take is sent again.
const AGAIN: Duration = Duration::from_secs(1);

/// Who performs a service's acts.
pub trait Executor: Send + Sync + 'static {
    /// What can be wanted.
    type SideEffect;

    /// Does it, with the intent's id as idempotency key, and says the outcome as messages whose ids derive from it. It is
    /// called again with the same intent after a take-over.
    fn execute(&self, intent: &Intent<Self::SideEffect>, now: Timestamp) -> impl Future<Output = Vec<Outgoing>> + Send;
}

/// For services that don't act on the world.
#[derive(Clone, Copy, Debug)]
pub struct NoExecutor;

impl Executor for NoExecutor {
    type SideEffect = NoSideEffect;
    async fn execute(&self, intent: &Intent<NoSideEffect>, _now: Timestamp) -> Vec<Outgoing> {
        match intent.what {}
    }
}

/// The acts of one claim that are underway. Dropping them gives them up.
pub(super) struct SideEffects<R> {
    actor: Arc<R>,
    commands: Commands,
    tokio: Handle,
    underway: HashMap<String, JoinHandle<()>>,
}

impl<R: Executor<SideEffect: Send + Sync + 'static>> SideEffects<R> {
    pub(super) fn new(actor: Arc<R>, commands: Commands, tokio: Handle) -> Self {
        Self { actor, commands, tokio, underway: HashMap::new() }
    }

    /// Performs an intent, when it is due.
    pub(super) fn start(&mut self, intent: Intent<R::SideEffect>) {
        self.underway.retain(|_, task| !task.is_finished());
        let (actor, commands, id) = (self.actor.clone(), self.commands.clone(), intent.id.clone());
        let task = self.tokio.spawn(async move {
            tokio::time::sleep(intent.due.since(Timestamp::now())).await;
            for answer in actor.execute(&intent, Timestamp::now()).await {
                while let Err(error) = commands.send(&answer).await {
                    tracing::warn!(intent = intent.id, "{error}; sending again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        });
        self.underway.insert(id, task);
    }

    /// Gives one up.
    pub(super) fn forget(&mut self, id: &str) {
        if let Some(task) = self.underway.remove(id) {
            task.abort();
        }
    }
}

impl<R> Drop for SideEffects<R> {
    fn drop(&mut self) {
        for task in self.underway.values() {
            task.abort();
        }
    }
}

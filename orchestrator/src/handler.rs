//! The orchestrator's handler: parses each message and dispatches it to its rule.

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use common::journal::{Handler, Intent, Key, Store, StoreError, Transaction, Trigger};
use common::messages::{Message, MessageMac, Outgoing, Unreadable};
use common::time::Timestamp;
use common::topics;

use crate::definitions::Definitions;
use crate::entity::Entity;
use crate::entity::webhooks::WEBHOOKS;
use crate::messages::Incoming;
use crate::rules::context::RuleContext;
use crate::rules::versions::Versions;
use crate::rules::webhooks::policy::WebhookPolicy;
use crate::rules::webhooks::{WebhookCall, WebhookContext};
use crate::rules::{callbacks, deployment, rollout, sagas, webhooks};

/// The orchestrator's handler.
pub struct SagaHandler {
    versions: Versions,
    /// Recognizes the payment results that payment-service wrote; `None` takes all results.
    results_mac: Option<MessageMac>,
    /// Whether changes are published as events.
    events: bool,
    /// The limits of webhooks.
    webhooks: WebhookPolicy,
}

impl SagaHandler {
    /// A handler with the definitions of the files.
    pub fn new(definitions: Definitions) -> Self {
        let webhooks = WebhookPolicy::default();
        Self { versions: Versions::new(definitions), results_mac: None, events: false, webhooks }
    }

    /// The same, with payment results taken only if payment-service marked them with this secret.
    #[must_use]
    pub fn with_results_mac(self, results_mac: Option<MessageMac>) -> Self {
        Self { results_mac, ..self }
    }

    /// The same, which publishes each change of a saga as an event.
    #[must_use]
    pub fn with_events(self, events: bool) -> Self {
        Self { events, ..self }
    }

    /// The same, with these limits of webhooks.
    #[must_use]
    pub fn with_webhooks(self, webhooks: WebhookPolicy) -> Self {
        Self { webhooks, ..self }
    }

    /// Returns true if changes are published as events.
    pub const fn publishes(&self) -> bool {
        self.events
    }

    /// The definitions of the files.
    pub const fn definitions(&self) -> &Definitions {
        self.versions.known()
    }
}

impl Handler for SagaHandler {
    type Entity = Entity;
    type SideEffect = WebhookCall;

    fn decide(&self, tx: &mut Transaction<'_, Entity>, trigger: Trigger<'_>, now: Timestamp) -> Result<(), Unreadable> {
        let results_mac = self.results_mac.as_ref();
        let cause = if self.events { cause_of(trigger, now) } else { None };
        let mut ctx = RuleContext { tx, versions: &self.versions, results_mac, now, cause };
        match trigger {
            Trigger::Claimed => {
                self.versions.store(ctx.tx);
                Ok(())
            }
            Trigger::Timer(key) => {
                self.wake(&mut ctx, key);
                Ok(())
            }
            Trigger::Message(message) if webhooks::TOPICS.contains(&&*message.topic) => {
                self.receive_event(&mut ctx, message);
                Ok(())
            }
            Trigger::Message(message) => self.receive(&mut ctx, message),
        }
    }

    /// Sagas of a definition whose file was removed still wait for their callbacks. The topics of events are read from
    /// the first webhook on.
    fn more_inputs(&self, store: &dyn Store<Entity>) -> Result<BTreeSet<String>, StoreError> {
        let mut inputs = self.versions.load(store)?;
        if store.load(&WEBHOOKS.to_owned())?.is_some() {
            inputs.extend(webhooks::TOPICS.map(str::to_owned));
        }
        Ok(inputs)
    }

    fn intents(&self, _: &Key, entity: &Entity) -> Vec<Intent<WebhookCall>> {
        entity.webhook().map(webhooks::calls).unwrap_or_default()
    }

    /// The payment service writes the dead letters of payment-results: it reads the same topic.
    fn unreadable(&self, message: &Message, reason: &Unreadable) -> Option<Outgoing> {
        (&*message.topic != topics::PAYMENT_RESULTS).then(|| Outgoing::dead_letter(message, reason))
    }
}

/// Identifies a message or a timer.
fn cause_of(trigger: Trigger<'_>, now: Timestamp) -> Option<String> {
    match trigger {
        Trigger::Claimed => None,
        Trigger::Timer(key) => Some(format!("{key}/{now}")),
        Trigger::Message(message) => Some(message.id()),
    }
}

impl SagaHandler {
    fn wake(&self, ctx: &mut RuleContext<'_, '_>, key: &Key) {
        match ctx.tx.get(key).and_then(Entity::webhook).cloned() {
            Some(part) => webhooks::wake::wake(&mut self.webhooks(ctx), &part),
            None => sagas::wake(ctx, key),
        }
    }

    fn webhooks<'c, 't>(&'c self, ctx: &'c mut RuleContext<'_, 't>) -> WebhookContext<'c, 't> {
        WebhookContext { tx: ctx.tx, policy: &self.webhooks, now: ctx.now }
    }

    /// An event for external systems. A definition may read its topic too: what is unreadable for sagas may be
    /// delivered, and the other way round.
    fn receive_event(&self, ctx: &mut RuleContext<'_, '_>, message: &Message) {
        let by_sagas = if ctx.versions.reads(ctx.tx, &message.topic) { self.receive(ctx, message) } else { Ok(()) };
        let by_webhooks = webhooks::receive::event(&mut self.webhooks(ctx), message);
        for reason in [by_sagas, by_webhooks].into_iter().filter_map(Result::err) {
            self.unreadable(message, &reason).into_iter().for_each(|letter| ctx.tx.send(letter));
        }
    }

    fn receive(&self, ctx: &mut RuleContext<'_, '_>, message: &Message) -> Result<(), Unreadable> {
        match Incoming::parse(message, ctx.versions, ctx.tx)? {
            Incoming::Start(event) => sagas::start(ctx, event),
            Incoming::Cancel { saga, operation } => sagas::cancel(ctx, saga, operation),
            Incoming::Reply(reply) => sagas::reply(ctx, message, reply),
            Incoming::Operate { saga, operation } => sagas::operate(ctx, saga, operation),
            Incoming::SetRollout(set) => rollout::set(ctx, set, &message.id()),
            Incoming::Deploy(deploy) => deployment::deploy(ctx, deploy, &message.id()),
            Incoming::Undeploy(undeploy) => deployment::undeploy(ctx, undeploy, &message.id()),
            Incoming::Callback { saga, callback } => {
                callbacks::receive(ctx, message, saga, callback);
                Ok(())
            }
            Incoming::PutBack(put_back) => {
                ctx.tx.put(put_back.position().key(), Entity::Letter(put_back));
                Ok(())
            }
            Incoming::Webhook(what) => webhooks::apply(&mut self.webhooks(ctx), message, what),
        }
    }
}

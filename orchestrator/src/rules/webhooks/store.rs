//! Reading and writing the entities of webhooks.

use common::journal::Transaction;

use crate::entity::Entity;
use crate::entity::webhooks::{
    EventBody, Undelivered, WEBHOOKS, Webhook, WebhookEntity, WebhookIndex, WebhookQueue, event_key, queue_key,
    undelivered_key, webhook_key,
};

/// The list of subscriptions.
pub(super) fn index<'t>(tx: &'t mut Transaction<'_, Entity>) -> Option<&'t WebhookIndex> {
    let Some(Entity::Webhook(WebhookEntity::Index(index))) = tx.get(WEBHOOKS) else { return None };
    Some(index)
}

pub(super) fn put_index(tx: &mut Transaction<'_, Entity>, index: WebhookIndex) {
    tx.put(WEBHOOKS, Entity::Webhook(WebhookEntity::Index(index)));
}

/// A subscription.
pub(super) fn webhook<'t>(tx: &'t mut Transaction<'_, Entity>, id: &str) -> Option<&'t Webhook> {
    let Some(Entity::Webhook(WebhookEntity::Subscribed(webhook))) = tx.get(&webhook_key(id)) else { return None };
    Some(webhook)
}

/// Takes a subscription out, to be put back changed.
pub(super) fn take_webhook(tx: &mut Transaction<'_, Entity>, id: &str) -> Option<Box<Webhook>> {
    let Some(Entity::Webhook(WebhookEntity::Subscribed(webhook))) = tx.take(&webhook_key(id)) else { return None };
    Some(webhook)
}

pub(super) fn put_webhook(tx: &mut Transaction<'_, Entity>, webhook: Box<Webhook>) {
    tx.put(webhook_key(&webhook.id), Entity::Webhook(WebhookEntity::Subscribed(webhook)));
}

/// Takes the queue of an order out, to be put back changed; without that it is removed.
pub(super) fn take_queue(tx: &mut Transaction<'_, Entity>, webhook: &str, order: &str) -> Option<WebhookQueue> {
    let Some(Entity::Webhook(WebhookEntity::Queue(queue))) = tx.take(&queue_key(webhook, order)) else { return None };
    Some(queue)
}

pub(super) fn put_queue(tx: &mut Transaction<'_, Entity>, queue: WebhookQueue) {
    tx.put(queue_key(&queue.webhook, &queue.order), Entity::Webhook(WebhookEntity::Queue(queue)));
}

/// The body of an event that waits, or was given up.
pub(super) fn body(tx: &mut Transaction<'_, Entity>, webhook: &str, event: &str) -> Option<String> {
    let Some(Entity::Webhook(WebhookEntity::Event(EventBody { body }))) = tx.get(&event_key(webhook, event)) else {
        return None;
    };
    Some(body.clone())
}

pub(super) fn put_body(tx: &mut Transaction<'_, Entity>, webhook: &str, event: &str, body: String) {
    tx.put(event_key(webhook, event), Entity::Webhook(WebhookEntity::Event(EventBody { body })));
}

/// Takes a delivery that was given up.
pub(super) fn take_undelivered(tx: &mut Transaction<'_, Entity>, webhook: &str, number: u64) -> Option<Undelivered> {
    let Some(Entity::Webhook(WebhookEntity::Undelivered(undelivered))) = tx.take(&undelivered_key(webhook, number))
    else {
        return None;
    };
    Some(undelivered)
}

/// A delivery that was given up.
pub(super) fn undelivered<'t>(
    tx: &'t mut Transaction<'_, Entity>,
    webhook: &str,
    number: u64,
) -> Option<&'t Undelivered> {
    let Some(Entity::Webhook(WebhookEntity::Undelivered(undelivered))) = tx.get(&undelivered_key(webhook, number))
    else {
        return None;
    };
    Some(undelivered)
}

pub(super) fn put_undelivered(tx: &mut Transaction<'_, Entity>, webhook: &str, number: u64, what: Undelivered) {
    tx.put(undelivered_key(webhook, number), Entity::Webhook(WebhookEntity::Undelivered(what)));
}

//! The removal of a subscription, some queues at a time, so that no record becomes too long.

use std::time::Duration;

use super::context::WebhookContext;
use super::dispatch;
use crate::entity::webhooks::{Webhook, WebhookQueue, event_key};

/// The most queues, and the most deliveries that were given up, that a decision removes.
const STEP: usize = 20;
/// The pause between two such decisions.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// Begins to remove what waits for a subscription.
pub(super) fn begin(ctx: &WebhookContext<'_, '_>, webhook: &mut Webhook) {
    webhook.lane.drain_at = Some(ctx.now);
}

/// Removes a part of what waits. Returns true if nothing is left.
pub(super) fn go_on(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook) -> bool {
    for _ in 0..STEP {
        let Some(queue) = dispatch::pop(ctx, webhook) else { break };
        drop_queue(ctx, webhook, &queue);
    }
    for _ in 0..STEP {
        if webhook.lane.undelivered_first >= webhook.lane.undelivered_next {
            break;
        }
        dispatch::forget_first(ctx, webhook);
    }
    let is_more = webhook.lane.first.is_some() || webhook.lane.undelivered_first < webhook.lane.undelivered_next;
    // Queues that wait for their next attempt are removed when it is due.
    webhook.lane.drain_at = is_more.then(|| ctx.now.plus(PAUSE));
    !is_more && webhook.lane.pending == 0
}

/// Removes the events of a queue that was taken out.
pub(super) fn drop_queue(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook, queue: &WebhookQueue) {
    for event in &queue.events {
        ctx.tx.remove(&event_key(&webhook.id, &event.id));
        webhook.lane.pending = webhook.lane.pending.saturating_sub(1);
    }
}

//! Timers: a queue's next attempt, the end of a receiver's pause, and the next part of a replay or a removal.

use super::context::WebhookContext;
use super::{dispatch, remove, replay, store};
use crate::entity::webhooks::{QueueState, WebhookEntity, event_key};

/// A part of the webhooks whose timer is due.
pub fn wake(ctx: &mut WebhookContext<'_, '_>, part: &WebhookEntity) {
    match part {
        WebhookEntity::Subscribed(webhook) => wake_webhook(ctx, &webhook.id),
        WebhookEntity::Queue(queue) => wake_queue(ctx, &queue.webhook, &queue.order),
        WebhookEntity::Index(_) | WebhookEntity::Event(_) | WebhookEntity::Undelivered(_) => {}
    }
}

fn wake_webhook(ctx: &mut WebhookContext<'_, '_>, id: &str) {
    let Some(mut webhook) = store::take_webhook(ctx.tx, id) else { return };
    if webhook.subscription.is_deleted() {
        if !remove::go_on(ctx, &mut webhook) {
            store::put_webhook(ctx.tx, webhook);
        }
        return;
    }
    replay::go_on(ctx, &mut webhook);
    dispatch::dispatch(ctx, &mut webhook);
    store::put_webhook(ctx.tx, webhook);
}

fn wake_queue(ctx: &mut WebhookContext<'_, '_>, id: &str, order: &str) {
    let Some(queue) = store::take_queue(ctx.tx, id, order) else { return };
    let is_due = matches!(queue.state, QueueState::Backoff { until } if until <= ctx.now);
    let Some(mut webhook) = store::take_webhook(ctx.tx, id) else {
        for event in &queue.events {
            ctx.tx.remove(&event_key(id, &event.id));
        }
        return;
    };
    if webhook.subscription.is_deleted() {
        remove::drop_queue(ctx, &mut webhook, &queue);
        webhook.lane.drain_at = Some(ctx.now);
    } else if is_due {
        dispatch::append(ctx, &mut webhook, queue);
        dispatch::dispatch(ctx, &mut webhook);
    } else {
        store::put_queue(ctx.tx, queue);
    }
    store::put_webhook(ctx.tx, webhook);
}

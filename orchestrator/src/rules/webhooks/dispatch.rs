//! Which event is sent next. The queues that are ready form a list through their states, so that neither its length nor
//! its memory depends on the number of orders.

use super::context::WebhookContext;
use super::policy::OPEN_AT;
use super::store;
use crate::entity::webhooks::lane::Attempt;
use crate::entity::webhooks::{GivenUp, QueueState, QueuedEvent, Undelivered, Webhook, WebhookQueue, event_key};

/// Puts an event, whose body is stored, into the queue of its order. If too many wait, it is given up.
pub(super) fn push(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook, order: &str, event: QueuedEvent) {
    let queue = store::take_queue(ctx.tx, &webhook.id, order);
    let waiting = queue.as_ref().map_or(0, |queue| queue.events.len());
    let is_full = webhook.lane.pending >= ctx.policy.pending || waiting >= WebhookQueue::MOST_EVENTS;
    if is_full {
        queue.into_iter().for_each(|queue| store::put_queue(ctx.tx, queue));
        let order = order.to_owned();
        let given_up = Undelivered { event, order, at: ctx.now, reason: GivenUp::Full, tries: 0, last_error: None };
        return give_up(ctx, webhook, given_up);
    }
    webhook.lane.pending += 1;
    match queue {
        Some(mut queue) => {
            queue.events.push(event);
            store::put_queue(ctx.tx, queue);
        }
        None => {
            let queue = WebhookQueue {
                webhook: webhook.id.clone(),
                order: order.to_owned(),
                events: vec![event],
                tries: 0,
                first_try: None,
                last_error: None,
                state: QueueState::Sending,
            };
            append(ctx, webhook, queue);
        }
    }
}

/// Puts a queue at the end of the list of those that are ready.
pub(super) fn append(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook, queue: WebhookQueue) {
    let order = queue.order.clone();
    store::put_queue(ctx.tx, WebhookQueue { state: QueueState::Ready { next: None }, ..queue });
    let last = webhook.lane.last.replace(order.clone());
    match last.and_then(|last| store::take_queue(ctx.tx, &webhook.id, &last)) {
        Some(last) => {
            store::put_queue(ctx.tx, WebhookQueue { state: QueueState::Ready { next: Some(order) }, ..last });
        }
        None => webhook.lane.first = Some(order),
    }
}

/// Takes the first queue out of the list of those that are ready.
pub(super) fn pop(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook) -> Option<WebhookQueue> {
    let order = webhook.lane.first.take()?;
    let queue = store::take_queue(ctx.tx, &webhook.id, &order);
    let next = queue.as_ref().and_then(|queue| match &queue.state {
        QueueState::Ready { next } => next.clone(),
        QueueState::Sending | QueueState::Backoff { .. } => None,
    });
    if next.is_none() {
        webhook.lane.last = None;
    }
    webhook.lane.first = next;
    queue
}

/// Sends the first events of the queues that are ready, as many as the receiver gets at the same time.
pub(super) fn dispatch(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook) {
    if webhook.lane.paused_until.is_some_and(|until| until > ctx.now) {
        return;
    }
    webhook.lane.paused_until = None;
    let subscription = &webhook.subscription;
    if !subscription.is_enabled() || webhook.lane.gone_at == Some(subscription.revision) {
        return;
    }
    let most = if webhook.lane.failures >= OPEN_AT { 1 } else { ctx.policy.concurrency };
    while webhook.lane.attempts.len() < most {
        let Some(queue) = pop(ctx, webhook) else { return };
        send(ctx, webhook, queue);
    }
}

fn send(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook, queue: WebhookQueue) {
    let Some(event) = queue.events.first().cloned() else { return };
    let Some(body) = store::body(ctx.tx, &webhook.id, &event.id) else {
        return next(ctx, webhook, queue);
    };
    let lane = &mut webhook.lane;
    lane.serial += 1;
    let order = queue.order.clone();
    lane.attempts.push(Attempt { serial: lane.serial, order, event, body, tries: queue.tries, at: ctx.now });
    store::put_queue(ctx.tx, WebhookQueue { state: QueueState::Sending, ..queue });
}

/// Ends the delivery of the first event of a queue; the next one may be sent.
pub(super) fn next(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook, mut queue: WebhookQueue) {
    if !queue.events.is_empty() {
        queue.events.remove(0);
        webhook.lane.pending = webhook.lane.pending.saturating_sub(1);
    }
    if !queue.events.is_empty() {
        append(ctx, webhook, WebhookQueue { tries: 0, first_try: None, last_error: None, ..queue });
    }
}

/// Keeps a delivery that was given up, in place of the oldest one if too many are kept.
pub(super) fn give_up(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook, given_up: Undelivered) {
    let number = webhook.lane.undelivered_next;
    store::put_undelivered(ctx.tx, &webhook.id, number, given_up);
    webhook.lane.undelivered_next += 1;
    webhook.lane.undelivered += 1;
    webhook.lane.given_up += 1;
    while webhook.lane.undelivered_next - webhook.lane.undelivered_first > ctx.policy.kept {
        forget_first(ctx, webhook);
    }
}

/// Forgets the oldest delivery that was given up.
pub(super) fn forget_first(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook) {
    if let Some(oldest) = store::take_undelivered(ctx.tx, &webhook.id, webhook.lane.undelivered_first) {
        ctx.tx.remove(&event_key(&webhook.id, &oldest.event.id));
        webhook.lane.undelivered = webhook.lane.undelivered.saturating_sub(1);
    }
    webhook.lane.undelivered_first += 1;
}

//! Sending deliveries again that were given up, in the order in which they were, some at a time.

use super::context::WebhookContext;
use super::{configure, dispatch, remove, store};
use crate::entity::RequestRecord;
use crate::entity::webhooks::lane::Replay;
use crate::entity::webhooks::{Undelivered, Webhook, WebhookRecord};
use crate::messages::webhooks::ReplayWebhook;

/// The most deliveries of a decision.
const STEP: u64 = 20;

/// Begins a replay of this partition's deliveries. The first partition records it.
pub fn begin(ctx: &mut WebhookContext<'_, '_>, request: &ReplayWebhook, message: &str) {
    let is_enabled = store::webhook(ctx.tx, &request.webhook).is_some_and(|known| known.subscription.is_enabled());
    if !is_enabled {
        return;
    }
    if ctx.tx.partition() == configure::FIRST {
        let operator = &request.operator;
        let record = RequestRecord::new(message, ctx.now, &operator.by, &operator.why, operator.from.as_deref());
        let is_known =
            store::index(ctx.tx).is_some_and(|index| index.records.iter().any(|known| known.request.id == record.id));
        if is_known {
            return;
        }
        let webhook = request.webhook.clone();
        configure::remember(
            ctx,
            WebhookRecord { request: record, webhook, action: "replay".to_owned(), refused: None },
        );
    }
    let Some(mut webhook) = store::take_webhook(ctx.tx, &request.webhook) else { return };
    let next = webhook.lane.undelivered_first;
    let end = webhook.lane.undelivered_next;
    webhook.lane.replay = Some(Replay { next, end, since: request.since, at: ctx.now });
    go_on(ctx, &mut webhook);
    dispatch::dispatch(ctx, &mut webhook);
    store::put_webhook(ctx.tx, webhook);
}

/// Queues the next deliveries of a replay that is due.
pub(super) fn go_on(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook) {
    let Some(mut replay) = webhook.lane.replay.take() else { return };
    if replay.at > ctx.now {
        webhook.lane.replay = Some(replay);
        return;
    }
    let end = replay.end.min(replay.next.saturating_add(STEP));
    for number in replay.next.max(webhook.lane.undelivered_first)..end {
        if webhook.lane.pending >= ctx.policy.pending {
            return;
        }
        let is_wanted = |given_up: &Undelivered| replay.since.is_none_or(|since| given_up.event.time >= since);
        if !store::undelivered(ctx.tx, &webhook.id, number).is_some_and(is_wanted) {
            continue;
        }
        let Some(given_up) = store::take_undelivered(ctx.tx, &webhook.id, number) else { continue };
        webhook.lane.undelivered = webhook.lane.undelivered.saturating_sub(1);
        if number == webhook.lane.undelivered_first {
            webhook.lane.undelivered_first += 1;
        }
        dispatch::push(ctx, webhook, &given_up.order, given_up.event);
    }
    replay.next = end;
    replay.at = ctx.now.plus(remove::PAUSE);
    webhook.lane.replay = (replay.next < replay.end).then_some(replay);
}

//! The answers of receivers: an event that was accepted makes room for the next of its order; one that failed is
//! attempted again later, until it is given up.

use common::bounds::cut;
use common::ids;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;

use super::context::WebhookContext;
use super::{configure, dispatch, store};
use crate::entity::push_bounded;
use crate::entity::webhooks::lane::{Attempt, Lane, Outcome};
use crate::entity::webhooks::subscription::DisabledReason;
use crate::entity::webhooks::{GivenUp, QueueState, Undelivered, Webhook, WebhookQueue, event_key};
use crate::messages::webhooks::{WEBHOOK_REPORTED, WebhookAnswer, WebhookAnswered, WebhookReport, WebhookReported};

/// The longest error that is kept, in bytes.
pub const ERROR_BYTES: usize = 200;

/// Applies the answer to an attempt in progress; any other changes nothing.
pub fn receive(ctx: &mut WebhookContext<'_, '_>, answered: WebhookAnswered) {
    let is_own = |attempt: &Attempt| attempt.serial == answered.serial;
    let known = store::webhook(ctx.tx, &answered.webhook).and_then(|known| known.lane.attempts.iter().position(is_own));
    let Some(position) = known else { return };
    let Some(mut webhook) = store::take_webhook(ctx.tx, &answered.webhook) else { return };
    let attempt = webhook.lane.attempts.remove(position);
    record(ctx.now, &mut webhook.lane, &attempt, &answered);
    let queue = store::take_queue(ctx.tx, &webhook.id, &attempt.order);
    match answered.answer {
        WebhookAnswer::Accepted => accepted(ctx, &mut webhook, &attempt, queue),
        WebhookAnswer::Gone | WebhookAnswer::Failed => failed(ctx, &mut webhook, &attempt, queue, &answered),
    }
    dispatch::dispatch(ctx, &mut webhook);
    store::put_webhook(ctx.tx, webhook);
    if let Some(reason) = disabled_by(ctx, &answered) {
        report_disabled(ctx, &answered.webhook, reason);
    }
}

fn record(now: Timestamp, lane: &mut Lane, attempt: &Attempt, answered: &WebhookAnswered) {
    if answered.status.is_some() {
        lane.durations.add(answered.took);
    }
    let outcome = Outcome {
        event: attempt.event.clone(),
        order: attempt.order.clone(),
        at: now,
        attempt: attempt.tries.saturating_add(1),
        status: answered.status,
        error: answered.error.as_deref().map(|error| cut(error, ERROR_BYTES).into_owned()),
        took: answered.took,
    };
    push_bounded(&mut lane.recent, outcome, Lane::MOST_RECENT);
}

fn accepted(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook, attempt: &Attempt, queue: Option<WebhookQueue>) {
    let now = ctx.now;
    let lane = &mut webhook.lane;
    lane.accepted += 1;
    lane.failures = 0;
    lane.failing_since = None;
    lane.last_error = None;
    lane.paused_until = None;
    lane.last_success = Some(now);
    ctx.tx.remove(&event_key(&webhook.id, &attempt.event.id));
    queue.into_iter().for_each(|queue| dispatch::next(ctx, webhook, queue));
    let is_due = webhook.lane.reported.is_none_or(|last| now.since(last) >= ctx.policy.report_interval());
    if webhook.partition != configure::FIRST && is_due {
        webhook.lane.reported = Some(now);
        let serial = attempt.serial.to_string();
        send_report(ctx, &webhook.id, &["accepted", &serial], WebhookReport::Accepted { at: now });
    }
}

fn failed(
    ctx: &mut WebhookContext<'_, '_>,
    webhook: &mut Webhook,
    attempt: &Attempt,
    queue: Option<WebhookQueue>,
    answered: &WebhookAnswered,
) {
    let now = ctx.now;
    let error = answered.error.as_deref().map(|error| cut(error, ERROR_BYTES).into_owned());
    let asked = answered.retry_after.map(|seconds| now.plus(ctx.policy.asked_pause(seconds)));
    let lane = &mut webhook.lane;
    lane.failed += 1;
    lane.failures = lane.failures.saturating_add(1);
    lane.failing_since.get_or_insert(now);
    lane.last_error.clone_from(&error);
    let pause = ctx.policy.pause(lane.failures, &webhook.id).map(|pause| now.plus(pause));
    lane.paused_until = pause.max(asked).max(lane.paused_until);
    if answered.answer == WebhookAnswer::Gone {
        lane.gone_at = Some(webhook.subscription.revision);
        lane.paused_until = None;
    }
    let Some(mut queue) = queue else { return };
    queue.tries = queue.tries.saturating_add(1);
    let first_try = *queue.first_try.get_or_insert(attempt.at);
    queue.last_error.clone_from(&error);
    if now.since(first_try) >= ctx.policy.give_up {
        let given_up = Undelivered {
            event: attempt.event.clone(),
            order: attempt.order.clone(),
            at: now,
            reason: GivenUp::Expired,
            tries: queue.tries,
            last_error: error,
        };
        dispatch::give_up(ctx, webhook, given_up);
        return dispatch::next(ctx, webhook, queue);
    }
    let retry = now.plus(ctx.policy.backoff(queue.tries, &attempt.event.id));
    let until = asked.map_or(retry, |asked| asked.max(retry));
    store::put_queue(ctx.tx, WebhookQueue { state: QueueState::Backoff { until }, ..queue });
}

/// Why the subscription should be disabled after this answer, if it should.
fn disabled_by(ctx: &mut WebhookContext<'_, '_>, answered: &WebhookAnswered) -> Option<DisabledReason> {
    if answered.answer == WebhookAnswer::Gone {
        return Some(DisabledReason::Gone);
    }
    let since = store::webhook(ctx.tx, &answered.webhook)?.lane.failing_since?;
    (ctx.now.since(since) >= ctx.policy.give_up).then_some(DisabledReason::Failing)
}

/// Disables a subscription on partition 0, or asks it to.
fn report_disabled(ctx: &mut WebhookContext<'_, '_>, id: &str, reason: DisabledReason) {
    let Some(webhook) = store::webhook(ctx.tx, id) else { return };
    let since = webhook.lane.failing_since.unwrap_or(ctx.now);
    let revision = webhook.subscription.revision;
    let serial = webhook.lane.serial.to_string();
    let report = WebhookReport::Disable { reason, since, revision };
    if ctx.tx.partition() == configure::FIRST {
        configure::reported(ctx, WebhookReported { webhook: id.to_owned(), report });
    } else {
        send_report(ctx, id, &[reason.as_str(), &revision.to_string(), &serial], report);
    }
}

fn send_report(ctx: &mut WebhookContext<'_, '_>, id: &str, parts: &[&str], report: WebhookReport) {
    let partition = ctx.tx.partition().to_string();
    let mut all = vec![WEBHOOK_REPORTED, id, &partition];
    all.extend(parts);
    let message_id = ids::derive(&all).to_string();
    let value = WebhookReported { webhook: id.to_owned(), report };
    let mut message = Outgoing::event(topics::SAGA_COMMANDS, id, WEBHOOK_REPORTED, message_id, id, ctx.now, &value);
    message.partition = Some(configure::FIRST);
    ctx.tx.send(message);
}

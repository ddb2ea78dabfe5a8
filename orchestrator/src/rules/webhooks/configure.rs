//! Subscriptions. Partition 0 decides on each change first, numbers it and sends it to the others, which apply the
//! newest state that they know of.

use common::ids;
use common::messages::{Outgoing, Unreadable};
use common::topics;

use super::context::WebhookContext;
use super::{dispatch, remove, store};
use crate::entity::webhooks::lane::Lane;
use crate::entity::webhooks::pattern::EventPattern;
use crate::entity::webhooks::subscription::{DisabledReason, SigningSecret, StoredSecret, Subscription, WebhookStatus};
use crate::entity::webhooks::{Webhook, WebhookIndex, WebhookRecord};
use crate::entity::{RequestRecord, push_bounded};
use crate::messages::webhooks::{
    ChangeWebhook, Operator, WEBHOOK_CONFIGURED, WebhookChange, WebhookConfigured, WebhookReport, WebhookReported,
};

/// The partition that decides on changes.
pub const FIRST: i32 = 0;
/// The longest id of a subscription, in bytes.
const ID_BYTES: usize = 64;
/// Who disables a subscription whose receiver fails, in the audit.
const SERVICE: &str = "orchestrator";

/// Applies an operator's change, or records why it is refused. A repeated request changes nothing.
///
/// # Errors
/// [`Unreadable`] on another partition than the first.
pub fn change(ctx: &mut WebhookContext<'_, '_>, change: ChangeWebhook, request: &str) -> Result<(), Unreadable> {
    if ctx.tx.partition() != FIRST {
        return Err(Unreadable::Malformed(format!("changes of webhooks belong on partition {FIRST}")));
    }
    let ChangeWebhook { operator: Operator { by, why, from }, webhook, change } = change;
    check_id(&webhook)?;
    let record = RequestRecord::new(request, ctx.now, &by, &why, from.as_deref());
    let known = store::index(ctx.tx).cloned().unwrap_or_default();
    if known.records.iter().any(|known| known.request.id == record.id) {
        return Ok(());
    }
    let action = change.as_str().to_owned();
    let refused = match changed(ctx, &known, &webhook, change, &record.by) {
        Ok(Some(subscription)) => {
            decide(ctx, &webhook, subscription);
            None
        }
        Ok(None) => None,
        Err(why) => Some(why),
    };
    tracing::info!(webhook, action, by = record.by, why = record.why, refused, "webhook changed");
    remember(ctx, WebhookRecord { request: record, webhook, action, refused });
    Ok(())
}

/// The subscription after a change; `None` if it changes nothing.
///
/// # Errors
/// Why the change is refused.
fn changed(
    ctx: &mut WebhookContext<'_, '_>,
    index: &WebhookIndex,
    id: &str,
    change: WebhookChange,
    by: &str,
) -> Result<Option<Subscription>, String> {
    let now = ctx.now;
    let overlap = now.plus(ctx.policy.rotation_overlap);
    let known = store::webhook(ctx.tx, id).map(|known| known.subscription.clone());
    let existing = || known.clone().filter(|known| !known.is_deleted()).ok_or_else(|| "there is none".to_owned());
    let next = match change {
        WebhookChange::Create { url, description, events, secret } => {
            if known.is_some() {
                return Ok(None);
            }
            if index.ids.len() >= ctx.policy.subscriptions {
                return Err(format!("there are {} subscriptions already", index.ids.len()));
            }
            let secret = checked(&secret)?;
            let secrets = vec![StoredSecret { secret, until: None }];
            let status = WebhookStatus::Enabled;
            let events = patterns(&events)?;
            let by = by.to_owned();
            Subscription { url, description, events, secrets, status, by, created: now, revision: 0 }
        }
        WebhookChange::Update { url, description, events } => {
            let known = existing()?;
            let events = events.as_deref().map(patterns).transpose()?.unwrap_or_else(|| known.events.clone());
            let url = url.unwrap_or_else(|| known.url.clone());
            let description = description.unwrap_or_else(|| known.description.clone());
            Subscription { url, description, events, ..known }
        }
        WebhookChange::Enable => Subscription { status: WebhookStatus::Enabled, ..existing()? },
        WebhookChange::Disable => {
            let known = existing()?;
            if !known.is_enabled() {
                return Ok(None);
            }
            Subscription { status: WebhookStatus::Disabled { at: now, reason: DisabledReason::Operator }, ..known }
        }
        WebhookChange::Rotate { secret } => {
            let mut known = existing()?;
            known.rotate(checked(&secret)?, overlap);
            known
        }
        WebhookChange::Delete => Subscription { status: WebhookStatus::Deleted, secrets: Vec::new(), ..existing()? },
    };
    check_lengths(&next)?;
    Ok(Some(next))
}

fn checked(secret: &SigningSecret) -> Result<SigningSecret, String> {
    SigningSecret::parse(secret.reveal()).map_err(|why| format!("secret: {why}"))
}

fn check_id(id: &str) -> Result<(), Unreadable> {
    let bytes = id.len();
    if bytes <= ID_BYTES { Ok(()) } else { Err(Unreadable::TooLong { what: "webhook", bytes, most: ID_BYTES }) }
}

fn patterns(texts: &[String]) -> Result<Vec<EventPattern>, String> {
    if texts.is_empty() || texts.len() > Subscription::MOST_PATTERNS {
        return Err(format!("events: write 1 to {} types", Subscription::MOST_PATTERNS));
    }
    texts.iter().map(|text| EventPattern::parse(text).map_err(|why| format!("events: {why}"))).collect()
}

fn check_lengths(subscription: &Subscription) -> Result<(), String> {
    let lengths = [
        ("url", subscription.url.len(), Subscription::URL_BYTES),
        ("description", subscription.description.len(), Subscription::DESCRIPTION_BYTES),
    ];
    if subscription.events.len() > Subscription::MOST_PATTERNS
        || subscription.secrets.len() > Subscription::MOST_SECRETS
    {
        return Err("it has too many events or secrets".to_owned());
    }
    match lengths.iter().find(|(_, bytes, most)| bytes > most) {
        Some((what, bytes, most)) => Err(format!("{what}: it has {bytes} bytes, at most {most} are possible")),
        None => Ok(()),
    }
}

/// Numbers a new state of a subscription, applies it, and sends it to the other partitions.
fn decide(ctx: &mut WebhookContext<'_, '_>, id: &str, subscription: Subscription) {
    let revision = store::index(ctx.tx).map_or(0, |index| index.revision).saturating_add(1);
    let subscription = Subscription { revision, ..subscription };
    for partition in (0..ctx.tx.partitions()).filter(|partition| *partition != FIRST) {
        let message_id = ids::derive(&[WEBHOOK_CONFIGURED, id, &revision.to_string(), &partition.to_string()]);
        let state = serde_json::to_value(&subscription).unwrap_or_default();
        let value = WebhookConfigured { webhook: id.to_owned(), subscription: state };
        let message_id = message_id.to_string();
        let mut message =
            Outgoing::event(topics::SAGA_COMMANDS, id, WEBHOOK_CONFIGURED, message_id, id, ctx.now, &value);
        message.partition = Some(partition);
        ctx.tx.send(message);
    }
    apply(ctx, id, subscription);
}

/// Applies what partition 0 has decided, if it is newer.
///
/// # Errors
/// [`Unreadable`]: the state can't be read.
pub fn configured(ctx: &mut WebhookContext<'_, '_>, configured: WebhookConfigured) -> Result<(), Unreadable> {
    let WebhookConfigured { webhook, subscription } = configured;
    // The error names a place, and not the value, which contains secrets.
    let subscription: Subscription = serde_json::from_value(subscription)
        .map_err(|_| Unreadable::Malformed("subscription: not one of this release".to_owned()))?;
    check_id(&webhook)?;
    check_lengths(&subscription).map_err(Unreadable::Malformed)?;
    let known = store::webhook(ctx.tx, &webhook).map(|known| known.subscription.revision);
    let is_newer = known.is_none_or(|known| known < subscription.revision);
    let ended = known.is_none() && subscription.is_deleted();
    if ctx.tx.partition() != FIRST && is_newer && !ended {
        apply(ctx, &webhook, subscription);
    }
    Ok(())
}

fn apply(ctx: &mut WebhookContext<'_, '_>, id: &str, subscription: Subscription) {
    let mut index = store::index(ctx.tx).cloned().unwrap_or_default();
    if index.revision == 0 {
        // The topics of events are inputs from the first subscription on.
        ctx.tx.change_inputs();
    }
    index.revision = index.revision.max(subscription.revision);
    index.ids.retain(|known| known != id || !subscription.is_deleted());
    if !subscription.is_deleted() && !index.ids.iter().any(|known| known == id) {
        index.ids.push(id.to_owned());
    }
    store::put_index(ctx.tx, index);
    let partition = ctx.tx.partition();
    let mut webhook = match store::take_webhook(ctx.tx, id) {
        Some(known) => {
            let Webhook { id, partition, lane, subscription: before } = *known;
            let lane = if before.is_enabled() { lane } else { recovered(lane) };
            Webhook { id, partition, lane, subscription }
        }
        None => Webhook { id: id.to_owned(), partition, lane: Lane::default(), subscription },
    };
    match webhook.subscription.status {
        WebhookStatus::Enabled => dispatch::dispatch(ctx, &mut webhook),
        WebhookStatus::Disabled { .. } => stop(ctx, &mut webhook),
        WebhookStatus::Deleted => {
            stop(ctx, &mut webhook);
            remove::begin(ctx, &mut webhook);
        }
    }
    store::put_webhook(ctx.tx, Box::new(webhook));
}

/// A lane that has not failed yet.
fn recovered(lane: Lane) -> Lane {
    Lane { failures: 0, failing_since: None, paused_until: None, gone_at: None, ..lane }
}

/// Ends the attempts in progress: their events wait.
fn stop(ctx: &mut WebhookContext<'_, '_>, webhook: &mut Webhook) {
    webhook.lane.replay = None;
    webhook.lane.paused_until = None;
    for attempt in std::mem::take(&mut webhook.lane.attempts) {
        if let Some(queue) = store::take_queue(ctx.tx, &webhook.id, &attempt.order) {
            dispatch::append(ctx, webhook, queue);
        }
    }
}

/// Applies a report of a partition: disables a subscription of which nothing was accepted anywhere.
pub fn reported(ctx: &mut WebhookContext<'_, '_>, reported: WebhookReported) {
    let WebhookReported { webhook: id, report } = reported;
    if ctx.tx.partition() != FIRST || store::webhook(ctx.tx, &id).is_none() {
        return;
    }
    match report {
        WebhookReport::Accepted { at } => {
            if let Some(mut webhook) = store::take_webhook(ctx.tx, &id) {
                webhook.lane.elsewhere = webhook.lane.elsewhere.max(Some(at));
                store::put_webhook(ctx.tx, webhook);
            }
        }
        WebhookReport::Disable { reason, since, revision } => {
            let Some(webhook) = store::webhook(ctx.tx, &id) else { return };
            let accepted = webhook.lane.last_success.max(webhook.lane.elsewhere);
            let accepts = reason == DisabledReason::Failing && accepted.is_some_and(|at| at >= since);
            let subscription = webhook.subscription.clone();
            if accepts || !subscription.is_enabled() || subscription.revision != revision {
                return;
            }
            tracing::warn!(webhook = id, reason = reason.as_str(), "webhook disabled");
            let status = WebhookStatus::Disabled { at: ctx.now, reason };
            decide(ctx, &id, Subscription { status, ..subscription });
            let request = ids::derive(&["webhook-disabled", &id, &revision.to_string()]).to_string();
            let why = match reason {
                DisabledReason::Gone => "the receiver answered 410 Gone",
                DisabledReason::Failing => "all deliveries failed for webhooks.give_up",
                DisabledReason::Operator => "",
            };
            let request = RequestRecord::new(&request, ctx.now, SERVICE, why, None);
            let action = WebhookChange::Disable.as_str().to_owned();
            remember(ctx, WebhookRecord { request, webhook: id, action, refused: None });
        }
    }
}

/// Records an act.
pub(super) fn remember(ctx: &mut WebhookContext<'_, '_>, record: WebhookRecord) {
    let mut index = store::index(ctx.tx).cloned().unwrap_or_default();
    push_bounded(&mut index.records, record, WebhookIndex::MOST_RECORDS);
    store::put_index(ctx.tx, index);
}

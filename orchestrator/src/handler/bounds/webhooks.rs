//! The largest entities of webhooks, and the largest record of a decision about them.

use common::bounds::{KIB, json_bytes};
use common::time::Timestamp;
use common::topics;

use super::{NAME, TEXT, TIME, text};
use crate::entity::webhooks::lane::{Attempt, Durations, Lane, Outcome, Replay};
use crate::entity::webhooks::pattern::EventPattern;
use crate::entity::webhooks::subscription::{DisabledReason, SigningSecret, StoredSecret, Subscription, WebhookStatus};
use crate::entity::webhooks::{
    EventBody, GivenUp, QueueState, QueuedEvent, Undelivered, Webhook, WebhookEntity, WebhookIndex, WebhookQueue,
    WebhookRecord,
};
use crate::entity::{Entity, RequestRecord};
use crate::rules::webhooks::answer::ERROR_BYTES;

/// The most subscriptions, and the most attempts of one at the same time (`webhooks/settings.rs`).
const SUBSCRIPTIONS: usize = 16;
const ATTEMPTS: usize = 8;
/// The longest id, type and name of a queue.
const ID: usize = 64;
/// Queues and deliveries of a step of a removal or a replay.
const STEP: usize = 20;
/// The bytes of a removed entity in a record: its key.
const REMOVED: usize = 3 * ID + 64;

fn event() -> QueuedEvent {
    QueuedEvent { id: text(ID), kind: text(ID), time: TIME }
}

fn error() -> Option<String> {
    Some(text(6 * ERROR_BYTES))
}

fn subscription() -> Subscription {
    let secret = StoredSecret { secret: SigningSecret::of(&[7; 64]), until: Some(TIME) };
    Subscription {
        url: text(2 * Subscription::URL_BYTES),
        description: text(2 * Subscription::DESCRIPTION_BYTES),
        events: vec![EventPattern::parse("order.paid").unwrap(); Subscription::MOST_PATTERNS],
        secrets: vec![secret; Subscription::MOST_SECRETS],
        status: WebhookStatus::Disabled { at: TIME, reason: DisabledReason::Operator },
        by: text(TEXT),
        created: TIME,
        revision: u64::MAX,
    }
}

fn lane() -> Lane {
    let attempt = Attempt {
        serial: u64::MAX,
        order: text(ID),
        event: event(),
        // Of a text within JSON, at most every second byte is escaped again, and none is a control character.
        body: text(2 * EventBody::MOST_BYTES),
        tries: u32::MAX,
        at: TIME,
    };
    let outcome = Outcome {
        event: event(),
        order: text(ID),
        at: TIME,
        attempt: u32::MAX,
        status: Some(599),
        error: error(),
        took: u64::MAX,
    };
    let some = Some(TIME);
    Lane {
        serial: u64::MAX,
        attempts: vec![attempt; ATTEMPTS],
        first: Some(text(ID)),
        last: Some(text(ID)),
        pending: u64::MAX,
        failures: u32::MAX,
        failing_since: some,
        last_error: error(),
        paused_until: some,
        gone_at: Some(u64::MAX),
        last_success: some,
        reported: some,
        elsewhere: some,
        undelivered_first: u64::MAX,
        undelivered_next: u64::MAX,
        undelivered: u64::MAX,
        replay: Some(Replay { next: u64::MAX, end: u64::MAX, since: some, at: TIME }),
        drain_at: some,
        recent: vec![outcome; Lane::MOST_RECENT],
        accepted: u64::MAX,
        failed: u64::MAX,
        given_up: u64::MAX,
        durations: Durations { counts: [u64::MAX; 8], total: u64::MAX },
    }
}

fn bytes(part: WebhookEntity) -> usize {
    json_bytes(&Entity::Webhook(part)) + REMOVED
}

#[test]
fn the_largest_record_about_webhooks_fits() {
    let request =
        RequestRecord { id: text(NAME), at: Timestamp(0), by: text(TEXT), why: text(TEXT), from: Some(text(TEXT)) };
    let record = WebhookRecord { request, webhook: text(NAME), action: text(NAME), refused: Some(text(NAME)) };
    let index = bytes(WebhookEntity::Index(WebhookIndex {
        ids: vec![text(64); SUBSCRIPTIONS],
        revision: u64::MAX,
        records: vec![record; WebhookIndex::MOST_RECORDS],
    }));
    let webhook = Webhook { id: text(64), partition: i32::MAX, subscription: subscription(), lane: lane() };
    let webhook = bytes(WebhookEntity::Subscribed(Box::new(webhook)));
    let queue = bytes(WebhookEntity::Queue(WebhookQueue {
        webhook: text(64),
        order: text(ID),
        events: vec![event(); WebhookQueue::MOST_EVENTS],
        tries: u32::MAX,
        first_try: Some(TIME),
        last_error: error(),
        state: QueueState::Ready { next: Some(text(ID)) },
    }));
    let body = bytes(WebhookEntity::Event(EventBody { body: text(2 * EventBody::MOST_BYTES) }));
    let undelivered = bytes(WebhookEntity::Undelivered(Undelivered {
        event: event(),
        order: text(ID),
        at: TIME,
        reason: GivenUp::Expired,
        tries: u32::MAX,
        last_error: error(),
    }));
    let room = topics::JOURNAL_MAX_BYTES - 2 * topics::BATCH_MAX_BYTES;
    // An event that all want: its queue or that before it in the list, those that begin to be sent after a pause, and
    // its body, or a delivery that is given up in place of another one.
    let of_event = SUBSCRIPTIONS * (webhook + (1 + ATTEMPTS) * queue + body + undelivered + 2 * REMOVED) + 2 * KIB;
    assert!(of_event <= room, "{of_event}");
    // An answer: its queue, that at the end of the list and those that begin to be sent; or all that end, and the state
    // of the subscription for the other partitions.
    let of_answer = index + webhook + (2 * ATTEMPTS + 2) * queue + undelivered + 64 * 16 * KIB;
    assert!(of_answer <= room, "{of_answer}");
    let of_step = index + webhook + 2 * STEP * queue + STEP * (undelivered + WebhookQueue::MOST_EVENTS * REMOVED);
    assert!(of_step <= room, "{of_step}");
}

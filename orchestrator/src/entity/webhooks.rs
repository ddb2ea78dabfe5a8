//! The entities of webhooks: which subscriptions there are, each subscription with its deliveries in progress, and the
//! events that wait, by subscription and order. Every partition has all subscriptions, and the events of its orders.

pub mod lane;
pub mod pattern;
mod queued_event;
pub mod subscription;

use common::journal::Key;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use self::lane::Lane;
pub use self::queued_event::QueuedEvent;
use self::subscription::{Subscription, WebhookStatus};
use super::request::RequestRecord;

/// The key of the list of subscriptions.
pub const WEBHOOKS: &str = "webhooks";
/// Prefix of the keys of subscriptions.
pub const WEBHOOK_PREFIX: &str = "webhook/";

/// A part of the webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookEntity {
    /// Which subscriptions there are.
    Index(WebhookIndex),
    /// A subscription on a partition.
    Subscribed(Box<Webhook>),
    /// The events of an order that wait for a subscription.
    Queue(WebhookQueue),
    /// The body of an event that waits, or was given up.
    Event(EventBody),
    /// A delivery that was given up.
    Undelivered(Undelivered),
}

impl WebhookEntity {
    /// See [`common::journal::Entity::is_open`].
    pub const fn is_open(&self) -> bool {
        match self {
            Self::Index(_) | Self::Subscribed(_) | Self::Queue(_) => true,
            Self::Event(_) | Self::Undelivered(_) => false,
        }
    }

    /// See [`common::journal::Entity::wake_at`].
    pub fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Self::Subscribed(webhook) => webhook.wake_at(),
            Self::Queue(queue) => match queue.state {
                QueueState::Backoff { until } => Some(until),
                QueueState::Ready { .. } | QueueState::Sending => None,
            },
            Self::Index(_) | Self::Event(_) | Self::Undelivered(_) => None,
        }
    }

    /// See [`common::journal::Entity::has_intents`].
    pub fn has_intents(&self) -> bool {
        match self {
            Self::Subscribed(webhook) => !webhook.lane.attempts.is_empty(),
            Self::Index(_) | Self::Queue(_) | Self::Event(_) | Self::Undelivered(_) => false,
        }
    }
}

/// Which subscriptions a partition knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookIndex {
    /// Their ids, the oldest first.
    pub ids: Vec<String>,
    /// The number of the last change, counted by partition 0.
    pub revision: u64,
    /// The last acts of operators, the newest last; on partition 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<WebhookRecord>,
}

impl WebhookIndex {
    /// The most acts that are remembered.
    pub const MOST_RECORDS: usize = 16;
}

/// The record of an act on a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRecord {
    /// The request.
    #[serde(flatten)]
    pub request: RequestRecord,
    /// The subscription.
    pub webhook: String,
    /// The act, such as `rotate secret`.
    pub action: String,
    /// Why it was refused; `None` if it was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A subscription on a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// The partition.
    pub partition: i32,
    /// The configuration, which is the same on all partitions.
    pub subscription: Subscription,
    /// The deliveries of this partition.
    pub lane: Lane,
}

impl Webhook {
    fn wake_at(&self) -> Option<Timestamp> {
        let lane = &self.lane;
        match self.subscription.status {
            WebhookStatus::Enabled => {
                let paused = lane.paused_until.filter(|_| lane.first.is_some());
                let replay = lane.replay.as_ref().map(|replay| replay.at);
                paused.into_iter().chain(replay).min()
            }
            WebhookStatus::Disabled { .. } => None,
            WebhookStatus::Deleted => lane.drain_at,
        }
    }
}

/// The events of an order that wait for a subscription, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookQueue {
    /// The subscription.
    pub webhook: String,
    /// The order, or what the events are about.
    pub order: String,
    /// The events; the first is delivered next.
    pub events: Vec<QueuedEvent>,
    /// How often the first was attempted without success.
    #[serde(default)]
    pub tries: u32,
    /// When it was attempted first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_try: Option<Timestamp>,
    /// Why its last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// What happens to it next.
    pub state: QueueState,
}

impl WebhookQueue {
    /// The most events of an order that wait.
    pub const MOST_EVENTS: usize = 64;
}

/// What happens to a queue next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueState {
    /// Its first event may be sent; the queues that are ready form a list, in the order in which they became so.
    Ready {
        /// The order of the queue behind it.
        next: Option<String>,
    },
    /// Its first event is being sent.
    Sending,
    /// Its first event is attempted again.
    Backoff {
        /// When.
        until: Timestamp,
    },
}

/// The body of an event: a CloudEvent in JSON, the same at every attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBody {
    /// The text.
    pub body: String,
}

impl EventBody {
    /// The longest body, in bytes.
    pub const MOST_BYTES: usize = 9 * 1024;
}

/// Why a delivery was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenUp {
    /// All attempts within `webhooks.give_up` failed.
    Expired,
    /// Too many events waited.
    Full,
}

impl GivenUp {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Full => "full",
        }
    }
}

/// A delivery that was given up. It is kept for a replay, within `webhooks.kept`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    /// The event.
    pub event: QueuedEvent,
    /// The order.
    pub order: String,
    /// When it was given up.
    pub at: Timestamp,
    /// Why.
    pub reason: GivenUp,
    /// How often it was attempted.
    pub tries: u32,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// The key of a subscription.
pub fn webhook_key(id: &str) -> Key {
    format!("{WEBHOOK_PREFIX}{id}")
}

/// Prefix of the keys of a subscription's queues.
pub fn queue_prefix(id: &str) -> Key {
    format!("webhook-queue/{id}/")
}

/// The key of the queue of an order.
pub fn queue_key(id: &str, order: &str) -> Key {
    format!("{}{order}", queue_prefix(id))
}

/// The key of the body of an event.
pub fn event_key(id: &str, event: &str) -> Key {
    format!("webhook-event/{id}/{event}")
}

/// Prefix of the keys of a subscription's deliveries that were given up.
pub fn undelivered_prefix(id: &str) -> Key {
    format!("webhook-undelivered/{id}/")
}

/// The key of a delivery that was given up, by its number on the partition.
pub fn undelivered_key(id: &str, number: u64) -> Key {
    format!("{}{number:020}", undelivered_prefix(id))
}

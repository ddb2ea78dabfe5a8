//! What the API and the pages show of subscriptions and deliveries: never a secret.

use std::collections::BTreeMap;

use common::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::entity::webhooks::lane::Outcome;
use crate::entity::webhooks::pattern::EventPattern;
use crate::entity::webhooks::subscription::{DisabledReason, Subscription, WebhookStatus};
use crate::entity::webhooks::{QueueState, Undelivered, Webhook, WebhookQueue};

/// A subscription, with the deliveries of all partitions.
#[derive(Clone, Debug)]
pub(crate) struct WebhookSummary {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) description: String,
    pub(crate) events: Vec<String>,
    /// Since when and why it is disabled; `None` if it is enabled.
    pub(crate) disabled: Option<(Timestamp, DisabledReason)>,
    pub(crate) by: String,
    pub(crate) created: Timestamp,
    /// Until when the secret signs that was replaced.
    pub(crate) previous_secret_until: Option<Timestamp>,
    pub(crate) pending: u64,
    pub(crate) undelivered: u64,
    pub(crate) accepted: u64,
    pub(crate) failed: u64,
    pub(crate) given_up: u64,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) failing_since: Option<Timestamp>,
    pub(crate) last_error: Option<String>,
    pub(crate) paused_until: Option<Timestamp>,
}

impl WebhookSummary {
    fn new(id: String, subscription: Subscription) -> Self {
        let disabled = match subscription.status {
            WebhookStatus::Disabled { at, reason } => Some((at, reason)),
            WebhookStatus::Enabled | WebhookStatus::Deleted => None,
        };
        Self {
            id,
            url: subscription.url,
            description: subscription.description,
            events: subscription.events.iter().map(EventPattern::as_str).map(str::to_owned).collect(),
            disabled,
            by: subscription.by,
            created: subscription.created,
            previous_secret_until: subscription.secrets.iter().find_map(|stored| stored.until),
            pending: 0,
            undelivered: 0,
            accepted: 0,
            failed: 0,
            given_up: 0,
            last_success: None,
            failing_since: None,
            last_error: None,
            paused_until: None,
        }
    }

    fn add(&mut self, webhook: &Webhook) {
        let lane = &webhook.lane;
        self.pending += lane.pending;
        self.undelivered += lane.undelivered;
        self.accepted += lane.accepted;
        self.failed += lane.failed;
        self.given_up += lane.given_up;
        self.last_success = self.last_success.max(lane.last_success);
        self.failing_since = self.failing_since.into_iter().chain(lane.failing_since).min();
        self.last_error = self.last_error.take().or_else(|| lane.last_error.clone());
        self.paused_until = self.paused_until.max(lane.paused_until);
    }

    /// As the API shows it.
    pub(crate) fn json(&self) -> Value {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        json!({
            "id": self.id,
            "url": self.url,
            "description": self.description,
            "events": self.events,
            "status": if self.disabled.is_some() { "disabled" } else { "enabled" },
            "disabledAt": time(self.disabled.map(|(at, _)| at)),
            "disabledReason": self.disabled.map(|(_, reason)| reason.as_str()),
            "createdBy": self.by,
            "createdAt": self.created.to_string(),
            "previousSecretUntil": time(self.previous_secret_until),
            "pending": self.pending,
            "undelivered": self.undelivered,
            "accepted": self.accepted,
            "failedAttempts": self.failed,
            "givenUp": self.given_up,
            "lastSuccessAt": time(self.last_success),
            "failingSince": time(self.failing_since),
            "lastError": self.last_error,
            "pausedUntil": time(self.paused_until),
        })
    }
}

#[cfg(test)]
impl WebhookSummary {
    /// A webhook with a description that is HTML.
    pub(crate) fn of_test(disabled: Option<(Timestamp, DisabledReason)>, failing_since: Option<Timestamp>) -> Self {
        let subscription = Subscription {
            url: "https://shop.example/".to_owned(),
            description: "<b>".to_owned(),
            events: Vec::new(),
            secrets: Vec::new(),
            status: WebhookStatus::Enabled,
            by: "ana".to_owned(),
            created: Timestamp(0),
            revision: 1,
        };
        Self { disabled, failing_since, ..Self::new("w".to_owned(), subscription) }
    }
}

/// The subscriptions that these are the parts of, the oldest first; those that were deleted are left out.
pub(super) fn summaries(parts: Vec<Webhook>) -> Vec<WebhookSummary> {
    let mut by_id = BTreeMap::<String, Vec<Webhook>>::new();
    for part in parts {
        by_id.entry(part.id.clone()).or_default().push(part);
    }
    let mut all = Vec::new();
    for (id, parts) in by_id {
        let newest = parts.iter().map(|part| &part.subscription).max_by_key(|subscription| subscription.revision);
        let Some(newest) = newest.filter(|newest| !newest.is_deleted()) else { continue };
        let mut summary = WebhookSummary::new(id, newest.clone());
        parts.iter().for_each(|part| summary.add(part));
        all.push(summary);
    }
    all.sort_by_key(|summary| summary.created);
    all
}

/// Which deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeliveryState {
    /// Those that wait, or are being sent.
    Pending,
    /// Those that were given up.
    Undelivered,
    /// The last attempts.
    Recent,
}

impl DeliveryState {
    /// Its name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Undelivered => "undelivered",
            Self::Recent => "recent",
        }
    }
}

/// A delivery, or the last attempt of one.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) event: String,
    pub(crate) kind: String,
    pub(crate) order: String,
    pub(crate) time: Timestamp,
    pub(crate) attempts: u32,
    /// When it was attempted last, or given up.
    pub(crate) at: Option<Timestamp>,
    /// When it is attempted next.
    pub(crate) next: Option<Timestamp>,
    /// `queued`, `sending`, `retrying`, `accepted`, `failed`, `expired` or `full`.
    pub(crate) result: &'static str,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) took: Option<u64>,
}

impl Delivery {
    /// As the API shows it.
    pub(crate) fn json(&self) -> Value {
        json!({
            "eventId": self.event,
            "type": self.kind,
            "subject": self.order,
            "time": self.time.to_string(),
            "attempts": self.attempts,
            "result": self.result,
            "at": self.at.map(|at| at.to_string()),
            "nextAt": self.next.map(|at| at.to_string()),
            "status": self.status,
            "error": self.error,
            "tookMs": self.took,
        })
    }
}

/// The events of a queue.
pub(super) fn pending(queue: WebhookQueue) -> Vec<Delivery> {
    let WebhookQueue { order, events, tries, last_error, state, .. } = queue;
    let (result, next) = match state {
        QueueState::Ready { .. } => ("queued", None),
        QueueState::Sending => ("sending", None),
        QueueState::Backoff { until } => ("retrying", Some(until)),
    };
    let delivery = |(position, event): (usize, crate::entity::webhooks::QueuedEvent)| {
        let is_first = position == 0;
        Delivery {
            event: event.id,
            kind: event.kind,
            order: order.clone(),
            time: event.time,
            attempts: if is_first { tries } else { 0 },
            at: None,
            next: next.filter(|_| is_first),
            result: if is_first { result } else { "queued" },
            status: None,
            error: last_error.clone().filter(|_| is_first),
            took: None,
        }
    };
    events.into_iter().enumerate().map(delivery).collect()
}

/// A delivery that was given up.
pub(super) fn undelivered(given_up: Undelivered) -> Delivery {
    Delivery {
        event: given_up.event.id,
        kind: given_up.event.kind,
        order: given_up.order,
        time: given_up.event.time,
        attempts: given_up.tries,
        at: Some(given_up.at),
        next: None,
        result: given_up.reason.as_str(),
        status: None,
        error: given_up.last_error,
        took: None,
    }
}

/// The last attempts of all partitions, the newest first.
pub(super) fn recent(parts: Vec<Webhook>) -> Vec<Delivery> {
    let mut all: Vec<Outcome> = parts.into_iter().flat_map(|part| part.lane.recent).collect();
    all.sort_by_key(|outcome| std::cmp::Reverse(outcome.at));
    all.into_iter().map(attempted).collect()
}

fn attempted(outcome: Outcome) -> Delivery {
    Delivery {
        event: outcome.event.id,
        kind: outcome.event.kind,
        order: outcome.order,
        time: outcome.event.time,
        attempts: outcome.attempt,
        at: Some(outcome.at),
        next: None,
        result: if outcome.error.is_none() { "accepted" } else { "failed" },
        status: outcome.status,
        error: outcome.error,
        took: Some(outcome.took),
    }
}

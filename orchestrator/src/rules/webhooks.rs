//! Webhooks: the events of the topics for external systems, delivered to subscriptions. Each partition delivers the
//! events of its orders, those of one order in their order. The requests are side effects, so that a receiver that is
//! slow or away holds up nothing but its own queue.

pub mod answer;
pub mod configure;
mod context;
mod dispatch;
pub mod policy;
pub mod receive;
mod remove;
pub mod replay;
mod store;
pub mod wake;

use common::journal::Intent;
use common::messages::{Message, Unreadable};
use common::topics;

pub use self::context::WebhookContext;
use crate::entity::webhooks::subscription::SigningSecret;
use crate::entity::webhooks::{Webhook, WebhookEntity};
use crate::messages::webhooks::WebhookMessage;

/// The topics whose events are delivered.
pub const TOPICS: [&str; 4] =
    [topics::ORDER_EVENTS, topics::PAYMENT_EVENTS, topics::SHIPMENT_EVENTS, topics::SAGA_EVENTS];

/// A request to a receiver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebhookCall {
    /// The id of the subscription.
    pub webhook: String,
    /// The partition that is answered.
    pub partition: i32,
    /// The number of the attempt on the partition.
    pub serial: u64,
    /// Where the event is sent.
    pub url: String,
    /// The secrets that sign, the newest first.
    pub secrets: Vec<SigningSecret>,
    /// The id of the event, the same at every attempt.
    pub event: String,
    /// The event.
    pub body: String,
}

/// The requests that an entity wants.
pub fn calls(entity: &WebhookEntity) -> Vec<Intent<WebhookCall>> {
    match entity {
        WebhookEntity::Subscribed(webhook) => calls_of(webhook),
        WebhookEntity::Index(_) | WebhookEntity::Queue(_) | WebhookEntity::Event(_) | WebhookEntity::Undelivered(_) => {
            Vec::new()
        }
    }
}

fn calls_of(webhook: &Webhook) -> Vec<Intent<WebhookCall>> {
    let Webhook { id, partition, subscription, lane } = webhook;
    let call = |attempt: &crate::entity::webhooks::lane::Attempt| Intent {
        id: format!("webhook/{id}/{partition}/{}", attempt.serial),
        due: attempt.at,
        what: WebhookCall {
            webhook: id.clone(),
            partition: *partition,
            serial: attempt.serial,
            url: subscription.url.clone(),
            secrets: subscription.signing(attempt.at).cloned().collect(),
            event: attempt.event.id.clone(),
            body: attempt.body.clone(),
        },
    };
    lane.attempts.iter().map(call).collect()
}

/// Applies a message about webhooks.
///
/// # Errors
/// [`Unreadable`]: it is for another partition, or has an invalid value.
pub fn apply(ctx: &mut WebhookContext<'_, '_>, message: &Message, what: WebhookMessage) -> Result<(), Unreadable> {
    match what {
        WebhookMessage::Change(change) => configure::change(ctx, change, &message.id()),
        WebhookMessage::Configured(configured) => configure::configured(ctx, configured),
        WebhookMessage::Replay(request) => {
            replay::begin(ctx, &request, &message.id());
            Ok(())
        }
        WebhookMessage::Test(request) => {
            receive::test(ctx, &request, &message.id());
            Ok(())
        }
        WebhookMessage::Answered(answered) => {
            answer::receive(ctx, answered);
            Ok(())
        }
        WebhookMessage::Reported(reported) => {
            configure::reported(ctx, reported);
            Ok(())
        }
    }
}

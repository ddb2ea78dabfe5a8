//! What the rules about webhooks share.

use common::journal::Transaction;
use common::time::Timestamp;

use super::policy::WebhookPolicy;
use crate::entity::Entity;

/// What a rule about webhooks reads and writes.
pub struct WebhookContext<'c, 't> {
    /// The transaction of the message or timer.
    pub tx: &'c mut Transaction<'t, Entity>,
    /// The limits.
    pub policy: &'c WebhookPolicy,
    /// The time of the decision.
    pub now: Timestamp,
}

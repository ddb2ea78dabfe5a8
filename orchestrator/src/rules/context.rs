//! The context of a rule.

use common::journal::Transaction;
use common::messages::MessageMac;
use common::time::Timestamp;

use super::versions::Versions;
use crate::entity::Entity;

/// What a rule reads and writes.
pub struct RuleContext<'c, 't> {
    /// The transaction of the message or timer.
    pub tx: &'c mut Transaction<'t, Entity>,
    /// The definitions.
    pub versions: &'c Versions,
    /// Recognizes the payment results that payment-service wrote; `None` takes all results.
    pub results_mac: Option<&'c MessageMac>,
    /// The time of the decision.
    pub now: Timestamp,
    /// Identifies the message or the timer, for the events of its changes; `None` if no events are sent.
    pub cause: Option<String>,
}

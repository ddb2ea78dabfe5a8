//! The context of a rule.

use common::journal::Transaction;
use common::time::Timestamp;

use super::versions::Versions;
use crate::entity::Entity;

/// What a rule reads and writes.
pub struct RuleContext<'c, 't> {
    /// The transaction of the message or timer.
    pub tx: &'c mut Transaction<'t, Entity>,
    /// The definitions.
    pub versions: &'c Versions,
    /// The time of the decision.
    pub now: Timestamp,
}

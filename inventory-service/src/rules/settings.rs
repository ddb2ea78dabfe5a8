//! The settings of the rules.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::rules::calendar::Shipping;

/// The settings of the rules.
#[derive(Clone, Debug)]
pub struct RuleSettings {
    /// How long a reservation holds stock.
    pub expiry: Duration,
    /// An item with fewer available pieces is scarce.
    pub low: u64,
    /// Overrides `low` for single items, by item id.
    pub low_of: BTreeMap<String, u64>,
    pub shipping: Shipping,
    /// Whether changes of shipments are published as events.
    pub events: bool,
}

impl Default for RuleSettings {
    /// Reservations expire after half an hour, no item is ever scarce, and no events are published.
    fn default() -> Self {
        Self {
            expiry: Duration::from_secs(30 * 60),
            low: 0,
            low_of: BTreeMap::new(),
            shipping: Shipping::default(),
            events: false,
        }
    }
}

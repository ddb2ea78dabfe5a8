//! Charges beyond the first: approvals with another payment id, of a payment that is already paid. Each is refunded.

use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::approval::Approval;

/// The most charges that are kept; refunded ones are dropped first.
const KEPT: usize = 40;

/// A charge that is refunded although the payment stays paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SurplusCharge {
    /// Its approval.
    pub approval: Approval,
    /// When to call the provider for its refund.
    pub due: Timestamp,
    /// Calls to the provider for it.
    pub calls: u32,
}

impl SurplusCharge {
    /// Returns true if it is not refunded yet.
    pub fn is_underway(&self) -> bool {
        self.approval.refunded_at.is_none()
    }
}

/// The charges beyond the first of a payment, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SurplusCharges(pub Vec<SurplusCharge>);

impl SurplusCharges {
    /// Returns true if one is not refunded yet.
    pub fn any_underway(&self) -> bool {
        self.0.iter().any(SurplusCharge::is_underway)
    }

    /// Adds a charge. Returns false if there are too many that are not refunded yet.
    pub fn add(&mut self, charge: SurplusCharge) -> bool {
        if self.0.len() >= KEPT {
            let Some(done) = self.0.iter().position(|known| !known.is_underway()) else { return false };
            self.0.remove(done);
        }
        self.0.push(charge);
        true
    }
}

//! Payment results, as the provider or an operator writes them to `payment-results`: early, twice or late.

use common::messages::Outgoing;
use common::time::Timestamp;

use crate::entity::Payment;
use crate::entity::approval::Approval;
use crate::messages::{PaymentResult, Verdict};

impl Payment {
    /// Applies the result in the message with this id.
    pub fn result(&mut self, result: PaymentResult, message: String, now: Timestamp) -> Option<Outgoing> {
        match result.status {
            Verdict::Approved => {
                // A reference is taken from the provider's own answers only.
                let PaymentResult { payment_id, .. } = result;
                let reference = None;
                self.approved(Approval { message, payment_id, reference, at: Some(now), refunded_at: None }, now)
            }
            Verdict::Authorized => self.authorized(now),
            Verdict::Declined => self.declined(result.reason.as_deref(), now),
        }
    }
}

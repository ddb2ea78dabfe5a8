//! Payment results, as the provider or an operator writes them to `payment-results`: early, twice or late.

use common::messages::Outgoing;
use common::time::Timestamp;

use crate::entity::Payment;
use crate::entity::approval::Approval;
use crate::messages::{PaymentResult, Verdict};

impl Payment {
    /// Returns true if the result is another approval, and too many are not refunded yet. A repetition is none.
    pub fn exceeds_approvals(&self, result: &PaymentResult, message: &str) -> bool {
        if result.status != Verdict::Approved || !self.approvals.is_full() {
            return false;
        }
        !self.is_known(&Approval::new(message.to_owned(), result.payment_id.clone(), None))
    }

    /// Applies the result in the message with this id.
    pub fn result(&mut self, result: PaymentResult, message: String, now: Timestamp) -> Option<Outgoing> {
        match result.status {
            Verdict::Approved => {
                // A reference is taken from the provider's own answers only.
                let PaymentResult { payment_id, .. } = result;
                self.approved(Approval::new(message, payment_id, Some(now)), now)
            }
            Verdict::Authorized => self.authorized(now),
            Verdict::Declined => self.declined(result.reason.as_deref(), now),
        }
    }
}

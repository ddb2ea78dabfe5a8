//! Payment results, as the provider or an operator writes them to `payment-results`: early, twice or late.

use common::messages::Outgoing;
use common::time::Timestamp;

use crate::entity::Payment;
use crate::entity::approval::Approval;
use crate::messages::{PaymentResult, Verdict};
use crate::text::cut;

impl Payment {
    /// Applies the result in the message with this id.
    pub fn result(&mut self, result: PaymentResult, message: String, now: Timestamp) -> Option<Outgoing> {
        match result.status {
            Verdict::Approved => {
                let payment_id = result.payment_id.map(|id| cut(&id).to_owned());
                let reference = result.reference.map(|name| cut(&name).to_owned());
                self.approved(Approval { message, payment_id, reference, at: Some(now), refunded_at: None }, now)
            }
            Verdict::Authorized => self.authorized(now),
            Verdict::Declined => self.declined(result.reason.as_deref(), now),
        }
    }
}

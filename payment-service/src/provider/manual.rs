//! A provider whose results an operator enters.

use common::money::Amount;

use super::call::{Charge, Refund};
use super::port::{Accepted, ChargeStatus, PaymentProvider, ProviderError, RefundStatus};

/// A provider that accepts every request, capture and refund. An operator enters the results with
/// `POST /payments/{id}/approve` or `decline`, or on `payment-results`.
pub struct Manual;

impl PaymentProvider for Manual {
    async fn request(&self, _charge: &Charge) -> Result<Accepted, ProviderError> {
        Ok(Accepted { result_after: None, reference: None })
    }

    async fn result(&self, _charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        Ok(ChargeStatus::Silent)
    }

    async fn capture(&self, _charge: &Charge, _amount: Amount) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn cancel(&self, _charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        Ok(ChargeStatus::Declined(Some("cancelled".to_owned())))
    }

    async fn refund(&self, _refund: &Refund) -> Result<RefundStatus, ProviderError> {
        Ok(RefundStatus::Made)
    }
}

//! A provider that is a person.

use common::money::Amount;

use super::{Accepted, Charge, PaymentProvider, ProviderError, Refund, Standing};

/// A provider that takes every request, capture and refund; a person says the results, with `POST
/// /payments/{id}/approve` or `decline`, or on `payment-results`.
pub struct Manual;

impl PaymentProvider for Manual {
    async fn request(&self, _charge: &Charge) -> Result<Accepted, ProviderError> {
        Ok(Accepted { result_after: None, reference: None })
    }

    async fn result(&self, _charge: &Charge) -> Result<Standing, ProviderError> {
        Ok(Standing::Silent)
    }

    async fn capture(&self, _charge: &Charge, _amount: Amount) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn cancel(&self, _charge: &Charge) -> Result<Standing, ProviderError> {
        Ok(Standing::Declined(Some("cancelled".to_owned())))
    }

    async fn refund(&self, _refund: &Refund) -> Result<(), ProviderError> {
        Ok(())
    }
}

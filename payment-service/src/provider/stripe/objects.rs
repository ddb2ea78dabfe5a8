//! Stripe's objects, with the fields that this client reads.

use std::collections::HashMap;

use serde::Deserialize;

use crate::provider::port::{ChargeStatus, ProviderError};

/// A PaymentIntent.
#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) amount: Option<i64>,
    #[serde(default)]
    pub(super) currency: Option<String>,
    #[serde(default)]
    pub(super) last_payment_error: Option<LastError>,
    #[serde(default)]
    pub(super) cancellation_reason: Option<String>,
}

/// Why a payment was declined.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct LastError {
    #[serde(default)]
    pub(super) decline_code: Option<String>,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
}

impl LastError {
    /// The most specific reason given.
    pub(super) fn reason(self) -> Option<String> {
        self.decline_code.or(self.code).or(self.message)
    }
}

/// A Refund.
#[derive(Debug, Deserialize)]
pub(super) struct Refunded {
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) failure_reason: Option<String>,
    #[serde(default)]
    pub(super) metadata: HashMap<String, String>,
}

/// A page of refunds.
#[derive(Debug, Deserialize)]
pub(super) struct RefundList {
    pub(super) data: Vec<Refunded>,
}

impl Intent {
    /// Its status; `None` if it is still to be confirmed.
    pub(super) fn charge_status(self) -> Result<Option<ChargeStatus>, ProviderError> {
        let status = match self.status.as_str() {
            "succeeded" => ChargeStatus::Approved,
            "requires_capture" => ChargeStatus::Authorized,
            "canceled" => {
                ChargeStatus::Declined(Some(self.cancellation_reason.unwrap_or_else(|| "cancelled".to_owned())))
            }
            "requires_payment_method" => match self.last_payment_error {
                Some(error) => ChargeStatus::Declined(error.reason()),
                None => return Ok(None),
            },
            "requires_confirmation" => return Ok(None),
            "requires_action" | "processing" => ChargeStatus::Open,
            other => return Err(ProviderError::Failed(format!("Stripe reports the unknown status '{other}'"))),
        };
        Ok(Some(status))
    }
}

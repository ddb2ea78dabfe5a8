//! Stripe's objects, as much of them as matters here.

use std::collections::HashMap;

use serde::Deserialize;

use crate::provider::port::{ChargeStatus, ProviderError};

/// As much of a PaymentIntent as matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: String,
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
    /// The most telling of what it says.
    pub(super) fn reason(self) -> Option<String> {
        self.decline_code.or(self.code).or(self.message)
    }
}

/// As much of a refund as matters here.
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
    /// How it stands; none where it is still to be confirmed.
    pub(super) fn standing(self) -> Result<Option<ChargeStatus>, ProviderError> {
        let standing = match self.status.as_str() {
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
            other => return Err(ProviderError::Failed(format!("Stripe says the payment is '{other}'"))),
        };
        Ok(Some(standing))
    }
}

//! Payment providers: what the service asks of one, and the two that need no contract. Apart from the payments, which
//! know a provider only by what it answered.

use std::future::Future;
use std::time::Duration;

use common::ids::OrderId;
use common::money::Amount;
use serde::{Deserialize, Serialize};

use crate::results::Verdict;

/// `[provider]`: who takes the payments.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// Which provider.
    pub kind: ProviderKind,
    /// After which time the simulated provider answers where it answers late.
    #[serde(with = "humantime_serde")]
    pub delay: Duration,
}

/// Which provider takes a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Answers by rules on the cents of the amount: [`Simulated`].
    Simulated,
    /// Takes everything; a person publishes the results: [`Manual`].
    Manual,
}

/// A payment that a provider is asked to take.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Charge {
    /// The order it is for.
    pub order: OrderId,
    /// The payment's id.
    pub payment_id: String,
    /// How much.
    pub amount: Amount,
    /// In which currency (ISO 4217).
    pub currency: String,
    /// Which request of this payment it is: 1, 2, ...
    pub call: u32,
    /// The trace it belongs to.
    pub trace: Option<String>,
}

/// A payment that a provider is asked to give back, all of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refund {
    /// The order it was for.
    pub order: OrderId,
    /// The payment's id, as the approval called it.
    pub payment_id: String,
    /// Which refund request of this order it is: 1, 2, ...
    pub call: u32,
    /// The trace it belongs to.
    pub trace: Option<String>,
}

/// The provider took a request; its result is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// When to ask it for the result; none when it tells by itself.
    pub result_after: Option<Duration>,
}

/// A technical failure: asking again may help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProviderError(pub String);

/// What the service asks of a provider. Every call may come again with the same argument, and must then have no second
/// effect.
pub trait PaymentProvider: Send + Sync + 'static {
    /// Takes a request for a payment.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn request(&self, charge: &Charge) -> impl Future<Output = Result<Accepted, ProviderError>> + Send;

    /// How the payment ended; none while that is not known.
    fn result(&self, charge: &Charge) -> impl Future<Output = Option<Verdict>> + Send;

    /// Gives a payment back.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn refund(&self, refund: &Refund) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

/// The provider that the settings choose.
pub enum Provider {
    /// See [`Simulated`].
    Simulated(Simulated),
    /// See [`Manual`].
    Manual(Manual),
}

impl Provider {
    /// The one of these settings.
    pub fn new(settings: &ProviderSettings) -> Self {
        match settings.kind {
            ProviderKind::Simulated => Self::Simulated(Simulated { delay: settings.delay }),
            ProviderKind::Manual => Self::Manual(Manual),
        }
    }
}

impl PaymentProvider for Provider {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        match self {
            Self::Simulated(provider) => provider.request(charge).await,
            Self::Manual(provider) => provider.request(charge).await,
        }
    }

    async fn result(&self, charge: &Charge) -> Option<Verdict> {
        match self {
            Self::Simulated(provider) => provider.result(charge).await,
            Self::Manual(provider) => provider.result(charge).await,
        }
    }

    async fn refund(&self, refund: &Refund) -> Result<(), ProviderError> {
        match self {
            Self::Simulated(provider) => provider.refund(refund).await,
            Self::Manual(provider) => provider.refund(refund).await,
        }
    }
}

/// A provider that answers by the cents of the amount, so that every ending can be had at will.
///
/// | cents | what it does |
/// |---|---|
/// | .13 | declines |
/// | .44 | takes it and never answers |
/// | .77 | fails technically twice, then takes and approves it |
/// | .99 | approves after `delay` |
/// | else | approves at once |
pub struct Simulated {
    /// The delay of .99.
    pub delay: Duration,
}

const DECLINED: i64 = 13;
const SILENT: i64 = 44;
const FAILS_TWICE: i64 = 77;
const LATE: i64 = 99;

fn cents(charge: &Charge) -> i64 {
    charge.amount.0.rem_euclid(100)
}

impl PaymentProvider for Simulated {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        match cents(charge) {
            FAILS_TWICE if charge.call <= 2 => {
                Err(ProviderError("the provider can't be reached (simulated)".to_owned()))
            }
            SILENT => Ok(Accepted { result_after: None }),
            LATE => Ok(Accepted { result_after: Some(self.delay) }),
            _ => Ok(Accepted { result_after: Some(Duration::ZERO) }),
        }
    }

    async fn result(&self, charge: &Charge) -> Option<Verdict> {
        match cents(charge) {
            SILENT => None,
            DECLINED => Some(Verdict::Declined),
            _ => Some(Verdict::Approved),
        }
    }

    async fn refund(&self, _refund: &Refund) -> Result<(), ProviderError> {
        Ok(())
    }
}

/// A provider that takes every request and every refund; a person publishes the results on `payment-results`.
pub struct Manual;

impl PaymentProvider for Manual {
    async fn request(&self, _charge: &Charge) -> Result<Accepted, ProviderError> {
        Ok(Accepted { result_after: None })
    }

    async fn result(&self, _charge: &Charge) -> Option<Verdict> {
        None
    }

    async fn refund(&self, _refund: &Refund) -> Result<(), ProviderError> {
        Ok(())
    }
}

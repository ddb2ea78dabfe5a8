//! The interface of a payment provider, and its answers. Each provider has a file of its own.

use std::future::Future;
use std::time::Duration;

use common::money::Amount;
use common::payments::Action;

use super::call::{Charge, Refund};
use crate::messages::{ListedDispute, ListedRefund};

/// The provider accepted a request; its result follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// When to query the result, from now; `None` if the provider reports it by itself.
    pub result_after: Option<Duration>,
    /// The provider's id of the payment.
    pub reference: Option<String>,
}

/// The status of a payment at its provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeStatus {
    /// Paid.
    Approved,
    /// The amount is reserved and can be captured.
    Authorized,
    /// Not paid, and it will not be: the reason, if there is one.
    Declined(Option<String>),
    /// The customer must do something first.
    ActionRequired {
        /// What.
        action: Action,
        /// True if the provider reports the result by itself; otherwise it is to be queried again.
        reported: bool,
    },
    /// Not known yet: to be queried again.
    Open,
    /// Not known yet: the provider reports it by itself.
    Silent,
}

/// The status of a refund that the provider accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundStatus {
    /// The customer has the money.
    Made,
    /// The money is on its way.
    Pending,
    /// It failed at once: why. It can be made again under another id only.
    Failed(String),
}

/// The refunds and disputes of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// All refunds.
    pub refunds: Vec<ListedRefund>,
    /// All disputes.
    pub disputes: Vec<ListedDispute>,
}

/// Why a call to a provider did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// A technical failure; the call may even have taken effect. Another attempt may help.
    #[error("{0}")]
    Failed(String),
    /// The provider is overloaded. Another attempt helps, but not before this time.
    #[error("the provider is overloaded and asks to wait {} s", .0.as_secs_f64())]
    Busy(Duration),
    /// The provider refused. Another attempt would not help.
    #[error("{0}")]
    Refused(String),
    /// The provider was not called, since it failed too often.
    #[error("the provider is not called for another {} s, since it failed too often", .0.as_secs_f64())]
    CircuitOpen(Duration),
}

impl ProviderError {
    /// The earliest time for another attempt, from now.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy(after) | Self::CircuitOpen(after) => Some(*after),
            Self::Failed(_) | Self::Refused(_) => None,
        }
    }
}

/// A payment provider. Every call may be repeated with the same argument, and must then have no second effect.
pub trait PaymentProvider: Send + Sync + 'static {
    /// Accepts a request for a payment. No money moves before [`PaymentProvider::result`] is called.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn request(&self, charge: &Charge) -> impl Future<Output = Result<Accepted, ProviderError>> + Send;

    /// Continues the payment, if that is up to the service, and returns its status.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn result(&self, charge: &Charge) -> impl Future<Output = Result<ChargeStatus, ProviderError>> + Send;

    /// Captures this amount of an authorized payment.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn capture(&self, charge: &Charge, amount: Amount) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Cancels a payment if it isn't paid, and returns its status: declined, or approved if it is paid already.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn cancel(&self, charge: &Charge) -> impl Future<Output = Result<ChargeStatus, ProviderError>> + Send;

    /// Makes a refund.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn refund(&self, refund: &Refund) -> impl Future<Output = Result<RefundStatus, ProviderError>> + Send;

    /// Lists the refunds and disputes of a payment, if the provider has any that this service does not make itself.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn review(&self, charge: &Charge) -> impl Future<Output = Result<Listing, ProviderError>> + Send {
        let _ = charge;
        async { Ok(Listing::default()) }
    }
}

//! What the service asks of a payment provider, and what one answers. Each provider has a file of its own.

use std::future::Future;
use std::time::Duration;

use common::money::Amount;

use super::call::{Charge, Refund};

/// The provider took a request; its result is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// When to ask it for the result; none when it tells by itself.
    pub result_after: Option<Duration>,
    /// Its own name for the payment.
    pub reference: Option<String>,
}

/// How a payment stands at its provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Paid.
    Approved,
    /// The money is set aside, to be captured.
    Authorized,
    /// Not paid, and it will not be.
    Declined(Option<String>),
    /// Not known yet: to be asked again.
    Open,
    /// Not known yet: the provider tells by itself.
    Silent,
}

/// Why a provider did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// A technical failure; it may even have been done. Asking again may help.
    #[error("{0}")]
    Failed(String),
    /// It has too much to do. Asking again helps, but not before this time.
    #[error("the provider has too much to do (asked to wait {} s)", .0.as_secs_f64())]
    Busy(Duration),
    /// It answered no. Asking the same again would not help.
    #[error("{0}")]
    Refused(String),
    /// It was not asked, since it failed too often lately.
    #[error("the provider is not asked for another {} s, since it failed too often", .0.as_secs_f64())]
    CircuitOpen(Duration),
}

impl ProviderError {
    /// Not before this time is there any use in asking again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy(after) | Self::CircuitOpen(after) => Some(*after),
            Self::Failed(_) | Self::Refused(_) => None,
        }
    }
}

/// What the service asks of a provider. Every call may come again with the same argument, and must then have no second
/// effect.
pub trait PaymentProvider: Send + Sync + 'static {
    /// Takes a request for a payment. No money moves before [`PaymentProvider::result`] is asked.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn request(&self, charge: &Charge) -> impl Future<Output = Result<Accepted, ProviderError>> + Send;

    /// Carries the payment on, if that is up to us, and says how it stands.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn result(&self, charge: &Charge) -> impl Future<Output = Result<Standing, ProviderError>> + Send;

    /// Takes so much of an authorized payment.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn capture(&self, charge: &Charge, amount: Amount) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Calls a payment off, if it isn't paid, and says how it stands then: paid after all, or declined.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn cancel(&self, charge: &Charge) -> impl Future<Output = Result<Standing, ProviderError>> + Send;

    /// Gives money back.
    ///
    /// # Errors
    /// [`ProviderError`]
    fn refund(&self, refund: &Refund) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

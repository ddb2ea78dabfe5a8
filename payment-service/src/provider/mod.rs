//! Payment providers: what the service asks of one. Apart from the payments, which know a provider only by what it
//! answered. Each provider has a file of its own; what surrounds a call to any of them is in `guard` and `breaker`.

pub mod breaker;
pub mod guard;
mod manual;
pub mod settings;
mod simulated;
pub mod stripe;
mod switchboard;

use std::future::Future;
use std::time::Duration;

use common::ids::{self, OrderId};
use common::money::Amount;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use manual::Manual;
pub use settings::ProviderSettings;
pub use simulated::Simulated;
pub use switchboard::Switchboard;

/// Which provider takes a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Answers by rules on the cents of the amount: [`Simulated`].
    Simulated,
    /// Takes everything; a person says the results: [`Manual`].
    Manual,
    /// Stripe: [`stripe::Stripe`].
    Stripe,
}

impl ProviderKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Simulated, Self::Manual, Self::Stripe];

    /// As settings and the API call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Manual => "manual",
            Self::Stripe => "stripe",
        }
    }
}

/// Whether an approval takes the money, or only sets it aside until it is captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Capture {
    /// Paid as soon as it is approved.
    #[default]
    Automatic,
    /// Authorized first; `payment.capture` takes the money.
    Manual,
}

impl Capture {
    /// For serde: what need not be written.
    pub fn is_automatic(&self) -> bool {
        matches!(self, Self::Automatic)
    }
}

/// A payment that a provider is asked to take.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Charge {
    /// The order it is for.
    pub order: OrderId,
    /// The payment's id.
    pub payment_id: String,
    /// Who takes it.
    pub provider: ProviderKind,
    /// How much.
    pub amount: Amount,
    /// In which currency (ISO 4217).
    pub currency: String,
    /// Whether an approval takes the money at once.
    pub capture: Capture,
    /// What to pay with, as the provider calls it, where the request said so.
    pub method: Option<String>,
    /// The provider's own name for the payment, once it took the request.
    pub reference: Option<String>,
    /// Which request of this payment it is: 1, 2, ...
    pub call: u32,
    /// The trace it belongs to.
    pub trace: Option<String>,
}

/// Money that a provider is asked to give back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refund {
    /// The order it was for.
    pub order: OrderId,
    /// The payment's id, as the approval called it.
    pub payment_id: String,
    /// The refund's id: the same in every call for the same refund.
    pub refund_id: String,
    /// Who took the payment.
    pub provider: ProviderKind,
    /// How much; none is all of it, where it is not known how much that is.
    pub amount: Option<Amount>,
    /// The provider's own name for the payment, where it is known.
    pub reference: Option<String>,
    /// Which call for a refund of this order it is: 1, 2, ...
    pub call: u32,
    /// The trace it belongs to.
    pub trace: Option<String>,
}

impl Refund {
    /// The id of a refund, known to the provider by it: of the payment, of whether it is the `whole` or a `part`, and
    /// of what asks for it. Parts are named by whoever asks, so that a name must not meet an approval's.
    pub fn id(payment_id: &str, what: &str, cause: &str) -> String {
        ids::derive(&["refund", payment_id, what, cause]).to_string()
    }
}

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

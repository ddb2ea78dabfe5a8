//! The calls that payments make at their provider, as data: which provider, and what it is asked with.

use common::ids::{self, OrderId};
use common::money::Amount;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The id of a refund, known to the provider by it: of the payment, of whether it is the `whole` or a `part`, and of what
    /// asks for it. Parts are named by whoever asks, so that a name must not meet an approval's.
    pub fn id(payment_id: &str, what: &str, cause: &str) -> String {
        ids::derive(&["refund", payment_id, what, cause]).to_string()
    }
}

/// What a payment wants asked of its provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProviderCall {
    /// Take it.
    Request(Charge),
    /// Carry it on; how does it stand? With how often that was asked before.
    Result(Charge, u32),
    /// Take so much of what is set aside.
    Capture {
        /// The payment.
        charge: Charge,
        /// How much.
        amount: Amount,
        /// Which call for it: 1, 2, ...
        call: u32,
    },
    /// Call it off; how does it stand? With how often that was asked before.
    Cancel(Charge, u32),
    /// Give money back.
    Refund(Refund),
}

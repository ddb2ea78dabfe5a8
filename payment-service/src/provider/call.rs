//! The calls that payments make to their provider, as data.

use common::ids::{self, OrderId};
use common::money::Amount;
use common::payments::PaymentMethod;
use common::sensitive::Sensitive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A payment provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Decides by the cents of the amount: [`Simulated`](super::simulated::Simulated).
    Simulated,
    /// Accepts everything; an operator enters the results: [`Manual`](super::manual::Manual).
    Manual,
    /// Stripe: [`Stripe`](super::stripe::Stripe).
    Stripe,
}

impl ProviderKind {
    /// All providers.
    pub const ALL: [Self; 3] = [Self::Simulated, Self::Manual, Self::Stripe];

    /// Returns true if only the provider's own answer is a result, and any other message about it a hint. It names a
    /// payment before money moves. With the other providers, operators enter results too.
    pub const fn is_authority(self) -> bool {
        match self {
            Self::Simulated | Self::Manual => false,
            Self::Stripe => true,
        }
    }

    /// Returns true if a customer can pay by this method with it.
    pub const fn supports(self, method: PaymentMethod) -> bool {
        match (self, method) {
            (Self::Simulated | Self::Manual, _) => true,
            (Self::Stripe, PaymentMethod::Card | PaymentMethod::Wallet | PaymentMethod::Pix) => true,
            (Self::Stripe, PaymentMethod::Invoice) => false,
        }
    }

    /// Its name in settings and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Manual => "manual",
            Self::Stripe => "stripe",
        }
    }
}

/// When the money is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Capture {
    /// When the payment is approved.
    #[default]
    Automatic,
    /// The payment is authorized first; `payment.capture` takes the money.
    Manual,
}

impl Capture {
    /// Returns true for the default, which serde need not write.
    pub fn is_automatic(&self) -> bool {
        matches!(self, Self::Automatic)
    }
}

/// A payment, as its provider is called for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Charge {
    /// The order that is paid.
    pub order: OrderId,
    /// The payment's id.
    pub payment_id: String,
    /// The provider.
    pub provider: ProviderKind,
    /// The price.
    pub amount: Amount,
    /// The currency (ISO 4217).
    pub currency: String,
    /// When the money is taken.
    pub capture: Capture,
    /// The method of payment, if the request has one.
    pub method: Option<PaymentMethod>,
    /// The provider's token of the customer's card or account, if the request has one.
    pub token: Option<Sensitive>,
    /// The provider's id of the payment, once it has accepted the request.
    pub reference: Option<String>,
    /// The number of the request: 1, 2, ...
    pub call: u32,
    /// The trace of the payment.
    pub trace: Option<String>,
}

/// A refund, as the provider is called for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refund {
    /// The order that was paid.
    pub order: OrderId,
    /// The payment's id, as the approval names it.
    pub payment_id: String,
    /// The refund's id: the same in every call for the same refund.
    pub refund_id: String,
    /// The provider of the payment.
    pub provider: ProviderKind,
    /// The amount; `None` is the whole payment, whose amount is unknown if it was never requested.
    pub amount: Option<Amount>,
    /// The currency (ISO 4217); empty if the payment was never requested.
    pub currency: String,
    /// The provider's id of the payment, if it is known.
    pub reference: Option<String>,
    /// The number of the call for this refund: 1, 2, ...
    pub call: u32,
    /// The trace of the payment.
    pub trace: Option<String>,
}

impl Refund {
    /// The name of a full refund in the API.
    pub const WHOLE: &str = "whole";

    /// The id of the full refund of an approval.
    pub fn whole_id(payment_id: &str, approval: &str) -> String {
        Self::id(payment_id, "whole", approval)
    }

    /// The id of a partial refund. Callers choose `part`, so that it must not collide with an approval's id.
    pub fn part_id(payment_id: &str, part: &str) -> String {
        Self::id(payment_id, "part", part)
    }

    /// The id of a refund that is made again after it failed.
    pub fn retry_id(first: String, retries: u32) -> String {
        if retries == 0 { first } else { Self::id(&first, "retry", &retries.to_string()) }
    }

    fn id(payment_id: &str, kind: &str, cause: &str) -> String {
        ids::derive(&["refund", payment_id, kind, cause]).to_string()
    }
}

/// A call to a payment's provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProviderCall {
    /// Accept a payment.
    Request(Charge),
    /// Continue a payment, and report its status.
    Query {
        /// The payment.
        charge: Charge,
        /// The number of queries before.
        query: u32,
    },
    /// Capture an authorized payment.
    Capture {
        /// The payment.
        charge: Charge,
        /// The amount to capture.
        amount: Amount,
        /// The number of the capture: 1, 2, ...
        call: u32,
    },
    /// Cancel a payment, and report its status.
    Cancel {
        /// The payment.
        charge: Charge,
        /// The number of queries before.
        query: u32,
    },
    /// Make a refund.
    Refund(Refund),
    /// List the refunds and disputes of a payment.
    Review {
        /// The payment.
        charge: Charge,
        /// The number of the review: 0, 1, ...
        call: u32,
    },
}

//! How a customer pays: the method, the provider's token for it, and what the customer must do for a payment.
//! order-service and payment-service share these terms.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds::{Check, KIB};
use crate::ids::OrderId;
use crate::sensitive::Sensitive;
use crate::time::Timestamp;

/// `ce_type` of [`ActionRequired`].
pub const ACTION: &str = "payment.action";
/// The longest token of a provider, in bytes of JSON.
pub const TOKEN_BYTES: usize = 255;
/// The longest URL, code or client secret of an action, in bytes of JSON.
pub const ACTION_TEXT_BYTES: usize = 2_000;

/// A method of payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PaymentMethod {
    /// A credit or debit card.
    Card,
    /// A wallet, such as Apple Pay or Google Pay.
    Wallet,
    /// Pix, of Brazil's central bank: the customer scans a code.
    Pix,
    /// On invoice.
    Invoice,
}

impl PaymentMethod {
    /// All methods.
    pub const ALL: [Self; 4] = [Self::Card, Self::Wallet, Self::Pix, Self::Invoice];

    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Wallet => "wallet",
            Self::Pix => "pix",
            Self::Invoice => "invoice",
        }
    }
}

/// How the customer pays an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentChoice {
    /// The method.
    pub method: PaymentMethod,
    /// The provider's token of the customer's card or account, such as `pm_…`; never a card number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Sensitive>,
}

impl PaymentChoice {
    /// Checks the length of the token.
    pub fn check(&self, check: &mut Check) {
        check.any_text("payment.token", self.token.as_ref().map(Sensitive::reveal), TOKEN_BYTES);
    }
}

/// What the customer must do before a payment can be completed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ActionKind,
    /// The page to open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The secret with which the provider's library completes the payment in the customer's browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Sensitive>,
    /// The code to be shown, such as that of a Pix payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When the provider ends the payment if the action is not completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Action {
    /// Checks the lengths of its texts.
    pub fn check(&self, check: &mut Check) {
        check.any_text("action.url", self.url.as_deref(), ACTION_TEXT_BYTES);
        check.any_text("action.code", self.code.as_deref(), ACTION_TEXT_BYTES);
        let secret = self.client_secret.as_ref().map(Sensitive::reveal);
        check.any_text("action.clientSecret", secret, ACTION_TEXT_BYTES);
    }
}

/// The kind of an [`Action`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Open `url`, and complete the payment there.
    Redirect,
    /// Confirm the payment with the provider's library and `clientSecret`, for example by 3-D Secure.
    Confirm,
    /// Pay with `code`.
    ShowCode,
}

/// `payment.action`: the customer must do something for a payment, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionRequired {
    /// The order that is paid.
    pub order_id: OrderId,
    /// The number of the report: a later one is larger.
    pub number: u32,
    /// The required action; missing if none is required any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
}

crate::bounded! { ActionRequired: 16 * KIB }

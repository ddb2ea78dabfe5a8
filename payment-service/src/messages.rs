//! The messages that payment-service reads, and the two that it sends itself.

use std::borrow::Cow;

use common::ids::OrderId;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use uuid::Uuid;

use crate::provider::call::Capture;
use crate::text::cut;

pub(crate) const REQUEST: &str = "payment.request";
pub(crate) const CAPTURE: &str = "payment.capture";
pub(crate) const REFUND: &str = "payment.refund";
pub(crate) const REFUND_PART: &str = "payment.refund-part";
/// `ce_type` of what is asked for by HTTP.
pub const ASKED: &str = "payment.asked";

/// `payment.request`
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestPayment {
    pub(crate) order_id: OrderId,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    #[serde(default)]
    pub(crate) capture: Capture,
    #[serde(default)]
    pub(crate) payment_method: Option<String>,
}

/// `payment.capture`
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CapturePayment {
    pub(crate) order_id: OrderId,
    #[serde(default)]
    pub(crate) amount_minor: Option<i64>,
}

/// `payment.refund`: of all of it, as a request's compensation, or with an id or an amount of a part.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundPayment {
    pub(crate) order_id: OrderId,
    #[serde(default)]
    pub(crate) refund_id: Option<String>,
    #[serde(default)]
    pub(crate) amount_minor: Option<i64>,
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// `payment.refund-part`: a saga gives a part back, such as for what was returned. What it is called by is the saga's to say,
/// so that it can't be given back twice.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundPart {
    pub(crate) order_id: OrderId,
    pub(crate) refund_id: Uuid,
    pub(crate) amount_minor: i64,
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// `payment.asked`: what somebody asks for by HTTP. Nothing replies to it; the view shows what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentAsked {
    /// The order.
    pub order_id: OrderId,
    /// What is asked for.
    #[serde(flatten)]
    pub what: Ask,
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Ask {
    /// To take what is set aside.
    Capture {
        /// How much; none is all of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount_minor: Option<i64>,
    },
    /// To give a part of it back, or what is left.
    Refund {
        /// By which it is known.
        refund_id: String,
        /// How much; none is all that is left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount_minor: Option<i64>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// `ce_type` of what the service tells itself of the provider's answers.
pub const PROVIDER_ANSWERED: &str = "payment.provider-answered";

/// `payment.provider-answered`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderAnswered {
    /// The order.
    pub order_id: OrderId,
    /// What the provider was asked.
    pub operation: Operation,
    /// Which call of that operation: 1, 2, ...
    pub call: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// For an accepted request: when to ask for its result; none when the provider tells by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_after_ms: Option<u64>,
    /// Not before this is there any use in asking again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The provider's own name for the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Of a refund: its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
}

impl ProviderAnswered {
    /// The answer to a call that failed, until something better is known.
    pub fn to(order_id: OrderId, operation: Operation, call: u32) -> Self {
        Self {
            order_id,
            operation,
            call,
            outcome: Outcome::Failed,
            error: None,
            result_after_ms: None,
            retry_after_ms: None,
            reference: None,
            refund_id: None,
        }
    }
}

/// What a provider is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// To take a payment.
    Request,
    /// How it stands.
    Result,
    /// To take what is set aside.
    Capture,
    /// To call it off.
    Cancel,
    /// To give it back.
    Refund,
}

/// What became of a call to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A request was taken; its result is to come.
    Accepted,
    /// A technical failure.
    Failed,
    /// A no: asking again would not help.
    Refused,
    /// How it stands is not known yet.
    Open,
    /// The provider will say by itself how it stands.
    Silent,
    /// What was set aside was taken.
    Captured,
    /// A refund was made.
    Refunded,
}

/// `ce_type` of a result.
pub const PAYMENT_RESULT: &str = "payment.result";

/// `payment.result`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentResult {
    /// The order.
    pub order_id: OrderId,
    /// How it ended.
    pub status: Verdict,
    /// Why it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The payment, as the provider calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// The provider's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// How a payment ended. Read in any case, with blanks around it, as people type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Paid.
    Approved,
    /// The money is set aside, to be captured.
    Authorized,
    /// Not paid.
    Declined,
}

impl JsonSchema for Verdict {
    fn schema_name() -> Cow<'static, str> {
        "Verdict".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let any_case = |word: &str| -> String {
            word.chars().map(|letter| format!("[{letter}{}]", letter.to_ascii_uppercase())).collect()
        };
        let words = ["approved", "authorized", "declined"];
        let pattern = format!("^\\s*({})\\s*$", words.map(any_case).join("|"));
        let about = "How a payment ended: approved, authorized or declined, in any case, with blanks around it.";
        json_schema!({ "type": "string", "description": about, "pattern": pattern })
    }
}

impl<'de> Deserialize<'de> for Verdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        match text.trim() {
            word if word.eq_ignore_ascii_case("approved") => Ok(Self::Approved),
            word if word.eq_ignore_ascii_case("authorized") => Ok(Self::Authorized),
            word if word.eq_ignore_ascii_case("declined") => Ok(Self::Declined),
            word => {
                Err(de::Error::custom(format!("'{}' is no result: write approved, authorized or declined", cut(word))))
            }
        }
    }
}

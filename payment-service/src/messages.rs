//! The messages that payment-service reads, two of which it also sends itself.

pub mod cases;
pub mod events;
mod provider;

use std::borrow::Cow;

use common::bounds::{COMMAND_BYTES, Check, KIB};
use common::cases::ConcludeCase;
use common::ids::OrderId;
use common::messages::{Message, Unreadable, header};
use common::payments::PaymentChoice;
use common::{schemas, topics};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::cases::{CONCLUDE_CASE, RESOLVE_CASE, ResolvePaymentCase};
pub use self::provider::{
    DisputeStatus, ListedDispute, ListedRefund, ListedStatus, Operation, Outcome, ProviderAnswered, ProviderEvent,
};
pub(crate) use self::provider::{LONGEST_ID, LONGEST_NAME, MOST_LISTED};
use crate::provider::call::Capture;

/// `ce_type` of [`RequestPayment`].
pub const REQUEST: &str = "payment.request";
/// `ce_type` of [`CapturePayment`].
pub const CAPTURE: &str = "payment.capture";
/// `ce_type` of [`RefundPayment`].
pub const REFUND: &str = "payment.refund";
/// `ce_type` of [`RefundPart`].
pub const REFUND_PART: &str = "payment.refund-part";
/// `ce_type` of [`OperatorCommand`].
pub const OPERATOR_COMMAND: &str = "payment.asked";
/// `ce_type` of [`ProviderAnswered`].
pub const PROVIDER_ANSWERED: &str = "payment.provider-answered";
/// `ce_type` of [`ProviderEvent`].
pub const PROVIDER_EVENT: &str = "payment.provider-event";
/// `ce_type` of [`PaymentResult`].
pub const PAYMENT_RESULT: &str = schemas::PAYMENT_RESULT_TYPE;

/// A message of one of the input topics.
pub enum Command {
    /// On [`topics::PAYMENT_RESULTS`].
    Result(PaymentResult),
    /// A saga requests a payment.
    Request(RequestPayment),
    /// A saga captures an authorized payment.
    Capture(CapturePayment),
    /// A saga refunds a payment, or a part of it.
    Refund(RefundPayment),
    /// A saga refunds a part under an id of its own.
    RefundPart(RefundPart),
    /// A saga carries out the decision about a case.
    ResolveCase(ResolvePaymentCase),
    /// The saga of a case has ended.
    ConcludeCase(ConcludeCase),
    /// An operator's request by HTTP.
    Operator(OperatorCommand),
    /// The provider answered a call.
    ProviderAnswered(ProviderAnswered),
    /// The provider reported a change by itself.
    ProviderEvent(ProviderEvent),
}

impl Command {
    /// Parses a message by its topic and `ce_type`.
    ///
    /// # Errors
    /// [`Unreadable`] for an unknown type, or a value that does not fit the type.
    pub fn parse(message: &Message) -> Result<Self, Unreadable> {
        let command = Self::read(message)?;
        command.check().map_err(Unreadable::Malformed)?;
        Ok(command)
    }

    /// Checks the texts that are kept and would do harm if they were cut. All others are cut where they are kept.
    fn check(&self) -> Result<(), String> {
        let mut check = Check::default();
        match self {
            Self::Request(request) => {
                check.text("currency", &request.currency, LONGEST_NAME);
                check.any_text("paymentMethod", request.payment_method.as_deref(), LONGEST_NAME);
                request.payment.iter().for_each(|choice| choice.check(&mut check));
            }
            Self::ProviderAnswered(answer) => {
                answer.check(&mut check);
            }
            Self::ProviderEvent(_) => {}
            Self::Result(_) | Self::Capture(_) | Self::Refund(_) | Self::RefundPart(_) | Self::Operator(_) => {}
            Self::ResolveCase(_) | Self::ConcludeCase(_) => {}
        }
        check.done()
    }

    /// The order that it is about.
    pub fn order_id(&self) -> OrderId {
        match self {
            Self::Result(result) => result.order_id,
            Self::Request(request) => request.order_id,
            Self::Capture(capture) => capture.order_id,
            Self::Refund(refund) => refund.order_id,
            Self::RefundPart(part) => part.order_id,
            Self::ResolveCase(command) => command.order_id,
            Self::ConcludeCase(command) => command.order_id,
            Self::Operator(command) => command.order_id,
            Self::ProviderAnswered(answer) => answer.order_id,
            Self::ProviderEvent(event) => event.order_id,
        }
    }

    fn read(message: &Message) -> Result<Self, Unreadable> {
        if &*message.topic == topics::PAYMENT_RESULTS {
            return PaymentResult::read(message).map(Self::Result);
        }
        match message.kind() {
            Some(REQUEST) => message.json().map(Self::Request),
            Some(CAPTURE) => message.json().map(Self::Capture),
            Some(REFUND) => message.json().map(Self::Refund),
            Some(REFUND_PART) => message.json().map(Self::RefundPart),
            Some(RESOLVE_CASE) => message.json().map(Self::ResolveCase),
            Some(CONCLUDE_CASE) => message.json().map(Self::ConcludeCase),
            Some(OPERATOR_COMMAND) => message.json().map(Self::Operator),
            Some(PROVIDER_ANSWERED) => message.json().map(Self::ProviderAnswered),
            Some(PROVIDER_EVENT) => message.json().map(Self::ProviderEvent),
            Some(other) => Err(Unreadable::UnknownType(other.to_owned())),
            None => Err(Unreadable::Header(header::TYPE, "it is missing".to_owned())),
        }
    }
}

// The longest values. The HTTP API refuses requests that would make longer ones.
common::bounded! {
    RequestPayment: COMMAND_BYTES,
    CapturePayment: COMMAND_BYTES,
    RefundPayment: COMMAND_BYTES,
    RefundPart: COMMAND_BYTES,
    OperatorCommand: 8 * KIB,
    ProviderAnswered: 384 * KIB,
    ProviderEvent: 16 * KIB,
}

/// `payment.request`
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestPayment {
    /// The order to be paid.
    pub order_id: OrderId,
    /// The price, in minor units.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// When the money is taken.
    #[serde(default)]
    pub capture: Capture,
    /// The provider's token, in requests without `payment`.
    #[serde(default)]
    pub payment_method: Option<String>,
    /// How the customer pays.
    #[serde(default)]
    pub payment: Option<PaymentChoice>,
}

/// `payment.capture`
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapturePayment {
    /// The order.
    pub order_id: OrderId,
    /// The amount in minor units; the whole price if it is missing.
    #[serde(default)]
    pub amount_minor: Option<i64>,
}

/// `payment.refund`: of the whole payment, as a request's compensation; of a part, if it has an id or an amount.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundPayment {
    /// The order.
    pub order_id: OrderId,
    /// The id of a partial refund.
    #[serde(default)]
    pub refund_id: Option<String>,
    /// The amount in minor units; the rest of the payment if it is missing.
    #[serde(default)]
    pub amount_minor: Option<i64>,
    /// The reason, for the payment's history.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `payment.refund-part`: a saga refunds a part, for example of returned goods, or all that is left. The saga chooses
/// the id, so that it is refunded only once.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundPart {
    /// The order.
    pub order_id: OrderId,
    /// The id of the partial refund.
    pub refund_id: Uuid,
    /// The amount in minor units; the rest of the payment if it is missing.
    #[serde(default)]
    pub amount_minor: Option<i64>,
    /// The reason, for the payment's history.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `payment.asked`: a request by HTTP. It has no reply; the view shows its effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperatorCommand {
    /// The order.
    pub order_id: OrderId,
    /// The operation.
    #[serde(flatten)]
    pub action: OperatorAction,
}

/// An operation requested by HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum OperatorAction {
    /// Capture an authorized payment.
    Capture {
        /// The amount in minor units; the whole price if it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount_minor: Option<i64>,
    },
    /// Make a refund again that failed at the provider after it had accepted it.
    Retry {
        /// The id of the refund.
        refund_id: String,
        /// The authenticated caller.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Settle a failed refund otherwise: it is not made again.
    Dismiss {
        /// The id of the refund.
        refund_id: String,
        /// The reason.
        reason: String,
        /// The authenticated caller.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Ask the provider for the refunds and disputes of a payment.
    Review {
        /// The authenticated caller.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Refund a part of a payment, or the rest of it.
    Refund {
        /// The id of the partial refund.
        refund_id: String,
        /// The amount in minor units; the rest of the payment if it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount_minor: Option<i64>,
        /// The reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The authenticated caller.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
}

/// `payment.result`, as [`schemas::PAYMENT_RESULT`] describes it: every reader of the topic reads it by that schema.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentResult {
    /// The order.
    pub order_id: OrderId,
    /// The result.
    pub status: Verdict,
    /// Why it was declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The payment's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// The provider's id of the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl PaymentResult {
    /// Reads a message on [`topics::PAYMENT_RESULTS`].
    ///
    /// # Errors
    /// [`Unreadable`] with the rule of the schema that it breaks.
    pub fn read(message: &Message) -> Result<Self, Unreadable> {
        let fields = schemas::PAYMENT_RESULT.read(message)?;
        let missing = |path: &str| Unreadable::Malformed(format!("{path} is missing"));
        let text = |path: &str| fields.text(path).map(str::to_owned);
        Ok(Self {
            order_id: OrderId(fields.uuid("orderId").ok_or_else(|| missing("orderId"))?),
            status: fields.text("status").and_then(Verdict::of).ok_or_else(|| missing("status"))?,
            reason: text("reason"),
            payment_id: text("paymentId"),
            reference: text("reference"),
        })
    }
}

impl JsonSchema for PaymentResult {
    fn schema_name() -> Cow<'static, str> {
        "PaymentResult".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemas::PAYMENT_RESULT.json_schema("`payment.result`", schemas::PAYMENT_RESULT_FIELDS)
    }
}

/// The result of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Paid.
    Approved,
    /// The amount is reserved and can be captured.
    Authorized,
    /// Not paid.
    Declined,
}

impl Verdict {
    /// Its name in the message.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Authorized => "authorized",
            Self::Declined => "declined",
        }
    }

    /// The result with this name.
    fn of(name: &str) -> Option<Self> {
        match name {
            "approved" => Some(Self::Approved),
            "authorized" => Some(Self::Authorized),
            "declined" => Some(Self::Declined),
            _ => None,
        }
    }
}

//! The messages that the service reads and sends: their `ce_type`s, their values, and the commands among them.

pub mod events;

use common::bounds::{COMMAND_BYTES, KIB};
use common::ids::{self, OrderId};
use common::messages::{Message, Outgoing, Unreadable};
use common::payments::{ACTION, ActionRequired};
use common::shipments::{self, ShipmentProgress};
use common::time::Timestamp;
use common::topics;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::order::mailing::Outcome;
use crate::order::parts::{Payment, Pieces, ReturnStatus, Shipment, Step};
use crate::order::{Placed, Status};

/// `ce_type` of the message that places an order (from the HTTP API).
pub const PLACE: &str = "order.place";
/// `ce_type` of the event of a new order, which starts its saga.
pub const CREATED: &str = "order.created";
/// `ce_type` of a customer's request to cancel an order (from the HTTP API).
pub const CANCEL: &str = "order.cancel";
/// `ce_type` of the event that announces the request to the saga.
pub const CANCEL_REQUESTED: &str = "order.cancel-requested";
/// `ce_type` of the orchestrator's progress report. It gets no reply.
pub const PROGRESS: &str = "order.progress";
/// `ce_type` of the command that ends an order.
pub const CONCLUDE: &str = "order.conclude";
/// `ce_type` of the command that confirms a paid order and issues its invoice, in sagas of versions 3 and 4.
pub const CONFIRM: &str = "order.confirm";
/// `ce_type` of the command that undoes the confirmation, in sagas of versions 3 and 4.
pub const UNCONFIRM: &str = "order.unconfirm";
/// `ce_type` of the command that notifies the customer of a fulfilled order.
pub const NOTIFY: &str = "order.notify";
/// `ce_type` of a notice.
pub const NOTICE: &str = "notice.created";
/// `ce_type` of a customer's request to return items (from the HTTP API).
pub const RETURN: &str = "order.return";
/// `ce_type` of the event of a requested return, which starts its saga.
pub const RETURN_REQUESTED: &str = "return.requested";
/// `ce_type` of the command that ends a return.
pub const CONCLUDE_RETURN: &str = "order.conclude-return";
/// `ce_type` of the command that ends an order whose parcel did not arrive, and whose payment is refunded.
pub const RECORD_REFUND: &str = "order.record-refund";
/// `ce_type` of the service's report to itself about an attempt to mail a notice.
pub const MAILED: &str = "notice.mailed";

/// A message of the topic `order-commands`.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Place(Box<Placed>),
    Progress(Progress),
    Confirm(Confirm),
    Unconfirm(Unconfirm),
    Notify(Notify),
    Conclude(Box<Conclude>),
    Cancel(Cancel),
    Return(RequestReturn),
    ConcludeReturn(ConcludeReturn),
    RecordRefund(RecordRefund),
    Mailed(Mailed),
    Action(ActionRequired),
    Shipment(ShipmentProgress),
}

impl Command {
    /// Reads the command that a message carries, by its `ce_type`.
    ///
    /// # Errors
    /// [`Unreadable::UnknownType`], or the errors of [`Message::json`].
    pub(crate) fn parse(message: &Message) -> Result<Self, Unreadable> {
        match message.kind() {
            Some(PLACE) => message.json().map(Self::Place),
            Some(PROGRESS) => message.json().map(Self::Progress),
            Some(CONFIRM) => message.json().map(Self::Confirm),
            Some(UNCONFIRM) => message.json().map(Self::Unconfirm),
            Some(NOTIFY) => message.json().map(Self::Notify),
            Some(CONCLUDE) => message.json().map(Self::Conclude),
            Some(CANCEL) => message.json().map(Self::Cancel),
            Some(RETURN) => message.json().map(Self::Return),
            Some(CONCLUDE_RETURN) => message.json().map(Self::ConcludeReturn),
            Some(RECORD_REFUND) => message.json().map(Self::RecordRefund),
            Some(MAILED) => message.json().map(Self::Mailed),
            Some(ACTION) => message.json().map(Self::Action),
            Some(shipments::PROGRESS) => message.json().map(Self::Shipment),
            unknown => Err(Unreadable::UnknownType(unknown.unwrap_or_default().to_owned())),
        }
    }
}

// The longest values. The HTTP API refuses requests that would make longer ones.
common::bounded! {
    Placed: 256 * KIB,
    Cancel: 16 * KIB,
    RequestReturn: 64 * KIB,
    Mailed: 16 * KIB,
    Progress: COMMAND_BYTES,
    Confirm: COMMAND_BYTES,
    Unconfirm: COMMAND_BYTES,
    Notify: COMMAND_BYTES,
    Conclude: COMMAND_BYTES,
    ConcludeReturn: COMMAND_BYTES,
    RecordRefund: COMMAND_BYTES,
}

/// Value of `order.cancel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    pub order_id: OrderId,
    /// The customer's reason.
    pub why: String,
}

/// Value of `order.cancel-requested`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelRequested {
    pub order_id: OrderId,
    /// Who requests it: `customer`.
    pub by: String,
    pub why: String,
}

/// Value of `order.progress`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    pub order_id: OrderId,
    pub status: Status,
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The result of the payment, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
}

/// Value of `order.conclude`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conclude {
    pub order_id: OrderId,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The result of the payment, if one was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment: Option<Shipment>,
}

/// Value of `order.confirm`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Confirm {
    pub order_id: OrderId,
    /// The result of the payment; without it the invoice is open.
    #[serde(default)]
    pub payment: Option<Payment>,
}

/// Value of `order.unconfirm`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unconfirm {
    pub order_id: OrderId,
}

/// Value of `order.notify`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notify {
    pub order_id: OrderId,
    /// The result of the payment; without it the known one stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    #[serde(default)]
    pub shipment: Option<Shipment>,
}

/// Value of `order.return`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestReturn {
    pub return_id: Uuid,
    pub order_id: OrderId,
    pub items: Vec<Pieces>,
    pub why: String,
    /// The authenticated caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Value of `return.requested`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReturnRequested {
    pub return_id: Uuid,
    pub order_id: OrderId,
    pub customer_id: Uuid,
    pub items: Vec<Pieces>,
    /// The refund, in minor units of `currency`.
    pub refund_minor: i64,
    pub currency: String,
    /// Whether the goods were shipped, so that they must be received before the refund.
    pub shipped: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<String>,
    pub why: String,
    pub requested_at: Timestamp,
}

/// Value of `order.conclude-return`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConcludeReturn {
    pub return_id: Uuid,
    pub order_id: OrderId,
    pub status: ReturnStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Value of `order.record-refund`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordRefund {
    pub order_id: OrderId,
    /// What was paid back, in minor units.
    pub amount_minor: i64,
}

/// Value of `notice.mailed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mailed {
    pub order_id: OrderId,
    pub notice_id: Uuid,
    /// From 1.
    pub attempt: u32,
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Of a failed attempt, when the next one may succeed, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// The message that places an order. Its id derives from the order's id and from `request`, which distinguishes the
/// requests that carry the same idempotency key; `None` if only one request can place the order.
pub fn place(placed: &Placed, request: Option<Uuid>) -> Outgoing {
    let id = placed.order_id.to_string();
    let request = request.map(|id| id.to_string()).unwrap_or_default();
    let message_id = ids::derive(&["place", &id, &request]).to_string();
    Outgoing::event(topics::ORDER_COMMANDS, &id, PLACE, message_id, &id, placed.created_at, placed)
}

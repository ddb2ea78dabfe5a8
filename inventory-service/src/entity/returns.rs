//! A return: pieces of an order that come back to the warehouse.

use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::entity::reservation::Line;
use crate::messages::ReceiptStatus;

/// A return.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Return {
    pub return_id: String,
    pub order_id: String,
    pub warehouse: String,
    pub status: ReturnStatus,
    /// Sorted by item, each item once.
    pub items: Vec<Line>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// The result of its inspection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restocked_at: Option<Timestamp>,
    /// When it last changed.
    pub at: Timestamp,
}

/// Why a return was refused. Serialized as the pair `[reason, detail]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "(String, String)", into = "(String, String)")]
pub struct Refusal {
    /// A code such as `not_returnable`.
    pub reason: String,
    pub detail: String,
}

impl From<(String, String)> for Refusal {
    fn from((reason, detail): (String, String)) -> Self {
        Self { reason, detail }
    }
}

impl From<Refusal> for (String, String) {
    fn from(refusal: Refusal) -> Self {
        (refusal.reason, refusal.detail)
    }
}

/// The status of a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnStatus {
    Expected,
    Forgotten,
    Refused,
    Restocked,
}

/// The result of inspecting returned pieces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReturnReceipt)]
pub struct Receipt {
    pub status: ReceiptStatus,
    /// Who inspected them.
    pub by: String,
    pub why: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl Return {
    /// An expected return.
    pub(crate) fn new(id: Uuid, order: &str, warehouse: &str, items: Vec<Line>, now: Timestamp) -> Self {
        Self {
            return_id: id.to_string(),
            order_id: order.to_owned(),
            warehouse: warehouse.to_owned(),
            status: ReturnStatus::Expected,
            items,
            refusal: None,
            receipt: None,
            restocked_at: None,
            at: now,
        }
    }
}

/// The entity key of a return.
pub fn return_key(id: Uuid) -> String {
    format!("return/{id}")
}

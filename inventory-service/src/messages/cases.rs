//! The messages about cases: each parcel that did not arrive is one for a person, whose decision a saga carries out.

use common::bounds::KIB;
use common::ids::OrderId;
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ResolveAction;
use crate::entity::shipment::status::ShipmentStatus;

/// `ce_type`: carry out the decision about a case.
pub const RESOLVE_CASE: &str = "inventory.resolve-case";
/// `ce_type`: withdraw a decision to send no other parcel. The compensation of [`RESOLVE_CASE`].
pub const REOPEN_CASE: &str = "inventory.reopen-case";
/// `ce_type`: the saga of a case has ended.
pub const CONCLUDE_CASE: &str = "inventory.conclude-case";
/// `ce_type` on `cases`: a parcel did not arrive; starts the saga of its case.
pub const UNDELIVERED: &str = "parcel.undelivered";
/// `ce_type` on `cases`: the parcel needs no decision any more; ends the saga of its case.
pub const SETTLED: &str = "parcel.settled";

// The longest values.
common::bounded! {
    ResolveCase: 8 * KIB,
    ReopenCase: 4 * KIB,
}

/// Value of `inventory.resolve-case`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolveCase {
    pub order_id: OrderId,
    pub case_id: Uuid,
    pub action: ResolveAction,
    pub by: String,
    pub why: String,
}

/// Value of `inventory.reopen-case`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReopenCase {
    pub order_id: OrderId,
    pub case_id: Uuid,
}

/// Value of `parcel.undelivered`: ids and codes, no address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParcelUndelivered {
    pub case_id: Uuid,
    pub order_id: String,
    pub shipment_id: Uuid,
    pub warehouse: String,
    /// The number of the case of its shipment, from 1.
    pub number: u32,
    pub status: ShipmentStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// Why the decision about the case before was not carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    pub at: Timestamp,
}

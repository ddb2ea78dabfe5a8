//! A shipment as JSON.

use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::carrier::call::CarrierKind;
use crate::entity::shipment::{FormerParcel, HistoryEntry, Resolution};
use crate::entity::{Line, Shipment, ShipmentStatus};
use crate::messages::{Address, Method, ResolveAction};

/// An order's shipment.
#[derive(Serialize, ToSchema)]
#[schema(as = Shipment)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShipmentBody {
    id: Uuid,
    #[schema(value_type = Uuid)]
    order_id: String,
    warehouse: String,
    status: ShipmentStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<Method>,
    /// Absent if the customer collects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<CarrierKind>,
    /// By UPU S10, with its check digit, unless the carrier assigns its own numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<String>,
    /// When it should arrive, or can be collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    estimated_date: Option<String>,
    /// When it was delivered, or collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    delivered_at: Option<Timestamp>,
    /// When its estimated date had passed without a delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    late_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    items: Vec<Line>,
    /// Why the carrier refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// In the order in which the entries were recorded.
    history: Vec<HistoryEntryBody>,
    /// The parcels that did not arrive, oldest first, if another was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parcels: Vec<ParcelBody>,
    /// Operators' decisions about parcels that did not arrive, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resolutions: Vec<ResolutionBody>,
    /// The open case, in which a person decides about a parcel that did not arrive: the id of its saga.
    #[serde(skip_serializing_if = "Option::is_none")]
    case_id: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// An entry of a shipment's history.
#[derive(Serialize, ToSchema)]
#[schema(as = ShipmentHistory)]
struct HistoryEntryBody {
    status: ShipmentStatus,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The id of the carrier's event.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
}

impl From<HistoryEntry> for HistoryEntryBody {
    fn from(HistoryEntry { status, at, note, event }: HistoryEntry) -> Self {
        Self { status, at, note, event }
    }
}

impl From<Shipment> for ShipmentBody {
    fn from(shipment: Shipment) -> Self {
        Self {
            id: shipment.id(),
            case_id: shipment.open_case(),
            order_id: shipment.order_id,
            warehouse: shipment.warehouse,
            status: shipment.status,
            method: shipment.method,
            carrier: shipment.carrier,
            tracking_number: shipment.tracking_number,
            estimated_date: shipment.estimated_date,
            delivered_at: shipment.delivered_at,
            late_since: shipment.late_since,
            address: shipment.address,
            items: shipment.items,
            refusal: shipment.refusal,
            history: history(shipment.history),
            parcels: shipment.parcels.into_iter().map(ParcelBody::from).collect(),
            resolutions: shipment.resolutions.into_iter().map(ResolutionBody::from).collect(),
            created_at: shipment.created_at,
        }
    }
}

fn history(entries: Vec<HistoryEntry>) -> Vec<HistoryEntryBody> {
    entries.into_iter().map(HistoryEntryBody::from).collect()
}

/// A parcel that did not arrive, and in place of which another was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = FormerParcel)]
#[serde(rename_all = "camelCase")]
struct ParcelBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<String>,
    status: ShipmentStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    estimated_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    late_since: Option<Timestamp>,
    history: Vec<HistoryEntryBody>,
}

impl From<FormerParcel> for ParcelBody {
    fn from(parcel: FormerParcel) -> Self {
        let FormerParcel { tracking_number, status, estimated_date, late_since, history: entries } = parcel;
        Self { tracking_number, status, estimated_date, late_since, history: history(entries) }
    }
}

/// An operator's decision about a parcel that did not arrive.
#[derive(Serialize, ToSchema)]
#[schema(as = ShipmentResolution)]
#[serde(rename_all = "camelCase")]
struct ResolutionBody {
    action: ResolveAction,
    by: String,
    why: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Why it was not carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// Whether the pieces of the other parcel were taken from the stock.
    from_stock: bool,
}

impl From<Resolution> for ResolutionBody {
    fn from(made: Resolution) -> Self {
        let Resolution { id: _, action, by, why, at, refused, from_stock } = made;
        Self { action, by, why, at, refused, from_stock }
    }
}

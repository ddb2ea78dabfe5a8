//! The shipment of an order as JSON: what was shipped, and where it is.

use common::shipments::DeliveryStatus;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::order::Order;
use crate::order::parts::Tracking;

/// The shipment of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderShipment)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShipmentBody<'a> {
    /// Its id at inventory-service.
    #[serde(skip_serializing_if = "Option::is_none")]
    shipment_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<&'a str>,
    /// `standard`, `express` or `pickup`.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<&'a str>,
    /// The expected day of delivery, such as `2026-11-27`.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_date: Option<&'a str>,
    /// Where it is: `preparing`, `handed_over`, `in_transit`, `delivered`, `returned_to_sender` or `lost`; left out if
    /// its delivery is not reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// When it was delivered, or picked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    delivered_at: Option<Timestamp>,
    /// Whether the expected day passed without a delivery.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
}

impl<'a> ShipmentBody<'a> {
    /// The shipment, if there is one.
    pub(super) fn of(order: &'a Order) -> Option<Self> {
        let shipment = order.shipment.as_ref();
        let reported = order.tracking.as_ref();
        if shipment.is_none() && reported.is_none() {
            return None;
        }
        let is_tracked = shipment.is_some_and(|shipment| shipment.tracked);
        let status = reported.map(|known| known.status).or(is_tracked.then_some(DeliveryStatus::Preparing));
        let tracking_number = reported.and_then(|known| known.tracking_number.as_deref());
        let estimated_date = reported.and_then(|known| known.estimated_date.as_deref());
        Some(Self {
            shipment_id: shipment.and_then(|known| known.shipment_id.as_deref()),
            carrier: shipment.and_then(|known| known.carrier.as_deref()),
            method: shipment.and_then(|known| known.method.as_deref()),
            tracking_number: tracking_number.or_else(|| shipment.and_then(|known| known.tracking_number.as_deref())),
            estimated_date: estimated_date.or_else(|| shipment.and_then(|known| known.estimated_date.as_deref())),
            status: status.map(DeliveryStatus::name),
            delivered_at: reported.and_then(|known| known.delivered_at),
            late: reported.is_some_and(|known| known.late),
        })
    }
}

/// The delivery in an event of an order's stream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryChange)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryBody<'a> {
    /// Where the shipment is.
    status: &'static str,
    /// Whether the expected day has passed without a delivery.
    late: bool,
    /// The expected day of delivery, as known now.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_date: Option<&'a str>,
    /// When it was delivered, or picked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    delivered_at: Option<Timestamp>,
}

impl<'a> DeliveryBody<'a> {
    /// A change to this status.
    pub(super) fn of(status: DeliveryStatus, is_late: bool, tracking: Option<&'a Tracking>) -> Self {
        let is_delivered = status == DeliveryStatus::Delivered;
        Self {
            status: status.name(),
            late: is_late,
            estimated_date: tracking.and_then(|known| known.estimated_date.as_deref()),
            delivered_at: tracking.and_then(|known| known.delivered_at).filter(|_| is_delivered),
        }
    }
}

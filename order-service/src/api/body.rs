//! An order as JSON.

use common::ids::OrderId;
use common::money::Decimal;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::payment_body::PaymentBody;
use super::shipment_body::ShipmentBody;
use super::timeline::{TimelineEntry, timeline};
use crate::invoice::document::CreditSummary;
use crate::order::delivery::{Customer, Delivery};
use crate::order::notice::NoticeRecord;
use crate::order::parts::{Cancellation, InvoiceStatus, Return, ReturnStatus};
use crate::order::{Item, Order, Status};

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderBody<'a> {
    #[schema(value_type = Uuid)]
    id: OrderId,
    status: Status,
    /// Why it ended with this status, unless it was fulfilled.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    customer_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<&'a Customer>,
    #[schema(value_type = f64)]
    amount: Decimal,
    /// ISO 4217.
    currency: &'a str,
    items: Vec<LineBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a Delivery>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warehouse: Option<&'a str>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation: Option<CancellationBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<InvoiceBody<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    credit_notes: Vec<CreditSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipment: Option<ShipmentBody<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    returns: Vec<ReturnBody<'a>>,
    /// The notices sent to the customer.
    #[serde(skip_serializing_if = "<[NoticeRecord]>::is_empty")]
    notices: &'a [NoticeRecord],
    /// What happened, and how long it took. Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<TimelineEntry<'a>>>,
    /// Remarks that are not errors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    links: Links,
}

/// The customer's request to cancel the order, and its outcome.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cancellation)]
#[serde(rename_all = "camelCase")]
struct CancellationBody<'a> {
    #[schema(value_type = String, format = DateTime)]
    requested_at: Timestamp,
    why: &'a str,
    /// `requested`, `cancelled`, `not_needed` or `too_late`.
    outcome: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderLine)]
struct LineBody<'a> {
    id: &'a str,
    name: &'a str,
    #[schema(value_type = f64)]
    amount: Decimal,
    quantity: u32,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvoiceSummary)]
struct InvoiceBody<'a> {
    number: &'a str,
    status: InvoiceStatus,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Return)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReturnBody<'a> {
    id: Uuid,
    status: ReturnStatus,
    items: Vec<PiecesBody<'a>>,
    /// The amount that is paid back.
    #[schema(value_type = f64)]
    refund: Decimal,
    why: &'a str,
    /// The authenticated caller who requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[schema(value_type = String, format = DateTime)]
    requested_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReturnedItem)]
struct PiecesBody<'a> {
    id: &'a str,
    quantity: u32,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Links {
    #[serde(rename = "self")]
    this: String,
    events: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit_notes: Option<String>,
}

impl<'a> OrderBody<'a> {
    /// The complete order.
    pub(super) fn whole(order: &'a Order) -> Self {
        let listed = Self::in_list(order);
        let payment = listed.payment.map(|payment| payment.with_action(order));
        Self { timeline: Some(timeline(order)), payment, ..listed }
    }

    /// An order in a list, without its timeline.
    pub(super) fn in_list(order: &'a Order) -> Self {
        let placed = &order.placed;
        let line = |item: &'a Item| {
            let amount = order.money(item.amount_minor);
            LineBody { id: &item.id, name: &item.name, amount, quantity: item.quantity.get() }
        };
        Self {
            id: placed.order_id,
            status: order.status,
            reason: order.reason.as_deref(),
            customer_id: placed.customer_id,
            customer: placed.customer.as_ref(),
            amount: order.money(placed.amount_minor),
            currency: &placed.currency,
            items: placed.items.iter().map(line).collect(),
            delivery: placed.delivery.as_ref(),
            warehouse: placed.warehouse.as_deref(),
            created_at: placed.created_at,
            updated_at: order.updated_at,
            cancellation: order.cancellation.as_ref().map(|request| cancellation(request, order)),
            payment: PaymentBody::of(order),
            invoice: order.invoice.as_ref().map(|known| InvoiceBody { number: &known.number, status: known.status }),
            credit_notes: CreditSummary::all_of(order),
            shipment: ShipmentBody::of(order),
            returns: order.returns.iter().map(|known| return_of(order, known)).collect(),
            notices: &order.notices,
            timeline: None,
            notes: notes(order),
            links: links(order),
        }
    }
}

fn links(order: &Order) -> Links {
    let this = path(order.placed.order_id);
    let events = format!("{this}/events");
    let invoice = order.invoice.as_ref().map(|_| format!("{this}/invoice"));
    let credit_notes = (!order.credit_notes.is_empty()).then(|| format!("{this}/credit-notes"));
    Links { this, events, invoice, credit_notes }
}

fn cancellation<'a>(request: &'a Cancellation, order: &Order) -> CancellationBody<'a> {
    let outcome = match order.status {
        Status::Pending | Status::Reserved | Status::AwaitingPayment | Status::Paid | Status::Cancelling => "requested",
        // Confirmed, but not shipped yet.
        Status::Confirmed if order.to_be_shipped => "requested",
        Status::Confirmed | Status::Shipped | Status::Returned => "too_late",
        Status::Refunded if order.was_not_delivered() => "too_late",
        Status::Cancelled | Status::Refunded => "cancelled",
        // It ended without a payment before the request was handled.
        Status::Rejected | Status::PaymentNotCompleted => "not_needed",
    };
    CancellationBody { requested_at: request.requested_at, why: &request.why, outcome }
}

/// A return of an order.
pub(super) fn return_of<'a>(order: &Order, known: &'a Return) -> ReturnBody<'a> {
    ReturnBody {
        id: known.id,
        status: known.status,
        items: known.items.iter().map(|pieces| PiecesBody { id: &pieces.id, quantity: pieces.quantity }).collect(),
        refund: order.money(known.refund_minor),
        why: &known.why,
        by: known.by.as_deref(),
        requested_at: known.requested_at,
        ended_at: known.ended_at,
        reason: known.outcome_reason.as_deref(),
    }
}

/// The address of an order.
pub(super) fn path(id: OrderId) -> String {
    format!("/orders/{id}")
}

/// Remarks on an order. The customer pays the amount, which need not be the sum of the items.
fn notes(order: &Order) -> Vec<String> {
    let sum = order.sum_minor();
    let agreed = order.placed.amount_minor;
    if sum == Some(agreed) {
        return Vec::new();
    }
    let text = sum.map_or_else(|| "a very large sum".to_owned(), |minor| order.money(minor).to_string());
    vec![format!("The amount {} is not the sum of the items, {text}.", order.money(agreed))]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn order(amount_minor: i64) -> Order {
        let placed = json!({
            "orderId": "018f3f2a-0000-7000-8000-000000000001", "customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a",
            "amountMinor": amount_minor, "currency": "BRL", "createdAt": "2026-01-02T03:04:05.678Z",
            "items": [{"id": "a", "name": "day-one", "amountMinor": 20_000, "quantity": 2}],
        });
        Order::new(serde_json::from_value(placed).unwrap())
    }

    fn json_of(order: &Order) -> Value {
        serde_json::from_slice(&serde_json::to_vec(&OrderBody::whole(order)).unwrap()).unwrap()
    }

    #[test]
    fn a_new_order_is_pending() {
        let order = order(40_000);
        assert_eq!(
            json_of(&order),
            json!({
                "id": "018f3f2a-0000-7000-8000-000000000001", "status": "pending", "amount": 400.0, "currency": "BRL",
                "customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a",
                "items": [{"id": "a", "name": "day-one", "amount": 200.0, "quantity": 2}],
                "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-01-02T03:04:05.678Z",
                "timeline": [{"at": "2026-01-02T03:04:05.678Z", "label": "Order placed", "status": "pending"}],
                "links": {"self": "/orders/018f3f2a-0000-7000-8000-000000000001",
                    "events": "/orders/018f3f2a-0000-7000-8000-000000000001/events"},
            })
        );
    }

    #[test]
    fn an_amount_that_differs_from_the_sum_is_noted() {
        assert_eq!(json_of(&order(1050))["notes"], json!(["The amount 10.50 is not the sum of the items, 400.00."]));
    }

    #[test]
    fn the_timeline_has_the_placement_the_steps_and_the_end() {
        let mut order = order(40_000);
        let steps = json!([
            {"step": "reserve", "label": "Reserve stock", "status": "refused", "attempts": 1, "reason": "out_of_stock",
             "startedAt": "2026-01-02T03:04:06.000Z", "endedAt": "2026-01-02T03:04:06.020Z"},
            {"step": "finalize", "status": "waiting", "attempts": 0},
        ]);
        order.steps = serde_json::from_value(steps).unwrap();
        order.status = Status::Rejected;
        order.reason = Some("out_of_stock".to_owned());
        order.updated_at = Timestamp::parse("2026-01-02T03:04:07Z").unwrap();
        let timeline = &json_of(&order)["timeline"];
        let end = json!({"at": "2026-01-02T03:04:07.000Z", "label": "Order rejected", "status": "rejected",
            "reason": "out_of_stock"});
        assert_eq!((&timeline[1]["durationMs"], &timeline[1]["step"]), (&json!(20), &json!("reserve")));
        assert_eq!(timeline[2], json!({"step": "finalize", "label": "finalize", "status": "waiting", "attempts": 0}));
        assert_eq!((&timeline[3], timeline.as_array().unwrap().len()), (&end, 4));
    }

    #[test]
    fn a_payment_shows_its_method_and_action_but_no_token() {
        let mut order = order(40_000);
        let choice = json!({"method": "card", "token": "pm_hidden"});
        order.placed.payment = Some(serde_json::from_value(choice).unwrap());
        assert_eq!(json_of(&order)["payment"], json!({"method": "card"}));
        let action = json!({"type": "confirm", "clientSecret": "pi_1_secret", "expiresAt": "2026-01-02T04:00:00.000Z"});
        order.action = Some(serde_json::from_value(action.clone()).unwrap());
        assert_eq!(json_of(&order)["payment"], json!({"method": "card", "action": action}));
        let text = serde_json::to_string(&OrderBody::in_list(&order)).unwrap();
        assert!(!text.contains("pm_hidden") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn a_list_has_no_timelines() {
        let text = serde_json::to_string(&OrderBody::in_list(&order(1))).unwrap();
        assert!(!text.contains("timeline") && text.contains("\"amount\":0.01"), "{text}");
    }
}

//! An order as the API shows it, with its timeline.

use common::ids::OrderId;
use common::money::Amount;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::cancel::Cancellation;
use crate::conclude::{Payment, Shipment, Step};
use crate::invoice::InvoiceStatus;
use crate::notices::Noticed;
use crate::order::delivery::{Customer, Delivery};
use crate::order::{Item, Order, Status};
use crate::returns::{Return, ReturnStatus};

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
#[serde(rename_all = "camelCase")]
pub struct OrderBody<'a> {
    #[schema(value_type = Uuid)]
    id: OrderId,
    status: Status,
    /// Why it ended so, where not all went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    customer_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<&'a Customer>,
    #[schema(value_type = f64)]
    amount: Amount,
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
    cancellation: Option<TakenBack<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<&'a Payment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<InvoiceBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipment: Option<&'a Shipment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    returns: Vec<ReturnBody<'a>>,
    /// What the customer was told.
    #[serde(skip_serializing_if = "<[Noticed]>::is_empty")]
    notices: &'a [Noticed],
    /// What happened, and how long it took. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<Moment<'a>>>,
    /// What is odd about it and no error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    links: Links,
}

/// The customer's wish to take it back, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cancellation)]
#[serde(rename_all = "camelCase")]
struct TakenBack<'a> {
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
    amount: Amount,
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
struct ReturnBody<'a> {
    id: Uuid,
    status: ReturnStatus,
    items: Vec<PiecesBody<'a>>,
    /// What the customer gets for it.
    #[schema(value_type = f64)]
    refund: Amount,
    why: &'a str,
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
struct Links {
    #[serde(rename = "self")]
    this: String,
    events: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<String>,
}

/// An entry of the timeline: the order itself (no `step`), or a step of its saga.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Moment<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    label: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    duration_ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> OrderBody<'a> {
    /// The whole order.
    pub fn whole(order: &'a Order) -> Self {
        Self { timeline: Some(timeline(order)), ..Self::in_list(order) }
    }

    /// Without its timeline.
    pub fn in_list(order: &'a Order) -> Self {
        let placed = &order.placed;
        let line = |item: &'a Item| {
            let (amount, quantity) = (Amount(item.amount_minor), item.quantity.get());
            LineBody { id: &item.id, name: &item.name, amount, quantity }
        };
        Self {
            id: placed.order_id,
            status: order.status,
            reason: order.reason.as_deref(),
            customer_id: placed.customer_id,
            customer: placed.customer.as_ref(),
            amount: Amount(placed.amount_minor),
            currency: &placed.currency,
            items: placed.items.iter().map(line).collect(),
            delivery: placed.delivery.as_ref(),
            warehouse: placed.warehouse.as_deref(),
            created_at: placed.created_at,
            updated_at: order.updated_at,
            cancellation: order.cancellation.as_ref().map(|asked| taken_back(asked, order)),
            payment: order.payment.as_ref(),
            invoice: order.invoice.as_ref().map(|made| InvoiceBody { number: &made.number, status: made.status }),
            shipment: order.shipment.as_ref(),
            returns: order.returns.iter().map(returned).collect(),
            notices: &order.notices,
            timeline: None,
            notes: notes(order),
            links: links(order),
        }
    }
}

fn links(order: &Order) -> Links {
    let this = path(order.placed.order_id);
    let (events, invoice) = (format!("{this}/events"), order.invoice.as_ref().map(|_| format!("{this}/invoice")));
    Links { this, events, invoice }
}

fn taken_back<'a>(asked: &'a Cancellation, order: &Order) -> TakenBack<'a> {
    let outcome = match order.status {
        _ if order.is_underway() => "requested",
        Status::Pending | Status::Reserved | Status::AwaitingPayment | Status::Paid => "requested",
        Status::Confirmed | Status::Shipped | Status::Returned => "too_late",
        Status::Cancelled | Status::Refunded => "cancelled",
        // It ended by itself without being paid for.
        Status::Rejected | Status::PaymentNotCompleted => "not_needed",
    };
    TakenBack { requested_at: asked.requested_at, why: &asked.why, outcome }
}

fn returned(asked: &Return) -> ReturnBody<'_> {
    ReturnBody {
        id: asked.id,
        status: asked.status,
        items: asked.items.iter().map(|pieces| PiecesBody { id: &pieces.id, quantity: pieces.quantity }).collect(),
        refund: Amount(asked.refund_minor),
        why: &asked.why,
        requested_at: asked.requested_at,
        ended_at: asked.ended_at,
        reason: asked.outcome_reason.as_deref(),
    }
}

/// Where an order is found.
pub fn path(id: OrderId) -> String {
    format!("/orders/{id}")
}

/// Placed, the saga's steps, the ending, and what was returned.
fn timeline(order: &Order) -> Vec<Moment<'_>> {
    let placed = Moment {
        at: Some(order.placed.created_at),
        label: "Order placed",
        status: Status::Pending.as_str(),
        ..Moment::default()
    };
    let mut all = Vec::with_capacity(order.steps.len() + 2);
    all.push(placed);
    all.extend(order.steps.iter().map(moment));
    if !order.is_underway() {
        let at = Some(order.concluded_at.unwrap_or(order.updated_at));
        let last = order.changes.iter().rev().find(|change| change.status != Status::Returned);
        let (status, reason) = last.map_or((order.status, &order.reason), |change| (change.status, &change.reason));
        let (label, reason) = (ending(status), reason.as_deref());
        all.push(Moment { at, label, status: status.as_str(), reason, ..Moment::default() });
    }
    for asked in &order.returns {
        let label = match asked.status {
            ReturnStatus::Requested => "Return under way",
            ReturnStatus::Returned => "Returned",
            ReturnStatus::Refused => "Return not accepted",
        };
        let status = match asked.status {
            ReturnStatus::Requested => "requested",
            ReturnStatus::Returned => "returned",
            ReturnStatus::Refused => "refused",
        };
        all.push(Moment {
            at: Some(asked.requested_at),
            label,
            status,
            started_at: Some(asked.requested_at),
            ended_at: asked.ended_at,
            duration_ms: asked.ended_at.map(|at| at.since(asked.requested_at).as_millis()),
            reason: asked.outcome_reason.as_deref(),
            ..Moment::default()
        });
    }
    all
}

fn moment(step: &Step) -> Moment<'_> {
    Moment {
        at: step.started_at.or(step.ended_at),
        step: Some(&step.step),
        label: step.label.as_deref().unwrap_or(&step.step),
        status: &step.status,
        started_at: step.started_at,
        ended_at: step.ended_at,
        duration_ms: step.started_at.zip(step.ended_at).map(|(from, to)| to.since(from).as_millis()),
        attempts: Some(step.attempts),
        reason: step.reason.as_deref(),
    }
}

const fn ending(status: Status) -> &'static str {
    match status {
        Status::Pending | Status::Reserved | Status::AwaitingPayment | Status::Paid => "Order underway",
        Status::Confirmed => "Order confirmed",
        Status::Shipped => "Order shipped",
        Status::Returned => "Order returned",
        Status::Rejected => "Order rejected",
        Status::PaymentNotCompleted => "Payment not completed",
        Status::Cancelled => "Order cancelled",
        Status::Refunded => "Order cancelled and refunded",
    }
}

/// What is odd about an order and no error: the amount is what the customer pays, whatever the items sum up to.
fn notes(order: &Order) -> Vec<String> {
    let (sum, agreed) = (order.sum_minor(), order.placed.amount_minor);
    if sum == Some(agreed) {
        return Vec::new();
    }
    let shown = sum.map_or_else(|| "a very large sum".to_owned(), |minor| Amount(minor).to_string());
    vec![format!("The amount {} is not the sum of the items, {shown}.", Amount(agreed))]
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
    fn a_new_order_is_pending_and_has_been_placed() {
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
    fn an_amount_that_is_not_the_sum_is_noted() {
        assert_eq!(json_of(&order(1050))["notes"], json!(["The amount 10.50 is not the sum of the items, 400.00."]));
    }

    #[test]
    fn the_timeline_goes_from_placing_over_the_steps_to_the_ending() {
        let mut order = order(40_000);
        let steps = json!([
            {"step": "reserve", "label": "Reserve stock", "status": "refused", "attempts": 1, "reason": "out_of_stock",
             "startedAt": "2026-01-02T03:04:06.000Z", "endedAt": "2026-01-02T03:04:06.020Z"},
            {"step": "finalize", "status": "waiting", "attempts": 0},
        ]);
        order.steps = serde_json::from_value(steps).unwrap();
        (order.status, order.reason) = (Status::Rejected, Some("out_of_stock".to_owned()));
        order.updated_at = Timestamp::parse("2026-01-02T03:04:07Z").unwrap();
        let timeline = &json_of(&order)["timeline"];
        let ending = json!({"at": "2026-01-02T03:04:07.000Z", "label": "Order rejected", "status": "rejected", "reason": "out_of_stock"});
        assert_eq!((&timeline[1]["durationMs"], &timeline[1]["step"]), (&json!(20), &json!("reserve")));
        assert_eq!(timeline[2], json!({"step": "finalize", "label": "finalize", "status": "waiting", "attempts": 0}));
        assert_eq!((&timeline[3], timeline.as_array().unwrap().len()), (&ending, 4));
    }

    #[test]
    fn a_list_leaves_the_timeline_out() {
        let text = serde_json::to_string(&OrderBody::in_list(&order(1))).unwrap();
        assert!(!text.contains("timeline") && text.contains("\"amount\":0.01"), "{text}");
    }
}

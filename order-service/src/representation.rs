//! An order as the API shows it, with its timeline.

use common::ids::OrderId;
use common::money::Amount;
use common::time::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::cancel::Cancellation;
use crate::order::{Item, Order, Status, Step};

/// The JSON of an order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown<'a> {
    id: OrderId,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    customer_id: Uuid,
    amount: Amount,
    currency: &'a str,
    items: Vec<Line<'a>>,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation: Option<Taken<'a>>,
    /// Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<Moment<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    links: Links,
}

/// The customer's wish to take it back, and what became of it: `requested`, `cancelled`,
/// `not_needed` or `too_late`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Taken<'a> {
    requested_at: Timestamp,
    why: &'a str,
    outcome: &'static str,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    id: &'a str,
    name: &'a str,
    amount: Amount,
    quantity: u32,
}

#[derive(Debug, Serialize)]
struct Links {
    #[serde(rename = "self")]
    this: String,
}

/// An entry of the timeline: the order itself (no `step`), or a step of its saga.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Moment<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    label: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> Shown<'a> {
    /// The whole order.
    pub fn whole(order: &'a Order) -> Self {
        Self { timeline: Some(timeline(order)), ..Self::in_list(order) }
    }

    /// Without its timeline.
    pub fn in_list(order: &'a Order) -> Self {
        let placed = &order.placed;
        let line = |item: &'a Item| {
            let (amount, quantity) = (Amount(item.amount_minor), item.quantity.get());
            Line { id: &item.id, name: &item.name, amount, quantity }
        };
        Self {
            id: placed.order_id,
            status: order.status,
            reason: order.reason.as_deref(),
            customer_id: placed.customer_id,
            amount: Amount(placed.amount_minor),
            currency: &placed.currency,
            items: placed.items.iter().map(line).collect(),
            created_at: placed.created_at,
            updated_at: order.updated_at,
            cancellation: order.cancellation.as_ref().map(|asked| taken(asked, order.status)),
            timeline: None,
            notes: notes(order),
            links: Links { this: path(placed.order_id) },
        }
    }
}

fn taken(asked: &Cancellation, status: Status) -> Taken<'_> {
    let outcome = match status {
        Status::Pending => "requested",
        Status::Confirmed => "too_late",
        Status::Cancelled => "cancelled",
        // It ended by itself without being paid for.
        Status::Rejected | Status::PaymentNotCompleted => "not_needed",
    };
    Taken { requested_at: asked.requested_at, why: &asked.why, outcome }
}

/// Where an order is found.
pub fn path(id: OrderId) -> String {
    format!("/orders/{id}")
}

/// Placed, the saga's steps, the ending.
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
    if let Some(label) = ending(order.status) {
        let (at, status, reason) = (Some(order.updated_at), order.status.as_str(), order.reason.as_deref());
        all.push(Moment { at, label, status, reason, ..Moment::default() });
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

const fn ending(status: Status) -> Option<&'static str> {
    match status {
        Status::Pending => None,
        Status::Confirmed => Some("Order confirmed"),
        Status::Rejected => Some("Order rejected"),
        Status::PaymentNotCompleted => Some("Payment not completed"),
        Status::Cancelled => Some("Order cancelled"),
    }
}

/// What is odd about an order and no error: the amount is what the customer pays, whatever the items sum up to.
fn notes(order: &Order) -> Vec<String> {
    let placed = &order.placed;
    let of_line = |item: &Item| i128::from(item.amount_minor) * i128::from(item.quantity.get());
    let sum: i128 = placed.items.iter().map(of_line).sum();
    if sum == i128::from(placed.amount_minor) {
        return Vec::new();
    }
    let shown = i64::try_from(sum).map_or_else(|_| "a very large sum".to_owned(), |minor| Amount(minor).to_string());
    vec![format!("The amount {} is not the sum of the items, {shown}.", Amount(placed.amount_minor))]
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
        serde_json::from_slice(&serde_json::to_vec(&Shown::whole(order)).unwrap()).unwrap()
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
                "links": {"self": "/orders/018f3f2a-0000-7000-8000-000000000001"},
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
        let text = serde_json::to_string(&Shown::in_list(&order(1))).unwrap();
        assert!(!text.contains("timeline") && text.contains("\"amount\":0.01"), "{text}");
    }
}

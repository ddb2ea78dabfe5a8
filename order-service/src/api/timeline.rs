//! The timeline of an order: its placement, its saga's steps, its end and its returns.

use common::shipments::DeliveryStatus;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::order::parts::{Change, Return, ReturnStatus, Step};
use crate::order::{Order, Status};

/// An entry of the timeline: of the order itself (without `step`), or of a step of its saga.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Moment)]
#[serde(rename_all = "camelCase")]
pub(super) struct TimelineEntry<'a> {
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

/// The entries, in the order of events.
pub(super) fn timeline(order: &Order) -> Vec<TimelineEntry<'_>> {
    let mut entries = Vec::with_capacity(order.steps.len() + order.returns.len() + 2);
    entries.push(TimelineEntry {
        at: Some(order.placed.created_at),
        label: "Order placed",
        status: Status::Pending.as_str(),
        ..TimelineEntry::default()
    });
    entries.extend(order.steps.iter().map(of_step));
    if !order.is_underway() {
        entries.push(of_end(order));
    }
    entries.extend(order.changes.iter().filter_map(of_delivery));
    entries.extend(order.returns.iter().map(of_return));
    entries.extend(order.was_not_delivered().then(|| of_refund(order)));
    entries
}

/// A change of the delivery.
fn of_delivery(change: &Change) -> Option<TimelineEntry<'_>> {
    let status = change.delivery?;
    let label = if change.late { "Delivery late" } else { label_of_delivery(status) };
    let status = if change.late { "late" } else { status.name() };
    Some(TimelineEntry { at: Some(change.at), label, status, ..TimelineEntry::default() })
}

const fn label_of_delivery(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Preparing => "Shipment being prepared",
        DeliveryStatus::HandedOver => "Handed over to the carrier",
        DeliveryStatus::InTransit => "In transit",
        DeliveryStatus::Delivered => "Delivered",
        DeliveryStatus::ReturnedToSender => "Returned to the sender",
        DeliveryStatus::Lost => "Lost by the carrier",
    }
}

fn of_step(step: &Step) -> TimelineEntry<'_> {
    TimelineEntry {
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

/// The refund of an order that was shipped and did not arrive.
fn of_refund(order: &Order) -> TimelineEntry<'_> {
    let change = order.changes.iter().find(|change| change.delivery.is_none() && change.status == Status::Refunded);
    TimelineEntry {
        at: change.map(|change| change.at),
        label: "Refunded, since it did not arrive",
        status: Status::Refunded.as_str(),
        reason: order.reason.as_deref(),
        ..TimelineEntry::default()
    }
}

/// The end of the saga. An order that was returned later, or refunded since it did not arrive, ended as it was before.
fn of_end(order: &Order) -> TimelineEntry<'_> {
    let mut of_status = order.changes.iter().rev().filter(|change| change.delivery.is_none());
    let is_later = |status| status == Status::Returned || status == Status::Refunded && order.was_not_delivered();
    let last = of_status.find(|change| !is_later(change.status));
    let (status, reason) = last.map_or((order.status, &order.reason), |change| (change.status, &change.reason));
    TimelineEntry {
        at: Some(order.concluded_at.unwrap_or(order.updated_at)),
        label: label_of_end(status),
        status: status.as_str(),
        reason: reason.as_deref(),
        ..TimelineEntry::default()
    }
}

const fn label_of_end(status: Status) -> &'static str {
    match status {
        Status::Pending | Status::Reserved | Status::AwaitingPayment | Status::Paid | Status::Cancelling => {
            "Order underway"
        }
        Status::Confirmed => "Order confirmed",
        Status::Shipped => "Order shipped",
        Status::Returned => "Order returned",
        Status::Rejected => "Order rejected",
        Status::PaymentNotCompleted => "Payment not completed",
        Status::Cancelled => "Order cancelled",
        Status::Refunded => "Order cancelled and refunded",
    }
}

fn of_return(known: &Return) -> TimelineEntry<'_> {
    let label = match known.status {
        ReturnStatus::Requested => "Return under way",
        ReturnStatus::Returned => "Returned",
        ReturnStatus::Refused => "Return not accepted",
    };
    TimelineEntry {
        at: Some(known.requested_at),
        label,
        status: known.status.as_str(),
        started_at: Some(known.requested_at),
        ended_at: known.ended_at,
        duration_ms: known.ended_at.map(|at| at.since(known.requested_at).as_millis()),
        reason: known.outcome_reason.as_deref(),
        ..TimelineEntry::default()
    }
}

//! Invoices: numbered without gaps when an order is confirmed, void when that is taken back. Pure; how one looks as
//! JSON is in `document`, as a page in `pdf`.

pub mod api;
pub mod document;
mod pdf;

use common::ids::OrderId;
use common::messages::{Message, Reply, Unreadable};
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::conclude::Payment;
use crate::kept::Kept;
use crate::order::{Decision, Order, Orders, Status, answer, change};

/// `ce_type` of the command that confirms a paid order and makes its invoice.
pub const CONFIRM: &str = "order.confirm";
/// `ce_type` of the command that takes that back.
pub const UNCONFIRM: &str = "order.unconfirm";

/// Value of `order.confirm`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Confirm {
    pub order_id: OrderId,
    /// The result of its payment; without one the invoice is open.
    #[serde(default)]
    pub payment: Option<Payment>,
}

/// Value of `order.unconfirm`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unconfirm {
    pub order_id: OrderId,
}

/// What an order knows of its invoice; all else that stands on it is the order's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// Such as `A0-000042`: the series, of one partition, and the number in it.
    pub number: String,
    pub issued_at: Timestamp,
    pub status: InvoiceStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voided_at: Option<Timestamp>,
}

/// Where an invoice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvoiceStatus {
    /// To be paid.
    Open,
    /// Paid.
    Paid,
    /// Taken back; its number stays taken.
    Void,
}

/// The last number of a series. There is one for each partition, since each has a writer of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    pub last: u64,
}

fn series_key(series: &str, partition: i32) -> String {
    format!("series/{series}/{partition}")
}

/// Makes the invoice, once. An order that is to be shipped is confirmed by it; any other is when it ends.
pub(crate) fn confirm(
    rules: &Orders,
    tx: Decision<'_, '_>,
    message: &Message,
    now: Timestamp,
) -> Result<(), Unreadable> {
    let asked: Confirm = message.json()?;
    let look =
        |order: &Order| (order.unconfirmed, order.invoice.as_ref().map(|made| made.number.clone()), order.status);
    answer(tx, message, asked.order_id, now, look, |tx, key, seen| match seen {
        (true, _, _) => Reply::refused("taken_back", "its invoice was taken back before".to_owned()),
        (false, Some(number), _) => numbered(&number),
        (false, None, status) if !status.is_underway() => {
            Reply::refused("already_ended", format!("the order is {status}"))
        }
        (false, None, _) => {
            let number = next_number(tx, &rules.series);
            let answer = numbered(&number);
            change(tx, key, |order| issue(order, number, asked.payment, now));
            answer
        }
    })
}

fn numbered(number: &str) -> Reply {
    Reply::ok(json!({ "invoiceNumber": number }))
}

fn next_number(tx: Decision<'_, '_>, series: &str) -> String {
    let partition = tx.partition();
    let key = series_key(series, partition);
    let last = match tx.get(&key) {
        Some(Kept::Series(series)) => series.last,
        Some(Kept::Order(_) | Kept::Mailing(_)) | None => 0,
    };
    let number = last.saturating_add(1);
    tx.put(key, Kept::Series(Series { last: number }));
    format!("{series}{partition}-{number:06}")
}

fn issue(order: &mut Order, number: String, payment: Option<Payment>, now: Timestamp) {
    let paid = payment.as_ref().is_some_and(Payment::is_approved);
    let status = if paid { InvoiceStatus::Paid } else { InvoiceStatus::Open };
    order.payment = payment.or_else(|| order.payment.take());
    order.invoice = Some(Invoice { number, issued_at: now, status, voided_at: None });
    order.updated_at = now;
    if order.placed.delivery.is_some() {
        order.becomes(Status::Confirmed, None, now);
        order.to_be_shipped = true;
    }
}

/// The invoice is void; where none was made, none will be. Never refused: it is a compensation.
pub(crate) fn unconfirm(tx: Decision<'_, '_>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
    let asked: Unconfirm = message.json()?;
    answer(
        tx,
        message,
        asked.order_id,
        now,
        |_| (),
        |tx, key, ()| {
            change(tx, key, |order| {
                if !order.unconfirmed {
                    (order.unconfirmed, order.updated_at) = (true, now);
                }
                if let Some(invoice) = order.invoice.as_mut().filter(|invoice| invoice.status != InvoiceStatus::Void) {
                    (invoice.status, invoice.voided_at) = (InvoiceStatus::Void, Some(now));
                }
            });
            Reply::done()
        },
    )
}

#[cfg(test)]
mod tests;

//! The rules of invoices, checked at every append: an invoice follows its order, and a series has no gaps.

use std::collections::BTreeSet;

use common::messages::Message;
use common::topics;
use order_service::messages::CONFIRM;
use order_service::order::entity::OrderEntity as Ordering;
use order_service::order::notice::NoticeKind;
use order_service::order::parts::{Invoice, InvoiceStatus};
use order_service::order::{Order, Status};

use crate::invariants::{approvals, home};
use crate::kafka::Kafka;
use crate::view::View;

/// What an order's invoice breaks. An invoice that was issued keeps its number, and never becomes valid again. It is
/// paid only with an approval.
pub fn violation(was: Option<&Order>, order: &Order, kafka: &Kafka) -> Option<String> {
    let before = was.and_then(|was| was.invoice.as_ref());
    let now = order.invoice.as_ref();
    let status = now.map(|invoice| invoice.status);
    let wrong = |what: &str| Some(format!("{what}: it is {}, its invoice was {before:?} and is {now:?}", order.status));
    if before.is_some_and(|before| !now.is_some_and(|now| follows(before, now))) {
        return wrong("an invoice went back");
    }
    if status == Some(InvoiceStatus::Paid) && approvals(kafka, order.placed.order_id) == 0 {
        return wrong("an invoice is paid without an approval");
    }
    if !fits(order, status) {
        return wrong("an invoice does not fit its order");
    }
    // Sagas of version 4 issue it with order.confirm, which leaves no other mark.
    let is_needed = order.status.is_fulfilled() || was_reported(order);
    let may_differ = order.unconfirmed || is_confirmed_by_command(kafka, order);
    if is_needed != status.is_some() && !may_differ { wrong("an invoice is missing or needless") } else { None }
}

/// Returns true if an order may have an invoice with this status.
fn fits(order: &Order, invoice: Option<InvoiceStatus>) -> bool {
    if order.is_underway() {
        return invoice != Some(InvoiceStatus::Void) || order.unconfirmed;
    }
    match order.status {
        Status::Confirmed | Status::Shipped | Status::Returned => invoice == Some(InvoiceStatus::Paid),
        Status::PaymentNotCompleted | Status::Cancelled | Status::Refunded => {
            invoice.is_none_or(|status| status == InvoiceStatus::Void)
        }
        Status::Rejected => invoice.is_none(),
        Status::Pending | Status::Reserved | Status::AwaitingPayment | Status::Paid | Status::Cancelling => false,
    }
}

fn follows(before: &Invoice, now: &Invoice) -> bool {
    let rank = |invoice: &Invoice| match invoice.status {
        InvoiceStatus::Open => 0,
        InvoiceStatus::Paid => 1,
        InvoiceStatus::Void => 2,
    };
    before.number == now.number && before.issued_at == now.issued_at && rank(before) <= rank(now)
}

/// Returns true if progress was reported, or the customer notified of the fulfilled order. What the customer must do
/// for the payment is no progress, and neither is a cancellation.
fn was_reported(order: &Order) -> bool {
    let ends = usize::from(!order.is_underway());
    let is_notified = |kind: NoticeKind| matches!(kind, NoticeKind::Confirmed | NoticeKind::Shipped);
    let reports = order.changes.iter().filter(|change| !change.action && change.status != Status::Cancelling).count();
    reports > ends || order.notices.iter().any(|notice| is_notified(notice.kind))
}

fn is_confirmed_by_command(kafka: &Kafka, order: &Order) -> bool {
    let id = order.placed.order_id;
    let key = id.to_string();
    let confirms = |message: &Message| {
        message.kind() == Some(CONFIRM) && message.key.as_ref().is_some_and(|known| known.0 == key.as_bytes())
    };
    kafka.messages(topics::ORDER_COMMANDS, home(id)).iter().any(confirms)
}

/// What the series of a journal partition breaks: the numbers of all its invoices are 1, 2, 3… without a gap.
pub fn series_violation(journal: &View) -> Option<String> {
    let mut last = 0;
    let mut all = BTreeSet::<u64>::new();
    let mut count = 0;
    for state in journal.states.values() {
        match state.read::<Ordering>().unwrap() {
            Ordering::Series(series) => last = series.last,
            Ordering::Order(order) => {
                let number =
                    order.invoice.as_ref().and_then(|invoice| invoice.number.rsplit_once('-')?.1.parse::<u64>().ok());
                all.extend(number);
                count += usize::from(order.invoice.is_some());
            }
            Ordering::Mailing(_) => {}
        }
    }
    let is_whole = all.iter().copied().eq(1..=last) && all.len() == count;
    (!is_whole).then(|| format!("the series ends at {last}, and its {count} invoices have the numbers {all:?}"))
}

//! The rules of invoices and credit notes, checked at every append: they follow their order, and their series have no
//! gaps.

use std::collections::{BTreeMap, BTreeSet};

use common::journal::{Key, Write};
use common::messages::Message;
use common::topics;
use order_service::messages::CONFIRM;
use order_service::order::entity::OrderEntity as Ordering;
use order_service::order::notice::NoticeKind;
use order_service::order::parts::{Invoice, InvoiceStatus, ReturnStatus};
use order_service::order::{Order, Status};
use uuid::Uuid;

use crate::kafka::Kafka;
use crate::topic_facts::{approvals, home};

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
    if is_needed != status.is_some() && !may_differ {
        return wrong("an invoice is missing or needless");
    }
    credit_violation(was, order)
}

/// What an order's credit notes break: those that were issued stay, each completed return of an invoiced order has one
/// over its refund, and so has an invoiced order that is refunded as a whole. Together they are at most its amount.
fn credit_violation(was: Option<&Order>, order: &Order) -> Option<String> {
    let notes = &order.credit_notes;
    let wrong = |what: &str| Some(format!("{what}: it is {}, its credit notes are {notes:?}", order.status));
    if was.is_some_and(|was| !notes.starts_with(&was.credit_notes)) {
        return wrong("a credit note changed");
    }
    let credited: BTreeMap<Option<Uuid>, i64> = notes.iter().map(|note| (note.return_id, note.amount_minor)).collect();
    let is_invoiced = order.invoice.is_some();
    let returned = order.returns.iter().filter(|known| known.status == ReturnStatus::Returned);
    let returned = returned.map(|known| (Some(known.id), known.refund_minor));
    let whole = (order.status == Status::Refunded).then_some((None, order.placed.amount_minor));
    let expected: BTreeMap<_, _> = returned.chain(whole).filter(|_| is_invoiced).collect();
    if credited != expected || credited.len() != notes.len() {
        return wrong("a credit note is missing or needless");
    }
    let sum: i64 = credited.values().sum();
    if sum > order.placed.amount_minor { wrong("more is credited than the order's amount") } else { None }
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

/// The parts of a journal partition's entities that have numbers of invoices and credit notes.
#[derive(Default)]
pub struct Numbering(BTreeMap<Key, Numbers>);

/// Those of one entity.
enum Numbers {
    /// The last number of a series, of invoices or of credit notes.
    Last {
        of_invoices: bool,
        last: u64,
    },
    Order {
        invoice: Option<String>,
        credit_notes: Vec<String>,
    },
}

impl Numbering {
    /// Applies a change of an entity.
    pub fn apply(&mut self, Write { key, state }: &Write) {
        let numbers = state.as_ref().and_then(|state| match state.read().unwrap() {
            Ordering::Series(series) => {
                Some(Numbers::Last { of_invoices: key.starts_with("series/A/"), last: series.last })
            }
            Ordering::Order(order) => Some(Numbers::Order {
                invoice: order.invoice.map(|invoice| invoice.number),
                credit_notes: order.credit_notes.into_iter().map(|note| note.number).collect(),
            }),
            Ordering::Mailing(_) => None,
        });
        match numbers {
            Some(numbers) => _ = self.0.insert(key.clone(), numbers),
            None => _ = self.0.remove(key),
        }
    }

    /// What the series break: the numbers of all invoices are 1, 2, 3… without a gap, and so are those of the credit
    /// notes.
    pub fn violation(&self) -> Option<String> {
        let mut invoices = Series::default();
        let mut notes = Series::default();
        for numbers in self.0.values() {
            match numbers {
                Numbers::Last { of_invoices: true, last } => invoices.last = *last,
                Numbers::Last { of_invoices: false, last } => notes.last = *last,
                Numbers::Order { invoice, credit_notes } => {
                    invoice.iter().for_each(|number| invoices.add(number));
                    credit_notes.iter().for_each(|number| notes.add(number));
                }
            }
        }
        invoices.violation("invoices").or_else(|| notes.violation("credit notes"))
    }
}

/// A series, and the numbers that were assigned.
#[derive(Default)]
struct Series {
    last: u64,
    all: BTreeSet<u64>,
    count: usize,
}

impl Series {
    fn add(&mut self, number: &str) {
        self.all.extend(number.rsplit_once('-').and_then(|(_, number)| number.parse::<u64>().ok()));
        self.count += 1;
    }

    fn violation(&self, what: &str) -> Option<String> {
        let Self { last, all, count } = self;
        let is_whole = all.iter().copied().eq(1..=*last) && all.len() == *count;
        (!is_whole).then(|| format!("the series ends at {last}, and its {count} {what} have the numbers {all:?}"))
    }
}

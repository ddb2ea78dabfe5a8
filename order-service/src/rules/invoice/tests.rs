//! Tests of invoices.

use common::ids::OrderId;
use serde_json::{Value, json};

use crate::fixture::Shop;
use crate::messages::{CONCLUDE, CONFIRM, NOTIFY, PROGRESS, UNCONFIRM};
use crate::order::Status;
use crate::order::entity::{OrderEntity, Series, series_key};
use crate::order::parts::InvoiceStatus;

fn approved() -> Value {
    json!({"status": "approved"})
}

fn number(shop: &Shop, order: OrderId) -> Option<String> {
    shop.order(order).invoice.map(|invoice| invoice.number)
}

/// The numbers taken from the series.
fn taken(shop: &Shop) -> u64 {
    match shop.entities.get(&series_key("A", 0)) {
        Some(OrderEntity::Series(Series { last })) => *last,
        Some(OrderEntity::Order(_) | OrderEntity::Mailing(_)) | None => 0,
    }
}

#[test]
fn invoices_are_numbered_without_gaps_and_each_order_has_one() {
    let mut shop = Shop::default();
    let orders: Vec<_> = (0..5).map(|_| shop.place(&json!({}))).collect();
    shop.report(orders[0], "reserved", &Value::Null);
    shop.conclude(orders[1], &json!({"status": "confirmed", "payment": approved()}));
    shop.request(NOTIFY, orders[2], &json!({"orderId": orders[2]}));
    shop.conclude(orders[3], &json!({"status": "rejected"}));
    assert_eq!(shop.confirm(orders[4])["data"]["invoiceNumber"], "A0-000004");
    assert_eq!(shop.confirm(orders[4])["data"]["invoiceNumber"], "A0-000004", "a repeated command changes nothing");
    shop.report(orders[0], "awaiting_payment", &Value::Null);
    let numbers: Vec<_> = orders.iter().filter_map(|order| number(&shop, *order)).collect();
    assert_eq!(numbers, ["A0-000001", "A0-000002", "A0-000003", "A0-000004"]);
    assert_eq!(taken(&shop), 4);
}

#[test]
fn an_invoice_is_open_until_the_payment_and_void_if_the_order_ends_otherwise() {
    let (mut shop, order) = Shop::with_order();
    let status = |shop: &Shop| shop.order(order).invoice.map(|invoice| invoice.status);
    assert_eq!(status(&shop), None);
    shop.report(order, "reserved", &Value::Null);
    shop.report(order, "awaiting_payment", &Value::Null);
    assert_eq!(status(&shop), Some(InvoiceStatus::Open));
    shop.report(order, "paid", &approved());
    assert_eq!(status(&shop), Some(InvoiceStatus::Paid));
    assert!(shop.order(order).payment.is_some_and(|payment| payment.is_approved()));
    shop.conclude(order, &json!({"status": "cancelled", "payment": approved()}));
    let ended = shop.order(order);
    let invoice = ended.invoice.unwrap();
    assert_eq!(
        (ended.status, invoice.status, invoice.voided_at),
        (Status::Refunded, InvoiceStatus::Void, Some(shop.now))
    );
    let next = shop.place(&json!({}));
    shop.report(next, "reserved", &Value::Null);
    assert_eq!(number(&shop, next).unwrap(), "A0-000002", "the number of a void invoice is not used again");
}

#[test]
fn an_order_that_is_fulfilled_before_any_report_gets_its_invoice_with_its_end() {
    let (mut shop, order) = Shop::with_order();
    for _ in 0..2 {
        assert_eq!(shop.conclude(order, &json!({"status": "confirmed", "payment": approved()}))["outcome"], "ok");
    }
    let invoice = shop.order(order).invoice.unwrap();
    let issued = (invoice.number.as_str(), invoice.issued_at, invoice.status, invoice.voided_at);
    assert_eq!((issued, taken(&shop)), (("A0-000001", shop.now, InvoiceStatus::Paid, None), 1));
    let unpaid = shop.place(&json!({}));
    shop.conclude(unpaid, &json!({"status": "confirmed"}));
    assert_eq!(shop.order(unpaid).invoice.unwrap().status, InvoiceStatus::Open, "no approval was reported");
}

#[test]
fn an_order_that_ends_otherwise_before_any_report_takes_no_number() {
    let mut shop = Shop::default();
    for status in ["rejected", "payment_not_completed", "cancelled"] {
        let order = shop.place(&json!({}));
        shop.conclude(order, &json!({"status": status, "payment": approved()}));
        shop.report(order, "paid", &approved());
        assert_eq!(shop.confirm(order)["reason"], "already_ended");
        assert_eq!((shop.order(order).invoice, taken(&shop)), (None, 0), "{status}");
    }
}

/// All orders of these indices.
fn permutations(of: &[usize]) -> Vec<Vec<usize>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let first = |n: &usize| {
        let rest: Vec<usize> = of.iter().copied().filter(|other| other != n).collect();
        permutations(&rest).into_iter().map(|tail| [&[*n], tail.as_slice()].concat()).collect::<Vec<_>>()
    };
    of.iter().flat_map(first).collect()
}

/// Handles these messages about one order, each twice if `repeated`, and returns the order's invoice and status.
fn after(messages: &[(&str, Value)], sequence: &[usize], repeated: bool) -> (Shop, OrderId) {
    let (mut shop, order) = Shop::with_order();
    for n in sequence.iter().chain(sequence.iter().filter(|_| repeated)) {
        let (kind, fields) = &messages[*n];
        let mut value = fields.clone();
        value["orderId"] = json!(order);
        shop.request(kind, order, &value);
    }
    (shop, order)
}

#[test]
fn whatever_the_order_of_messages_a_fulfilled_order_has_one_paid_invoice() {
    let report = |status: &str, payment: Value| (PROGRESS, json!({"status": status, "payment": payment}));
    let messages = [
        report("awaiting_payment", Value::Null),
        report("paid", approved()),
        report("confirmed", approved()),
        (NOTIFY, json!({"payment": approved()})),
        (CONCLUDE, json!({"status": "confirmed", "payment": approved()})),
        (CONFIRM, json!({"payment": approved()})),
    ];
    for sequence in permutations(&[0, 1, 2, 3, 4, 5]) {
        let (shop, order) = after(&messages, &sequence, true);
        let invoice = shop.order(order).invoice.unwrap();
        assert_eq!((invoice.status, invoice.number.as_str(), taken(&shop)), (InvoiceStatus::Paid, "A0-000001", 1));
        assert_eq!(shop.order(order).status, Status::Confirmed);
    }
}

#[test]
fn whatever_the_order_of_messages_an_order_that_ends_otherwise_has_no_invoice_or_a_void_one() {
    let report = |status: &str, payment: Value| (PROGRESS, json!({"status": status, "payment": payment}));
    let messages = [
        report("reserved", Value::Null),
        report("awaiting_payment", Value::Null),
        report("paid", approved()),
        (CONCLUDE, json!({"status": "cancelled", "payment": approved()})),
        (CONFIRM, json!({"payment": approved()})),
        (UNCONFIRM, json!({})),
    ];
    for sequence in permutations(&[0, 1, 2, 3, 4, 5]) {
        let (shop, order) = after(&messages, &sequence, true);
        let end = sequence.iter().position(|n| *n >= 3 && *n != 4).unwrap();
        let expected = (end > 0).then_some(InvoiceStatus::Void);
        let status = shop.order(order).invoice.map(|invoice| invoice.status);
        assert_eq!((status, taken(&shop)), (expected, u64::from(end > 0)), "{sequence:?}");
        assert_eq!(shop.order(order).status, Status::Refunded);
    }
}

#[test]
fn a_confirmation_of_version_4_pays_the_open_invoice_and_confirms_an_order_with_a_delivery() {
    let mut shop = Shop::default();
    let without = shop.place(&json!({}));
    let with = shop.place(&json!({"delivery": {"method": "pickup"}}));
    for order in [without, with] {
        shop.report(order, "awaiting_payment", &Value::Null);
        shop.confirm(order);
        let confirmed = shop.order(order);
        shop.now.0 += 1_000;
        shop.confirm(order);
        assert_eq!(shop.order(order), confirmed, "a repeated command changes nothing");
        assert_eq!(confirmed.invoice.unwrap().status, InvoiceStatus::Paid);
    }
    assert_eq!(shop.order(without).status, Status::AwaitingPayment, "its end confirms it");
    assert!(shop.order(with).status == Status::Confirmed && shop.order(with).is_underway());
    shop.conclude(with, &json!({"status": "confirmed", "shipment": {"trackingNumber": "P1"}}));
    assert!(shop.order(with).status == Status::Shipped && !shop.order(with).is_underway());
    let unpaid = shop.place(&json!({}));
    shop.request(CONFIRM, unpaid, &json!({"orderId": unpaid}));
    assert_eq!(shop.order(unpaid).invoice.unwrap().status, InvoiceStatus::Open);
}

#[test]
fn an_undone_confirmation_voids_the_invoice_and_its_number_is_not_used_again() {
    let (mut shop, order) = Shop::with_order();
    shop.confirm(order);
    for _ in 0..2 {
        assert_eq!(shop.request(UNCONFIRM, order, &json!({"orderId": order}))["outcome"], "ok");
    }
    let invoice = shop.order(order).invoice.unwrap();
    assert_eq!((invoice.status, invoice.number.as_str()), (InvoiceStatus::Void, "A0-000001"));
    assert_eq!(shop.confirm(order)["reason"], "taken_back");
    let next = shop.place(&json!({}));
    assert_eq!(shop.confirm(next)["data"]["invoiceNumber"], "A0-000002");
}

#[test]
fn an_invoice_that_is_undone_before_it_is_issued_is_never_issued() {
    let (mut shop, order) = Shop::with_order();
    assert_eq!(shop.request(UNCONFIRM, order, &json!({"orderId": order}))["outcome"], "ok");
    assert_eq!(shop.confirm(order)["reason"], "taken_back");
    shop.report(order, "paid", &approved());
    assert_eq!((shop.order(order).invoice, taken(&shop)), (None, 0));
}

#[test]
fn an_unknown_order_gets_no_invoice() {
    assert_eq!(Shop::default().confirm(OrderId::generate())["reason"], "unknown_order");
}

//! Tests of credit notes.

use common::ids::OrderId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::Shop;
use crate::messages::CONCLUDE_RETURN;
use crate::order::Status;
use crate::order::parts::InvoiceStatus;

fn end_return(shop: &mut Shop, order: OrderId, id: Uuid, status: &str) {
    let ending = json!({"returnId": id, "orderId": order, "status": status});
    assert_eq!(shop.request(CONCLUDE_RETURN, order, &ending)["outcome"], "ok");
}

/// The numbers, amounts and returns of an order's credit notes.
fn notes(shop: &Shop, order: OrderId) -> Vec<(String, i64, Option<Uuid>)> {
    let notes = shop.order(order).credit_notes;
    notes.into_iter().map(|note| (note.number, note.amount_minor, note.return_id)).collect()
}

fn approved() -> Value {
    json!({"status": "approved"})
}

#[test]
fn each_completed_return_has_a_credit_note_over_its_refund() {
    let (mut shop, order) = Shop::with_fulfilled_order();
    shop.handler.policy.events = true;
    let first = shop.request_return(order, &[("day", 1)]);
    let refused = shop.request_return(order, &[("tent", 1)]);
    let rest = shop.request_return(order, &[("day", 2)]);
    assert!(notes(&shop, order).is_empty(), "no return is complete");
    for _ in 0..2 {
        end_return(&mut shop, order, first.id, "returned");
    }
    end_return(&mut shop, order, refused.id, "refused");
    end_return(&mut shop, order, rest.id, "returned");
    let expected = [("C0-000001".to_owned(), 500, Some(first.id)), ("C0-000002".to_owned(), 1_000, Some(rest.id))];
    assert_eq!(notes(&shop, order), expected);
    assert_eq!(shop.order(order).invoice.unwrap().number, "A0-000001", "the series of invoices counts on its own");
    let published: Vec<Value> =
        shop.sent_of("order.return-completed").into_iter().map(crate::fixture::value_of).collect();
    let numbers: Vec<&Value> = published.iter().map(|event| &event["creditNoteNumber"]).collect();
    assert_eq!(numbers, ["C0-000001", "C0-000002"]);
}

#[test]
fn an_order_that_is_refunded_after_its_invoice_has_one_credit_note_over_all_of_it() {
    let (mut shop, order) = Shop::with_order();
    shop.handler.policy.events = true;
    shop.report(order, "paid", &approved());
    for _ in 0..2 {
        shop.conclude(order, &json!({"status": "cancelled", "payment": approved()}));
    }
    let ended = shop.order(order);
    assert_eq!((ended.status, ended.invoice.unwrap().status), (Status::Refunded, InvoiceStatus::Void));
    assert_eq!(notes(&shop, order), [("C0-000001".to_owned(), 1_050, None)]);
    let published: Vec<Value> = shop.sent_of("order.refunded").into_iter().map(crate::fixture::value_of).collect();
    assert_eq!(published[0]["creditNoteNumber"], "C0-000001");
}

#[test]
fn without_an_invoice_or_a_payment_there_is_nothing_to_credit() {
    let mut shop = Shop::default();
    let without_invoice = shop.place(&json!({}));
    shop.conclude(without_invoice, &json!({"status": "cancelled", "payment": approved()}));
    assert_eq!(shop.order(without_invoice).status, Status::Refunded);
    let unpaid = shop.place(&json!({}));
    shop.report(unpaid, "awaiting_payment", &Value::Null);
    shop.conclude(unpaid, &json!({"status": "payment_not_completed"}));
    assert_eq!(shop.order(unpaid).invoice.unwrap().status, InvoiceStatus::Void);
    assert!(notes(&shop, without_invoice).is_empty() && notes(&shop, unpaid).is_empty());
    let next = shop.place(&json!({}));
    shop.report(next, "paid", &approved());
    shop.conclude(next, &json!({"status": "cancelled", "payment": approved()}));
    assert_eq!(notes(&shop, next)[0].0, "C0-000001", "no number was taken in vain");
}

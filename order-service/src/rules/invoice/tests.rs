//! Tests of invoices.

use common::ids::OrderId;
use serde_json::json;

use crate::fixture::Shop;
use crate::messages::{CONFIRM, UNCONFIRM};
use crate::order::Status;
use crate::order::parts::InvoiceStatus;

#[test]
fn invoices_are_numbered_without_gaps_and_each_order_has_one() {
    let mut shop = Shop::default();
    let orders: Vec<_> = (0..3).map(|_| shop.place(&json!({}))).collect();
    let numbers: Vec<_> = orders.iter().map(|order| shop.confirm(*order)["data"]["invoiceNumber"].clone()).collect();
    assert_eq!(numbers, ["A0-000001", "A0-000002", "A0-000003"]);
    assert_eq!(
        shop.confirm(orders[0])["data"]["invoiceNumber"],
        "A0-000001",
        "a repeated command gets the same number"
    );
    let next = shop.place(&json!({}));
    assert_eq!(shop.confirm(next)["data"]["invoiceNumber"], "A0-000004");
}

#[test]
fn an_invoice_is_paid_if_the_payment_is_approved_and_open_otherwise() {
    let mut shop = Shop::default();
    let paid = shop.place(&json!({}));
    let open = shop.place(&json!({}));
    shop.confirm(paid);
    shop.request(CONFIRM, open, &json!({"orderId": open}));
    assert_eq!(shop.order(paid).invoice.unwrap().status, InvoiceStatus::Paid);
    assert_eq!(shop.order(open).invoice.unwrap().status, InvoiceStatus::Open);
}

#[test]
fn only_an_order_with_a_delivery_is_confirmed_by_its_invoice() {
    let mut shop = Shop::default();
    let without = shop.place(&json!({}));
    let with = shop.place(&json!({"delivery": {"method": "pickup"}}));
    shop.confirm(without);
    shop.confirm(with);
    assert_eq!(shop.order(without).status, Status::Pending, "its end confirms it");
    assert!(shop.order(with).status == Status::Confirmed && shop.order(with).is_underway());
    shop.conclude(with, &json!({"status": "confirmed", "shipment": {"trackingNumber": "P1"}}));
    assert!(shop.order(with).status == Status::Shipped && !shop.order(with).is_underway());
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
    assert_eq!(shop.order(order).invoice, None);
}

#[test]
fn an_order_that_has_ended_or_is_unknown_gets_no_invoice() {
    let (mut shop, order) = Shop::with_order();
    shop.conclude(order, &json!({"status": "cancelled"}));
    assert_eq!(shop.confirm(order)["reason"], "already_ended");
    assert_eq!(shop.confirm(OrderId::generate())["reason"], "unknown_order");
}

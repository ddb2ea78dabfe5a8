//! The rules of invoices, one test a rule.

use common::money::Amount;
use serde_json::{Value, json};

use super::document::Document;
use super::*;
use crate::fixture::Shop;

#[test]
fn invoices_are_numbered_without_gaps_and_each_order_has_one() {
    let mut shop = Shop::default();
    let orders: Vec<_> = (0..3).map(|_| shop.places(&json!({}))).collect();
    let numbers: Vec<_> = orders.iter().map(|order| shop.confirms(*order)["data"]["invoiceNumber"].clone()).collect();
    assert_eq!(numbers, ["A0-000001", "A0-000002", "A0-000003"]);
    assert_eq!(shop.confirms(orders[0])["data"]["invoiceNumber"], "A0-000001", "asked twice, it is the same");
    let next = shop.places(&json!({}));
    assert_eq!(shop.confirms(next)["data"]["invoiceNumber"], "A0-000004");
}

#[test]
fn an_invoice_is_paid_when_the_payment_is_and_open_otherwise() {
    let mut shop = Shop::default();
    let (paid, open) = (shop.places(&json!({})), shop.places(&json!({})));
    shop.confirms(paid);
    shop.take(CONFIRM, open, &json!({"orderId": open}));
    assert_eq!(shop.order(paid).invoice.unwrap().status, InvoiceStatus::Paid);
    assert_eq!(shop.order(open).invoice.unwrap().status, InvoiceStatus::Open);
}

#[test]
fn only_an_order_that_is_to_be_shipped_is_confirmed_by_its_invoice() {
    let mut shop = Shop::default();
    let (here, away) = (shop.places(&json!({})), shop.places(&json!({"delivery": {"method": "pickup"}})));
    shop.confirms(here);
    shop.confirms(away);
    assert_eq!(shop.order(here).status, Status::Pending, "its end confirms it");
    assert!(shop.order(away).status == Status::Confirmed && shop.order(away).is_underway());
    shop.concludes(away, &json!({"status": "confirmed", "shipment": {"trackingNumber": "P1"}}));
    assert!(shop.order(away).status == Status::Shipped && !shop.order(away).is_underway());
}

#[test]
fn taken_back_it_is_void_and_its_number_stays_taken() {
    let mut shop = Shop::default();
    let order = shop.places(&json!({}));
    shop.confirms(order);
    for _ in 0..2 {
        assert_eq!(shop.take(UNCONFIRM, order, &json!({"orderId": order}))["outcome"], "ok");
    }
    let invoice = shop.order(order).invoice.unwrap();
    assert_eq!((invoice.status, invoice.number.as_str()), (InvoiceStatus::Void, "A0-000001"));
    assert_eq!(shop.confirms(order)["reason"], "taken_back");
    let next = shop.places(&json!({}));
    assert_eq!(shop.confirms(next)["data"]["invoiceNumber"], "A0-000002");
}

#[test]
fn taken_back_before_it_was_made_it_is_never_made() {
    let mut shop = Shop::default();
    let order = shop.places(&json!({}));
    assert_eq!(shop.take(UNCONFIRM, order, &json!({"orderId": order}))["outcome"], "ok");
    assert_eq!(shop.confirms(order)["reason"], "taken_back");
    assert_eq!(shop.order(order).invoice, None);
}

#[test]
fn an_order_that_ended_or_is_not_known_has_none_made() {
    let mut shop = Shop::default();
    let order = shop.places(&json!({}));
    shop.concludes(order, &json!({"status": "cancelled"}));
    assert_eq!(shop.confirms(order)["reason"], "already_ended");
    let stranger = OrderId::generate();
    assert_eq!(shop.confirms(stranger)["reason"], "unknown_order");
}

#[test]
fn it_shows_lines_their_sum_and_what_was_agreed_instead() {
    let mut shop = Shop::default();
    let order = shop.places(&json!({"amountMinor": 1_050}));
    shop.confirms(order);
    let document = Document::of(&shop.order(order)).unwrap();
    assert_eq!((document.sum, document.adjustment), (Some(Amount(20_000)), Some(Amount(-18_950))));
    assert_eq!((document.total, document.lines[0].amount), (Amount(1_050), Some(Amount(20_000))));
    let even = shop.places(&json!({"amountMinor": 20_000}));
    shop.confirms(even);
    assert_eq!(Document::of(&shop.order(even)).unwrap().adjustment, None);
}

#[test]
fn the_page_is_a_pdf_of_as_many_pages_as_it_needs() {
    let mut shop = Shop::default();
    let line = |n: u32| json!({"id": "a", "name": format!("São João {n}"), "amountMinor": 100, "quantity": 1});
    let pages = |shop: &mut Shop, lines: u32| {
        let items: Vec<Value> = (0..lines).map(line).collect();
        let order = shop.places(&json!({"items": items}));
        shop.confirms(order);
        let bytes = pdf::render(&Document::of(&shop.order(order)).unwrap());
        assert!(bytes.starts_with(b"%PDF-1.7") && bytes.windows(5).any(|end| end == b"%%EOF"));
        // Text beyond ASCII is written in hexadecimal digits.
        let latin: String = "São João 0".chars().map(|letter| format!("{:02X}", u32::from(letter))).collect();
        assert!(bytes.windows(latin.len()).any(|part| part == latin.as_bytes()), "letters are in the fonts' encoding");
        bytes.windows(11).filter(|part| *part == b"/Type /Page").count() - 1
    };
    assert_eq!((pages(&mut shop, 1), pages(&mut shop, 100)), (1, 3));
}

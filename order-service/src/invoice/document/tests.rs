//! Tests of invoices and credit notes as JSON.

use std::sync::Arc;

use common::ids::OrderId;
use common::money::Decimal;
use serde_json::{Value, json};

use super::{CreditDocument, Document};
use crate::fixture::Shop;
use crate::messages::CONCLUDE_RETURN;
use crate::order::terms::{Seller, Tax, Terms};

fn money(minor: i64) -> Decimal {
    Decimal::new(minor, 2)
}

fn tax(name: &str, rate: &str) -> Tax {
    Tax { name: name.to_owned(), rate: Decimal::parse(rate).unwrap() }
}

fn invoice(shop: &Shop, order: OrderId) -> Value {
    serde_json::from_slice(&serde_json::to_vec(&Document::of(&shop.order(order)).unwrap()).unwrap()).unwrap()
}

fn credit_note(shop: &Shop, order: OrderId, number: &str) -> Value {
    let document = CreditDocument::of(&shop.order(order), number).unwrap();
    serde_json::from_slice(&serde_json::to_vec(&document).unwrap()).unwrap()
}

#[test]
fn it_has_lines_their_sum_and_the_adjustment_to_the_agreed_amount() {
    let mut shop = Shop::default();
    let order = shop.place(&json!({"amountMinor": 1_050}));
    shop.confirm(order);
    let bill = Document::of(&shop.order(order)).unwrap().bill;
    assert_eq!((bill.sum, bill.adjustment), (Some(money(20_000)), Some(money(-18_950))));
    assert_eq!((bill.total, bill.lines[0].amount), (money(1_050), Some(money(20_000))));
    assert_eq!((bill.net, bill.taxes.len(), bill.lines[0].net), (None, 0, None));
    let even = shop.place(&json!({"amountMinor": 20_000}));
    shop.confirm(even);
    assert_eq!(Document::of(&shop.order(even)).unwrap().bill.adjustment, None);
}

#[test]
fn its_amounts_have_the_digits_of_the_currency() {
    for (currency, total, tax_amount) in [("JPY", "1050", "196"), ("KWD", "1.050", "0.196"), ("EUR", "10.50", "1.96")] {
        let mut shop = Shop::default();
        shop.handler.policy.terms.taxes = vec![tax("VAT", "23")];
        let order = shop.place(&json!({"amountMinor": 1_050, "currency": currency}));
        shop.confirm(order);
        let document = Document::of(&shop.order(order)).unwrap();
        assert_eq!((document.bill.total.to_string().as_str(), document.refunded.is_zero()), (total, true));
        assert_eq!(document.bill.taxes[0].amount.to_string(), tax_amount);
    }
}

#[test]
fn an_issued_invoice_keeps_what_it_showed_when_the_settings_change() {
    let (mut shop, order) = Shop::with_order();
    let seller = Seller { name: "Loja".to_owned(), tax_id: Some("PT1".to_owned()), ..Seller::default() };
    shop.handler.policy.terms = Terms {
        seller: Some(Arc::new(seller)),
        taxes: vec![tax("IVA", "23")],
        prices_exclude_tax: false,
        due_days: 14,
        note: Some("Obrigado".into()),
    };
    shop.report(order, "awaiting_payment", &Value::Null);
    let open = invoice(&shop, order);
    assert_eq!(open["seller"], json!({"name": "Loja", "taxId": "PT1"}));
    assert_eq!(open["taxes"], json!([{"name": "IVA", "rate": 23, "amount": 1.96}]));
    assert_eq!(
        (&open["net"], &open["dueDate"], &open["note"]),
        (&json!(8.54), &json!("1970-01-15"), &json!("Obrigado"))
    );
    shop.handler.policy.terms = Terms { taxes: vec![tax("IVA", "25")], due_days: 3, ..Terms::default() };
    shop.report(order, "paid", &json!({"status": "approved"}));
    let mut paid = invoice(&shop, order);
    assert_eq!(paid["status"], "paid");
    paid["status"] = json!("open");
    assert_eq!(paid, open);
}

#[test]
fn an_invoice_of_an_earlier_release_has_no_terms() {
    let (mut shop, order) = Shop::with_order();
    shop.confirm(order);
    let mut known = shop.order(order);
    let text = r#"{"number":"A0-000001","issuedAt":"2026-01-02T03:04:06.000Z","status":"paid"}"#;
    known.invoice = Some(serde_json::from_str(text).unwrap());
    assert_eq!(serde_json::to_string(&known.invoice).unwrap(), text, "and its JSON stays the same");
    let document = Document::of(&known).unwrap();
    assert_eq!((document.bill.seller, document.due_date, document.bill.total), (None, None, money(1_050)));
}

#[test]
fn credit_notes_have_the_lines_and_the_taxes_of_what_is_returned() {
    let (mut shop, _) = Shop::with_order();
    shop.handler.policy.terms.taxes = vec![tax("VAT", "23")];
    let items = json!([{"id": "day", "name": "day", "amountMinor": 1_000, "quantity": 3},
        {"id": "tent", "name": "tent", "amountMinor": 7_000, "quantity": 1}]);
    let order = shop.place(&json!({"items": items, "amountMinor": 5_000}));
    shop.conclude(order, &json!({"status": "confirmed", "payment": {"status": "approved"}}));
    for items in [&[("day", 1)][..], &[("tent", 1)], &[("day", 2)]] {
        let id = shop.request_return(order, items).id;
        shop.request(CONCLUDE_RETURN, order, &json!({"returnId": id, "orderId": order, "status": "returned"}));
    }
    let notes = ["C0-000001", "C0-000002", "C0-000003"].map(|number| credit_note(&shop, order, number));
    let first = &notes[0];
    assert_eq!(
        (&first["invoiceNumber"], &first["total"], &first["sum"]),
        (&json!("A0-000001"), &json!(5.0), &json!(10.0))
    );
    assert_eq!((&first["adjustment"], &first["lines"][0]["quantity"]), (&json!(-5.0), &json!(1)));
    let cents = |value: &Value| (value.as_f64().unwrap() * 100.0).round() as i64;
    let taxes: i64 = notes.iter().map(|note| cents(&note["taxes"][0]["amount"])).sum();
    assert_eq!(taxes, cents(&invoice(&shop, order)["taxes"][0]["amount"]));
    assert_eq!(CreditDocument::of(&shop.order(order), "C0-000004"), None);
    assert_eq!(invoice(&shop, order)["refunded"], 50.0);
}

//! Tests of notices.

use common::topics;
use serde_json::{Value, json};

use crate::fixture::Shop;
use crate::messages::NOTIFY;
use crate::order::parts::InvoiceStatus;

fn ana(language: &str) -> Value {
    json!({"customer": {"name": "Ana", "email": "ana@example.com", "language": language}})
}

#[test]
fn a_customer_is_notified_of_the_confirmation_once_in_their_language() {
    let mut shop = Shop::default();
    let order = shop.place(&ana("pt"));
    for _ in 0..2 {
        assert_eq!(shop.request(NOTIFY, order, &json!({"orderId": order}))["outcome"], "ok");
    }
    let notices = shop.sent_to(topics::NOTIFICATIONS);
    assert_eq!(notices.len(), 1);
    assert_eq!((&notices[0]["kind"], &notices[0]["language"]), (&json!("confirmed"), &json!("pt")));
    assert_eq!(notices[0]["subject"], "Seu pedido está confirmado");
    assert_eq!(notices[0]["to"], json!({"name": "Ana", "email": "ana@example.com"}));
    assert_eq!(shop.order(order).notices.len(), 1);
}

#[test]
fn the_notice_of_a_shipment_has_its_tracking_number_and_expected_day() {
    let mut shop = Shop::default();
    let order = shop.place(&ana("en"));
    let shipment =
        json!({"trackingNumber": "BR1", "estimatedDate": "2026-11-27", "carrier": "post", "method": "standard"});
    shop.request(NOTIFY, order, &json!({"orderId": order, "shipment": shipment}));
    let text = shop.sent_to(topics::NOTIFICATIONS)[0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("Tracking number: BR1\nExpected on 2026-11-27."), "{text}");
}

#[test]
fn a_notice_names_the_invoice_which_it_issues_if_no_progress_was_reported() {
    for is_reported in [false, true] {
        let mut shop = Shop::default();
        let order = shop.place(&ana("en"));
        if is_reported {
            shop.report(order, "awaiting_payment", &json!({}));
        }
        for _ in 0..2 {
            shop.request(NOTIFY, order, &json!({"orderId": order, "payment": {"status": "approved"}}));
        }
        let invoice = shop.order(order).invoice.unwrap();
        assert_eq!((invoice.number.as_str(), invoice.status), ("A0-000001", InvoiceStatus::Paid));
        let text = shop.sent_to(topics::NOTIFICATIONS)[0]["text"].as_str().unwrap().to_owned();
        assert!(text.contains("Invoice: A0-000001"), "{text}");
        shop.conclude(order, &json!({"status": "confirmed", "payment": {"status": "approved"}}));
        assert_eq!(shop.order(order).invoice, Some(invoice));
    }
}

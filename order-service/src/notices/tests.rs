//! The rules of notices, one test a rule.

use serde_json::{Value, json};

use super::*;
use crate::fixture::Shop;

const ALL: [Kind; 8] = [
    Kind::Confirmed,
    Kind::Shipped,
    Kind::NotPaid,
    Kind::Rejected,
    Kind::Cancelled,
    Kind::Refunded,
    Kind::Returned,
    Kind::ReturnRefused,
];

fn ana(language: &str) -> Value {
    json!({"customer": {"name": "Ana", "email": "ana@example.com", "language": language}})
}

#[test]
fn every_notice_can_be_written_in_every_language() {
    let items = vec![context!(name => "day-one", quantity => 2)];
    let values = context!(name => "Ana", order => "o-1", amount => "10.50", currency => "BRL", items => items,
        invoice => "A0-000001", carrier => "post", tracking => "BR1", expected => "2026-11-27", refund => "5.00");
    for language in [Language::En, Language::Pt] {
        for kind in ALL {
            let (subject, text) = render(kind, language, &values);
            assert!(!subject.is_empty() && !subject.contains('\n'), "{kind:?}: {subject}");
            assert!(text.contains("Ana") && text.contains("o-1"), "{kind:?}: {text}");
            assert!(!text.contains("{") && !text.contains("\n\n\n"), "{kind:?}: {text}");
        }
    }
    let (_, shipped) = render(Kind::Shipped, Language::Pt, &values);
    assert!(shipped.contains("Código de rastreamento: BR1\nEntrega prevista para 2026-11-27."), "{shipped}");
    assert!(shipped.contains("  2 x day-one\n"), "{shipped}");
}

#[test]
fn a_customer_is_told_once_in_their_language_that_all_went_well() {
    let mut shop = Shop::default();
    let order = shop.places(&ana("pt"));
    for _ in 0..2 {
        assert_eq!(shop.take(NOTIFY, order, &json!({"orderId": order}))["outcome"], "ok");
    }
    let notices = shop.sent_on(topics::NOTIFICATIONS);
    assert_eq!(notices.len(), 1);
    assert_eq!((&notices[0]["kind"], &notices[0]["language"]), (&json!("confirmed"), &json!("pt")));
    assert_eq!(notices[0]["subject"], "Seu pedido está confirmado");
    assert_eq!(notices[0]["to"], json!({"name": "Ana", "email": "ana@example.com"}));
    assert_eq!(shop.order(order).notices.len(), 1);
}

#[test]
fn of_a_shipment_the_tracking_number_and_the_day_are_told() {
    let mut shop = Shop::default();
    let order = shop.places(&ana("en"));
    let shipment =
        json!({"trackingNumber": "BR1", "estimatedDate": "2026-11-27", "carrier": "post", "method": "standard"});
    shop.take(NOTIFY, order, &json!({"orderId": order, "shipment": shipment}));
    let text = shop.sent_on(topics::NOTIFICATIONS)[0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("Tracking number: BR1\nExpected on 2026-11-27."), "{text}");
}

#[test]
fn each_ending_that_is_not_well_is_told_and_one_nobody_can_be_told_of_is_not() {
    for (status, payment, kind) in [
        ("rejected", "", "rejected"),
        ("payment_not_completed", "declined", "not_paid"),
        ("cancelled", "", "cancelled"),
        ("cancelled", "approved", "refunded"),
    ] {
        let mut shop = Shop::default();
        let order = shop.places(&ana("en"));
        shop.concludes(order, &json!({"status": status, "payment": {"status": payment}}));
        shop.concludes(order, &json!({"status": status, "payment": {"status": payment}}));
        let kinds: Vec<_> =
            shop.sent_on(topics::NOTIFICATIONS).into_iter().map(|notice| notice["kind"].clone()).collect();
        assert_eq!(kinds, [json!(kind)]);
    }
    let mut shop = Shop::default();
    let nobody = shop.places(&json!({}));
    shop.concludes(nobody, &json!({"status": "rejected"}));
    assert!(shop.sent_on(topics::NOTIFICATIONS).is_empty() && shop.order(nobody).notices.is_empty());
}

#[test]
fn a_name_cannot_smuggle_lines_into_a_subject_or_code_into_a_text() {
    let values = context!(name => "{{ order }}", order => "o-1", currency => "B\nR\tL");
    let (_, text) = render(Kind::Cancelled, Language::En, &values);
    assert!(text.contains("Hello {{ order }},"), "{text}");
}

//! Tests of what the customer must do for a payment.

use common::ids::OrderId;
use common::payments::{ACTION, ACTION_TEXT_BYTES};
use common::topics;
use serde_json::{Value, json};

use crate::fixture::{Shop, message};
use crate::order::parts::MOST_ACTION_CHANGES;

fn report(shop: &mut Shop, order: OrderId, number: u32, action: &Value) {
    shop.request(ACTION, order, &json!({"orderId": order, "number": number, "action": action}));
}

fn confirm() -> Value {
    json!({"type": "confirm", "clientSecret": "pi_1_secret_2"})
}

#[test]
fn an_action_is_recorded_until_the_payment_and_the_customer_is_notified_once_without_its_secret() {
    let mut shop = Shop::default();
    let order = shop.place(&json!({"customer": {"name": "Ana", "email": "ana@example.com"}}));
    report(&mut shop, order, 1, &confirm());
    let known = shop.order(order);
    assert_eq!(known.action.as_ref().unwrap().client_secret.as_ref().unwrap().reveal(), "pi_1_secret_2");
    assert!(!format!("{known:?}").contains("pi_1_secret_2"), "it is in no log");
    report(&mut shop, order, 1, &json!({"type": "redirect", "url": "https://late.example"}));
    assert_eq!(shop.order(order), known, "a repeated report changes nothing");
    let url = json!({"type": "redirect", "url": "https://bank.example", "expiresAt": "2026-11-27T12:00:00.000Z"});
    report(&mut shop, order, 2, &url);
    let notices = shop.sent_to(topics::NOTIFICATIONS);
    assert_eq!((notices.len(), &notices[0]["kind"]), (1, &json!("action_required")));
    assert!(!notices[0].to_string().contains("secret"), "{}", notices[0]);
    assert_eq!(shop.order(order).changes.iter().filter(|change| change.action).count(), 2);
    shop.report(order, "awaiting_payment", &json!({}));
    assert!(shop.order(order).action.is_some());
    shop.report(order, "paid", &json!({"status": "approved"}));
    assert_eq!(shop.order(order).action, None);
    report(&mut shop, order, 3, &confirm());
    assert_eq!(shop.order(order).action, None, "a late report changes nothing");
}

#[test]
fn an_order_that_ends_has_no_action() {
    let (mut shop, order) = Shop::with_order();
    report(&mut shop, order, 1, &confirm());
    report(&mut shop, order, 2, &Value::Null);
    assert_eq!(shop.order(order).action, None);
    report(&mut shop, order, 3, &confirm());
    shop.conclude(order, &json!({"status": "payment_not_completed", "reason": "payment_timed_out"}));
    assert_eq!(shop.order(order).action, None);
}

#[test]
fn the_changes_of_an_action_are_bounded() {
    let (mut shop, order) = Shop::with_order();
    for number in 1..100 {
        let action = if number % 2 == 0 { Value::Null } else { confirm() };
        report(&mut shop, order, number, &action);
    }
    assert_eq!(shop.order(order).changes.len(), MOST_ACTION_CHANGES);
    assert!(shop.order(order).action.is_some(), "the last report counts");
}

#[test]
fn an_action_of_another_sagas_payment_is_ignored_and_one_that_is_too_long_is_a_dead_letter() {
    let mut shop = Shop::default();
    let other = OrderId::generate();
    let value = json!({"orderId": other, "number": 1, "action": confirm()});
    assert_eq!(shop.handle(&message("a", ACTION, other, &value)), []);
    let long = json!({"type": "show_code", "code": "x".repeat(ACTION_TEXT_BYTES + 1)});
    let value = json!({"orderId": other, "number": 1, "action": long});
    let sent = shop.handle(&message("b", ACTION, other, &value));
    assert!(sent[0].headers.get("__streams.errors.message").unwrap().contains("action.code: 2001 bytes"));
}

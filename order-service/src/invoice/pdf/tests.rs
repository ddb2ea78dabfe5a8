//! Tests of the invoice as PDF.

use serde_json::{Value, json};

use super::render;
use crate::fixture::Shop;
use crate::invoice::document::Document;

#[test]
fn it_has_as_many_pages_as_its_lines_need() {
    let mut shop = Shop::default();
    let line = |n: u32| json!({"id": "a", "name": format!("São João {n}"), "amountMinor": 100, "quantity": 1});
    let pages = |shop: &mut Shop, lines: u32| {
        let items: Vec<Value> = (0..lines).map(line).collect();
        let order = shop.place(&json!({"items": items}));
        shop.confirm(order);
        let bytes = render(&Document::of(&shop.order(order)).unwrap());
        assert!(bytes.starts_with(b"%PDF-1.7") && bytes.windows(5).any(|end| end == b"%%EOF"));
        // Text outside ASCII is written as hexadecimal digits.
        let latin: String = "São João 0".chars().map(|letter| format!("{:02X}", u32::from(letter))).collect();
        assert!(bytes.windows(latin.len()).any(|part| part == latin.as_bytes()), "text is in the fonts' encoding");
        bytes.windows(11).filter(|part| *part == b"/Type /Page").count() - 1
    };
    assert_eq!((pages(&mut shop, 1), pages(&mut shop, 100)), (1, 3));
}

#[test]
fn it_names_its_status_and_the_amount_that_is_due() {
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let (mut shop, order) = Shop::with_order();
    shop.report(order, "awaiting_payment", &json!({}));
    let due = render(&Document::of(&shop.order(order)).unwrap());
    assert!(has(&due, "(due)") && has(&due, "(Total due)"));
    shop.report(order, "paid", &json!({"status": "approved"}));
    let paid = render(&Document::of(&shop.order(order)).unwrap());
    assert!(has(&paid, "(paid)") && has(&paid, "(Total)"));
    shop.conclude(order, &json!({"status": "cancelled"}));
    let void = render(&Document::of(&shop.order(order)).unwrap());
    assert!(has(&void, "(void since 1970-01-01)") && has(&void, "(Total)"));
}

//! Tests of the invoice as JSON.

use common::money::Decimal;
use serde_json::json;

use super::Document;
use crate::fixture::Shop;

#[test]
fn it_has_lines_their_sum_and_the_adjustment_to_the_agreed_amount() {
    let money = |minor| Decimal::new(minor, 2);
    let mut shop = Shop::default();
    let order = shop.place(&json!({"amountMinor": 1_050}));
    shop.confirm(order);
    let document = Document::of(&shop.order(order)).unwrap();
    assert_eq!((document.sum, document.adjustment), (Some(money(20_000)), Some(money(-18_950))));
    assert_eq!((document.total, document.lines[0].amount), (money(1_050), Some(money(20_000))));
    let even = shop.place(&json!({"amountMinor": 20_000}));
    shop.confirm(even);
    assert_eq!(Document::of(&shop.order(even)).unwrap().adjustment, None);
}

#[test]
fn its_amounts_have_the_digits_of_the_currency() {
    for (currency, total) in [("JPY", "1050"), ("KWD", "1.050")] {
        let mut shop = Shop::default();
        let order = shop.place(&json!({"amountMinor": 1_050, "currency": currency}));
        shop.confirm(order);
        let document = Document::of(&shop.order(order)).unwrap();
        assert_eq!((document.total.to_string().as_str(), document.refunded.is_zero()), (total, true));
    }
}

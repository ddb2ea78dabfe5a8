//! Tests of the invoice as JSON.

use common::money::Amount;
use serde_json::json;

use super::Document;
use crate::fixture::Shop;

#[test]
fn it_has_lines_their_sum_and_the_adjustment_to_the_agreed_amount() {
    let mut shop = Shop::default();
    let order = shop.place(&json!({"amountMinor": 1_050}));
    shop.confirm(order);
    let document = Document::of(&shop.order(order)).unwrap();
    assert_eq!((document.sum, document.adjustment), (Some(Amount(20_000)), Some(Amount(-18_950))));
    assert_eq!((document.total, document.lines[0].amount), (Amount(1_050), Some(Amount(20_000))));
    let even = shop.place(&json!({"amountMinor": 20_000}));
    shop.confirm(even);
    assert_eq!(Document::of(&shop.order(even)).unwrap().adjustment, None);
}

//! Tests of the pieces of credit notes.

use common::ids::OrderId;
use serde_json::json;

use super::{of_credit_note, of_order};
use crate::fixture::Shop;
use crate::messages::CONCLUDE_RETURN;

fn return_of(shop: &mut Shop, order: OrderId, items: &[(&str, u32)]) {
    let id = shop.request_return(order, items).id;
    shop.request(CONCLUDE_RETURN, order, &json!({"returnId": id, "orderId": order, "status": "returned"}));
}

#[test]
fn a_credit_note_has_the_pieces_of_its_return_the_cheaper_lines_of_an_item_first() {
    let mut shop = Shop::default();
    let line =
        |id: &str, price: i64, quantity: u32| json!({"id": id, "name": id, "amountMinor": price, "quantity": quantity});
    let items = json!([line("a", 3_000, 2), line("b", 500, 1), line("a", 1_000, 2)]);
    let order = shop.place(&json!({"items": items, "amountMinor": 8_500}));
    shop.conclude(order, &json!({"status": "confirmed"}));
    return_of(&mut shop, order, &[("a", 1)]);
    return_of(&mut shop, order, &[("b", 1), ("a", 2)]);
    return_of(&mut shop, order, &[("a", 1)]);
    let known = shop.order(order);
    let pieces = |n: usize| {
        let pieces = of_credit_note(&known, &known.credit_notes[n]);
        pieces.iter().map(|pieces| (pieces.item.amount_minor, pieces.quantity)).collect::<Vec<_>>()
    };
    assert_eq!(pieces(0), [(1_000, 1)]);
    assert_eq!(pieces(1), [(500, 1), (1_000, 1), (3_000, 1)]);
    assert_eq!(pieces(2), [(3_000, 1)]);
    assert_eq!(of_order(&known).len(), 3);
}

#[test]
fn returns_of_an_earlier_release_came_before_those_with_a_credit_note() {
    let (mut shop, order) = Shop::with_fulfilled_order();
    return_of(&mut shop, order, &[("day", 2)]);
    return_of(&mut shop, order, &[("day", 1), ("tent", 1)]);
    let mut known = shop.order(order);
    known.credit_notes.remove(0);
    let pieces = of_credit_note(&known, &known.credit_notes[0]);
    let pieces: Vec<_> = pieces.iter().map(|pieces| (pieces.item.id.as_str(), pieces.quantity)).collect();
    assert_eq!(pieces, [("day", 1), ("tent", 1)]);
}

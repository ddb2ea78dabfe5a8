//! Counts, adjustments and receipts by people, one test a rule.

use super::*;
use crate::changes::{Change, change_id, change_key};

fn change<'s>(shop: &'s Shop, request: &str) -> &'s Change {
    let key = change_key(&change_id("main", DAY_ONE, request));
    shop.memory.get(&key).and_then(Inventory::change).expect("a change")
}

#[test]
fn what_comes_is_more_and_what_is_broken_is_less() {
    let mut shop = Shop::open();
    shop.change("r1", "receipt", 5);
    shop.change("a1", "adjustment", -2);
    shop.change("a2", "adjustment", 1);
    assert_eq!(shop.count(DAY_ONE), (14, 0));
    let broken = change(&shop, "a1");
    assert_eq!(
        (broken.moved, broken.on_hand, broken.by.as_deref(), broken.why.as_deref()),
        (-2, 13, Some("ana"), Some("so"))
    );
}

#[test]
fn a_change_that_is_asked_for_again_is_made_once() {
    let mut shop = Shop::open();
    for _ in 0..2 {
        shop.change("r1", "receipt", 5);
    }
    shop.change("r1", "receipt", 6);
    assert_eq!(shop.count(DAY_ONE), (15, 0));
    for n in 0..20 {
        shop.set(&format!("s{n}"), DAY_ONE, 3);
    }
    shop.set("s0", DAY_ONE, 99);
    assert_eq!(shop.count(DAY_ONE), (3, 0), "also long after");
}

#[test]
fn what_is_promised_can_not_be_taken_away() {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(DAY_ONE, 8)]);
    shop.change("a1", "adjustment", -3);
    assert_eq!(shop.count(DAY_ONE), (10, 8));
    assert_eq!(change(&shop, "a1").refused.as_deref(), Some("only 2 are available; 8 are reserved for orders"));
    shop.release();
    shop.change("a1", "adjustment", -3);
    assert_eq!(shop.count(DAY_ONE), (10, 0), "a no stays a no");
    shop.change("a2", "adjustment", -3);
    assert_eq!(shop.count(DAY_ONE), (7, 0));
}

#[test]
fn a_count_is_taken_as_it_is_and_says_what_was_missing() {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(DAY_ONE, 8)]);
    shop.change("c1", "count", 6);
    assert_eq!((shop.count(DAY_ONE), shop.stock(DAY_ONE).available()), ((6, 8), 0));
    assert_eq!(change(&shop, "c1").moved, -4);
    shop.confirm();
    let found: Vec<_> = shop.memory.states().filter_map(|(_, state)| state.change()).collect();
    let shortfall = found.iter().find(|change| change.order.is_some()).expect("that the count was wrong");
    assert_eq!((shortfall.moved, shortfall.order.as_deref(), shop.count(DAY_ONE)), (2, Some(ORDER), (0, 0)));
}

#[test]
fn an_item_that_nobody_knows_is_not_changed() {
    let mut shop = Shop::open();
    let value =
        json!({"warehouse": "main", "itemId": "vip", "kind": "receipt", "quantity": 1, "by": "ana", "why": "so"});
    shop.say(CHANGE, &value);
    assert!(shop.memory.get(&stock_key("main", "vip")).is_none());
    let refused = shop.memory.states().find_map(|(_, state)| state.change()?.refused.clone());
    assert_eq!(refused.as_deref(), Some("warehouse main does not know the item vip"));
}

#[test]
fn a_number_that_no_change_can_have_goes_to_the_dead_letters() {
    for (kind, quantity) in
        [("adjustment", 0), ("receipt", 0), ("receipt", -1), ("count", -1), ("shortfall", 1), ("receipt", 1_i64 << 40)]
    {
        let mut shop = Shop::open();
        let value =
            json!({"warehouse": "main", "itemId": DAY_ONE, "kind": kind, "quantity": quantity, "by": "a", "why": "b"});
        let sent = shop.take(&message(CHANGE, &value));
        assert_eq!((sent.len(), &*sent[0].topic), (1, "inventory-commands.dlq"), "{kind} {quantity}");
        assert_eq!(shop.count(DAY_ONE), (10, 0));
    }
}

//! The rules of counts, adjustments and receipts, one test for each.

use serde_json::json;

use crate::entity::{Change, Inventory, change_id, change_key, stock_key};
use crate::fixture::{DAY_ONE, ORDER, OTHER, TestWarehouse, is_ok, message, reason};
use crate::messages::CHANGE;

fn find_change<'s>(warehouse: &'s TestWarehouse, request: &str) -> &'s Change {
    let key = change_key(&change_id("main", DAY_ONE, request));
    warehouse.memory.get(&key).and_then(Inventory::change).expect("a change")
}

#[test]
fn receipts_add_pieces_and_adjustments_add_or_remove_them() {
    let mut warehouse = TestWarehouse::new();
    warehouse.change("r1", "receipt", 5);
    warehouse.change("a1", "adjustment", -2);
    warehouse.change("a2", "adjustment", 1);
    assert_eq!(warehouse.count(DAY_ONE), (14, 0));
    let broken = find_change(&warehouse, "a1");
    assert_eq!(
        (broken.moved, broken.on_hand, broken.by.as_deref(), broken.why.as_deref()),
        (-2, 13, Some("ana"), Some("so"))
    );
}

#[test]
fn a_repeated_change_is_made_once() {
    let mut warehouse = TestWarehouse::new();
    for _ in 0..2 {
        warehouse.change("r1", "receipt", 5);
    }
    warehouse.change("r1", "receipt", 6);
    assert_eq!(warehouse.count(DAY_ONE), (15, 0));
    for n in 0..20 {
        warehouse.set(&format!("s{n}"), DAY_ONE, 3);
    }
    warehouse.set("s0", DAY_ONE, 99);
    assert_eq!(warehouse.count(DAY_ONE), (3, 0), "also long after");
}

#[test]
fn reserved_pieces_can_not_be_removed() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(ORDER, &[(DAY_ONE, 8)]);
    warehouse.change("a1", "adjustment", -3);
    assert_eq!(warehouse.count(DAY_ONE), (10, 8));
    assert_eq!(
        find_change(&warehouse, "a1").refused.as_deref(),
        Some("only 2 are available; 8 are reserved for orders")
    );
    warehouse.release();
    warehouse.change("a1", "adjustment", -3);
    assert_eq!(warehouse.count(DAY_ONE), (10, 0), "a refusal is repeated");
    warehouse.change("a2", "adjustment", -3);
    assert_eq!(warehouse.count(DAY_ONE), (7, 0));
}

#[test]
fn a_count_below_the_reserved_quantity_is_accepted_and_reported() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(ORDER, &[(DAY_ONE, 8)]);
    warehouse.events.clear();
    warehouse.change("c1", "count", 6);
    assert_eq!((warehouse.count(DAY_ONE), warehouse.stock(DAY_ONE).available()), ((6, 8), 0));
    assert_eq!((warehouse.stock(DAY_ONE).missing(), find_change(&warehouse, "c1").moved), (2, -4));
    warehouse.change("c2", "count", 7);
    let [(topic, shortfall)] = warehouse.events.as_slice() else { panic!("{:?}", warehouse.events) };
    assert_eq!((&**topic, &shortfall["onHand"], &shortfall["reserved"]), ("stock-events", &6.into(), &8.into()));
    assert!(shortfall.get("orderId").is_none(), "no order is confirmed yet");
}

#[test]
fn an_unknown_item_is_not_changed() {
    let mut warehouse = TestWarehouse::new();
    let value =
        json!({"warehouse": "main", "itemId": "vip", "kind": "receipt", "quantity": 1, "by": "ana", "why": "so"});
    warehouse.send(CHANGE, &value);
    assert!(warehouse.memory.get(&stock_key("main", "vip")).is_none());
    let refused = warehouse.memory.states().find_map(|(_, state)| state.change()?.refused.clone());
    assert_eq!(refused.as_deref(), Some("item vip is unknown in warehouse main"));
}

#[test]
fn a_quantity_that_is_not_allowed_goes_to_the_dead_letters() {
    for (kind, quantity) in
        [("adjustment", 0), ("receipt", 0), ("receipt", -1), ("count", -1), ("shortfall", 1), ("receipt", 1_i64 << 40)]
    {
        let mut warehouse = TestWarehouse::new();
        let value =
            json!({"warehouse": "main", "itemId": DAY_ONE, "kind": kind, "quantity": quantity, "by": "a", "why": "b"});
        let sent = warehouse.handle(&message(CHANGE, &value));
        assert_eq!((sent.len(), &*sent[0].topic), (1, "inventory-commands.dlq"), "{kind} {quantity}");
        assert_eq!(warehouse.count(DAY_ONE), (10, 0));
    }
}

#[test]
fn a_count_is_set_once_per_request() {
    let mut warehouse = TestWarehouse::new();
    warehouse.set("s1", "vip", 5);
    assert_eq!((warehouse.count("vip"), &*warehouse.stock("vip").name), ((5, 0), "new"));
    warehouse.reserve(ORDER, &[("vip", 2)]);
    warehouse.set("s2", "vip", 9);
    warehouse.set("s1", "vip", 5);
    assert_eq!(warehouse.count("vip"), (9, 2));
    for n in 3..20 {
        warehouse.set(&format!("s{n}"), "vip", 9);
    }
    assert_eq!(warehouse.stock("vip").changes, ["s16", "s17", "s18", "s19"]);
}

#[test]
fn a_count_below_what_is_reserved_leaves_nothing_available_and_reserves_nothing() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(ORDER, &[(DAY_ONE, 6)]);
    warehouse.set("s1", DAY_ONE, 4);
    assert_eq!((warehouse.count(DAY_ONE), warehouse.stock(DAY_ONE).available()), ((4, 6), 0));
    assert_eq!(reason(&warehouse.reserve(OTHER, &[(DAY_ONE, 1)])), "out_of_stock");
    assert_eq!(reason(&warehouse.confirm()), "stock_shortfall");
    assert!(is_ok(&warehouse.release()));
    assert_eq!(warehouse.count(DAY_ONE), (4, 0));
}

//! The rules of returns, one test for each: every command twice, every undo twice, an undo before its command.

use serde_json::{Value, json};

use crate::entity::{Inventory, Return, ReturnStatus};
use crate::fixture::{CAMPING, DAY_ONE, ORDER, OTHER, TestWarehouse, is_ok, reason};
use crate::messages::{CONFIRM, EXPECT_RETURN, FORGET_RETURN, RESTOCK, RETURN_RECEIVED};

/// A warehouse with a confirmed order of three tickets for day one and one for camping.
fn confirmed() -> TestWarehouse {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(ORDER, &[(DAY_ONE, 3), (CAMPING, 1)]);
    warehouse.confirm();
    warehouse
}

fn find_return(warehouse: &TestWarehouse, n: u32) -> &Return {
    let key = format!("return/018f3f2a-0000-7000-8000-{n:012x}");
    warehouse.memory.get(&key).and_then(Inventory::returned).expect("a return")
}

fn receive(warehouse: &mut TestWarehouse, n: u32, status: &str) {
    let id = format!("018f3f2a-0000-7000-8000-{n:012x}");
    let replies =
        warehouse.send(RETURN_RECEIVED, &json!({"returnId": id, "status": status, "by": "rui", "why": "looked at it"}));
    assert_eq!(replies, Vec::<Value>::new());
}

#[test]
fn returned_pieces_are_restocked_once() {
    let mut warehouse = confirmed();
    for _ in 0..2 {
        assert!(is_ok(&warehouse.return_command(EXPECT_RETURN, 1, &[(DAY_ONE, 2)])));
    }
    assert_eq!(warehouse.count(DAY_ONE), (7, 0), "an expected return changes no stock");
    for _ in 0..2 {
        assert!(is_ok(&warehouse.return_command(RESTOCK, 1, &[(DAY_ONE, 2)])));
    }
    assert_eq!(warehouse.count(DAY_ONE), (9, 0));
    assert!(is_ok(&warehouse.return_command(EXPECT_RETURN, 1, &[(DAY_ONE, 2)])), "also late");
}

#[test]
fn at_most_the_confirmed_pieces_come_back() {
    let mut warehouse = confirmed();
    assert!(is_ok(&warehouse.return_command(EXPECT_RETURN, 1, &[(DAY_ONE, 2)])));
    assert!(is_ok(&warehouse.return_command(RESTOCK, 2, &[(DAY_ONE, 1)])), "an unexpected return is restocked too");
    for n in 3..5 {
        let refused = warehouse.return_command(EXPECT_RETURN, n, &[(DAY_ONE, 1)]);
        assert_eq!(reason(&refused), "not_returnable");
        assert_eq!(refused["detail"], format!("item {DAY_ONE}: 1 to return, 0 returnable"));
        assert_eq!(reason(&warehouse.return_command(RESTOCK, n, &[(DAY_ONE, 1)])), "not_returnable");
    }
    assert_eq!(
        reason(&warehouse.return_command(RESTOCK, 6, &[("vip", 1)])),
        "not_returnable",
        "nor items that were not ordered"
    );
    assert_eq!(reason(&warehouse.return_command(RESTOCK, 7, &[])), "not_returnable", "nor no items at all");
    assert_eq!(warehouse.count(DAY_ONE), (8, 0));
}

#[test]
fn one_item_too_many_refuses_the_whole_return() {
    let mut warehouse = confirmed();
    assert_eq!(
        reason(&warehouse.return_command(RESTOCK, 1, &[(DAY_ONE, 1), (CAMPING, 1), (CAMPING, 1)])),
        "not_returnable"
    );
    assert_eq!((warehouse.count(DAY_ONE), warehouse.count(CAMPING)), ((7, 0), (1, 0)));
}

#[test]
fn fewer_pieces_than_expected_may_come_and_the_others_later() {
    let mut warehouse = confirmed();
    warehouse.return_command(EXPECT_RETURN, 1, &[(DAY_ONE, 3)]);
    assert!(is_ok(&warehouse.return_command(RESTOCK, 1, &[(DAY_ONE, 1)])));
    assert!(is_ok(&warehouse.return_command(EXPECT_RETURN, 2, &[(DAY_ONE, 2)])));
    assert_eq!(warehouse.count(DAY_ONE), (8, 0));
}

#[test]
fn an_order_that_is_unknown_or_not_confirmed_has_nothing_to_return() {
    let mut warehouse = TestWarehouse::new();
    assert_eq!(reason(&warehouse.return_command(EXPECT_RETURN, 1, &[(DAY_ONE, 1)])), "unknown_order");
    assert_eq!(reason(&warehouse.return_command(RESTOCK, 2, &[(DAY_ONE, 1)])), "not_returnable");
    warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
    assert_eq!(reason(&warehouse.return_command(EXPECT_RETURN, 3, &[(DAY_ONE, 1)])), "not_returnable");
    warehouse.confirm();
    assert_eq!(
        reason(&warehouse.return_command(EXPECT_RETURN, 1, &[(DAY_ONE, 1)])),
        "unknown_order",
        "a refusal is repeated"
    );
    assert_eq!(reason(&warehouse.return_command(RESTOCK, 3, &[(DAY_ONE, 1)])), "not_returnable");
    assert!(is_ok(&warehouse.return_command(EXPECT_RETURN, 4, &[(DAY_ONE, 3)])));
}

#[test]
fn forgotten_pieces_can_be_expected_by_another_return() {
    let mut warehouse = confirmed();
    warehouse.return_command(EXPECT_RETURN, 1, &[(DAY_ONE, 3)]);
    for _ in 0..2 {
        assert!(is_ok(&warehouse.return_command(FORGET_RETURN, 1, &[])));
    }
    assert_eq!(reason(&warehouse.return_command(EXPECT_RETURN, 1, &[(DAY_ONE, 3)])), "already_forgotten");
    assert_eq!(reason(&warehouse.return_command(RESTOCK, 1, &[(DAY_ONE, 3)])), "not_returnable");
    assert!(is_ok(&warehouse.return_command(EXPECT_RETURN, 2, &[(DAY_ONE, 3)])));
}

#[test]
fn an_expect_after_its_forget_is_refused() {
    let mut warehouse = confirmed();
    for _ in 0..2 {
        assert!(is_ok(&warehouse.return_command(FORGET_RETURN, 1, &[])));
    }
    assert_eq!(reason(&warehouse.return_command(EXPECT_RETURN, 1, &[(DAY_ONE, 3)])), "already_forgotten");
    assert_eq!(find_return(&warehouse, 1).status, ReturnStatus::Forgotten);
}

#[test]
fn a_restocked_return_is_not_forgotten() {
    let mut warehouse = confirmed();
    warehouse.return_command(RESTOCK, 1, &[(DAY_ONE, 3)]);
    assert!(is_ok(&warehouse.return_command(FORGET_RETURN, 1, &[])), "an undo is never refused");
    assert_eq!((warehouse.count(DAY_ONE), find_return(&warehouse, 1).status), ((10, 0), ReturnStatus::Restocked));
}

#[test]
fn a_release_puts_back_the_pieces_not_restocked_and_ends_all_returns() {
    let mut warehouse = confirmed();
    warehouse.return_command(RESTOCK, 1, &[(DAY_ONE, 2)]);
    warehouse.return_command(EXPECT_RETURN, 2, &[(DAY_ONE, 1)]);
    for _ in 0..2 {
        assert!(is_ok(&warehouse.release()));
        assert_eq!((warehouse.count(DAY_ONE), warehouse.count(CAMPING)), ((10, 0), (2, 0)));
    }
    assert_eq!(reason(&warehouse.return_command(RESTOCK, 2, &[(DAY_ONE, 1)])), "not_returnable");
    assert!(is_ok(&warehouse.return_command(FORGET_RETURN, 2, &[])));
    assert_eq!(warehouse.count(DAY_ONE), (10, 0));
}

#[test]
fn a_return_belongs_to_its_order() {
    let mut warehouse = confirmed();
    warehouse.reserve(OTHER, &[(DAY_ONE, 1)]);
    warehouse.request(CONFIRM, &json!({"orderId": OTHER}));
    warehouse.return_command(EXPECT_RETURN, 1, &[(DAY_ONE, 1)]);
    assert_eq!(reason(&warehouse.return_command_of(RESTOCK, 1, OTHER, &[(DAY_ONE, 1)])), "not_returnable");
    assert!(is_ok(&warehouse.return_command(RESTOCK, 1, &[(DAY_ONE, 1)])));
}

#[test]
fn the_first_inspection_result_is_sent_to_the_saga_once() {
    let mut warehouse = confirmed();
    receive(&mut warehouse, 1, "received");
    assert_eq!(warehouse.events, [], "it is not expected");
    warehouse.return_command(EXPECT_RETURN, 1, &[(DAY_ONE, 1)]);
    for status in ["received", "received", "rejected"] {
        receive(&mut warehouse, 1, status);
    }
    let id = "018f3f2a-0000-7000-8000-000000000001";
    let value = json!({"returnId": id, "status": "received", "by": "rui", "why": "looked at it",
        "at": "1970-01-01T00:00:00.005Z"});
    assert_eq!(warehouse.events, [("goods-received".to_owned(), value)]);
    warehouse.return_command(RESTOCK, 1, &[(DAY_ONE, 1)]);
    assert!(find_return(&warehouse, 1).receipt.is_some());
    warehouse.return_command(EXPECT_RETURN, 2, &[(DAY_ONE, 1)]);
    warehouse.return_command(FORGET_RETURN, 2, &[]);
    receive(&mut warehouse, 2, "received");
    assert_eq!(warehouse.events.len(), 1, "it is no longer expected");
}

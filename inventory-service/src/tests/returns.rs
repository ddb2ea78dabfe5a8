//! The rules of what comes back, one test a rule: every command twice, every undo twice, undo before do.

use super::*;
use crate::messages::RETURN_RECEIVED;
use crate::returns::{Return, ReturnStatus};

/// Our order was given out: three tickets and a place to camp.
fn given_out() -> Shop {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(DAY_ONE, 3), (CAMPING, 1)]);
    shop.confirm();
    shop
}

fn the_return(shop: &Shop, n: u32) -> &Return {
    let key = format!("return/018f3f2a-0000-7000-8000-{n:012x}");
    shop.memory.get(&key).and_then(Inventory::returned).expect("a return")
}

fn receive(shop: &mut Shop, n: u32, status: &str) {
    let id = format!("018f3f2a-0000-7000-8000-{n:012x}");
    let said =
        shop.say(RETURN_RECEIVED, &json!({"returnId": id, "status": status, "by": "rui", "why": "looked at it"}));
    assert_eq!(said, Vec::<Value>::new());
}

#[test]
fn what_comes_back_is_in_the_stock_again_once() {
    let mut shop = given_out();
    for _ in 0..2 {
        assert!(is_ok(&shop.of_return(EXPECT_RETURN, 1, &[(DAY_ONE, 2)])));
    }
    assert_eq!(shop.count(DAY_ONE), (7, 0), "not before it is there");
    for _ in 0..2 {
        assert!(is_ok(&shop.of_return(RESTOCK, 1, &[(DAY_ONE, 2)])));
    }
    assert_eq!(shop.count(DAY_ONE), (9, 0));
    assert!(is_ok(&shop.of_return(EXPECT_RETURN, 1, &[(DAY_ONE, 2)])), "also late");
}

#[test]
fn no_more_comes_back_than_was_given_out() {
    let mut shop = given_out();
    assert!(is_ok(&shop.of_return(EXPECT_RETURN, 1, &[(DAY_ONE, 2)])));
    assert!(is_ok(&shop.of_return(RESTOCK, 2, &[(DAY_ONE, 1)])), "what nobody expected may come, too");
    for n in 3..5 {
        let no = shop.of_return(EXPECT_RETURN, n, &[(DAY_ONE, 1)]);
        assert_eq!(why(&no), "not_returnable");
        assert_eq!(no["detail"], format!("item {DAY_ONE}: 1 to come back, 0 of the order can"));
        assert_eq!(why(&shop.of_return(RESTOCK, n, &[(DAY_ONE, 1)])), "not_returnable");
    }
    assert_eq!(why(&shop.of_return(RESTOCK, 6, &[("vip", 1)])), "not_returnable", "nor what was not in it");
    assert_eq!(why(&shop.of_return(RESTOCK, 7, &[])), "not_returnable", "nor nothing");
    assert_eq!(shop.count(DAY_ONE), (8, 0));
}

#[test]
fn one_item_too_many_and_none_comes_back() {
    let mut shop = given_out();
    assert_eq!(why(&shop.of_return(RESTOCK, 1, &[(DAY_ONE, 1), (CAMPING, 1), (CAMPING, 1)])), "not_returnable");
    assert_eq!((shop.count(DAY_ONE), shop.count(CAMPING)), ((7, 0), (1, 0)));
}

#[test]
fn fewer_may_come_than_were_expected_and_the_others_later() {
    let mut shop = given_out();
    shop.of_return(EXPECT_RETURN, 1, &[(DAY_ONE, 3)]);
    assert!(is_ok(&shop.of_return(RESTOCK, 1, &[(DAY_ONE, 1)])));
    assert!(is_ok(&shop.of_return(EXPECT_RETURN, 2, &[(DAY_ONE, 2)])));
    assert_eq!(shop.count(DAY_ONE), (8, 0));
}

#[test]
fn an_order_that_nobody_knows_or_that_was_not_given_out_has_nothing_to_come_back() {
    let mut shop = Shop::open();
    assert_eq!(why(&shop.of_return(EXPECT_RETURN, 1, &[(DAY_ONE, 1)])), "unknown_order");
    assert_eq!(why(&shop.of_return(RESTOCK, 2, &[(DAY_ONE, 1)])), "not_returnable");
    shop.reserve(ORDER, &[(DAY_ONE, 3)]);
    assert_eq!(why(&shop.of_return(EXPECT_RETURN, 3, &[(DAY_ONE, 1)])), "not_returnable");
    shop.confirm();
    assert_eq!(why(&shop.of_return(EXPECT_RETURN, 1, &[(DAY_ONE, 1)])), "unknown_order", "a no stays a no");
    assert_eq!(why(&shop.of_return(RESTOCK, 3, &[(DAY_ONE, 1)])), "not_returnable");
    assert!(is_ok(&shop.of_return(EXPECT_RETURN, 4, &[(DAY_ONE, 3)])));
}

#[test]
fn what_is_forgotten_can_be_expected_by_another_return() {
    let mut shop = given_out();
    shop.of_return(EXPECT_RETURN, 1, &[(DAY_ONE, 3)]);
    for _ in 0..2 {
        assert!(is_ok(&shop.of_return(FORGET_RETURN, 1, &[])));
    }
    assert_eq!(why(&shop.of_return(EXPECT_RETURN, 1, &[(DAY_ONE, 3)])), "already_forgotten");
    assert_eq!(why(&shop.of_return(RESTOCK, 1, &[(DAY_ONE, 3)])), "not_returnable");
    assert!(is_ok(&shop.of_return(EXPECT_RETURN, 2, &[(DAY_ONE, 3)])));
}

#[test]
fn a_return_that_is_forgotten_before_it_is_expected_is_refused() {
    let mut shop = given_out();
    for _ in 0..2 {
        assert!(is_ok(&shop.of_return(FORGET_RETURN, 1, &[])));
    }
    assert_eq!(why(&shop.of_return(EXPECT_RETURN, 1, &[(DAY_ONE, 3)])), "already_forgotten");
    assert_eq!(the_return(&shop, 1).status, ReturnStatus::Forgotten);
}

#[test]
fn what_is_in_the_stock_again_is_not_forgotten() {
    let mut shop = given_out();
    shop.of_return(RESTOCK, 1, &[(DAY_ONE, 3)]);
    assert!(is_ok(&shop.of_return(FORGET_RETURN, 1, &[])), "an undo is never refused");
    assert_eq!((shop.count(DAY_ONE), the_return(&shop, 1).status), ((10, 0), ReturnStatus::Restocked));
}

#[test]
fn a_release_puts_back_what_has_not_come_back_and_nothing_comes_after_it() {
    let mut shop = given_out();
    shop.of_return(RESTOCK, 1, &[(DAY_ONE, 2)]);
    shop.of_return(EXPECT_RETURN, 2, &[(DAY_ONE, 1)]);
    for _ in 0..2 {
        assert!(is_ok(&shop.release()));
        assert_eq!((shop.count(DAY_ONE), shop.count(CAMPING)), ((10, 0), (2, 0)));
    }
    assert_eq!(why(&shop.of_return(RESTOCK, 2, &[(DAY_ONE, 1)])), "not_returnable");
    assert!(is_ok(&shop.of_return(FORGET_RETURN, 2, &[])));
    assert_eq!(shop.count(DAY_ONE), (10, 0));
}

#[test]
fn a_return_belongs_to_its_order() {
    let mut shop = given_out();
    shop.reserve(OTHER, &[(DAY_ONE, 1)]);
    shop.ask(CONFIRM, &json!({"orderId": OTHER}));
    shop.of_return(EXPECT_RETURN, 1, &[(DAY_ONE, 1)]);
    assert_eq!(why(&shop.of_return_of(RESTOCK, (1, OTHER), &[(DAY_ONE, 1)])), "not_returnable");
    assert!(is_ok(&shop.of_return(RESTOCK, 1, &[(DAY_ONE, 1)])));
}

#[test]
fn the_first_word_of_who_looked_at_it_is_told_to_the_saga_once() {
    let mut shop = given_out();
    receive(&mut shop, 1, "received");
    assert_eq!(shop.told, [], "nobody expects it");
    shop.of_return(EXPECT_RETURN, 1, &[(DAY_ONE, 1)]);
    for status in ["received", "received", "rejected"] {
        receive(&mut shop, 1, status);
    }
    let id = "018f3f2a-0000-7000-8000-000000000001";
    let value = json!({"returnId": id, "status": "received", "by": "rui", "why": "looked at it",
        "at": "1970-01-01T00:00:00.005Z"});
    assert_eq!(shop.told, [("goods-received".to_owned(), value)]);
    shop.of_return(RESTOCK, 1, &[(DAY_ONE, 1)]);
    assert!(the_return(&shop, 1).receipt.is_some());
    shop.of_return(EXPECT_RETURN, 2, &[(DAY_ONE, 1)]);
    shop.of_return(FORGET_RETURN, 2, &[]);
    receive(&mut shop, 2, "received");
    assert_eq!(shop.told.len(), 1, "nobody expects it any more");
}

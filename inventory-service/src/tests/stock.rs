//! The rules of stock and reservations, one test a rule: every command twice, every undo twice, undo before do.

use std::collections::BTreeMap;

use common::journal::{Entity as _, Handler as _, Memory, Transaction, Trigger};
use common::time::Timestamp;
use common::topics;
use serde_json::json;

use super::*;
use crate::messages::{CONFIRM, RELEASE, RESERVE, SET};
use crate::stock::{Status, reservation_key, stock_key};

#[test]
fn seeding_touches_only_items_never_seen() {
    let mut shop = Shop::open();
    assert_eq!((shop.count(DAY_ONE), shop.count(CAMPING)), ((10, 0), (2, 0)));
    shop.reserve(ORDER, &[(DAY_ONE, 3)]);
    shop.set("s1", CAMPING, 0);
    shop.claim();
    assert_eq!((shop.count(DAY_ONE), shop.count(CAMPING)), ((10, 3), (0, 0)));
}

#[test]
fn seeding_is_done_by_the_partition_that_holds_the_warehouse_alone() {
    let (handler, store) = (Shop::open().handler, BTreeMap::new());
    let home = topics::partition_of(b"main", 2);
    for partition in [0, 1] {
        let mut memory = Memory::default();
        let mut tx = Transaction::over(&mut memory, &store, partition, 2);
        handler.decide(&mut tx, Trigger::Claimed, Timestamp(0)).unwrap();
        assert_eq!(memory.get(&stock_key("main", DAY_ONE)).is_some(), partition == home);
    }
}

#[test]
fn reserving_sets_all_items_aside() {
    let mut shop = Shop::open();
    let answer = shop.reserve(ORDER, &[(DAY_ONE, 3), (CAMPING, 2)]);
    assert!(is_ok(&answer) && answer["data"]["reservationId"].is_string(), "{answer}");
    assert_eq!((shop.count(DAY_ONE), shop.count(CAMPING)), ((10, 3), (2, 2)));
    assert!(memory_is_open(&shop) && shop.reservation().status == Status::Reserved);
}

fn memory_is_open(shop: &Shop) -> bool {
    shop.memory.get(&reservation_key(ORDER)).unwrap().is_open()
}

#[test]
fn when_one_item_is_short_none_is_reserved_and_the_answer_says_which() {
    let mut shop = Shop::open();
    let answer = shop.reserve(ORDER, &[(DAY_ONE, 3), (CAMPING, 3)]);
    assert_eq!(why(&answer), "out_of_stock");
    assert_eq!(answer["detail"], format!("item {CAMPING} (camping): 3 wanted, 2 available"));
    assert_eq!((shop.count(DAY_ONE), shop.count(CAMPING)), ((10, 0), (2, 0)));
    assert_eq!((shop.reservation().status, memory_is_open(&shop)), (Status::Refused, false));
}

#[test]
fn an_unknown_item_is_out_of_stock() {
    let mut shop = Shop::open();
    let answer = shop.reserve(ORDER, &[(DAY_ONE, 1), ("no-such", 1)]);
    assert_eq!(why(&answer), "out_of_stock");
    assert_eq!(answer["detail"], "item no-such: 1 wanted, warehouse main does not know it");
    assert_eq!(shop.count(DAY_ONE), (10, 0));
}

#[test]
fn what_others_reserved_is_not_available() {
    let mut shop = Shop::open();
    assert!(is_ok(&shop.reserve(OTHER, &[(DAY_ONE, 8)])));
    assert_eq!(why(&shop.reserve(ORDER, &[(DAY_ONE, 3)])), "out_of_stock");
}

#[test]
fn the_same_item_listed_twice_is_summed() {
    let mut shop = Shop::open();
    assert_eq!(why(&shop.reserve(OTHER, &[(DAY_ONE, 6), (DAY_ONE, 6)])), "out_of_stock");
    assert!(is_ok(&shop.reserve(ORDER, &[(DAY_ONE, 6), (CAMPING, 1), (DAY_ONE, 4)])));
    assert_eq!((shop.count(DAY_ONE), shop.reservation().items.len()), ((10, 10), 2));
}

#[test]
fn an_item_has_one_spelling() {
    let mut shop = Shop::open();
    assert!(is_ok(&shop.reserve(ORDER, &[(&DAY_ONE.to_uppercase(), 1), (DAY_ONE, 1)])));
    assert_eq!(shop.count(DAY_ONE), (10, 2));
}

#[test]
fn reserving_twice_reserves_once_and_answers_the_same() {
    let mut shop = Shop::open();
    let first = shop.reserve(ORDER, &[(DAY_ONE, 3)]);
    assert_eq!(shop.reserve(ORDER, &[(DAY_ONE, 3)]), first);
    assert_eq!(shop.count(DAY_ONE), (10, 3));
    shop.confirm();
    assert_eq!(shop.reserve(ORDER, &[(DAY_ONE, 3)]), first, "also late");
    assert_eq!(shop.count(DAY_ONE), (7, 0));
}

#[test]
fn a_refused_reserve_is_refused_again_even_when_stock_has_come() {
    let mut shop = Shop::open();
    let first = shop.reserve(ORDER, &[(CAMPING, 3)]);
    shop.set("s1", CAMPING, 100);
    assert_eq!(shop.reserve(ORDER, &[(CAMPING, 3)]), first);
    assert_eq!(shop.count(CAMPING), (100, 0));
}

#[test]
fn a_release_gives_back_what_was_reserved_once() {
    let mut shop = Shop::open();
    shop.reserve(OTHER, &[(DAY_ONE, 2)]);
    shop.reserve(ORDER, &[(DAY_ONE, 3)]);
    assert!(is_ok(&shop.release()));
    assert!(is_ok(&shop.release()));
    assert_eq!((shop.count(DAY_ONE), memory_is_open(&shop)), ((10, 2), false));
}

#[test]
fn a_release_before_the_reserve_is_recorded_and_the_reserve_refused() {
    let mut shop = Shop::open();
    assert!(is_ok(&shop.release()));
    assert!(is_ok(&shop.release()));
    for _ in 0..2 {
        assert_eq!(why(&shop.reserve(ORDER, &[(DAY_ONE, 3)])), "released_before_reserved");
    }
    assert_eq!(why(&shop.confirm()), "already_released");
    assert_eq!(shop.count(DAY_ONE), (10, 0));
}

#[test]
fn a_reserve_that_comes_again_after_its_release_reserves_nothing() {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(DAY_ONE, 3)]);
    shop.release();
    assert_eq!(why(&shop.reserve(ORDER, &[(DAY_ONE, 3)])), "already_released");
    assert_eq!(shop.count(DAY_ONE), (10, 0));
}

#[test]
fn releasing_a_refused_reservation_changes_nothing() {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(CAMPING, 3)]);
    assert!(is_ok(&shop.release()));
    assert_eq!((shop.count(CAMPING), shop.reservation().status), ((2, 0), Status::Refused));
}

#[test]
fn a_confirm_takes_the_stock_out_once() {
    let mut shop = Shop::open();
    shop.reserve(OTHER, &[(DAY_ONE, 2)]);
    shop.reserve(ORDER, &[(DAY_ONE, 3), (CAMPING, 1)]);
    let first = shop.confirm();
    assert!(is_ok(&first));
    assert_eq!(shop.confirm(), first);
    assert_eq!((shop.count(DAY_ONE), shop.count(CAMPING)), ((7, 2), (1, 0)));
}

#[test]
fn a_confirm_needs_a_reservation() {
    let mut shop = Shop::open();
    assert_eq!(why(&shop.confirm()), "unknown_reservation");
    assert!(shop.memory.get(&reservation_key(ORDER)).is_none(), "a reserve may still come");
    shop.reserve(ORDER, &[(CAMPING, 3)]);
    assert_eq!(why(&shop.confirm()), "not_reserved");
}

#[test]
fn a_release_after_the_confirm_puts_the_stock_back_once() {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(DAY_ONE, 3)]);
    shop.confirm();
    assert!(is_ok(&shop.release()));
    assert!(is_ok(&shop.release()));
    assert_eq!((shop.count(DAY_ONE), shop.reservation().status), ((10, 0), Status::Released));
    assert_eq!(why(&shop.confirm()), "already_released");
    assert_eq!(shop.count(DAY_ONE), (10, 0));
}

#[test]
fn a_count_is_taken_as_it_is_once_per_request() {
    let mut shop = Shop::open();
    shop.set("s1", "vip", 5);
    assert_eq!((shop.count("vip"), &*shop.stock("vip").name), ((5, 0), "new"));
    shop.reserve(ORDER, &[("vip", 2)]);
    shop.set("s2", "vip", 9);
    shop.set("s1", "vip", 5);
    assert_eq!(shop.count("vip"), (9, 2));
    for n in 3..20 {
        shop.set(&format!("s{n}"), "vip", 9);
    }
    assert_eq!(shop.stock("vip").changes, ["s16", "s17", "s18", "s19"]);
}

#[test]
fn a_count_below_what_is_reserved_leaves_nothing_available_and_never_goes_below_zero() {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(DAY_ONE, 6)]);
    shop.set("s1", DAY_ONE, 4);
    assert_eq!((shop.count(DAY_ONE), shop.stock(DAY_ONE).available()), ((4, 6), 0));
    assert_eq!(why(&shop.reserve(OTHER, &[(DAY_ONE, 1)])), "out_of_stock");
    assert!(is_ok(&shop.confirm()), "what was promised is kept");
    assert_eq!(shop.count(DAY_ONE), (0, 0));
}

#[test]
fn a_command_without_saga_headers_or_key_is_answered_to_its_order() {
    let mut shop = Shop::open();
    let mut typed =
        message(RESERVE, &json!({"orderId": ORDER.to_uppercase(), "items": [{"id": DAY_ONE, "quantity": 1}]}));
    typed.key = None;
    let sent = shop.take(&typed);
    assert_eq!(sent[0].key, Some(ORDER.into()));
    assert_eq!(shop.count(DAY_ONE), (10, 1));
}

#[test]
fn what_cannot_be_read_goes_to_the_dead_letters_and_changes_nothing() {
    let mut elsewhere = message(RELEASE, &json!({"orderId": ORDER}));
    elsewhere.key = Some(common::blob::Blob(vec![0xff]));
    let bad = [
        message("inventory.count", &json!({"orderId": ORDER})),
        message(RESERVE, &json!({"orderId": ORDER, "items": [{"id": DAY_ONE, "quantity": 0}]})),
        message(RESERVE, &json!({"orderId": ORDER, "items": [{"id": DAY_ONE, "quantity": -1}]})),
        message(CONFIRM, &json!({"orderId": "x"})),
        message(SET, &json!({"warehouse": "main", "itemId": DAY_ONE, "name": "x", "onHand": -5})),
        elsewhere,
    ];
    for message in bad {
        let mut shop = Shop::open();
        let sent = shop.take(&message);
        assert_eq!((sent.len(), &*sent[0].topic), (1, "inventory-commands.dlq"), "{message:?}");
        assert_eq!(shop.count(DAY_ONE), (10, 0));
        assert!(shop.memory.get(&reservation_key(ORDER)).is_none());
    }
}

#[test]
fn a_warehouse_is_served_by_its_own_partition_alone() {
    let (handler, store, mut memory) = (Shop::open().handler, BTreeMap::new(), Memory::default());
    let wrong = 1 - topics::partition_of(b"main", 2);
    let mut tx = Transaction::over(&mut memory, &store, wrong, 2);
    let released = message(RELEASE, &json!({"orderId": ORDER}));
    let taken = handler.decide(&mut tx, Trigger::Message(&released), Timestamp(0));
    assert!(taken.unwrap_err().to_string().contains("use its name as the key"));
}

/// Half an hour after a reservation of the shop's first moment.
const EXPIRED: Timestamp = Timestamp(5 + 30 * 60 * 1000);

#[test]
fn a_reservation_that_nobody_confirms_runs_out_and_its_stock_is_free_again() {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(DAY_ONE, 3), (CAMPING, 1)]);
    shop.until(Timestamp(EXPIRED.0 - 1));
    assert_eq!((shop.count(DAY_ONE), shop.reservation().status), ((10, 3), Status::Reserved));
    shop.until(EXPIRED);
    assert_eq!((shop.count(DAY_ONE), shop.count(CAMPING)), ((10, 0), (2, 0)));
    assert_eq!((shop.reservation().status, memory_is_open(&shop)), (Status::Expired, false));
}

#[test]
fn after_it_ran_out_a_confirm_is_refused_and_so_is_a_reserve_that_comes_again() {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(DAY_ONE, 3)]);
    shop.until(EXPIRED);
    for _ in 0..2 {
        assert_eq!(why(&shop.confirm()), "reservation_expired");
        assert_eq!(why(&shop.reserve(ORDER, &[(DAY_ONE, 3)])), "reservation_expired");
    }
    assert_eq!(shop.count(DAY_ONE), (10, 0));
}

#[test]
fn a_release_of_what_ran_out_gives_nothing_back_a_second_time() {
    let mut shop = Shop::open();
    shop.reserve(OTHER, &[(DAY_ONE, 2)]);
    shop.now = Timestamp(10);
    shop.reserve(ORDER, &[(DAY_ONE, 3)]);
    shop.until(EXPIRED);
    assert_eq!(shop.count(DAY_ONE), (10, 3), "each has its own time");
    shop.until(EXPIRED.plus(std::time::Duration::from_secs(1)));
    assert!(is_ok(&shop.release()) && is_ok(&shop.release()));
    assert_eq!((shop.count(DAY_ONE), shop.reservation().status), ((10, 0), Status::Released));
}

#[test]
fn what_is_confirmed_or_released_does_not_run_out() {
    for confirmed in [true, false] {
        let mut shop = Shop::open();
        shop.reserve(ORDER, &[(DAY_ONE, 3)]);
        if confirmed {
            shop.confirm()
        } else {
            shop.release()
        };
        let before = shop.count(DAY_ONE);
        let key = reservation_key(ORDER);
        shop.memory.decide(&shop.handler, Trigger::Timer(&key), EXPIRED);
        assert_eq!(shop.count(DAY_ONE), before, "not even for a timer that comes too late");
    }
}

#[test]
fn a_timer_that_comes_too_early_changes_nothing() {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(DAY_ONE, 3)]);
    let key = reservation_key(ORDER);
    shop.memory.decide(&shop.handler, Trigger::Timer(&key), Timestamp(EXPIRED.0 - 1));
    assert_eq!(shop.reservation().status, Status::Reserved);
}

#[test]
fn a_confirm_that_is_read_late_is_in_time_while_the_stock_is_still_held() {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(DAY_ONE, 3)]);
    shop.now = EXPIRED.plus(std::time::Duration::from_secs(60));
    assert!(is_ok(&shop.confirm()), "it lay on its topic while the service was away");
    assert_eq!(shop.count(DAY_ONE), (7, 0));
}

#[test]
fn what_the_previous_release_wrote_is_read_and_goes_on() {
    let mut shop = Shop::of_the_previous_release();
    assert_eq!(shop.count(DAY_ONE), (7, 4));
    shop.until(Timestamp::LAST);
    assert_eq!(shop.reservation().status, Status::Reserved, "it was promised without an end");
    assert!(is_ok(&shop.reserve(ORDER, &[(DAY_ONE, 3)])));
    assert_eq!(why(&shop.reserve(OTHER, &[(DAY_ONE, 99)])), "out_of_stock");
    assert!(is_ok(&shop.confirm()));
    assert_eq!(shop.count(DAY_ONE), (4, 1));
    let early =
        shop.of_return_of(crate::messages::EXPECT_RETURN, (1, "018f3f2a-0000-7000-8000-000000000003"), &[(DAY_ONE, 2)]);
    assert!(is_ok(&early), "{early}");
    assert!(is_ok(&shop.release()));
    assert_eq!(shop.count(DAY_ONE), (7, 1));
}

#[test]
fn scarcity_is_told_once_each_time_it_begins() {
    let mut shop = Shop::open();
    shop.handler.rules.low = 5;
    shop.handler.rules.low_of.insert(CAMPING.to_owned(), 0);
    shop.reserve(OTHER, &[(DAY_ONE, 5), (CAMPING, 2)]);
    assert_eq!(shop.told, [], "5 are not fewer than 5, and of camping none is told");
    shop.reserve(ORDER, &[(DAY_ONE, 1)]);
    shop.reserve(ORDER, &[(DAY_ONE, 1)]);
    shop.confirm();
    assert_eq!(shop.told.len(), 1);
    let (topic, value) = shop.told.remove(0);
    let expected = json!({"warehouse": "main", "itemId": DAY_ONE, "name": "day-one", "available": 4, "threshold": 5,
        "at": "1970-01-01T00:00:00.005Z"});
    assert_eq!((&*topic, value), ("stock-events", expected));
    shop.release();
    shop.set("s1", DAY_ONE, 7);
    assert_eq!(shop.told.len(), 1, "there was enough again, and then not");
}

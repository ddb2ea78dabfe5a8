//! The rules of reservations, one test for each: every command twice, every undo twice, an undo before its command.

use common::journal::{Entity as _, Trigger};
use common::time::Timestamp;
use serde_json::json;

use crate::entity::{ReservationStatus, reservation_key};
use crate::fixture::{CAMPING, DAY_ONE, ORDER, OTHER, TestWarehouse, is_ok, reason};
use crate::messages::{EXPECT_RETURN, RESERVE};

#[test]
fn a_reserve_reserves_all_items() {
    let mut warehouse = TestWarehouse::new();
    let reply = warehouse.reserve(ORDER, &[(DAY_ONE, 3), (CAMPING, 2)]);
    assert!(is_ok(&reply) && reply["data"]["reservationId"].is_string(), "{reply}");
    assert_eq!((warehouse.count(DAY_ONE), warehouse.count(CAMPING)), ((10, 3), (2, 2)));
    assert!(is_open(&warehouse) && warehouse.reservation().status == ReservationStatus::Reserved);
}

fn is_open(warehouse: &TestWarehouse) -> bool {
    warehouse.memory.get(&reservation_key(ORDER)).unwrap().is_open()
}

#[test]
fn if_one_item_is_short_none_is_reserved_and_the_reply_names_it() {
    let mut warehouse = TestWarehouse::new();
    let reply = warehouse.reserve(ORDER, &[(DAY_ONE, 3), (CAMPING, 3)]);
    assert_eq!(reason(&reply), "out_of_stock");
    assert_eq!(reply["detail"], format!("item {CAMPING} (camping): 3 requested, 2 available"));
    assert_eq!((warehouse.count(DAY_ONE), warehouse.count(CAMPING)), ((10, 0), (2, 0)));
    assert_eq!((warehouse.reservation().status, is_open(&warehouse)), (ReservationStatus::Refused, false));
}

#[test]
fn an_unknown_item_is_out_of_stock() {
    let mut warehouse = TestWarehouse::new();
    let reply = warehouse.reserve(ORDER, &[(DAY_ONE, 1), ("no-such", 1)]);
    assert_eq!(reason(&reply), "out_of_stock");
    assert_eq!(reply["detail"], "item no-such: 1 requested, unknown in warehouse main");
    assert_eq!(warehouse.count(DAY_ONE), (10, 0));
}

#[test]
fn with_a_price_check_an_order_has_the_prices_of_the_warehouse_or_is_refused() {
    let price = |amount: i64, currency: &str| json!({"amountMinor": amount, "currency": currency});
    let reserve = |warehouse: &mut TestWarehouse, order: &str, amount: Option<i64>, currency: &str, check: bool| {
        let mut item = json!({"id": DAY_ONE.to_uppercase(), "name": "x", "quantity": 2});
        amount.into_iter().for_each(|amount| item["amountMinor"] = amount.into());
        let mut value = json!({"orderId": order, "items": [item], "currency": currency});
        if check {
            value["priceCheck"] = "catalogue".into();
        }
        warehouse.request(RESERVE, &value)
    };
    let mut warehouse = TestWarehouse::new();
    let refused = reserve(&mut warehouse, ORDER, Some(1050), "BRL", true);
    assert_eq!(reason(&refused), "no_price");
    assert_eq!(refused["detail"], format!("item {DAY_ONE} (day-one) has no price in warehouse main"));
    warehouse.set_price("first", DAY_ONE, &price(1050, "BRL"));
    assert_eq!(reason(&reserve(&mut warehouse, ORDER, Some(1050), "BRL", true)), "no_price", "it stays refused");

    for (amount, currency, detail) in [
        (Some(1), "BRL", "the order has 0.01 BRL"),
        (Some(1050), "EUR", "the order has 10.50 EUR"),
        (None, "BRL", "the order has no price"),
    ] {
        let mut warehouse = TestWarehouse::new();
        warehouse.set_price("first", DAY_ONE, &price(1050, "BRL"));
        let refused = reserve(&mut warehouse, ORDER, amount, currency, true);
        assert_eq!(reason(&refused), "wrong_price");
        assert_eq!(refused["detail"], format!("item {DAY_ONE} (new) costs 10.50 BRL, {detail}"));
        assert_eq!(warehouse.count(DAY_ONE), (10, 0));
        assert!(is_ok(&reserve(&mut warehouse, OTHER, amount, currency, false)), "without a check any price is taken");
    }

    assert!(is_ok(&reserve(&mut warehouse, OTHER, Some(1050), "BRL", true)));
    warehouse.set("second", DAY_ONE, 10);
    let another = "018f3f2a-0000-7000-8000-000000000003";
    assert!(is_ok(&reserve(&mut warehouse, another, Some(1050), "BRL", true)), "a count leaves the price");
    let unknown = json!({"orderId": "018f3f2a-0000-7000-8000-000000000004", "priceCheck": "catalogue",
        "items": [{"id": "no-such", "quantity": 1}]});
    assert_eq!(reason(&warehouse.request(RESERVE, &unknown)), "out_of_stock");
}

#[test]
fn stock_reserved_by_other_orders_is_not_available() {
    let mut warehouse = TestWarehouse::new();
    assert!(is_ok(&warehouse.reserve(OTHER, &[(DAY_ONE, 8)])));
    assert_eq!(reason(&warehouse.reserve(ORDER, &[(DAY_ONE, 3)])), "out_of_stock");
}

#[test]
fn the_same_item_listed_twice_is_summed() {
    let mut warehouse = TestWarehouse::new();
    assert_eq!(reason(&warehouse.reserve(OTHER, &[(DAY_ONE, 6), (DAY_ONE, 6)])), "out_of_stock");
    assert!(is_ok(&warehouse.reserve(ORDER, &[(DAY_ONE, 6), (CAMPING, 1), (DAY_ONE, 4)])));
    assert_eq!((warehouse.count(DAY_ONE), warehouse.reservation().items.len()), ((10, 10), 2));
}

#[test]
fn the_id_of_an_item_is_normalized() {
    let mut warehouse = TestWarehouse::new();
    assert!(is_ok(&warehouse.reserve(ORDER, &[(&DAY_ONE.to_uppercase(), 1), (DAY_ONE, 1)])));
    assert_eq!(warehouse.count(DAY_ONE), (10, 2));
}

#[test]
fn a_repeated_reserve_reserves_once_and_gets_the_same_reply() {
    let mut warehouse = TestWarehouse::new();
    let first = warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
    assert_eq!(warehouse.reserve(ORDER, &[(DAY_ONE, 3)]), first);
    assert_eq!(warehouse.count(DAY_ONE), (10, 3));
    warehouse.confirm();
    assert_eq!(warehouse.reserve(ORDER, &[(DAY_ONE, 3)]), first, "also late");
    assert_eq!(warehouse.count(DAY_ONE), (7, 0));
}

#[test]
fn a_refused_reserve_is_refused_again_even_if_there_is_stock() {
    let mut warehouse = TestWarehouse::new();
    let first = warehouse.reserve(ORDER, &[(CAMPING, 3)]);
    warehouse.set("s1", CAMPING, 100);
    assert_eq!(warehouse.reserve(ORDER, &[(CAMPING, 3)]), first);
    assert_eq!(warehouse.count(CAMPING), (100, 0));
}

#[test]
fn a_release_makes_the_stock_available_once() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(OTHER, &[(DAY_ONE, 2)]);
    warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
    assert!(is_ok(&warehouse.release()));
    assert!(is_ok(&warehouse.release()));
    assert_eq!((warehouse.count(DAY_ONE), is_open(&warehouse)), ((10, 2), false));
}

#[test]
fn a_release_before_the_reserve_is_recorded_and_the_reserve_refused() {
    let mut warehouse = TestWarehouse::new();
    assert!(is_ok(&warehouse.release()));
    assert!(is_ok(&warehouse.release()));
    for _ in 0..2 {
        assert_eq!(reason(&warehouse.reserve(ORDER, &[(DAY_ONE, 3)])), "released_before_reserved");
    }
    assert_eq!(reason(&warehouse.confirm()), "already_released");
    assert_eq!(warehouse.count(DAY_ONE), (10, 0));
}

#[test]
fn a_reserve_repeated_after_its_release_reserves_nothing() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
    warehouse.release();
    assert_eq!(reason(&warehouse.reserve(ORDER, &[(DAY_ONE, 3)])), "already_released");
    assert_eq!(warehouse.count(DAY_ONE), (10, 0));
}

#[test]
fn releasing_a_refused_reservation_changes_nothing() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(ORDER, &[(CAMPING, 3)]);
    assert!(is_ok(&warehouse.release()));
    assert_eq!((warehouse.count(CAMPING), warehouse.reservation().status), ((2, 0), ReservationStatus::Refused));
}

#[test]
fn a_confirm_takes_the_stock_out_once() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(OTHER, &[(DAY_ONE, 2)]);
    warehouse.reserve(ORDER, &[(DAY_ONE, 3), (CAMPING, 1)]);
    let first = warehouse.confirm();
    assert!(is_ok(&first));
    assert_eq!(warehouse.confirm(), first);
    assert_eq!((warehouse.count(DAY_ONE), warehouse.count(CAMPING)), ((7, 2), (1, 0)));
}

#[test]
fn a_confirm_for_which_a_count_left_too_few_pieces_is_refused_and_reported() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(OTHER, &[(DAY_ONE, 4)]);
    warehouse.reserve(ORDER, &[(DAY_ONE, 3), (CAMPING, 1)]);
    warehouse.change("c1", "count", 2);
    warehouse.events.clear();
    let refused = warehouse.confirm();
    assert_eq!(reason(&refused), "stock_shortfall");
    assert_eq!(refused["detail"], format!("item {DAY_ONE} (day-one): 3 reserved, 2 left"));
    let [(_, shortfall)] = warehouse.events.as_slice() else { panic!("{:?}", warehouse.events) };
    assert_eq!((&shortfall["orderId"], &shortfall["itemId"]), (&ORDER.into(), &DAY_ONE.into()));
    assert_eq!((warehouse.count(DAY_ONE), warehouse.count(CAMPING)), ((2, 7), (2, 1)), "nothing was taken out");
    warehouse.change("c2", "count", 10);
    assert_eq!(warehouse.confirm(), refused, "a repeated command gets the same reply, though the pieces were found");
    assert!(is_ok(&warehouse.release()));
    assert_eq!((warehouse.count(DAY_ONE), warehouse.count(CAMPING)), ((10, 4), (2, 0)));
}

#[test]
fn a_confirm_needs_a_reservation() {
    let mut warehouse = TestWarehouse::new();
    assert_eq!(reason(&warehouse.confirm()), "unknown_reservation");
    assert!(warehouse.memory.get(&reservation_key(ORDER)).is_none(), "a later reserve is not refused");
    warehouse.reserve(ORDER, &[(CAMPING, 3)]);
    assert_eq!(reason(&warehouse.confirm()), "not_reserved");
}

#[test]
fn a_release_after_the_confirm_puts_the_stock_back_once() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
    warehouse.confirm();
    assert!(is_ok(&warehouse.release()));
    assert!(is_ok(&warehouse.release()));
    assert_eq!((warehouse.count(DAY_ONE), warehouse.reservation().status), ((10, 0), ReservationStatus::Released));
    assert_eq!(reason(&warehouse.confirm()), "already_released");
    assert_eq!(warehouse.count(DAY_ONE), (10, 0));
}

/// Half an hour after the fixture's first moment.
const EXPIRED: Timestamp = Timestamp(5 + 30 * 60 * 1000);

#[test]
fn a_reservation_that_is_not_confirmed_expires_and_its_stock_is_available() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(ORDER, &[(DAY_ONE, 3), (CAMPING, 1)]);
    warehouse.advance_to(Timestamp(EXPIRED.0 - 1));
    assert_eq!((warehouse.count(DAY_ONE), warehouse.reservation().status), ((10, 3), ReservationStatus::Reserved));
    warehouse.advance_to(EXPIRED);
    assert_eq!((warehouse.count(DAY_ONE), warehouse.count(CAMPING)), ((10, 0), (2, 0)));
    assert_eq!((warehouse.reservation().status, is_open(&warehouse)), (ReservationStatus::Expired, false));
}

#[test]
fn after_it_expired_a_confirm_and_a_repeated_reserve_are_refused() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
    warehouse.advance_to(EXPIRED);
    for _ in 0..2 {
        assert_eq!(reason(&warehouse.confirm()), "reservation_expired");
        assert_eq!(reason(&warehouse.reserve(ORDER, &[(DAY_ONE, 3)])), "reservation_expired");
    }
    assert_eq!(warehouse.count(DAY_ONE), (10, 0));
}

#[test]
fn a_release_of_an_expired_reservation_changes_no_stock() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(OTHER, &[(DAY_ONE, 2)]);
    warehouse.now = Timestamp(10);
    warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
    warehouse.advance_to(EXPIRED);
    assert_eq!(warehouse.count(DAY_ONE), (10, 3), "each expires at its own time");
    warehouse.advance_to(EXPIRED.plus(std::time::Duration::from_secs(1)));
    assert!(is_ok(&warehouse.release()) && is_ok(&warehouse.release()));
    assert_eq!((warehouse.count(DAY_ONE), warehouse.reservation().status), ((10, 0), ReservationStatus::Released));
}

#[test]
fn a_confirmed_or_released_reservation_does_not_expire() {
    for confirmed in [true, false] {
        let mut warehouse = TestWarehouse::new();
        warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
        if confirmed {
            warehouse.confirm()
        } else {
            warehouse.release()
        };
        let before = warehouse.count(DAY_ONE);
        let key = reservation_key(ORDER);
        warehouse.memory.decide(&warehouse.handler, Trigger::Timer(&key), EXPIRED);
        assert_eq!(warehouse.count(DAY_ONE), before, "not even if a timer fires late");
    }
}

#[test]
fn a_timer_that_fires_early_changes_nothing() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
    let key = reservation_key(ORDER);
    warehouse.memory.decide(&warehouse.handler, Trigger::Timer(&key), Timestamp(EXPIRED.0 - 1));
    assert_eq!(warehouse.reservation().status, ReservationStatus::Reserved);
}

#[test]
fn a_confirm_that_is_read_late_is_in_time_while_the_stock_is_reserved() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
    warehouse.now = EXPIRED.plus(std::time::Duration::from_secs(60));
    assert!(is_ok(&warehouse.confirm()), "it was on its topic while the service was down");
    assert_eq!(warehouse.count(DAY_ONE), (7, 0));
}

#[test]
fn entities_of_the_previous_release_are_read_and_continue() {
    let mut warehouse = TestWarehouse::from_previous_release();
    assert_eq!(warehouse.count(DAY_ONE), (7, 4));
    warehouse.advance_to(Timestamp::LAST);
    assert_eq!(warehouse.reservation().status, ReservationStatus::Reserved, "it never expires");
    assert!(is_ok(&warehouse.reserve(ORDER, &[(DAY_ONE, 3)])));
    assert_eq!(reason(&warehouse.reserve(OTHER, &[(DAY_ONE, 99)])), "out_of_stock");
    assert!(is_ok(&warehouse.confirm()));
    assert_eq!(warehouse.count(DAY_ONE), (4, 1));
    let early = warehouse.return_command_of(EXPECT_RETURN, 1, "018f3f2a-0000-7000-8000-000000000003", &[(DAY_ONE, 2)]);
    assert!(is_ok(&early), "{early}");
    assert!(is_ok(&warehouse.release()));
    assert_eq!(warehouse.count(DAY_ONE), (7, 1));
}

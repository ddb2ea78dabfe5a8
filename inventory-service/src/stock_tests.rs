//! The rules of stock and reservations, one test a rule: every command twice, every undo twice, undo before do.

use std::collections::BTreeMap;

use common::journal::Memory;
use common::messages::{Headers, header};

use super::*;

const ORDER: &str = "018f3f2a-0000-7000-8000-000000000001";
const OTHER: &str = "018f3f2a-0000-7000-8000-000000000002";
const DAY_ONE: &str = "3852cb18-9c19-4326-ac77-a1a0264bd98c";
const CAMPING: &str = "5c1d7f52-0c5e-4b8b-8a3e-7f9d2b6c4e10";

fn message(kind: &str, value: &Value) -> Message {
    let mut headers = Headers::default();
    headers.push(header::TYPE, kind);
    headers.push(header::ID, ids::derive(&[kind, &value.to_string()]).to_string());
    let value = Some(value.to_string().into_bytes());
    let (topic, timestamp) = (topics::INVENTORY_COMMANDS.into(), Timestamp(0));
    Message { topic, partition: 0, offset: 1, timestamp, key: Some("main".into()), headers, value }
}

/// A warehouse with 10 tickets and 2 places to camp.
struct Shop {
    handler: Warehouse,
    memory: Memory<Inventory>,
}

impl Shop {
    fn open() -> Self {
        let stock = |id: &str, name: &str, on_hand| Stock {
            item_id: id.to_owned(),
            name: name.to_owned(),
            warehouse: "main".to_owned(),
            on_hand,
            reserved: 0,
            changes: Vec::new(),
        };
        let seed = vec![stock(DAY_ONE, "day-one", 10), stock(CAMPING, "camping", 2)];
        let mut shop = Self { handler: Warehouse { name: "main".to_owned(), seed }, memory: Memory::default() };
        shop.claim();
        shop
    }

    fn claim(&mut self) {
        assert_eq!(self.memory.decide(&self.handler, Trigger::Claimed, Timestamp(1)), []);
    }

    fn take(&mut self, message: &Message) -> Vec<Outgoing> {
        self.memory.decide(&self.handler, Trigger::Message(message), Timestamp(5))
    }

    /// Sends a command and reads the one reply.
    fn ask(&mut self, kind: &str, value: &Value) -> Value {
        let sent = self.take(&message(kind, value));
        let [reply] = sent.as_slice() else { panic!("one reply, not {sent:?}") };
        assert_eq!(reply.topic, topics::SAGA_REPLIES);
        serde_json::from_slice(reply.value.bytes().unwrap()).unwrap()
    }

    fn reserve(&mut self, order: &str, items: &[(&str, u32)]) -> Value {
        let items: Vec<_> = items.iter().map(|(id, n)| json!({"id": id, "name": "x", "quantity": n})).collect();
        self.ask(RESERVE, &json!({"orderId": order, "items": items}))
    }

    fn release(&mut self) -> Value {
        self.ask(RELEASE, &json!({"orderId": ORDER}))
    }

    fn confirm(&mut self) -> Value {
        self.ask(CONFIRM, &json!({"orderId": ORDER}))
    }

    fn set(&mut self, id: &str, item: &str, on_hand: u32) {
        let mut set = message(SET, &json!({"warehouse": "main", "itemId": item, "name": "new", "onHand": on_hand}));
        set.headers.push(header::ID, id);
        assert_eq!(self.take(&set), []);
    }

    fn stock(&self, item: &str) -> &Stock {
        match self.memory.get(&stock_key("main", item)) {
            Some(Inventory::Stock(stock)) => stock,
            other => panic!("a stock, not {other:?}"),
        }
    }

    /// On hand, reserved.
    fn count(&self, item: &str) -> (u64, u64) {
        (self.stock(item).on_hand, self.stock(item).reserved)
    }

    fn reservation(&self) -> &Reservation {
        match self.memory.get(&reservation_key(ORDER)) {
            Some(Inventory::Reservation(reservation)) => reservation,
            other => panic!("a reservation, not {other:?}"),
        }
    }
}

fn is_ok(answer: &Value) -> bool {
    answer["outcome"] == "ok"
}

fn why(answer: &Value) -> &str {
    assert_eq!(answer["outcome"], "refused");
    answer["reason"].as_str().unwrap()
}

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
        let mut world = World::over(&mut memory, &store, partition, 2);
        handler.decide(&mut world, Trigger::Claimed, Timestamp(0)).unwrap();
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
    let mut world = World::over(&mut memory, &store, wrong, 2);
    let released = message(RELEASE, &json!({"orderId": ORDER}));
    let taken = handler.decide(&mut world, Trigger::Message(&released), Timestamp(0));
    assert!(taken.unwrap_err().to_string().contains("use its name as the key"));
}

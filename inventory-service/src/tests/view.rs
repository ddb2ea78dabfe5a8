//! What the view shows, of states as the journal has them.

use common::view::Rows as _;

use super::*;
use crate::stock::stock_key;
use crate::tests::{CAMPING, DAY_ONE, OTHER, Shop};

/// A view with the view's own table of states, as `common` makes it.
fn view() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch("CREATE TABLE entities(partition, key TEXT, state TEXT, open, PRIMARY KEY(key, partition))")
        .unwrap();
    connection.execute_batch(InventoryRows::SCHEMA).unwrap();
    connection
}

fn put(connection: &mut Connection, key: &str, state: &Inventory) {
    let text = serde_json::to_string(state).unwrap();
    let tx = connection.transaction().unwrap();
    tx.execute("REPLACE INTO entities VALUES (0, ?, ?, 0)", (key, text)).unwrap();
    InventoryRows::apply(&tx, &Row { partition: 0, key, state: Some(state), at: Timestamp(1) }).unwrap();
    tx.commit().unwrap();
}

/// Shows all that a shop keeps.
fn show(connection: &mut Connection, shop: &Shop) {
    for (key, state) in shop.memory.states() {
        put(connection, key, state);
    }
}

fn some_stock() -> Connection {
    let mut connection = view();
    for (id, name) in [("1", "zelt"), ("2", "apfel"), ("3", "mond")] {
        let (item_id, name, warehouse) = (id.to_owned(), name.to_owned(), "main".to_owned());
        let changes = vec!["c".to_owned()];
        let stock = Stock { item_id, name, warehouse, on_hand: 5, reserved: 2, changes, ..Stock::default() };
        put(&mut connection, &stock_key("main", id), &Inventory::Stock(stock));
    }
    connection
}

#[test]
fn all_stock_comes_by_name_and_reservations_are_no_stock() {
    let mut shop = Shop::open();
    shop.reserve(OTHER, &[(DAY_ONE, 1)]);
    let mut view = some_stock();
    show(&mut view, &shop);
    let names: Vec<_> = all(&view).unwrap().into_iter().map(|stock| stock.name).collect();
    assert_eq!(names, ["apfel", "camping", "day-one", "mond", "zelt"]);
}

#[test]
fn a_stock_is_found_by_its_key() {
    let view = some_stock();
    assert_eq!(stock(&view, "stock/main/3").unwrap().unwrap().changes, ["c"]);
    assert_eq!((stock(&view, "stock/main/4").unwrap(), stock(&view, "reservation/o").unwrap()), (None, None));
}

/// On hand and reserved, as the movements have it.
fn sum(view: &Connection, item: &str) -> (i64, i64) {
    let all = accounts(view, ("main", item)).unwrap();
    assert_eq!(all.iter().map(|(_, sum)| sum).sum::<i64>(), 0, "what came from somewhere went somewhere: {all:?}");
    let of = |name: &str| all.iter().find(|(account, _)| account == name).map_or(0, |(_, sum)| *sum);
    (of("available") + of("reserved"), of("reserved"))
}

#[test]
fn the_sum_of_the_movements_is_the_stock_whatever_happened_and_whatever_the_view_skipped() {
    for skipped in [1, 3, 1_000] {
        let (mut shop, mut view) = (Shop::open(), view());
        let mut dice = fastrand::Rng::with_seed(7);
        for n in 1..=600_u32 {
            shop.at_random(&mut dice);
            if n % skipped == 0 || n == 600 {
                show(&mut view, &shop);
                for item in [DAY_ONE, CAMPING] {
                    let (on_hand, reserved) = shop.count(item);
                    assert_eq!(sum(&view, item), (on_hand as i64, reserved as i64), "{item} after {n} steps");
                }
            }
        }
    }
}

#[test]
fn movements_come_newest_first_by_pages_and_begin_with_the_opening() {
    let (mut shop, mut view) = (Shop::open(), view());
    for n in 1..=5 {
        shop.now = Timestamp(n * 10);
        shop.reserve(&format!("018f3f2a-0000-7000-8000-{n:012}"), &[(DAY_ONE, 1)]);
    }
    show(&mut view, &shop);
    show(&mut view, &shop);
    let first = movements(&view, ("main", DAY_ONE), None, 3).unwrap();
    let last = first[2].place.to_string().parse().unwrap();
    let rest = movements(&view, ("main", DAY_ONE), Some(&last), 9).unwrap();
    let times: Vec<_> = first.iter().chain(&rest).map(|moved| moved.at.map(|at| at.0)).collect();
    assert_eq!(times, [Some(50), Some(40), Some(30), Some(20), Some(10), None]);
    assert_eq!((&*rest[2].what, rest[2].quantity, &*rest[2].to), ("opening", 10, "available"));
    assert_eq!((&*first[0].from, &*first[0].to), ("available", "reserved"));
    assert!("x".parse::<Place>().is_err() && "1_2".parse::<Place>().is_err());
}

#[test]
fn what_was_written_before_there_were_movements_begins_with_what_is_there() {
    let (mut shop, mut view) = (Shop::of_the_previous_release(), view());
    show(&mut view, &shop);
    assert_eq!(sum(&view, DAY_ONE), (7, 4));
    shop.confirm();
    shop.reserve("018f3f2a-0000-7000-8000-00000000000a", &[(DAY_ONE, 1)]);
    show(&mut view, &shop);
    assert_eq!(sum(&view, DAY_ONE), (4, 2));
    let what: Vec<_> = movements(&view, ("main", DAY_ONE), None, 9).unwrap().into_iter().map(|m| m.what).collect();
    assert_eq!(what, ["reserved", "confirmed", "opening", "opening"]);
}

//! The tables and queries of the view, filled with states of the rules.

use common::view::{Row, Rows as _};

use super::*;
use crate::entity::stock_key;
use crate::fixture::{CAMPING, DAY_ONE, ORDER, OTHER, TestWarehouse};

/// A view with the table of entities that `common` creates.
fn new_view() -> Connection {
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

/// Writes all entities of a warehouse to the view.
fn update(connection: &mut Connection, warehouse: &TestWarehouse) {
    for (key, state) in warehouse.memory.states() {
        put(connection, key, state);
    }
}

fn view_with_stock() -> Connection {
    let mut connection = new_view();
    for (id, name) in [("1", "zelt"), ("2", "apfel"), ("3", "mond")] {
        let stock = Stock {
            item_id: id.to_owned(),
            name: name.to_owned(),
            warehouse: "main".to_owned(),
            on_hand: 5,
            reserved: 2,
            changes: vec!["c".to_owned()],
            price: None,
            opening: None,
        };
        put(&mut connection, &stock_key("main", id), &Inventory::Stock(stock));
    }
    connection
}

#[test]
fn items_are_scarce_below_the_limit_of_all_or_their_own() {
    let mut view = view_with_stock();
    let scarce = |view: &Connection, low, own: &[(&str, u64)]| {
        let low_of = own.iter().map(|(item, low)| ((*item).to_owned(), *low)).collect();
        super::scarce(view, low, &low_of).unwrap()
    };
    assert_eq!(scarce(&view, 3, &[]), 0, "three pieces of each are available");
    assert_eq!(scarce(&view, 4, &[]), 3);
    assert_eq!(scarce(&view, 4, &[("1", 3), ("unknown", 9)]), 2);
    assert_eq!(scarce(&view, 0, &[("1", 4)]), 1);
    assert_eq!(short(&view).unwrap(), 0);
    let Some(mut stock) = stock(&view, &stock_key("main", "1")).unwrap() else { panic!("no stock") };
    stock.on_hand = 1;
    put(&mut view, &stock_key("main", "1"), &Inventory::Stock(stock));
    assert_eq!(short(&view).unwrap(), 1);
    assert_eq!(scarce(&view, 3, &[]), 1);
}

#[test]
fn all_stock_is_listed_by_name_without_reservations() {
    let mut warehouse = TestWarehouse::new();
    warehouse.reserve(OTHER, &[(DAY_ONE, 1)]);
    let mut view = view_with_stock();
    update(&mut view, &warehouse);
    let names: Vec<_> = all(&view).unwrap().into_iter().map(|stock| stock.name).collect();
    assert_eq!(names, ["apfel", "camping", "day-one", "mond", "zelt"]);
}

#[test]
fn a_stock_is_found_by_its_key() {
    let view = view_with_stock();
    assert_eq!(stock(&view, "stock/main/3").unwrap().unwrap().changes, ["c"]);
    assert_eq!((stock(&view, "stock/main/4").unwrap(), stock(&view, "reservation/o").unwrap()), (None, None));
}

#[test]
fn a_shipment_is_found_by_its_tracking_number() {
    let mut view = new_view();
    let warehouse = TestWarehouse::with_created_shipment();
    update(&mut view, &warehouse);
    let number = warehouse.shipment().tracking_number.clone().unwrap();
    assert_eq!(order_of_parcel(&view, &number).unwrap().as_deref(), Some(ORDER));
    assert_eq!(order_of_parcel(&view, "other").unwrap(), None);
}

/// On hand and reserved, computed from the movements.
fn sum(view: &Connection, item: &str) -> (i64, i64) {
    let all = accounts(view, "main", item).unwrap();
    assert_eq!(all.iter().map(|(_, sum)| sum).sum::<i64>(), 0, "the balances add up to 0: {all:?}");
    let balance = |name: &str| all.iter().find(|(account, _)| account == name).map_or(0, |(_, sum)| *sum);
    (balance("available") + balance("reserved"), balance("reserved"))
}

#[test]
fn the_sum_of_the_movements_is_the_stock_after_any_steps_and_with_any_states_skipped() {
    for skipped in [1, 3, 1_000] {
        let mut warehouse = TestWarehouse::new();
        let mut view = new_view();
        let mut rng = fastrand::Rng::with_seed(7);
        for n in 1..=600_u32 {
            warehouse.random_step(&mut rng);
            if n % skipped == 0 || n == 600 {
                update(&mut view, &warehouse);
                for item in [DAY_ONE, CAMPING] {
                    let (on_hand, reserved) = warehouse.count(item);
                    assert_eq!(sum(&view, item), (on_hand as i64, reserved as i64), "{item} after {n} steps");
                }
            }
        }
    }
}

#[test]
fn movements_are_paged_newest_first_down_to_the_opening() {
    let mut warehouse = TestWarehouse::new();
    let mut view = new_view();
    for n in 1..=5 {
        warehouse.now = Timestamp(n * 10);
        warehouse.reserve(&format!("018f3f2a-0000-7000-8000-{n:012}"), &[(DAY_ONE, 1)]);
    }
    update(&mut view, &warehouse);
    update(&mut view, &warehouse);
    let first = movements(&view, "main", DAY_ONE, None, 3).unwrap();
    let last = first[2].position.to_string().parse().unwrap();
    let rest = movements(&view, "main", DAY_ONE, Some(&last), 9).unwrap();
    let times: Vec<_> = first.iter().chain(&rest).map(|moved| moved.at.map(|at| at.0)).collect();
    assert_eq!(times, [Some(50), Some(40), Some(30), Some(20), Some(10), None]);
    assert_eq!((&*rest[2].what, rest[2].quantity, &*rest[2].to), ("opening", 10, "available"));
    assert_eq!((&*first[0].from, &*first[0].to), ("available", "reserved"));
    assert!("x".parse::<MovementPosition>().is_err() && "1_2".parse::<MovementPosition>().is_err());
}

#[test]
fn entities_from_before_movements_have_an_opening() {
    let mut warehouse = TestWarehouse::from_previous_release();
    let mut view = new_view();
    update(&mut view, &warehouse);
    assert_eq!(sum(&view, DAY_ONE), (7, 4));
    warehouse.confirm();
    warehouse.reserve("018f3f2a-0000-7000-8000-00000000000a", &[(DAY_ONE, 1)]);
    update(&mut view, &warehouse);
    assert_eq!(sum(&view, DAY_ONE), (4, 2));
    let what: Vec<_> = movements(&view, "main", DAY_ONE, None, 9).unwrap().into_iter().map(|m| m.what).collect();
    assert_eq!(what, ["reserved", "confirmed", "opening", "opening"]);
}

//! What the inventory service's API reads from the view. It has no table of its own: a stock is found by its key, all of
//! them are one range of keys, and nothing is kept twice.

use common::view::{Row, Rows};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, Transaction};

use crate::stock::{Inventory, Stock};

/// The rows of the inventory: none but the entities themselves.
pub struct InventoryRows;

impl Rows for InventoryRows {
    type Entity = Inventory;

    const SCHEMA: &'static str = "";

    fn apply(_: &Transaction<'_>, _: &Row<'_, Inventory>) -> rusqlite::Result<()> {
        Ok(())
    }
}

fn stock_of(state: &str) -> rusqlite::Result<Option<Stock>> {
    match serde_json::from_str(state) {
        Ok(Inventory::Stock(stock)) => Ok(Some(stock)),
        Ok(Inventory::Reservation(_)) => Ok(None),
        Err(e) => Err(Error::FromSqlConversionFailure(0, Type::Text, Box::new(e))),
    }
}

/// The stock of that key.
///
/// # Errors
/// SQLite's, and a state that can't be read.
pub fn stock(connection: &Connection, key: &str) -> rusqlite::Result<Option<Stock>> {
    let mut query = connection.prepare_cached("SELECT state FROM entities WHERE key = ?")?;
    let mut rows = query.query([key])?;
    rows.next()?.map_or(Ok(None), |row| stock_of(row.get_ref(0)?.as_str()?))
}

/// All stock, by name, then by item and warehouse.
///
/// # Errors
/// As [`stock`].
pub fn all(connection: &Connection) -> rusqlite::Result<Vec<Stock>> {
    // '0' comes right after '/'.
    let mut query = connection.prepare_cached("SELECT state FROM entities WHERE key >= 'stock/' AND key < 'stock0'")?;
    let mut rows = query.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.extend(stock_of(row.get_ref(0)?.as_str()?)?);
    }
    all.sort_by(|a, b| (&a.name, &a.item_id, &a.warehouse).cmp(&(&b.name, &b.item_id, &b.warehouse)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use common::time::Timestamp;

    use super::*;
    use crate::stock::{Reservation, Status, reservation_key, stock_key};

    fn view() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE entities(partition, key TEXT, state TEXT, open, PRIMARY KEY(key, partition))")
            .unwrap();
        let put = |key: String, state: Inventory| {
            let state = serde_json::to_string(&state).unwrap();
            connection.execute("INSERT INTO entities VALUES (0, ?, ?, 0)", (key, state)).unwrap();
        };
        for (id, name) in [("1", "zelt"), ("2", "apfel"), ("3", "mond")] {
            let (item_id, name, warehouse) = (id.to_owned(), name.to_owned(), "main".to_owned());
            let stock = Stock { item_id, name, warehouse, on_hand: 5, reserved: 2, changes: vec!["c".to_owned()] };
            put(stock_key("main", id), Inventory::Stock(stock));
        }
        let (order_id, warehouse, status) = ("o".to_owned(), "main".to_owned(), Status::Reserved);
        let held =
            Reservation { order_id, warehouse, status, items: vec![], reason: None, detail: None, at: Timestamp(1) };
        put(reservation_key("o"), Inventory::Reservation(held));
        connection
    }

    #[test]
    fn all_stock_comes_by_name_and_reservations_are_no_stock() {
        let names: Vec<_> = all(&view()).unwrap().into_iter().map(|stock| stock.name).collect();
        assert_eq!(names, ["apfel", "mond", "zelt"]);
    }

    #[test]
    fn a_stock_is_found_by_its_key() {
        let view = view();
        assert_eq!(stock(&view, "stock/main/3").unwrap().unwrap().changes, ["c"]);
        assert_eq!((stock(&view, "stock/main/4").unwrap(), stock(&view, "reservation/o").unwrap()), (None, None));
    }
}

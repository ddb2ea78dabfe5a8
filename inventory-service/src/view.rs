//! The view of the inventory: its tables and queries. Stock and reservations are read from the table of entities by
//! their keys; movements and the list of shipments have their own tables.

use std::collections::BTreeMap;
use std::str::FromStr;

use common::time::Timestamp;
use common::view::{Row, Rows};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension as _, Transaction, params};

use crate::entity::{Inventory, Shipment, Stock, shipment_key};
use crate::movement::Movement;

/// The tables of the inventory.
pub struct InventoryRows;

impl Rows for InventoryRows {
    type Entity = Inventory;

    // `sort` is the time in milliseconds, and 0 for an opening, which sorts first.
    const SCHEMA: &'static str = "
        CREATE TABLE movements(warehouse TEXT NOT NULL, item TEXT NOT NULL, sort INTEGER NOT NULL, source TEXT NOT NULL,
          line INTEGER NOT NULL, what TEXT NOT NULL, debit TEXT NOT NULL, credit TEXT NOT NULL,
          quantity INTEGER NOT NULL, reference TEXT, done_by TEXT, why TEXT,
          PRIMARY KEY(warehouse, item, sort, source, line)) WITHOUT ROWID;
        CREATE TABLE shipments(order_id TEXT PRIMARY KEY, status TEXT NOT NULL, to_resolve INTEGER NOT NULL)
          WITHOUT ROWID;
        CREATE INDEX shipments_to_resolve ON shipments(status) WHERE to_resolve;
        CREATE INDEX shipments_of_status ON shipments(status, order_id);
        CREATE TABLE parcels(number TEXT PRIMARY KEY, order_id TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE levels(item TEXT NOT NULL, warehouse TEXT NOT NULL, available INTEGER NOT NULL,
          missing INTEGER NOT NULL, PRIMARY KEY(item, warehouse)) WITHOUT ROWID;
        CREATE INDEX levels_by_available ON levels(available);
        CREATE INDEX levels_that_miss ON levels(item) WHERE missing > 0;";

    fn apply(tx: &Transaction<'_>, row: &Row<'_, Inventory>) -> rusqlite::Result<()> {
        let Some(state) = row.state else {
            // Entities are never removed, so this may scan the table.
            tx.execute("DELETE FROM movements WHERE source = ?", [row.key])?;
            return Ok(());
        };
        if let Some(shipment) = state.shipment() {
            let mut upsert = tx.prepare_cached(
                "INSERT INTO shipments(order_id, status, to_resolve) VALUES (?, ?, ?)
                 ON CONFLICT DO UPDATE SET status = excluded.status, to_resolve = excluded.to_resolve
                 WHERE status <> excluded.status OR to_resolve <> excluded.to_resolve",
            )?;
            upsert.execute((&shipment.order_id, shipment.status.name(), shipment.is_to_be_resolved()))?;
            let former = shipment.parcels.iter().map(|parcel| &parcel.tracking_number);
            for number in former.chain([&shipment.tracking_number]).flatten() {
                let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO parcels(number, order_id) VALUES (?, ?)")?;
                insert.execute((number, &shipment.order_id))?;
            }
        }
        if let Some(stock) = state.stock() {
            let mut upsert = tx.prepare_cached(
                "INSERT INTO levels(item, warehouse, available, missing) VALUES (?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET available = excluded.available, missing = excluded.missing",
            )?;
            let pieces = |count| i64::try_from(count).unwrap_or(i64::MAX);
            upsert.execute((&stock.item_id, &stock.warehouse, pieces(stock.available()), pieces(stock.missing())))?;
        }
        for (line, movement) in (0_u32..).zip(state.movements()) {
            insert_movement(tx, row.key, line, &movement)?;
        }
        Ok(())
    }
}

/// Inserts the movement with this line number of an entity. An existing movement is not changed, except for an opening,
/// which changes until the first movement.
fn insert_movement(tx: &Transaction<'_>, source: &str, line: u32, movement: &Movement<'_>) -> rusqlite::Result<()> {
    let Movement { warehouse, item, what, from, to, quantity, at, reference, by, why } = movement;
    let sort = at.map_or(0, |at| at.0.max(1));
    if at.is_none() {
        let mut delete = tx.prepare_cached(
            "DELETE FROM movements WHERE warehouse = ? AND item = ? AND sort = 0 AND source = ? AND line = ?",
        )?;
        delete.execute((warehouse, item, source, line))?;
    }
    if *quantity > 0 {
        let mut insert =
            tx.prepare_cached("INSERT OR IGNORE INTO movements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        let quantity = i64::try_from(*quantity).unwrap_or(i64::MAX);
        insert.execute(params![
            warehouse,
            item,
            sort,
            source,
            line,
            what,
            from.name(),
            to.name(),
            quantity,
            reference,
            by,
            why
        ])?;
    }
    Ok(())
}

fn parse(text: &str) -> rusqlite::Result<Inventory> {
    serde_json::from_str(text).map_err(|e| Error::FromSqlConversionFailure(0, Type::Text, Box::new(e)))
}

/// The entity with this key.
///
/// # Errors
/// SQLite's, and [`Error::FromSqlConversionFailure`] for a state that can't be parsed.
pub fn entity(connection: &Connection, key: &str) -> rusqlite::Result<Option<Inventory>> {
    let mut query = connection.prepare_cached("SELECT state FROM entities WHERE key = ?")?;
    let mut rows = query.query([key])?;
    rows.next()?.map(|row| parse(row.get_ref(0)?.as_str()?)).transpose()
}

/// The stock with this key.
///
/// # Errors
/// As [`entity`].
pub fn stock(connection: &Connection, key: &str) -> rusqlite::Result<Option<Stock>> {
    Ok(entity(connection, key)?.and_then(|found| found.stock().cloned()))
}

/// All stock, by name, then by item and warehouse.
///
/// # Errors
/// As [`entity`].
pub fn all(connection: &Connection) -> rusqlite::Result<Vec<Stock>> {
    // '0' is the character after '/'.
    let mut query = connection.prepare_cached("SELECT state FROM entities WHERE key >= 'stock/' AND key < 'stock0'")?;
    let mut rows = query.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.extend(parse(row.get_ref(0)?.as_str()?)?.stock().cloned());
    }
    all.sort_by(|a, b| (&a.name, &a.item_id, &a.warehouse).cmp(&(&b.name, &b.item_id, &b.warehouse)));
    Ok(all)
}

/// The number of items with fewer available pieces than `low`, or than `low_of` has for the item.
///
/// # Errors
/// SQLite's.
pub fn scarce(connection: &Connection, low: u64, low_of: &BTreeMap<String, u64>) -> rusqlite::Result<i64> {
    let low = i64::try_from(low).unwrap_or(i64::MAX);
    let mut below = connection.prepare_cached("SELECT count(*) FROM levels WHERE available < ?")?;
    let mut count: i64 = below.query_row([low], |row| row.get(0))?;
    let mut of_item = connection.prepare_cached("SELECT count(*) FROM levels WHERE item = ?1 AND available < ?2")?;
    for (item, own) in low_of {
        let own = i64::try_from(*own).unwrap_or(i64::MAX);
        count -= of_item.query_row((item, low), |row| row.get::<_, i64>(0))?;
        count += of_item.query_row((item, own), |row| row.get::<_, i64>(0))?;
    }
    Ok(count)
}

/// The number of items with fewer pieces than are reserved.
///
/// # Errors
/// SQLite's.
pub fn short(connection: &Connection) -> rusqlite::Result<i64> {
    let mut query = connection.prepare_cached("SELECT count(*) FROM levels WHERE missing > 0")?;
    query.query_row([], |row| row.get(0))
}

/// The number of shipments that an operator must resolve, by status.
///
/// # Errors
/// SQLite's.
pub fn to_resolve(connection: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    let sql = "SELECT status, count(*) FROM shipments WHERE to_resolve GROUP BY status";
    let mut query = connection.prepare_cached(sql)?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// A row of the table of movements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovementRow {
    pub position: MovementPosition,
    pub what: String,
    pub from: String,
    pub to: String,
    pub quantity: i64,
    pub at: Option<Timestamp>,
    pub reference: Option<String>,
    pub by: Option<String>,
    pub why: Option<String>,
}

/// The position of a movement among those of its item: the cursor of its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovementPosition {
    pub sort: i64,
    pub line: u32,
    pub source: String,
}

impl std::fmt::Display for MovementPosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sort, line, source } = self;
        write!(f, "{sort}_{line}_{source}")
    }
}

impl FromStr for MovementPosition {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '_');
        let mut next = || parts.next().ok_or(());
        let sort = next()?.parse().map_err(|_| ())?;
        let line = next()?.parse().map_err(|_| ())?;
        let source = next()?.to_owned();
        Ok(Self { sort, line, source })
    }
}

/// At most `limit` movements of an item before a position, newest first.
///
/// # Errors
/// SQLite's.
pub fn movements(
    db: &Connection,
    warehouse: &str,
    item: &str,
    before: Option<&MovementPosition>,
    limit: usize,
) -> rusqlite::Result<Vec<MovementRow>> {
    let mut query = db.prepare_cached(
        "SELECT sort, line, source, what, debit, credit, quantity, reference, done_by, why FROM movements
         WHERE warehouse = ?1 AND item = ?2 AND (sort, source, line) < (?3, ?4, ?5)
         ORDER BY sort DESC, source DESC, line DESC LIMIT ?6",
    )?;
    let newest = MovementPosition { sort: i64::MAX, line: 0, source: String::new() };
    let MovementPosition { sort, line, source } = before.unwrap_or(&newest);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = |row: &rusqlite::Row<'_>| {
        let sort: i64 = row.get(0)?;
        Ok(MovementRow {
            position: MovementPosition { sort, line: row.get(1)?, source: row.get(2)? },
            what: row.get(3)?,
            from: row.get(4)?,
            to: row.get(5)?,
            quantity: row.get(6)?,
            at: (sort > 0).then_some(Timestamp(sort)),
            reference: row.get(7)?,
            by: row.get(8)?,
            why: row.get(9)?,
        })
    };
    query.query_map(params![warehouse, item, sort, source, line, limit], read)?.collect()
}

/// The balance of each account of an item: the quantity moved to it minus the quantity moved from it.
///
/// # Errors
/// SQLite's.
pub fn accounts(db: &Connection, warehouse: &str, item: &str) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut query = db.prepare_cached(
        "SELECT account, SUM(moved) FROM (
           SELECT credit AS account, SUM(quantity) AS moved FROM movements
             WHERE warehouse = ?1 AND item = ?2 GROUP BY credit
           UNION ALL
           SELECT debit, -SUM(quantity) FROM movements WHERE warehouse = ?1 AND item = ?2 GROUP BY debit)
         GROUP BY account ORDER BY account",
    )?;
    query.query_map([warehouse, item], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The order whose parcel has, or had, a tracking number.
///
/// # Errors
/// SQLite's.
pub fn order_of_parcel(db: &Connection, number: &str) -> rusqlite::Result<Option<String>> {
    let mut query = db.prepare_cached("SELECT order_id FROM parcels WHERE number = ?")?;
    query.query_row([number], |row| row.get(0)).optional()
}

/// At most `limit` shipments of the orders before `before`, newest order first, with one status or with any.
///
/// # Errors
/// As [`entity`].
pub fn shipments(
    db: &Connection,
    status: Option<&str>,
    before: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<Shipment>> {
    let filter = status.map_or("", |_| "status = ?3 AND");
    let mut query = db.prepare_cached(&format!(
        "SELECT order_id FROM shipments WHERE {filter} order_id < ?1 ORDER BY order_id DESC LIMIT ?2"
    ))?;
    // '~' sorts after all characters of an id.
    let before = before.unwrap_or("~");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    let orders: rusqlite::Result<Vec<String>> = match status {
        Some(status) => query.query_map(params![before, limit, status], read)?.collect(),
        None => query.query_map(params![before, limit], read)?.collect(),
    };
    let mut found = Vec::new();
    for order in orders? {
        found.extend(entity(db, &shipment_key(&order))?.and_then(|found| found.shipment().cloned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;

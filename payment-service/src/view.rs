//! What the view shows of payments: the state itself by order, and a table of where they stand, for the list.

use common::ids::OrderId;
use common::time::Timestamp;
use common::view::{Row, Rows};
use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use crate::payment::{PREFIX, Payment};

/// The service's rows.
pub struct PaymentRows;

impl Rows for PaymentRows {
    type Entity = Payment;
    const SCHEMA: &'static str = "
        CREATE TABLE payments (
            order_id TEXT PRIMARY KEY,
            status TEXT NOT NULL,
            updated_at INTEGER NOT NULL
        ) WITHOUT ROWID;";

    fn apply(tx: &Transaction<'_>, row: &Row<'_, Payment>) -> rusqlite::Result<()> {
        let order = row.key.strip_prefix(PREFIX).unwrap_or(row.key);
        match row.state {
            Some(payment) => tx
                .prepare_cached("INSERT OR REPLACE INTO payments (order_id, status, updated_at) VALUES (?, ?, ?)")?
                .execute(params![order, payment.status.name(), row.at.0])?,
            None => tx.prepare_cached("DELETE FROM payments WHERE order_id = ?")?.execute([order])?,
        };
        Ok(())
    }
}

/// A line of the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The order's id.
    pub order_id: String,
    /// Where its payment stands.
    pub status: String,
    /// Since when.
    pub updated_at: Timestamp,
}

/// The payments of the newest orders before `before` (order ids are ordered by time), in one status or in any.
pub fn list(
    db: &Connection,
    status: Option<&str>,
    before: Option<OrderId>,
    limit: u32,
) -> rusqlite::Result<Vec<Listed>> {
    let mut query = db.prepare_cached(
        "SELECT order_id, status, updated_at FROM payments
         WHERE (?1 IS NULL OR status = ?1) AND order_id < ?2 ORDER BY order_id DESC LIMIT ?3",
    )?;
    // '~' comes after every digit.
    let before = before.map_or_else(|| "~".to_owned(), |order| order.to_string());
    query
        .query_map(params![status, before, limit], |row| {
            Ok(Listed { order_id: row.get(0)?, status: row.get(1)?, updated_at: Timestamp(row.get(2)?) })
        })?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::key;
    use crate::provider::ProviderKind;

    #[test]
    fn the_list_goes_from_the_newest_order_to_the_oldest_by_pages() {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch(PaymentRows::SCHEMA).unwrap();
        let orders: Vec<OrderId> = (1..=5).map(|n| format!("{n:032x}").parse().unwrap()).collect();
        let tx = db.transaction().unwrap();
        for order in &orders {
            let payment = Payment::new(*order, ProviderKind::Manual, None);
            let key = key(*order);
            PaymentRows::apply(&tx, &Row { partition: 0, key: &key, state: Some(&payment), at: Timestamp(7) }).unwrap();
        }
        let gone = key(orders[3]);
        PaymentRows::apply(&tx, &Row { partition: 0, key: &gone, state: None, at: Timestamp(8) }).unwrap();
        tx.commit().unwrap();

        let ids = |status, before, limit| -> Vec<String> {
            list(&db, status, before, limit).unwrap().into_iter().map(|line| line.order_id).collect()
        };
        let [one, two, three, _, five] = [0, 1, 2, 3, 4].map(|n: usize| orders[n].to_string());
        assert_eq!(ids(None, None, 2), [five, three]);
        assert_eq!(ids(Some("new"), Some(orders[2]), 9), [two, one]);
        assert_eq!(ids(Some("pending"), None, 9), Vec::<String>::new());
    }
}

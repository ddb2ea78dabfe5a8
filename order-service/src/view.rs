//! The order service's own table, which lists orders newest first, and the query over it. The orders themselves are
//! read from the view's `entities`: nothing is kept twice.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::ids::OrderId;
use common::time::Timestamp;
use common::view::{Row, Rows};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, ToSql, Transaction};
use uuid::Uuid;

use crate::kept::Kept;
use crate::order::{Order, Status};

/// The rows of orders.
pub struct OrderRows;

impl Rows for OrderRows {
    type Entity = Kept;

    // The primary key is the order of the list: new rows go to its end, and a page is one range of it.
    const SCHEMA: &'static str = "
        CREATE TABLE orders(created_at INTEGER NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL, customer_id TEXT NOT NULL,
          PRIMARY KEY(created_at, id)) WITHOUT ROWID;
        CREATE INDEX orders_of_status ON orders(status, created_at);
        CREATE INDEX orders_of_customer ON orders(customer_id, created_at);";

    fn apply(tx: &Transaction<'_>, row: &Row<'_, Kept>) -> rusqlite::Result<()> {
        // An order is never removed; what else is kept is not listed.
        let Some(order) = row.state.and_then(Kept::order) else { return Ok(()) };
        let placed = &order.placed;
        let mut upsert = tx.prepare_cached(
            "INSERT INTO orders(created_at, id, status, customer_id) VALUES (?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET status = excluded.status WHERE status <> excluded.status",
        )?;
        let (id, customer) = (placed.order_id.to_string(), placed.customer_id.to_string());
        upsert.execute((placed.created_at.0, id, order.status.as_str(), customer)).map(|_| ())
    }
}

/// Which orders a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub status: Option<Status>,
    pub customer: Option<Uuid>,
}

/// The place after an order in the list. Clients hand it back as they got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    created_at: Timestamp,
    id: OrderId,
}

impl Cursor {
    fn after(order: &Order) -> Self {
        Self { created_at: order.placed.created_at, id: order.placed.order_id }
    }

    /// The text that clients see.
    pub fn encode(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{}", self.created_at.0, self.id))
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ())?;
        let (at, id) = std::str::from_utf8(&bytes).map_err(|_| ())?.split_once(':').ok_or(())?;
        Ok(Self { created_at: Timestamp(at.parse().map_err(|_| ())?), id: id.parse().map_err(|_| ())? })
    }
}

/// At most `limit` orders after `from`, newest first, and where the next page begins, if there is one.
///
/// # Errors
/// SQLite's, and a state that is no order.
pub fn page(
    connection: &Connection,
    filter: Filter,
    from: Option<Cursor>,
    limit: usize,
) -> rusqlite::Result<(Vec<Order>, Option<Cursor>)> {
    let sql = page_sql(filter);
    let mut query = connection.prepare_cached(&sql)?;
    let start = from.map_or((i64::MAX, String::new()), |cursor| (cursor.created_at.0, cursor.id.to_string()));
    let more = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let (status, customer) = (filter.status.map(Status::as_str), filter.customer.map(|id| id.to_string()));
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":at", &start.0), (":id", &start.1), (":limit", &more)];
    values.extend(status.as_ref().map(|status| (":status", status as &dyn ToSql)));
    values.extend(customer.as_ref().map(|customer| (":customer", customer as &dyn ToSql)));
    let mut orders = Vec::new();
    let mut rows = query.query(values.as_slice())?;
    while let Some(row) = rows.next()? {
        orders.push(order(row)?);
    }
    let further = orders.len() > limit;
    orders.truncate(limit);
    let next = orders.last().filter(|_| further).map(Cursor::after);
    Ok((orders, next))
}

/// The query of a page: a walk over one index, whatever the filter.
fn page_sql(filter: Filter) -> String {
    // The plus keeps SQLite from walking the status' index where the customer's is the shorter one.
    let which = match (filter.status, filter.customer) {
        (None, None) => "",
        (Some(_), None) => "o.status = :status AND",
        (None, Some(_)) => "o.customer_id = :customer AND",
        (Some(_), Some(_)) => "o.customer_id = :customer AND +o.status = :status AND",
    };
    format!(
        "SELECT e.state FROM orders o CROSS JOIN entities e ON e.key = 'order/' || o.id
         WHERE {which} (o.created_at, o.id) < (:at, :id) ORDER BY o.created_at DESC, o.id DESC LIMIT :limit"
    )
}

/// The order of that key.
///
/// # Errors
/// SQLite's, and a state that is no order.
pub fn state(connection: &Connection, key: &str) -> rusqlite::Result<Option<Order>> {
    let mut query = connection.prepare_cached("SELECT state FROM entities WHERE key = ?")?;
    let mut rows = query.query([key])?;
    rows.next()?.map(order).transpose()
}

fn order(row: &rusqlite::Row<'_>) -> rusqlite::Result<Order> {
    let order = serde_json::from_str(row.get_ref(0)?.as_str()?);
    order.map_err(|e| Error::FromSqlConversionFailure(0, Type::Text, Box::new(e)))
}

/// Whether the order of that key has ended.
///
/// # Errors
/// SQLite's.
pub fn has_ended(connection: &Connection, key: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM entities WHERE key = ? AND NOT open")?.exists([key])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::order::key;

    const ANA: Uuid = Uuid::from_u128(0xa);
    const BIA: Uuid = Uuid::from_u128(0xb);

    fn order(n: u128, at: i64, customer: Uuid, status: Status) -> Order {
        let placed = json!({"orderId": Uuid::from_u128(n), "customerId": customer, "amountMinor": 1, "currency": "BRL",
            "items": [], "createdAt": Timestamp(at)});
        Order { status, ..Order::new(serde_json::from_value(placed).unwrap()) }
    }

    /// A view as `common` makes it, with these orders applied.
    fn view(orders: &[Order]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        let entities = "CREATE TABLE entities(partition INTEGER, key TEXT, state TEXT, open INTEGER, PRIMARY KEY(key, partition));";
        connection.execute_batch(&format!("{entities}{}", OrderRows::SCHEMA)).unwrap();
        apply(&mut connection, orders);
        connection
    }

    fn apply(connection: &mut Connection, orders: &[Order]) {
        let tx = connection.transaction().unwrap();
        for order in orders {
            let key = key(&order.placed.order_id.to_string());
            let (state, open) = (serde_json::to_string(order).unwrap(), order.is_underway());
            tx.execute("INSERT OR REPLACE INTO entities VALUES (0, ?, ?, ?)", (&key, state, open)).unwrap();
            OrderRows::apply(
                &tx,
                &Row { partition: 0, key: &key, state: Some(&order.clone().into()), at: Timestamp(0) },
            )
            .unwrap();
        }
        tx.commit().unwrap();
    }

    fn ids(page: &(Vec<Order>, Option<Cursor>)) -> Vec<u128> {
        page.0.iter().map(|order| order.placed.order_id.0.as_u128()).collect()
    }

    #[test]
    fn orders_come_newest_first_page_by_page_also_when_two_are_of_the_same_moment() {
        let all: Vec<_> = [(1, 10), (2, 20), (3, 20), (4, 30)].map(|(n, at)| order(n, at, ANA, Status::Pending)).into();
        let view = view(&all);
        let first = page(&view, Filter::default(), None, 2).unwrap();
        assert_eq!(ids(&first), [4, 3]);
        let second = page(&view, Filter::default(), first.1, 2).unwrap();
        assert_eq!((ids(&second), second.1), (vec![2, 1], None));
    }

    #[test]
    fn a_page_can_be_of_one_status_one_customer_or_both() {
        let view = view(&[
            order(1, 1, ANA, Status::Confirmed),
            order(2, 2, BIA, Status::Confirmed),
            order(3, 3, ANA, Status::Rejected),
        ]);
        let of = |status, customer| ids(&page(&view, Filter { status, customer }, None, 50).unwrap());
        assert_eq!(of(Some(Status::Confirmed), None), [2, 1]);
        assert_eq!(of(None, Some(ANA)), [3, 1]);
        assert_eq!(of(Some(Status::Confirmed), Some(ANA)), [1]);
        assert!(of(Some(Status::Pending), None).is_empty());
    }

    #[test]
    fn an_order_has_one_row_whatever_became_of_it() {
        let mut view = view(&[order(1, 1, ANA, Status::Pending)]);
        let key = key(&Uuid::from_u128(1).to_string());
        let has = |key: &str| state(&view, key).unwrap().is_some();
        assert!(has(&key) && !has_ended(&view, &key).unwrap() && !has("order/x"));
        apply(&mut view, &[order(1, 1, ANA, Status::Confirmed)]);
        assert!(has_ended(&view, &key).unwrap());
        let rows: (i64, String) =
            view.query_row("SELECT count(*), max(status) FROM orders", [], |r| r.try_into()).unwrap();
        assert_eq!(rows, (1, "confirmed".to_owned()));
    }

    #[test]
    fn every_list_is_one_walk_over_an_index() {
        let view = view(&[]);
        let (status, customer) = (Some(Status::Pending), Some(ANA));
        for (filter, index) in [
            (Filter { status: None, customer: None }, "PRIMARY KEY"),
            (Filter { status, customer: None }, "orders_of_status"),
            (Filter { status: None, customer }, "orders_of_customer"),
            (Filter { status, customer }, "orders_of_customer"),
        ] {
            let mut plan = view.prepare(&format!("EXPLAIN QUERY PLAN {}", page_sql(filter))).unwrap();
            let (mut steps, mut rows) = (Vec::new(), plan.raw_query());
            while let Some(row) = rows.next().unwrap() {
                steps.push(row.get::<_, String>(3).unwrap());
            }
            let plan = steps.join("; ");
            assert!(plan.contains(index) && !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }

    #[test]
    fn a_cursor_reads_back_and_what_is_none_does_not() {
        let cursor = Cursor::after(&order(7, 1_760_000_000_123, ANA, Status::Pending));
        assert_eq!(cursor.encode().parse(), Ok(cursor));
        for text in ["", "x", "MTI", "bm90OmFuLWlk"] {
            assert_eq!(text.parse::<Cursor>(), Err(()), "{text}");
        }
    }
}

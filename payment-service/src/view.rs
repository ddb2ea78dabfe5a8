//! The view's tables: an index of payments by order and status, and the ledger's postings. The payments themselves are
//! read from the view's `entities`.

use std::str::FromStr;

use common::ids::OrderId;
use common::time::Timestamp;
use common::view::{Row, Rows};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, Transaction, params};

use crate::entity::approval::Settling;
use crate::entity::{PREFIX, Payment, key};
use crate::ledger::Posting;
use crate::provider::call::Refund;

/// The view's rows of payments.
pub struct PaymentRows;

impl Rows for PaymentRows {
    type Entity = Payment;
    const SCHEMA: &'static str = "
        CREATE TABLE payments(order_id TEXT PRIMARY KEY, status TEXT NOT NULL, reference TEXT) WITHOUT ROWID;
        CREATE INDEX payments_of_reference ON payments(reference) WHERE reference IS NOT NULL;
        CREATE TABLE cases(kind TEXT NOT NULL, order_id TEXT NOT NULL, id TEXT NOT NULL,
          PRIMARY KEY(kind, order_id, id)) WITHOUT ROWID;
        CREATE INDEX cases_of_order ON cases(order_id);
        CREATE INDEX payments_of_status ON payments(status, order_id);
        CREATE TABLE postings(order_id TEXT NOT NULL, line INTEGER NOT NULL, entry INTEGER NOT NULL, what TEXT NOT NULL,
          at INTEGER, account TEXT NOT NULL, currency TEXT NOT NULL, debit INTEGER NOT NULL, credit INTEGER NOT NULL,
          PRIMARY KEY(order_id, line)) WITHOUT ROWID;
        CREATE INDEX postings_of_account ON postings(currency, account, debit, credit);";

    fn apply(tx: &Transaction<'_>, row: &Row<'_, Payment>) -> rusqlite::Result<()> {
        let order = row.key.strip_prefix(PREFIX).unwrap_or(row.key);
        match row.state {
            Some(payment) => {
                let mut upsert = tx.prepare_cached(
                    "INSERT INTO payments(order_id, status, reference) VALUES (?, ?, ?)
                     ON CONFLICT DO UPDATE SET status = excluded.status, reference = excluded.reference
                     WHERE status <> excluded.status OR reference IS NOT excluded.reference",
                )?;
                upsert.execute((order, payment.status.name(), payment.provider.reference.as_deref()))?;
                // Only a payment that was captured or reviewed has cases.
                if !payment.approvals.list.is_empty() || payment.review.calls > 0 {
                    keep_cases(tx, order, payment)?;
                }
                let postings = payment.postings();
                // Postings are never removed from a payment: there were none before either.
                if postings.is_empty() {
                    return Ok(());
                }
                let currency = payment.price().map_or("", |price| &price.currency);
                book(tx, order, currency, &postings)
            }
            None => {
                tx.prepare_cached("DELETE FROM payments WHERE order_id = ?")?.execute([order])?;
                tx.prepare_cached("DELETE FROM cases WHERE order_id = ?")?.execute([order])?;
                book(tx, order, "", &[])
            }
        }
    }
}

/// Replaces the postings of an order.
fn book(tx: &Transaction<'_>, order: &str, currency: &str, postings: &[Posting]) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM postings WHERE order_id = ?")?.execute([order])?;
    let mut insert = tx.prepare_cached("INSERT INTO postings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for (line, posting) in (0_u32..).zip(postings) {
        let Posting { entry, what, at, account, debit_minor, credit_minor } = posting;
        let at = at.map(|at| at.0);
        insert.execute(params![order, line, entry, what, at, account.name(), currency, debit_minor, credit_minor])?;
    }
    Ok(())
}

/// The kinds of cases that operators look at: refunds that are pending or failed at the provider, reviews that it
/// refuses, and disputes.
pub const CASES: [&str; 8] = [
    "refund_pending",
    "refund_failed",
    "review_failed",
    "dispute_inquiry",
    "dispute_closed",
    "dispute_open",
    "dispute_won",
    "dispute_lost",
];

/// Replaces the cases of an order.
fn keep_cases(tx: &Transaction<'_>, order: &str, payment: &Payment) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM cases WHERE order_id = ?")?.execute([order])?;
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO cases(kind, order_id, id) VALUES (?, ?, ?)")?;
    for part in &payment.partial_refunds.list {
        if part.is_pending() || part.is_failed() {
            insert.execute((if part.is_failed() { "refund_failed" } else { "refund_pending" }, order, &part.id))?;
        }
    }
    match payment.approvals.settling {
        Settling::None => {}
        Settling::Pending { .. } => _ = insert.execute(("refund_pending", order, Refund::WHOLE))?,
        Settling::Failed { .. } => _ = insert.execute(("refund_failed", order, Refund::WHOLE))?,
    }
    if payment.review.failed.is_some() {
        insert.execute(("review_failed", order, ""))?;
    }
    for dispute in &payment.disputes {
        insert.execute((format!("dispute_{}", dispute.status.name()), order, &dispute.id))?;
    }
    Ok(())
}

/// How many cases of this kind there are.
///
/// # Errors
/// SQLite's errors.
pub fn count_cases(db: &Connection, kind: &str) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT COUNT(*) FROM cases WHERE kind = ?")?.query_row([kind], |row| row.get(0))
}

/// The order whose payment has this id at the provider.
///
/// # Errors
/// SQLite's errors, and an id that can't be parsed.
pub fn order_of_reference(db: &Connection, reference: &str) -> rusqlite::Result<Option<OrderId>> {
    let mut query = db.prepare_cached("SELECT order_id FROM payments WHERE reference = ? LIMIT 1")?;
    query.query_map([reference], read_order)?.next().transpose()
}

/// At most `limit` payments, newest orders first, of the orders before `before` (order ids are ordered by time), in one
/// status or in any. Also returns true if there are more.
///
/// # Errors
/// SQLite's errors, and a state that can't be parsed.
pub fn page(
    db: &Connection,
    status: Option<&str>,
    before: Option<OrderId>,
    limit: usize,
) -> rusqlite::Result<(Vec<Payment>, bool)> {
    let which = status.map_or("", |_| "p.status = ?3 AND");
    let mut query = db.prepare_cached(&format!(
        "SELECT e.state FROM payments p CROSS JOIN entities e ON e.key = 'payment/' || p.order_id
         WHERE {which} p.order_id < ?1 ORDER BY p.order_id DESC LIMIT ?2"
    ))?;
    // '~' sorts after every digit.
    let before = before.map_or_else(|| "~".to_owned(), |order| order.to_string());
    let most = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let found: rusqlite::Result<Vec<Payment>> = match status {
        Some(status) => query.query_map(params![before, most, status], read_payment)?.collect(),
        None => query.query_map(params![before, most], read_payment)?.collect(),
    };
    let mut found: Vec<Payment> = found?;
    let more = found.len() > limit;
    found.truncate(limit);
    Ok((found, more))
}

/// The payment of an order.
///
/// # Errors
/// SQLite's errors, and a state that can't be parsed.
pub fn payment(db: &Connection, order: OrderId) -> rusqlite::Result<Option<Payment>> {
    let mut query = db.prepare_cached("SELECT state FROM entities WHERE key = ?")?;
    query.query_map([key(order)], read_payment)?.next().transpose()
}

fn read_order(row: &rusqlite::Row<'_>) -> rusqlite::Result<OrderId> {
    let order = row.get_ref(0)?.as_str()?.parse();
    order.map_err(|error| Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}

fn read_payment(row: &rusqlite::Row<'_>) -> rusqlite::Result<Payment> {
    let payment = serde_json::from_str(row.get_ref(0)?.as_str()?);
    payment.map_err(|error| Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}

/// The totals of one account in one currency, in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountTotal {
    /// ISO 4217.
    pub currency: String,
    /// The account's name.
    pub account: String,
    /// The sum of its debits.
    pub debit_minor: i128,
    /// The sum of its credits.
    pub credit_minor: i128,
}

/// The totals of all accounts. SQLite's sum of integers fails beyond 64 bits: each is added up in two parts.
///
/// # Errors
/// SQLite's errors.
pub fn totals(db: &Connection) -> rusqlite::Result<Vec<AccountTotal>> {
    const PART: i64 = 1_000_000_000;
    let mut query = db.prepare_cached(
        "SELECT currency, account, SUM(debit / ?1), SUM(debit % ?1), SUM(credit / ?1), SUM(credit % ?1) FROM postings \
         GROUP BY currency, account ORDER BY 1, 2",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        let sum = |high, low| -> rusqlite::Result<i128> {
            Ok(i128::from(row.get::<_, i64>(high)?) * i128::from(PART) + i128::from(row.get::<_, i64>(low)?))
        };
        Ok(AccountTotal {
            currency: row.get(0)?,
            account: row.get(1)?,
            debit_minor: sum(2, 3)?,
            credit_minor: sum(4, 5)?,
        })
    };
    query.query_map([PART], read)?.collect()
}

/// A posting in the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostingRow {
    /// The order.
    pub order_id: String,
    /// The number of the posting within the order.
    pub line: u32,
    /// The number of the entry; the postings of an entry balance.
    pub entry: u32,
    /// The kind of the entry.
    pub what: String,
    /// When it happened.
    pub at: Option<Timestamp>,
    /// The account.
    pub account: String,
    /// ISO 4217.
    pub currency: String,
    /// The debit, in minor units.
    pub debit_minor: i64,
    /// The credit, in minor units.
    pub credit_minor: i64,
}

/// A position in the list of postings: after this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostingCursor {
    /// The order.
    pub order: OrderId,
    /// The number of the posting within the order.
    pub line: u32,
}

impl FromStr for PostingCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (order, line) = text.split_once('_').ok_or(())?;
        Ok(Self { order: order.parse().map_err(|_| ())?, line: line.parse().map_err(|_| ())? })
    }
}

/// At most `limit` postings after `from`, newest orders first; of one order, or of all.
///
/// # Errors
/// SQLite's errors.
pub fn postings(
    db: &Connection,
    order: Option<OrderId>,
    from: Option<&PostingCursor>,
    limit: usize,
) -> rusqlite::Result<Vec<PostingRow>> {
    let mut query = db.prepare_cached(
        "SELECT order_id, line, entry, what, at, account, currency, debit, credit FROM postings
         WHERE (?1 IS NULL OR order_id = ?1) AND (order_id < ?2 OR order_id = ?2 AND line > ?3)
         ORDER BY order_id DESC, line LIMIT ?4",
    )?;
    let before = from.map_or_else(|| "~".to_owned(), |cursor| cursor.order.to_string());
    let line = from.map_or(0, |cursor| cursor.line);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = |row: &rusqlite::Row<'_>| {
        Ok(PostingRow {
            order_id: row.get(0)?,
            line: row.get(1)?,
            entry: row.get(2)?,
            what: row.get(3)?,
            at: row.get::<_, Option<i64>>(4)?.map(Timestamp),
            account: row.get(5)?,
            currency: row.get(6)?,
            debit_minor: row.get(7)?,
            credit_minor: row.get(8)?,
        })
    };
    query.query_map(params![order.map(|order| order.to_string()), before, line, limit], read)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::call::ProviderKind;

    /// The view's table of states, as `common` creates it.
    const ENTITIES: &str = "CREATE TABLE entities(partition INTEGER, key TEXT, state TEXT, open INTEGER);";

    fn show(db: &mut Connection, payment: &Payment) {
        let key = key(payment.order);
        let state = serde_json::to_string(payment).unwrap();
        db.execute("DELETE FROM entities WHERE key = ?", [&key]).unwrap();
        db.execute("INSERT INTO entities VALUES (0, ?, ?, 0)", [&key, &state]).unwrap();
        let tx = db.transaction().unwrap();
        PaymentRows::apply(&tx, &Row { partition: 0, key: &key, state: Some(payment), at: Timestamp(7) }).unwrap();
        tx.commit().unwrap();
    }

    fn database() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(&format!("{ENTITIES}{}", PaymentRows::SCHEMA)).unwrap();
        db
    }

    #[test]
    fn payments_are_listed_by_pages_from_the_newest_order_to_the_oldest() {
        let mut db = database();
        let orders: Vec<OrderId> = (1..=5).map(|n| format!("{n:032x}").parse().unwrap()).collect();
        for order in &orders {
            show(&mut db, &Payment::new(*order, ProviderKind::Manual, None));
        }
        let gone = key(orders[3]);
        let tx = db.transaction().unwrap();
        PaymentRows::apply(&tx, &Row { partition: 0, key: &gone, state: None, at: Timestamp(8) }).unwrap();
        tx.commit().unwrap();

        let ids = |status, before, limit| -> (Vec<String>, bool) {
            let (found, more) = page(&db, status, before, limit).unwrap();
            (found.into_iter().map(|payment| payment.order.to_string()).collect(), more)
        };
        let [one, two, three, _, five] = [0, 1, 2, 3, 4].map(|n: usize| orders[n].to_string());
        assert_eq!(ids(None, None, 2), (vec![five, three], true));
        assert_eq!(ids(Some("new"), Some(orders[2]), 9), (vec![two, one], false));
        assert_eq!(ids(Some("pending"), None, 9), (Vec::new(), false));
    }

    #[test]
    fn an_order_is_found_by_the_providers_id_of_its_payment() {
        let mut db = database();
        let [one, two] = [1, 2].map(|n: u8| format!("{n:032x}").parse::<OrderId>().unwrap());
        for (order, reference) in [(one, None), (two, Some("pi_2".to_owned()))] {
            let mut payment = Payment::new(order, ProviderKind::Stripe, None);
            payment.provider.reference = reference;
            show(&mut db, &payment);
        }
        assert_eq!(order_of_reference(&db, "pi_2").unwrap(), Some(two));
        assert_eq!(order_of_reference(&db, "pi_1").unwrap(), None);
    }

    #[test]
    fn the_totals_are_exact_beyond_64_bits() {
        let db = database();
        for line in 0..3 {
            let insert = "INSERT INTO postings(order_id, line, entry, what, account, currency, debit, credit) \
                          VALUES ('o', ?, 1, 'sale', 'provider_clearing', 'BRL', ?, 7)";
            db.execute(insert, params![line, i64::MAX]).unwrap();
        }
        let all = totals(&db).unwrap();
        assert_eq!((all[0].debit_minor, all[0].credit_minor), (3 * i128::from(i64::MAX), 21));
    }

    #[test]
    fn the_postings_are_those_of_the_last_state() {
        let mut db = database();
        let mut fixture = crate::tests::fixture::Fixture::approved();
        show(&mut db, fixture.payment());
        fixture.refund_part("r1", Some(50));
        fixture.part_answered("r1", 1, "refunded");
        for _ in 0..2 {
            show(&mut db, fixture.payment());
        }
        let all = totals(&db).unwrap();
        let sums = |f: fn(&AccountTotal) -> i128| all.iter().map(f).sum::<i128>();
        assert_eq!((sums(|t| t.debit_minor), sums(|t| t.credit_minor)), (2200, 2200));
        let held = all.iter().find(|total| total.account == "provider_clearing").unwrap();
        assert_eq!((held.debit_minor, held.credit_minor, held.currency.as_str()), (1050, 50, "BRL"));

        let first = postings(&db, None, None, 3).unwrap();
        let after = PostingCursor { order: fixture.payment().order, line: first[2].line };
        let rest = postings(&db, Some(fixture.payment().order), Some(&after), 99).unwrap();
        let lines: Vec<u32> = first.iter().chain(&rest).map(|posted| posted.line).collect();
        assert_eq!(lines, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_review_that_the_provider_refuses_is_a_case_until_it_is_listed() {
        let mut db = database();
        let mut payment = Payment::new("1".repeat(32).parse().unwrap(), ProviderKind::Stripe, None);
        payment.review.calls = 5;
        for (failed, count) in [(Some("no".to_owned()), 1), (None, 0)] {
            payment.review.failed = failed;
            show(&mut db, &payment);
            assert_eq!(count_cases(&db, "review_failed").unwrap(), count);
        }
    }
}

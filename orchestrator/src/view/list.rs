//! The queries of the list of sagas and its counts, fast with a million sagas. Separate, because they choose the index
//! for SQLite.

use rusqlite::types::Value;
use rusqlite::{Connection, ToSql};
use saga::{Action, Status};

use crate::filter::{Filter, SearchBy, Sort, TEXT_SEARCH_LIMIT};
use crate::inspect::purchase::Money;
use crate::stats;

/// A saga in a list.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// The name of its definition.
    pub definition: String,
    /// Its version.
    pub version: u32,
    /// Its status.
    pub status: String,
    /// The steps it waits for, separated by `, `.
    pub step: String,
    /// Its customer, if known.
    pub customer: Option<String>,
    /// When its longest wait started, in milliseconds since 1970.
    pub waiting: Option<i64>,
    /// True if an attempt of a step has failed, and another one is in flight or follows.
    pub retrying: bool,
    /// When it started, in milliseconds since 1970.
    pub started: i64,
    /// When it last changed.
    pub updated: i64,
    /// The status of its ending, once it is known.
    pub ending: Option<String>,
    /// The reason of the ending.
    pub ending_reason: Option<String>,
    /// The attempt of the step in most trouble.
    pub attempt: Option<ListedAttempt>,
    /// The last error of that step.
    pub error: Option<String>,
    /// The amount of the order.
    pub money: Option<Money>,
}

/// The attempt of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAttempt {
    /// The step.
    pub step: String,
    /// Execution or compensation.
    pub action: Action,
    /// Its number, from 1.
    pub number: u32,
}

/// A position in the list: the keys by which it is sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The start of the wait, in milliseconds since 1970; ignored in a list of the newest.
    pub waiting: i64,
    /// The start, in milliseconds since 1970.
    pub started: i64,
    /// The id.
    pub id: String,
}

/// A filter with more sagas than this is not sorted as a whole.
const MANY: u64 = 20_000;

/// The first sagas that match in an order, after a position in it.
pub fn list(
    connection: &Connection,
    filter: &Filter,
    sort: Sort,
    after: Option<&Cursor>,
    limit: usize,
) -> rusqlite::Result<Vec<Listed>> {
    let most = if filter.text.is_some() { TEXT_SEARCH_LIMIT } else { limit };
    let mut all = Vec::new();
    for search in searches(connection, filter, sort)? {
        all.extend(run(connection, &search, sort, after, most)?);
    }
    match sort {
        Sort::Newest => all.sort_by(|a, b| (b.started, &b.id).cmp(&(a.started, &a.id))),
        Sort::Waiting => all.sort_by(|a, b| (a.waiting, a.started, &a.id).cmp(&(b.waiting, b.started, &b.id))),
    }
    all.truncate(most);
    match &filter.text {
        Some(text) => with_text(connection, all, text.as_bytes(), limit),
        None => Ok(all),
    }
}

/// The sagas whose state contains a text. The states are read one by one, until there are `limit` sagas.
fn with_text(connection: &Connection, all: Vec<Listed>, text: &[u8], limit: usize) -> rusqlite::Result<Vec<Listed>> {
    let mut query = connection.prepare_cached("SELECT state FROM entities WHERE key = 'saga/' || ?")?;
    let mut found = Vec::new();
    for saga in all {
        let mut rows = query.query([&saga.id])?;
        let has = match rows.next()? {
            Some(row) => has_text(row.get_ref(0)?.as_bytes()?, text),
            None => false,
        };
        if has {
            found.push(saga);
        }
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

/// Returns true if `whole` contains `text`, ignoring ASCII case.
fn has_text(whole: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first() else { return true };
    let lower = first.to_ascii_lowercase();
    let upper = first.to_ascii_uppercase();
    let mut rest = whole;
    while let Some(place) = rest.iter().position(|byte| *byte == lower || *byte == upper) {
        rest = rest.get(place..).unwrap_or_default();
        if rest.get(..text.len()).is_some_and(|here| here.eq_ignore_ascii_case(text)) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// The number of sagas in a list, counted up to a limit.
pub fn count(connection: &Connection, filter: &Filter, sort: Sort, limit: usize) -> rusqlite::Result<u64> {
    if filter.text.is_some() {
        return list(connection, filter, sort, None, limit).map(|found| found.len() as u64);
    }
    let mut sum = 0;
    for search in searches(connection, filter, sort)? {
        let Query { sql, values } = query_of("SELECT 1 FROM sagas", &search, sort, None, limit);
        let mut query = connection.prepare_cached(&format!("SELECT count(*) FROM ({sql} LIMIT :limit)"))?;
        sum += query.query_row(&*named(&values), |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)?;
    }
    Ok(sum.min(limit as u64))
}

/// Returns true if a text is not searched in all sagas of a list.
pub fn is_text_search_cut(connection: &Connection, filter: &Filter, sort: Sort) -> rusqlite::Result<bool> {
    if filter.text.is_none() {
        return Ok(false);
    }
    let rest = Filter { text: None, ..filter.clone() };
    Ok(count(connection, &rest, sort, TEXT_SEARCH_LIMIT + 1)? > TEXT_SEARCH_LIMIT as u64)
}

/// A search by an index.
struct Search {
    filter: Filter,
    by: SearchBy,
}

/// The searches for a filter: a definition is searched version by version, each by status or by version, whichever has
/// fewer sagas; versions without sagas are skipped. Those that wait longest are searched by their waits, unless few
/// match. Of many that wait at a step or for a time, the newest are searched status by status.
fn searches(connection: &Connection, filter: &Filter, sort: Sort) -> rusqlite::Result<Vec<Search>> {
    let by = |by| Ok(vec![Search { filter: filter.clone(), by }]);
    let few = filter.reason.is_some() || filter.customer.is_some() || filter.id.is_some();
    if few || filter.retrying == Some(true) {
        return by(SearchBy::Time);
    }
    if let Some(waiting) = count_waiting(connection, filter)? {
        return match sort {
            Sort::Newest if waiting > MANY => Ok(by_open_status(filter)),
            Sort::Waiting if waiting > MANY => by(SearchBy::Waiting),
            Sort::Newest | Sort::Waiting if filter.step.is_some() => by(SearchBy::Time),
            Sort::Newest | Sort::Waiting => by(SearchBy::Waiting),
        };
    }
    if filter.status.is_none() && filter.definition.is_none() && filter.version.is_none() {
        return by(if sort == Sort::Waiting { SearchBy::Waiting } else { SearchBy::Time });
    }
    let totals = stats::totals(connection)?;
    let of_status = |total: &&stats::Total| filter.status.as_ref().is_none_or(|status| *status == total.status);
    let sum = |fits: &dyn Fn(&&stats::Total) -> bool| totals.iter().filter(fits).map(|total| total.count).sum::<u64>();
    let matches = |total: &&stats::Total| {
        of_status(total)
            && filter.definition.as_ref().is_none_or(|name| *name == total.definition)
            && filter.version.is_none_or(|version| version == total.version)
    };
    if sort == Sort::Waiting && sum(&matches) > MANY {
        return by(SearchBy::Waiting);
    }
    if filter.definition.is_none() && filter.version.is_none() {
        return if sum(&of_status) > 0 { by(SearchBy::Status) } else { Ok(Vec::new()) };
    }
    let mut versions: Vec<(&str, u32)> = totals.iter().map(|t| (t.definition.as_str(), t.version)).collect();
    versions.sort_unstable();
    versions.dedup();
    versions.retain(|(name, version)| {
        filter.definition.as_ref().is_none_or(|wanted| wanted == name)
            && filter.version.is_none_or(|wanted| wanted == *version)
    });
    let mut searches = Vec::new();
    for (name, version) in versions {
        let own = |total: &&stats::Total| total.definition == name && total.version == version;
        if sum(&|total| own(total) && of_status(total)) == 0 {
            continue;
        }
        let by = if filter.status.is_some() && sum(&of_status) < sum(&own) {
            SearchBy::Status
        } else {
            SearchBy::Definition
        };
        let definition = Some(name.to_owned());
        let filter = Filter { definition, version: Some(version), ..filter.clone() };
        searches.push(Search { filter, by });
    }
    Ok(searches)
}

/// The number of sagas that wait at the filter's step, or as long as it asks for, whichever is less; `None` if it asks
/// for neither. It is exact up to [`MANY`].
fn count_waiting(connection: &Connection, filter: &Filter) -> rusqlite::Result<Option<u64>> {
    let mut least = None;
    if let Some(step) = &filter.step {
        let waiting = stats::waiting(connection)?;
        let at_step = waiting.iter().filter(|waiting| waiting.step == *step);
        least = Some(at_step.map(|waiting| waiting.count).sum::<i64>().unsigned_abs());
    }
    if let Some(since) = filter.waiting_since {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM sagas WHERE waiting < ? LIMIT ?)";
        let most = i64::try_from(MANY + 1).unwrap_or(i64::MAX);
        let count = connection.prepare_cached(sql)?.query_row((since, most), |row| row.get::<_, i64>(0))?;
        least = Some(least.unwrap_or(u64::MAX).min(count.unsigned_abs()));
    }
    Ok(least)
}

/// A search for each status of open sagas that the filter admits.
fn by_open_status(filter: &Filter) -> Vec<Search> {
    let open = Status::ALL.into_iter().filter(|status| status.is_open()).map(|status| status.as_str());
    let admitted = open.filter(|status| filter.status.as_ref().is_none_or(|wanted| wanted == status));
    let search = |status: &str| Search {
        filter: Filter { status: Some(status.to_owned()), ..filter.clone() },
        by: SearchBy::Status,
    };
    admitted.map(search).collect()
}

fn run(
    connection: &Connection,
    search: &Search,
    sort: Sort,
    after: Option<&Cursor>,
    limit: usize,
) -> rusqlite::Result<Vec<Listed>> {
    let Query { sql, values } = query_of(SELECT, search, sort, after, limit);
    let order = order_by(search.by, sort);
    let mut query = connection.prepare_cached(&format!("{sql} ORDER BY {order} LIMIT :limit"))?;
    let rows = query.query_map(&*named(&values), listed)?;
    rows.collect()
}

const fn order_by(by: SearchBy, sort: Sort) -> &'static str {
    match (sort, by) {
        (Sort::Newest, SearchBy::Waiting) => "+started DESC, +id DESC",
        (Sort::Newest, SearchBy::Status | SearchBy::Definition | SearchBy::Time) => "started DESC, id DESC",
        (Sort::Waiting, SearchBy::Waiting) => "waiting, started, id",
        (Sort::Waiting, SearchBy::Status | SearchBy::Definition | SearchBy::Time) => "+waiting, started, id",
    }
}

/// Reads what [`listed`] takes.
pub(super) const SELECT: &str = "SELECT id, definition, version, status, step, customer, waiting, started, updated, \
     retrying, ending, ending_reason, attempt_step, attempt, undoing, error, amount, currency FROM sagas";

/// The saga of a row of [`SELECT`].
pub(super) fn listed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Listed> {
    let attempt = match (row.get(12)?, row.get(13)?, row.get::<_, Option<bool>>(14)?) {
        (Some(step), Some(number), Some(undoing)) => {
            let action = if undoing { Action::Compensate } else { Action::Execute };
            Some(ListedAttempt { step, action, number })
        }
        _ => None,
    };
    let money = match (row.get(16)?, row.get(17)?) {
        (Some(minor), Some(currency)) => Some(Money { minor, currency }),
        _ => None,
    };
    Ok(Listed {
        id: row.get(0)?,
        definition: row.get(1)?,
        version: row.get(2)?,
        status: row.get(3)?,
        step: row.get(4)?,
        customer: row.get(5)?,
        waiting: row.get(6)?,
        started: row.get(7)?,
        updated: row.get(8)?,
        retrying: row.get(9)?,
        ending: row.get(10)?,
        ending_reason: row.get(11)?,
        attempt,
        error: row.get(15)?,
        money,
    })
}

type Values = Vec<(&'static str, Value)>;

/// A query and its values.
struct Query {
    sql: String,
    values: Values,
}

fn query_of(select: &str, search: &Search, sort: Sort, after: Option<&Cursor>, limit: usize) -> Query {
    let Search { filter, by } = search;
    let (clauses, mut values) = filter.clauses(*by);
    let id = after.map_or_else(String::new, |cursor| cursor.id.clone());
    values.push((":limit", Value::from(i64::try_from(limit).unwrap_or(i64::MAX))));
    values.push((":id", Value::from(id)));
    let place = match sort {
        Sort::Newest => {
            let last = filter.started_before.unwrap_or(i64::MAX);
            values.push((":started", Value::from(after.map_or(last, |cursor| cursor.started.min(last)))));
            match by {
                SearchBy::Waiting => "(+started, +id) < (:started, :id)",
                SearchBy::Status | SearchBy::Definition | SearchBy::Time => "(started, id) < (:started, :id)",
            }
        }
        Sort::Waiting => {
            values.push((":started", Value::from(after.map_or(i64::MIN, |cursor| cursor.started))));
            values.push((":waited", Value::from(after.map_or(i64::MIN, |cursor| cursor.waiting))));
            match by {
                SearchBy::Waiting => "waiting IS NOT NULL AND (waiting, started, id) > (:waited, :started, :id)",
                SearchBy::Status | SearchBy::Definition | SearchBy::Time => {
                    "+waiting IS NOT NULL AND (+waiting, +started, +id) > (:waited, :started, :id)"
                }
            }
        }
    };
    Query { sql: format!("{select} WHERE {place}{clauses}"), values }
}

fn named(values: &Values) -> Vec<(&str, &dyn ToSql)> {
    values.iter().map(|(name, value)| (*name, value as &dyn ToSql)).collect()
}

#[cfg(test)]
mod tests;

//! The queries of the list of sagas and its counts, fast with a million sagas. Separate, because they choose the index
//! for SQLite.

use rusqlite::types::Value;
use rusqlite::{Connection, ToSql};

use crate::filter::{Filter, SearchBy, TEXT_SEARCH_LIMIT};
use crate::stats;

/// A saga in a list.
#[derive(Clone, Debug)]
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
    /// Whether it waits for the next attempt of a step.
    pub retrying: bool,
    /// When it started, in milliseconds since 1970.
    pub started: i64,
    /// When it last changed.
    pub updated: i64,
}

/// A position in the list: the start and the id of a saga.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The start, in milliseconds since 1970.
    pub started: i64,
    /// The id.
    pub id: String,
}

/// The newest sagas that match, older than `before`, the newest first.
pub fn list(
    connection: &Connection,
    filter: &Filter,
    before: Option<&Cursor>,
    limit: usize,
) -> rusqlite::Result<Vec<Listed>> {
    let most = if filter.text.is_some() { TEXT_SEARCH_LIMIT } else { limit };
    let mut all = Vec::new();
    for Search { filter, by } in searches(connection, filter)? {
        all.extend(run(connection, &filter, by, before, most)?);
    }
    all.sort_by(|a, b| (b.started, &b.id).cmp(&(a.started, &a.id)));
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

/// The number of sagas that match, counted up to a limit.
pub fn count(connection: &Connection, filter: &Filter, limit: usize) -> rusqlite::Result<u64> {
    if filter.text.is_some() {
        return list(connection, filter, None, limit).map(|found| found.len() as u64);
    }
    let mut sum = 0;
    for Search { filter, by } in searches(connection, filter)? {
        let Query { sql, values } = query_of("SELECT 1 FROM sagas", &filter, by, None, limit);
        let mut query = connection.prepare_cached(&format!("SELECT count(*) FROM ({sql} LIMIT :limit)"))?;
        sum += query.query_row(&*named(&values), |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)?;
    }
    Ok(sum.min(limit as u64))
}

/// A search by an index.
struct Search {
    filter: Filter,
    by: SearchBy,
}

/// The searches for a filter: a definition is searched version by version, each by status or by version, whichever has
/// fewer sagas; versions without sagas are skipped.
fn searches(connection: &Connection, filter: &Filter) -> rusqlite::Result<Vec<Search>> {
    let precise = filter.step.is_some() || filter.reason.is_some() || filter.customer.is_some() || filter.id.is_some();
    if precise || filter.status.is_none() && filter.definition.is_none() && filter.version.is_none() {
        return Ok(vec![Search { filter: filter.clone(), by: SearchBy::Time }]);
    }
    let totals = stats::totals(connection)?;
    let of_status = |total: &&stats::Total| filter.status.as_ref().is_none_or(|status| *status == total.status);
    let sum = |fits: &dyn Fn(&&stats::Total) -> bool| totals.iter().filter(fits).map(|total| total.count).sum::<u64>();
    if filter.definition.is_none() && filter.version.is_none() {
        let any = sum(&of_status) > 0;
        let search = any.then(|| Search { filter: filter.clone(), by: SearchBy::Status });
        return Ok(search.into_iter().collect());
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

fn run(
    connection: &Connection,
    filter: &Filter,
    by: SearchBy,
    before: Option<&Cursor>,
    limit: usize,
) -> rusqlite::Result<Vec<Listed>> {
    let Query { sql, values } = query_of(SELECT, filter, by, before, limit);
    let mut query = connection.prepare_cached(&format!("{sql} ORDER BY started DESC, id DESC LIMIT :limit"))?;
    let rows = query.query_map(&*named(&values), listed)?;
    rows.collect()
}

/// Reads what [`listed`] takes.
pub(super) const SELECT: &str =
    "SELECT id, definition, version, status, step, customer, waiting, started, updated, retrying FROM sagas";

/// The saga of a row of [`SELECT`].
pub(super) fn listed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Listed> {
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
    })
}

type Values = Vec<(&'static str, Value)>;

/// A query and its values.
struct Query {
    sql: String,
    values: Values,
}

fn query_of(select: &str, filter: &Filter, by: SearchBy, before: Option<&Cursor>, limit: usize) -> Query {
    let (clauses, mut values) = filter.clauses(by);
    let started = before.map_or(i64::MAX, |cursor| cursor.started);
    let id = before.map_or_else(String::new, |cursor| cursor.id.clone());
    values.push((":started", Value::from(started)));
    values.push((":id", Value::from(id)));
    values.push((":limit", Value::from(i64::try_from(limit).unwrap_or(i64::MAX))));
    Query { sql: format!("{select} WHERE (started, id) < (:started, :id){clauses}"), values }
}

fn named(values: &Values) -> Vec<(&str, &dyn ToSql)> {
    values.iter().map(|(name, value)| (*name, value as &dyn ToSql)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_ignoring_ascii_case() {
        let whole = "{\"name\":\"Ingresso São Paulo\",\"n\":1}".as_bytes();
        for (text, is_found) in [
            ("ingresso", true),
            ("PAULO\"", true),
            ("São", true),
            ("}", true),
            ("", true),
            ("paolo", false),
            ("1}x", false),
        ] {
            assert_eq!(has_text(whole, text.as_bytes()), is_found, "{text}");
        }
    }
}

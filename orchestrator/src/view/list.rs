//! Finding sagas: the list and its counts, quick also where there are a million. Apart, because SQLite has to be told
//! by which index to go.

use rusqlite::types::Value;
use rusqlite::{Connection, ToSql};

use crate::filter::{By, Filter, TEXT_REACH};
use crate::stats;

/// A saga in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// The name of its definition.
    pub definition: String,
    /// And the version.
    pub version: u32,
    /// Its status.
    pub status: String,
    /// The steps something is waited for, joined by commas.
    pub step: String,
    /// Whose it is, if that is known.
    pub customer: Option<String>,
    /// When the wait for the step began that is waited for longest, in milliseconds since the epoch.
    pub waiting: Option<i64>,
    /// Whether the next attempt of a step is waited for.
    pub retrying: bool,
    /// When it began, in milliseconds since the epoch.
    pub started: i64,
    /// When it last changed.
    pub updated: i64,
}

/// The newest sagas that fit, before a place in the list, newest first.
pub fn list(
    connection: &Connection,
    filter: &Filter,
    before: Option<&(i64, String)>,
    limit: usize,
) -> rusqlite::Result<Vec<Listed>> {
    let most = if filter.text.is_some() { TEXT_REACH } else { limit };
    let mut all = Vec::new();
    for (filter, by) in ways(connection, filter)? {
        all.extend(found(connection, &filter, by, before, most)?);
    }
    all.sort_by(|a, b| (b.started, &b.id).cmp(&(a.started, &a.id)));
    all.truncate(most);
    match &filter.text {
        Some(text) => with_text(connection, all, text.as_bytes(), limit),
        None => Ok(all),
    }
}

/// Those whose state has a text in it. Read one by one, which ends when there are enough.
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

/// Whether a text is in another, upper and lower case of ASCII being the same.
fn has_text(whole: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first() else { return true };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
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

/// How many sagas fit, counted up to a limit.
pub fn count(connection: &Connection, filter: &Filter, limit: usize) -> rusqlite::Result<u64> {
    if filter.text.is_some() {
        return list(connection, filter, None, limit).map(|found| found.len() as u64);
    }
    let mut sum = 0;
    for (filter, by) in ways(connection, filter)? {
        let (text, values) = asked("SELECT 1 FROM sagas", &filter, by, None, limit);
        let mut query = connection.prepare_cached(&format!("SELECT count(*) FROM ({text} LIMIT :limit)"))?;
        sum += query.query_row(&*named(&values), |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)?;
    }
    Ok(sum.min(limit as u64))
}

/// How to look for what fits: a definition is looked for version by version, and each by status or by version,
/// whichever has fewer sagas; where there are none, not at all.
fn ways(connection: &Connection, filter: &Filter) -> rusqlite::Result<Vec<(Filter, By)>> {
    let precise = filter.step.is_some() || filter.reason.is_some() || filter.customer.is_some() || filter.id.is_some();
    if precise || filter.status.is_none() && filter.definition.is_none() && filter.version.is_none() {
        return Ok(vec![(filter.clone(), By::Time)]);
    }
    let totals = stats::totals(connection)?;
    let of_status = |total: &&stats::Total| filter.status.as_ref().is_none_or(|status| *status == total.status);
    let sum = |fits: &dyn Fn(&&stats::Total) -> bool| totals.iter().filter(fits).map(|total| total.count).sum::<u64>();
    if filter.definition.is_none() && filter.version.is_none() {
        let there = sum(&of_status) > 0;
        return Ok(there.then(|| (filter.clone(), By::Status)).into_iter().collect());
    }
    let mut versions: Vec<(&str, u32)> = totals.iter().map(|t| (t.definition.as_str(), t.version)).collect();
    versions.sort_unstable();
    versions.dedup();
    versions.retain(|(name, version)| {
        filter.definition.as_ref().is_none_or(|wanted| wanted == name)
            && filter.version.is_none_or(|wanted| wanted == *version)
    });
    let mut ways = Vec::new();
    for (name, version) in versions {
        let own = |total: &&stats::Total| total.definition == name && total.version == version;
        if sum(&|total| own(total) && of_status(total)) == 0 {
            continue;
        }
        let by = if filter.status.is_some() && sum(&of_status) < sum(&own) { By::Status } else { By::Definition };
        let (definition, version) = (Some(name.to_owned()), Some(version));
        ways.push((Filter { definition, version, ..filter.clone() }, by));
    }
    Ok(ways)
}

fn found(
    connection: &Connection,
    filter: &Filter,
    by: By,
    before: Option<&(i64, String)>,
    limit: usize,
) -> rusqlite::Result<Vec<Listed>> {
    let text = "SELECT id, definition, version, status, step, customer, waiting, started, updated, retrying FROM sagas";
    let (text, values) = asked(text, filter, by, before, limit);
    let mut query = connection.prepare_cached(&format!("{text} ORDER BY started DESC, id DESC LIMIT :limit"))?;
    let rows = query.query_map(&*named(&values), |row| {
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
    })?;
    rows.collect()
}

type Values = Vec<(&'static str, Value)>;

fn asked(what: &str, filter: &Filter, by: By, before: Option<&(i64, String)>, limit: usize) -> (String, Values) {
    let (clauses, mut values) = filter.clauses(by);
    let (started, id) = before.map_or((i64::MAX, String::new()), Clone::clone);
    values.push((":started", Value::from(started)));
    values.push((":id", Value::from(id)));
    values.push((":limit", Value::from(i64::try_from(limit).unwrap_or(i64::MAX))));
    (format!("{what} WHERE (started, id) < (:started, :id){clauses}"), values)
}

fn named(values: &Values) -> Vec<(&str, &dyn ToSql)> {
    values.iter().map(|(name, value)| (*name, value as &dyn ToSql)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_any_case_of_its_letters() {
        let whole = "{\"name\":\"Ingresso São Paulo\",\"n\":1}".as_bytes();
        for (text, there) in [
            ("ingresso", true),
            ("PAULO\"", true),
            ("São", true),
            ("}", true),
            ("", true),
            ("paolo", false),
            ("1}x", false),
        ] {
            assert_eq!(has_text(whole, text.as_bytes()), there, "{text}");
        }
    }
}

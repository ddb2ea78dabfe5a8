//! The open incidents, grouped by step and reason, the most severe first.

use rusqlite::Connection;
use serde::Serialize;

/// The step that reports the ending.
const CONCLUDE: &str = "conclude";
/// The most groups.
const MAX_GROUPS: usize = 200;

/// How much harm an incident does while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something is not undone: a customer's money, or stock.
    High,
    /// Something is not done that the customer paid for.
    Medium,
    /// All is done or undone, but the ending is not reported.
    Low,
}

/// Incidents at the same step for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentGroup {
    /// The name of the definition.
    pub definition: String,
    /// Its version.
    pub version: u32,
    /// The blocked step.
    pub step: String,
    /// True if its compensation is blocked, not its execution.
    pub undoing: bool,
    /// The reason, without ids.
    pub reason: String,
    /// The number of sagas.
    pub count: u64,
    /// Since when the first of them is blocked, in milliseconds since 1970.
    pub first: i64,
    /// Since when the last of them is.
    pub last: i64,
}

impl IncidentGroup {
    /// How much harm they do.
    pub fn severity(&self) -> Severity {
        match (self.undoing, self.step.as_str()) {
            (true, _) => Severity::High,
            (false, CONCLUDE) => Severity::Low,
            (false, _) => Severity::Medium,
        }
    }
}

/// The open incidents, the most severe first, of these the oldest.
pub fn incidents(connection: &Connection) -> rusqlite::Result<Vec<IncidentGroup>> {
    let mut query = connection.prepare_cached(
        "SELECT definition, version, step, undoing, reason, count(*) AS n, min(reached), max(reached) FROM waits \
         WHERE state = 'stuck' GROUP BY definition, version, step, undoing, reason ORDER BY n DESC LIMIT ?",
    )?;
    let rows = query.query_map([i64::try_from(MAX_GROUPS).unwrap_or(i64::MAX)], |row| {
        Ok(IncidentGroup {
            definition: row.get(0)?,
            version: row.get(1)?,
            step: row.get(2)?,
            undoing: row.get(3)?,
            reason: row.get(4)?,
            count: row.get::<_, i64>(5)?.unsigned_abs(),
            first: row.get(6)?,
            last: row.get(7)?,
        })
    })?;
    let mut groups: Vec<IncidentGroup> = rows.collect::<rusqlite::Result<_>>()?;
    groups.sort_by(|a, b| {
        let names = |group: &IncidentGroup| (group.definition.clone(), group.version, group.step.clone());
        let rank = |group: &IncidentGroup| (group.severity(), group.first);
        rank(a).cmp(&rank(b)).then_with(|| names(a).cmp(&names(b))).then_with(|| a.reason.cmp(&b.reason))
    });
    Ok(groups)
}

/// The number of sagas in incident.
pub fn open_incidents(connection: &Connection) -> rusqlite::Result<u64> {
    let mut query = connection.prepare_cached("SELECT coalesce(sum(n), 0) FROM totals WHERE status = 'incident'")?;
    query.query_row([], |row| row.get::<_, i64>(0)).map(|sum| sum.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use common::view::Rows as _;

    use super::*;
    use crate::view::SagaRows;

    #[test]
    fn what_is_not_undone_comes_first_then_the_oldest() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SagaRows::SCHEMA).unwrap();
        for (id, step, undoing, reached) in [
            ("a", "conclude", false, 1),
            ("b", "ship", false, 3),
            ("c", "ship", false, 2),
            ("d", "notify", false, 1),
            ("e", "pay", true, 9),
            ("f", "reserve", true, 8),
        ] {
            connection
                .execute(
                    "INSERT INTO waits VALUES ('order', 5, ?2, 0, ?1, 0, 'stuck', 'no', ?3, ?4)",
                    (id, step, undoing, reached),
                )
                .unwrap();
        }
        let groups = incidents(&connection).unwrap();
        let shown: Vec<_> = groups.iter().map(|group| (group.step.as_str(), group.severity(), group.count)).collect();
        assert_eq!(
            shown,
            [
                ("reserve", Severity::High, 1),
                ("pay", Severity::High, 1),
                ("notify", Severity::Medium, 1),
                ("ship", Severity::Medium, 2),
                ("conclude", Severity::Low, 1),
            ]
        );
        assert_eq!((groups[3].first, groups[3].last), (2, 3));
        assert_eq!(open_incidents(&connection).unwrap(), 0);
        connection.execute("INSERT INTO totals VALUES ('order', 5, 'incident', 6)", []).unwrap();
        assert_eq!(open_incidents(&connection).unwrap(), 6);
    }
}

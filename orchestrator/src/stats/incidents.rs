//! The open incidents, grouped by step and reason, the most severe first.

use rusqlite::{Connection, named_params};
use saga::{Action, CONCLUDE};
use serde::Serialize;

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
    /// The blocked action of the step.
    pub const fn action(&self) -> Action {
        if self.undoing { Action::Compensate } else { Action::Execute }
    }

    /// How much harm they do.
    pub fn severity(&self) -> Severity {
        match (self.undoing, self.step.as_str()) {
            (true, _) => Severity::High,
            (false, CONCLUDE) => Severity::Low,
            (false, _) => Severity::Medium,
        }
    }
}

/// The groups of open incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentGroups {
    /// The most severe first, of these the oldest.
    pub groups: Vec<IncidentGroup>,
    /// There are more.
    pub has_more: bool,
}

/// The groups, in the order of [`IncidentGroup::severity`], so that the limit keeps the most severe.
const GROUPS: &str = "SELECT definition, version, step, undoing, reason, count(*), min(reached) AS first, \
     max(reached), CASE WHEN undoing THEN 0 WHEN step = :conclude THEN 2 ELSE 1 END AS rank \
     FROM waits WHERE state = 'stuck' GROUP BY definition, version, step, undoing, reason \
     ORDER BY rank, first, definition, version, step, reason LIMIT :limit";

/// The open incidents, the most severe first, of these the oldest.
pub fn incidents(connection: &Connection) -> rusqlite::Result<IncidentGroups> {
    let mut query = connection.prepare_cached(GROUPS)?;
    let limit = i64::try_from(MAX_GROUPS + 1).unwrap_or(i64::MAX);
    let rows = query.query_map(named_params! { ":conclude": CONCLUDE, ":limit": limit }, |row| {
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
    let has_more = groups.len() > MAX_GROUPS;
    groups.truncate(MAX_GROUPS);
    Ok(IncidentGroups { groups, has_more })
}

/// The number of sagas in incident.
pub fn open_incidents(connection: &Connection) -> rusqlite::Result<u64> {
    let mut query = connection.prepare_cached("SELECT coalesce(sum(n), 0) FROM totals WHERE status = 'incident'")?;
    query.query_row([], |row| row.get::<_, i64>(0)).map(|sum| sum.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    /// A blocked step.
    struct Blocked<'a> {
        id: &'a str,
        step: &'a str,
        undoing: bool,
        reason: &'a str,
        reached: i64,
    }

    fn block(connection: &Connection, blocked: Blocked<'_>) {
        let Blocked { id, step, undoing, reason, reached } = blocked;
        connection
            .execute(
                "INSERT INTO waits VALUES ('order', 5, ?2, 0, ?1, 0, 'stuck', ?5, ?3, ?4)",
                (id, step, undoing, reached, reason),
            )
            .unwrap();
    }

    #[test]
    fn the_limit_leaves_out_the_least_severe_and_then_the_newest() {
        let connection = testing::empty();
        let mut number = 0;
        // Large groups of little severity first, and one severe incident, which is the newest.
        for (step, groups, size) in [("conclude", MAX_GROUPS, 2), ("ship", MAX_GROUPS / 2, 3)] {
            for reason in (0..groups).map(|group| format!("reason {group}")) {
                for _ in 0..size {
                    number += 1;
                    let id = number.to_string();
                    block(&connection, Blocked { id: &id, step, undoing: false, reason: &reason, reached: number });
                }
            }
        }
        block(&connection, Blocked { id: "x", step: "pay", undoing: true, reason: "no", reached: i64::MAX });
        let IncidentGroups { groups, has_more } = incidents(&connection).unwrap();
        assert!(has_more && groups.len() == MAX_GROUPS);
        let count = |severity| groups.iter().filter(|group| group.severity() == severity).count();
        assert_eq!(count(Severity::High), 1);
        assert_eq!((count(Severity::Medium), count(Severity::Low)), (MAX_GROUPS / 2, MAX_GROUPS / 2 - 1));
        assert!(groups.is_sorted_by_key(|group| (group.severity(), group.first)), "the order of SQL is that of Rust");
    }

    #[test]
    fn what_is_not_undone_comes_first_then_the_oldest() {
        let connection = testing::empty();
        for (id, step, undoing, reached) in [
            ("a", "conclude", false, 1),
            ("b", "ship", false, 3),
            ("c", "ship", false, 2),
            ("d", "notify", false, 1),
            ("e", "pay", true, 9),
            ("f", "reserve", true, 8),
        ] {
            block(&connection, Blocked { id, step, undoing, reason: "no", reached });
        }
        let IncidentGroups { groups, has_more } = incidents(&connection).unwrap();
        assert!(!has_more);
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

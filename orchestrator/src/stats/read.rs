//! The queries of the statistics: for a window, for now, and minute by minute.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Type;
use saga::StepStatus;

use super::facts::What;
use super::histogram::Histogram;
use super::steps::{Attempts, Current, CurrentWait, Recent, WaitState};
use super::window::Minutes;

/// Each kind of fact has its minutes one after another, so that no others are read.
const RECENT: &str = "SELECT names.step, names.what, minutes.bucket, sum(minutes.n) FROM names CROSS JOIN minutes \
    ON minutes.name = names.id AND minutes.minute >= ?3 AND minutes.minute < ?4 \
    WHERE names.definition = ?1 AND names.version = ?2 AND names.what < 7 AND names.step <> '' \
    GROUP BY minutes.name, minutes.bucket";

/// The starts and endings of sagas; `names` has a row for each step, outcome and version.
const COUNTS: &str = "SELECT minutes.minute, iif(names.what = 7, names.step, NULL), sum(minutes.n) \
    FROM names CROSS JOIN minutes ON minutes.name = names.id AND minutes.minute >= ?1 AND minutes.minute < ?2 \
    WHERE names.what = 7 OR names.what = 0 AND names.step = '' GROUP BY 1, 2 ORDER BY 1, 2";

/// The outcomes at the steps of a definition's version in a period.
pub fn recent(
    connection: &Connection,
    definition: &str,
    version: u32,
    minutes: Minutes,
) -> rusqlite::Result<BTreeMap<String, Recent>> {
    let mut query = connection.prepare_cached(RECENT)?;
    let mut all: BTreeMap<String, Recent> = BTreeMap::new();
    let mut rows = query.query((definition, version, minutes.first, minutes.until))?;
    while let Some(row) = rows.next()? {
        let what: u8 = row.get(1)?;
        let bucket: u8 = row.get(2)?;
        let n = row.get::<_, i64>(3)?.max(0).unsigned_abs();
        let step = all.entry(row.get(0)?).or_default();
        let counter = match what {
            w if w == What::Started as u8 => &mut step.started,
            w if w == What::Done as u8 => &mut step.done,
            w if w == What::Refused as u8 => &mut step.refused,
            w if w == What::Failed as u8 => &mut step.failed,
            w if w == What::TimedOut as u8 => &mut step.timed_out,
            w if w == What::Abandoned as u8 => &mut step.abandoned,
            _ => &mut step.retried,
        };
        *counter += n;
        let times = match what {
            w if w == What::Done as u8 || w == What::Refused as u8 => &mut step.answered_times,
            w if w == What::Failed as u8 || w == What::TimedOut as u8 => &mut step.lost_times,
            w if w == What::Abandoned as u8 => &mut step.abandoned_times,
            _ => continue,
        };
        times.add(bucket, n);
    }
    Ok(all)
}

/// The sagas that wait at the steps of a definition's version. `at` is now, in milliseconds since 1970; `history` is
/// what their waits are compared with.
pub fn current(
    connection: &Connection,
    definition: &str,
    version: u32,
    at: i64,
    history: &BTreeMap<String, Recent>,
) -> rusqlite::Result<BTreeMap<String, Current>> {
    // The primary key of the table: the rows of a step follow each other.
    let mut query = connection.prepare_cached(
        "SELECT step, since, state, reason FROM waits \
         WHERE definition = ?1 AND version = ?2 ORDER BY step, since",
    )?;
    let mut rows = query.query((definition, version))?;
    let mut all: BTreeMap<String, Current> = BTreeMap::new();
    let mut overdue_after = 0;
    let mut here: Option<(String, Current)> = None;
    while let Some(row) = rows.next()? {
        let step = row.get_ref(0)?.as_str()?;
        if here.as_ref().is_none_or(|(known, _)| known != step) {
            all.extend(here.replace((step.to_owned(), Current::default())));
            overdue_after = history.get(step).map_or_else(|| Recent::default().overdue_after(), Recent::overdue_after);
        }
        let reason = row.get_ref(3)?.as_str()?;
        let attempts = match reason {
            "" => Attempts::First,
            saga::NOT_ANSWERED => Attempts::TimedOut,
            _ => Attempts::Failed,
        };
        let state = match row.get_ref(2)?.as_str()? {
            state if state == StepStatus::Stuck.as_str() => WaitState::Stuck,
            state if state == StepStatus::Compensating.as_str() => WaitState::Compensating,
            state if state == StepStatus::Retrying.as_str() => WaitState::Retrying,
            _ => WaitState::Running,
        };
        let waited = at.saturating_sub(row.get(1)?);
        if let Some((_, current)) = &mut here {
            current.add(CurrentWait { waited, state, attempts }, overdue_after);
            if attempts != Attempts::First && state != WaitState::Compensating {
                current.add_error(reason);
            }
        }
    }
    all.extend(here);
    Ok(all)
}

/// The number of sagas of a definition's version with a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The definition.
    pub definition: String,
    /// Its version.
    pub version: u32,
    /// The status.
    pub status: String,
    /// The number of sagas.
    pub count: u64,
}

impl Total {
    /// Returns true if these sagas have not ended.
    pub fn is_open(&self) -> bool {
        !matches!(self.status.as_str(), "completed" | "compensated")
    }
}

/// The numbers of all sagas by definition, version and status.
pub fn totals(connection: &Connection) -> rusqlite::Result<Vec<Total>> {
    let mut query = connection.prepare_cached(
        "SELECT definition, version, status, n FROM totals WHERE n > 0 ORDER BY definition, version DESC, status",
    )?;
    let rows = query.query_map([], |row| {
        let count = row.get::<_, i64>(3)?.unsigned_abs();
        Ok(Total { definition: row.get(0)?, version: row.get(1)?, status: row.get(2)?, count })
    })?;
    rows.collect()
}

/// The number of open sagas that wait at a step of a definition with a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The definition.
    pub definition: String,
    /// The step.
    pub step: String,
    /// The status of the step.
    pub status: String,
    /// The number of sagas.
    pub count: i64,
}

/// The steps at which open sagas wait, or waited before.
pub fn waiting(connection: &Connection) -> rusqlite::Result<Vec<Waiting>> {
    let mut query = connection.prepare_cached("SELECT definition, step, state, n FROM waiting")?;
    let rows = query.query_map([], |row| {
        Ok(Waiting { definition: row.get(0)?, step: row.get(1)?, status: row.get(2)?, count: row.get(3)? })
    })?;
    rows.collect()
}

/// When the first of the open sagas that wait at a step started to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldestWait {
    /// The definition.
    pub definition: String,
    /// The step.
    pub step: String,
    /// The start of the wait, in milliseconds since 1970; `None` if no saga waits.
    pub since: Option<i64>,
}

/// The oldest wait at each step at which open sagas wait, or waited before. It reads one row of `waits` for each step
/// and version.
pub fn oldest_waits(connection: &Connection) -> rusqlite::Result<Vec<OldestWait>> {
    let mut query = connection.prepare_cached(
        "SELECT steps.definition, steps.step, min((SELECT min(waits.since) FROM waits WHERE \
         waits.definition = steps.definition AND waits.version = versions.version AND waits.step = steps.step)) \
         FROM (SELECT DISTINCT definition, step FROM waiting) AS steps \
         JOIN (SELECT DISTINCT definition, version FROM totals) AS versions ON versions.definition = steps.definition \
         GROUP BY steps.definition, steps.step",
    )?;
    let rows =
        query.query_map([], |row| Ok(OldestWait { definition: row.get(0)?, step: row.get(1)?, since: row.get(2)? }))?;
    rows.collect()
}

/// How often something happened in all sagas of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeCount {
    /// The definition.
    pub definition: String,
    /// The step, or the status of the ending; empty for the start of a saga.
    pub name: String,
    /// What happened.
    pub what: What,
    /// The durations, by bucket.
    pub times: Histogram,
}

/// What happened in all sagas, since the beginning of the journal.
pub fn outcomes(connection: &Connection) -> rusqlite::Result<Vec<OutcomeCount>> {
    let mut query = connection
        .prepare_cached("SELECT definition, step, what, bucket, n FROM outcomes ORDER BY definition, step, what")?;
    let mut rows = query.query([])?;
    let mut all: Vec<OutcomeCount> = Vec::new();
    while let Some(row) = rows.next()? {
        let definition: String = row.get(0)?;
        let name: String = row.get(1)?;
        let invalid = |error: String| rusqlite::Error::FromSqlConversionFailure(2, Type::Integer, error.into());
        let what = What::try_from(row.get::<_, u8>(2)?).map_err(invalid)?;
        let bucket = row.get(3)?;
        let count = row.get::<_, i64>(4)?.unsigned_abs();
        match all.last_mut().filter(|last| last.definition == definition && last.name == name && last.what == what) {
            Some(last) => last.times.add(bucket, count),
            None => {
                let mut times = Histogram::default();
                times.add(bucket, count);
                all.push(OutcomeCount { definition, name, what, times });
            }
        }
    }
    Ok(all)
}

/// The number of sagas that started, or ended with a status, in a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinuteCount {
    /// The minute since 1970.
    pub minute: i64,
    /// The status of the ending; `None`: the sagas that started.
    pub ending: Option<String>,
    /// The number of sagas.
    pub count: u64,
}

/// The sagas that started and ended in a period, minute by minute.
pub fn counts_by_minute(connection: &Connection, minutes: Minutes) -> rusqlite::Result<Vec<MinuteCount>> {
    let mut query = connection.prepare_cached(COUNTS)?;
    let rows = query.query_map([minutes.first, minutes.until], |row| {
        let count = row.get::<_, i64>(2)?.max(0).unsigned_abs();
        Ok(MinuteCount { minute: row.get(0)?, ending: row.get(1)?, count })
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    /// Seven days of minutes are hundreds of thousands of rows.
    #[test]
    fn the_statistics_read_only_their_own_minutes() {
        let connection = testing::empty();
        for sql in [RECENT, COUNTS] {
            let plan = testing::plan(&connection, sql);
            let is_own = |line: &String| line.contains("minutes USING PRIMARY KEY (name=? AND minute>? AND minute<?)");
            assert!(plan.iter().any(is_own), "{sql}: {plan:?}");
        }
    }
}

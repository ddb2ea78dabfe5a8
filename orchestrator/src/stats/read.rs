//! Adding the statistics up: for a window of time, for now, minute by minute.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::facts::What;
use super::{Histogram, MINUTE};

/// How far back is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Window {
    /// Five minutes.
    #[serde(rename = "5m")]
    Minutes,
    /// An hour.
    #[default]
    #[serde(rename = "1h")]
    Hour,
    /// A day.
    #[serde(rename = "24h")]
    Day,
    /// A week.
    #[serde(rename = "7d")]
    Week,
}

impl Window {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Minutes, Self::Hour, Self::Day, Self::Week];

    /// Its name in the URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minutes => "5m",
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    /// Its minutes; the one that is not over yet is the last of them.
    pub const fn minutes(self) -> i64 {
        match self {
            Self::Minutes => 5,
            Self::Hour => 60,
            Self::Day => 24 * 60,
            Self::Week => 7 * 24 * 60,
        }
    }

    /// How old an answer may be.
    pub const fn fresh(self) -> Duration {
        match self {
            Self::Minutes | Self::Hour => Duration::from_millis(500),
            Self::Day => Duration::from_secs(5),
            Self::Week => Duration::from_secs(30),
        }
    }

    /// The first minute that counts.
    pub fn from(self, now: i64) -> i64 {
        now.div_euclid(MINUTE) - self.minutes() + 1
    }
}

/// What happened at a step in a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    /// So many began.
    pub started: u64,
    /// So many were done.
    pub done: u64,
    /// Refused.
    pub refused: u64,
    /// Failed for good.
    pub failed: u64,
    /// Ran out of time.
    pub timed_out: u64,
    /// Were given up.
    pub abandoned: u64,
    /// Attempts beyond the first.
    pub retried: u64,
    /// How long they took that came out somehow.
    pub times: Histogram,
}

/// Who waits at a step now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// All of them.
    pub count: u64,
    /// Of these: the next attempt is waited for.
    pub retrying: u64,
    /// Of these: undoing it.
    pub undoing: u64,
    /// Of these: an operator is waited for.
    pub stuck: u64,
    /// Since when the first of them waits.
    pub oldest: Option<i64>,
    /// All the time that they have waited, in milliseconds.
    pub waited: i64,
}

/// A step's statistics, for the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepStats {
    /// Its name.
    pub step: String,
    /// Sagas that wait there now.
    pub now: u64,
    /// Of these: for the next attempt.
    pub retrying: u64,
    /// Of these: for it to be undone.
    pub undoing: u64,
    /// Of these: for an operator.
    pub in_incident: u64,
    /// How long the first of them has waited.
    pub oldest_wait_ms: Option<i64>,
    /// Begun in the window.
    pub started: u64,
    /// Done in the window, and so on.
    pub done: u64,
    /// Refused.
    pub refused: u64,
    /// Out of retries.
    pub failed: u64,
    /// Out of time.
    pub timed_out: u64,
    /// Given up, because the saga turned back.
    pub abandoned: u64,
    /// Attempts beyond the first, of those that came out in the window.
    pub retried: u64,
    /// Half of those that came out took at most so long.
    pub p50_ms: Option<u64>,
    /// 95 of 100.
    pub p95_ms: Option<u64>,
    /// 99 of 100.
    pub p99_ms: Option<u64>,
    /// Its share of all the time that customers waited, 0 to 1.
    pub share_of_waiting: f64,
}

impl StepStats {
    /// How many came out somehow.
    pub const fn ended(&self) -> u64 {
        self.done + self.refused + self.failed + self.timed_out + self.abandoned
    }

    /// How large a part of those that came out, in percent.
    pub fn percent(&self, part: u64) -> f64 {
        if self.ended() == 0 { 0.0 } else { part as f64 * 100.0 / self.ended() as f64 }
    }
}

/// What is known of each step of a definition's version, in the order of `steps`.
pub fn step_stats<'s>(
    steps: impl Iterator<Item = &'s str>,
    recent: &BTreeMap<String, Recent>,
    now: &BTreeMap<String, Now>,
    at: i64,
) -> Vec<StepStats> {
    let (no_past, nobody) = (Recent::default(), Now::default());
    let mut all: Vec<(StepStats, f64)> = steps
        .map(|step| {
            let (past, here) = (recent.get(step).unwrap_or(&no_past), now.get(step).unwrap_or(&nobody));
            let waited = past.times.total() + here.waited.max(0) as f64;
            (one(step, past, here, at), waited)
        })
        .collect();
    let whole: f64 = all.iter().map(|(_, waited)| waited).sum();
    for (step, waited) in &mut all {
        step.share_of_waiting = if whole > 0.0 { *waited / whole } else { 0.0 };
    }
    all.into_iter().map(|(step, _)| step).collect()
}

fn one(step: &str, past: &Recent, here: &Now, at: i64) -> StepStats {
    StepStats {
        step: step.to_owned(),
        now: here.count,
        retrying: here.retrying,
        undoing: here.undoing,
        in_incident: here.stuck,
        oldest_wait_ms: here.oldest.map(|since| at.saturating_sub(since).max(0)),
        started: past.started,
        done: past.done,
        refused: past.refused,
        failed: past.failed,
        timed_out: past.timed_out,
        abandoned: past.abandoned,
        retried: past.retried,
        p50_ms: past.times.quantile(0.5),
        p95_ms: past.times.quantile(0.95),
        p99_ms: past.times.quantile(0.99),
        share_of_waiting: 0.0,
    }
}

/// How hot a step is, 0 to 5, by its share of all waiting.
pub fn heat(share: f64) -> u8 {
    let levels = [0.02, 0.08, 0.2, 0.4, 0.65];
    (0..).zip(levels).filter(|(_, least)| share >= *least).count().try_into().unwrap_or(5)
}

/// What happened at the steps of a definition's version since a minute.
pub fn recent(
    connection: &Connection,
    definition: &str,
    version: u32,
    since: i64,
) -> rusqlite::Result<BTreeMap<String, Recent>> {
    let mut query = connection.prepare_cached(
        "SELECT names.step, names.what, minutes.bucket, sum(minutes.n) FROM names CROSS JOIN minutes \
         ON minutes.name = names.id AND minutes.minute >= ?3 \
         WHERE names.definition = ?1 AND names.version = ?2 AND names.what < 7 AND names.step <> '' \
         GROUP BY minutes.name, minutes.bucket",
    )?;
    let mut all: BTreeMap<String, Recent> = BTreeMap::new();
    let mut rows = query.query((definition, version, since))?;
    while let Some(row) = rows.next()? {
        let (what, bucket, n): (u8, u8, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let n = n.max(0).unsigned_abs();
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
        if (What::Done as u8..=What::Abandoned as u8).contains(&what) {
            step.times.add(bucket, n);
        }
    }
    Ok(all)
}

/// Who waits at the steps of a definition's version now, `at` in milliseconds.
pub fn now(
    connection: &Connection,
    definition: &str,
    version: u32,
    at: i64,
) -> rusqlite::Result<BTreeMap<String, Now>> {
    let mut query = connection.prepare_cached(
        "SELECT step, count(*), sum(state = 'retrying'), sum(state = 'compensating'), sum(state = 'stuck'), min(since), \
         sum(max(?3 - since, 0)) FROM waits WHERE definition = ?1 AND version = ?2 GROUP BY step",
    )?;
    let rows = query.query_map((definition, version, at), |row| {
        let count = |place: usize| row.get::<_, i64>(place).map(i64::unsigned_abs);
        let (count, retrying, undoing, stuck) = (count(1)?, count(2)?, count(3)?, count(4)?);
        Ok((row.get(0)?, Now { count, retrying, undoing, stuck, oldest: row.get(5)?, waited: row.get(6)? }))
    })?;
    rows.collect()
}

/// Sagas that stopped at the same step for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stuck {
    /// The name of their definition.
    pub definition: String,
    /// And the version.
    pub version: u32,
    /// The step that stands in the way.
    pub step: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// When the first of them began to wait for the step, in milliseconds since 1970.
    pub first: i64,
    /// And the last.
    pub last: i64,
}

/// Incidents, grouped by step and reason, the most first.
pub fn stuck(connection: &Connection) -> rusqlite::Result<Vec<Stuck>> {
    let mut query = connection.prepare_cached(
        "SELECT definition, version, step, reason, count(*) AS n, min(since), max(since) FROM waits \
         WHERE state = 'stuck' GROUP BY definition, version, step, reason ORDER BY n DESC, definition, version, step, reason \
         LIMIT 200",
    )?;
    let rows = query.query_map([], |row| {
        Ok(Stuck {
            definition: row.get(0)?,
            version: row.get(1)?,
            step: row.get(2)?,
            reason: row.get(3)?,
            count: row.get::<_, i64>(4)?.unsigned_abs(),
            first: row.get(5)?,
            last: row.get(6)?,
        })
    })?;
    rows.collect()
}

/// How many sagas of a definition's version have a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The definition.
    pub definition: String,
    /// Its version.
    pub version: u32,
    /// The status.
    pub status: String,
    /// How many.
    pub count: u64,
}

/// All sagas there are, by definition, version and status.
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

/// What became of sagas in a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minute {
    /// The minute since 1970.
    pub minute: i64,
    /// `None`: so many began; else the ending's status.
    pub ending: Option<String>,
    /// How many.
    pub count: u64,
}

/// Begun and ended sagas since a minute, minute by minute.
pub fn ends_by_minute(connection: &Connection, since: i64) -> rusqlite::Result<Vec<Minute>> {
    let mut query = connection.prepare_cached(
        "SELECT minutes.minute, iif(names.what = 7, names.step, NULL), sum(minutes.n) FROM minutes JOIN names \
         ON names.id = minutes.name WHERE minutes.minute >= ?1 AND (names.what = 7 OR names.what = 0 AND names.step = '') \
         GROUP BY 1, 2 ORDER BY 1, 2",
    )?;
    let rows = query.query_map([since], |row| {
        let count = row.get::<_, i64>(2)?.max(0).unsigned_abs();
        Ok(Minute { minute: row.get(0)?, ending: row.get(1)?, count })
    })?;
    rows.collect()
}

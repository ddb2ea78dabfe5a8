//! The waits at the steps of a definition's version over time: how many sagas waited, and how long those waited that
//! ended. The number at a time follows from those that wait now and from what started and ended since.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::facts::What;
use super::histogram::Histogram;
use super::time::start_of;
use super::window::Minutes;

/// The waits at a step, point by point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepHistory {
    /// The sagas that waited for the step at the end of each point.
    pub waiting: Vec<u64>,
    /// The median duration of those that ended in it, in milliseconds; `None` without any.
    pub p50: Vec<Option<u64>>,
    /// The 95th percentile.
    pub p95: Vec<Option<u64>>,
}

/// The waits at each step over a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowHistory {
    /// The period.
    pub minutes: Minutes,
    /// The minutes of a point.
    pub width: i64,
    /// By step; those without a saga are missing.
    pub steps: BTreeMap<String, StepHistory>,
}

impl FlowHistory {
    /// The start of a point, in milliseconds since 1970.
    pub fn time(&self, index: usize) -> i64 {
        start_of(self.minutes.first + i64::try_from(index).unwrap_or(0) * self.width)
    }
}

/// The points of a period.
struct Scale {
    /// The first minute.
    first: i64,
    /// The minutes of a point.
    width: i64,
    /// The number of points.
    length: usize,
}

/// What happened at a step in the minutes of a point.
#[derive(Debug, Clone, Default)]
struct Point {
    /// Started, less ended.
    net: i64,
    times: Histogram,
}

/// The course of the waits in a period, in `most` points at most.
pub fn flow_history(
    connection: &Connection,
    definition: &str,
    version: u32,
    minutes: Minutes,
    most: usize,
) -> rusqlite::Result<FlowHistory> {
    let width = minutes.count().div_ceil(most.max(1)).max(1);
    let length = minutes.count().div_ceil(width);
    let width = i64::try_from(width).unwrap_or(1);
    let scale = Scale { first: minutes.first, width, length };
    let mut points = points(connection, definition, version, &scale)?;
    let mut now = waiting_now(connection, definition, version)?;
    for step in now.keys() {
        points.entry(step.clone()).or_insert_with(|| vec![Point::default(); length + 1]);
    }
    let steps = points.into_iter().map(|(step, points)| {
        let now = now.remove(&step).unwrap_or(0);
        (step, course(&points, now))
    });
    Ok(FlowHistory { minutes, width, steps: steps.collect() })
}

/// The course of a step with as many sagas `now`; the last of the points is all that followed the period.
fn course(points: &[Point], now: i64) -> StepHistory {
    let mut history = StepHistory::default();
    let mut after: i64 = points.iter().map(|point| point.net).sum();
    for point in points.iter().take(points.len().saturating_sub(1)) {
        after -= point.net;
        history.waiting.push((now - after).max(0).unsigned_abs());
        history.p50.push(point.times.quantile(0.5));
        history.p95.push(point.times.quantile(0.95));
    }
    history
}

/// What happened at each step since the first minute, in points of some minutes, and what followed them in one more.
fn points(
    connection: &Connection,
    definition: &str,
    version: u32,
    scale: &Scale,
) -> rusqlite::Result<BTreeMap<String, Vec<Point>>> {
    let Scale { first, width, length } = *scale;
    let mut query = connection.prepare_cached(
        "SELECT names.step, names.what, min((minutes.minute - ?3) / ?4, ?5) AS point, minutes.bucket, sum(minutes.n) \
         FROM names CROSS JOIN minutes ON minutes.name = names.id AND minutes.minute >= ?3 \
         WHERE names.definition = ?1 AND names.version = ?2 AND names.what < 6 AND names.step <> '' \
         GROUP BY minutes.name, point, minutes.bucket",
    )?;
    let mut all: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    let last = i64::try_from(length).unwrap_or(i64::MAX);
    let mut rows = query.query((definition, version, first, width, last))?;
    while let Some(row) = rows.next()? {
        let what: u8 = row.get(1)?;
        let place = usize::try_from(row.get::<_, i64>(2)?).unwrap_or(0);
        let bucket: u8 = row.get(3)?;
        let n = row.get::<_, i64>(4)?.max(0);
        let points = all.entry(row.get(0)?).or_insert_with(|| vec![Point::default(); length + 1]);
        let Some(point) = points.get_mut(place) else { continue };
        if what == What::Started as u8 {
            point.net += n;
            continue;
        }
        point.net -= n;
        if what != What::Abandoned as u8 {
            point.times.add(bucket, n.unsigned_abs());
        }
    }
    Ok(all)
}

/// The sagas that wait for the execution of each step.
fn waiting_now(connection: &Connection, definition: &str, version: u32) -> rusqlite::Result<BTreeMap<String, i64>> {
    let mut query = connection.prepare_cached(
        "SELECT step, count(*) FROM waits WHERE definition = ? AND version = ? AND undoing = 0 GROUP BY step",
    )?;
    let rows = query.query_map((definition, version), |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    fn add(connection: &Connection, what: What, minute: i64, bucket: u8, n: i64) {
        connection
            .execute(
                "INSERT OR IGNORE INTO names(definition, version, step, what) VALUES ('order', 5, 'pay', ?)",
                [what as u8],
            )
            .unwrap();
        connection
            .execute(
                "INSERT INTO minutes SELECT ?1, id, ?2, ?3 FROM names WHERE what = ?4",
                (minute, bucket, n, what as u8),
            )
            .unwrap();
    }

    #[test]
    fn the_waits_over_time_follow_from_those_now_and_what_happened_since() {
        let connection = testing::empty();
        // Ten started in minute 100, four ended in 101, one was abandoned in 103, two more ended in 106.
        add(&connection, What::Started, 100, 0, 10);
        add(&connection, What::Done, 101, 21, 3);
        add(&connection, What::Failed, 101, 21, 1);
        add(&connection, What::Abandoned, 103, 30, 1);
        add(&connection, What::Done, 106, 25, 2);
        for (id, undoing) in [("a", false), ("b", false), ("c", false), ("d", true)] {
            connection
                .execute(
                    "INSERT INTO waits VALUES ('order', 5, 'pay', 100, ?1, 100, 'running', '', ?2, 100)",
                    (id, undoing),
                )
                .unwrap();
        }
        let of = |first, until, most| {
            let minutes = Minutes { first, until };
            let history = flow_history(&connection, "order", 5, minutes, most).unwrap();
            (history.width, history.steps["pay"].clone())
        };
        let (width, pay) = of(99, 105, 10);
        assert_eq!((width, pay.waiting), (1, vec![0, 10, 6, 6, 5, 5]), "without what followed the period");
        assert_eq!(pay.p50.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true, false, false, false]);
        let (width, pay) = of(99, 107, 4);
        assert_eq!((width, pay.waiting), (2, vec![10, 6, 5, 3]));
        let (_, later) = of(105, 107, 10);
        assert_eq!(later.waiting, [5, 3]);
        let none = flow_history(&connection, "order", 6, Minutes { first: 0, until: 10 }, 5).unwrap();
        assert!(none.steps.is_empty());
    }
}

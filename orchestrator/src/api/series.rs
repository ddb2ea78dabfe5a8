//! Sagas that started and ended, minute by minute.

use std::collections::BTreeMap;

use common::http::Problem;
use common::time::Timestamp;

use super::state::Api;
use crate::error::ApiError;
use crate::stats::{self, MINUTE, Period};

/// The sagas that started in each minute, and that ended by status.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// The first minute since 1970.
    pub first: i64,
    /// The sagas that started, minute by minute.
    pub started: Vec<u64>,
    /// The sagas that ended, by the status of the ending.
    pub endings: BTreeMap<String, Vec<u64>>,
}

/// A series with several minutes in each point.
#[derive(Debug, Clone, PartialEq)]
pub struct CoarseSeries {
    /// The series.
    pub series: Series,
    /// The minutes in each point.
    pub minutes: usize,
}

impl Api {
    /// The series of a period.
    pub(crate) async fn series(&self, period: Period) -> Result<Series, ApiError> {
        let minutes = period.minutes(Timestamp::now().0);
        let first = minutes.first;
        let length = minutes.count();
        let read = move |connection: &rusqlite::Connection| stats::counts_by_minute(connection, minutes);
        let rows = self.context.view.read(read).await.map_err(Problem::from)?;
        let mut series = Series { first, started: vec![0; length], endings: BTreeMap::new() };
        for row in rows {
            let line = match row.ending {
                None => &mut series.started,
                Some(ending) => series.endings.entry(ending).or_insert_with(|| vec![0; length]),
            };
            let index = usize::try_from(row.minute - first).ok();
            if let Some(cell) = index.and_then(|index| line.get_mut(index)) {
                *cell += row.count;
            }
        }
        Ok(series)
    }
}

impl Series {
    /// Sums up minutes so that at most `max` points are left.
    #[must_use]
    pub fn at_most(&self, max: usize) -> CoarseSeries {
        let minutes = self.started.len().div_ceil(max.max(1)).max(1);
        let sum = |line: &Vec<u64>| line.chunks(minutes).map(|part| part.iter().sum()).collect::<Vec<u64>>();
        let endings = self.endings.iter().map(|(name, line)| (name.clone(), sum(line))).collect();
        let series = Self { first: self.first, started: sum(&self.started), endings };
        CoarseSeries { series, minutes }
    }

    /// The start of the minute at an index, in milliseconds since 1970.
    pub fn time(&self, index: usize) -> i64 {
        (self.first + i64::try_from(index).unwrap_or(0)) * MINUTE
    }
}

//! Compares the rows of a run with those of an earlier one. Only ratios within one day on one machine mean anything.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::report::{Row, without_load};

#[derive(Deserialize)]
struct Earlier {
    runs: Vec<Row>,
}

/// The rows of an earlier `result.json`.
///
/// # Errors
/// When the file can't be read, or is not a result.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let earlier: Earlier = serde_json::from_str(&text).with_context(|| format!("{} is no result", path.display()))?;
    Ok(earlier.runs)
}

/// A line for each load that both have: new divided by earlier.
pub fn lines(runs: &[Row], earlier: &[Row]) -> Vec<String> {
    let line = |new: &Row| {
        let old = earlier.iter().find(|old| (&old.broker, &old.name) == (&new.broker, &new.name))?;
        let ratio = |of: fn(&Row) -> f64| of(new) / of(old);
        Some(format!(
            "{:<8} {:<20} {:>6.2}x orders/s {:>6.2}x p50 {:>6.2}x p99; per order {:>6.2}x CPU {:>6.2}x switches",
            new.broker,
            new.name,
            ratio(|row| row.per_second),
            ratio(|row| row.ended.p50),
            ratio(|row| row.ended.p99),
            ratio(|row| without_load(&row.cpu)),
            ratio(|row| without_load(&row.switches)),
        ))
    };
    runs.iter().filter_map(line).collect()
}

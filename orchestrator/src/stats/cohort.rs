//! The sagas of a definition's version that started in a period: how they ended, and how long they took.

use std::collections::BTreeMap;

use rusqlite::Connection;
use saga::Status;

use super::facts::Facts;
use super::interval::Interval;
use super::lifetime::{Lifetime, quantile};
use super::window::Minutes;

/// The most sagas of a version that are compared, the newest ones.
pub const COHORT_LIMIT: usize = 10_000;

/// Through the index on the version, so that no other sagas are read.
const MEMBERS: &str = "SELECT started, status, ending, counted FROM sagas \
    WHERE definition = ?1 AND version = ?2 AND started >= ?3 AND started < ?4 ORDER BY started DESC LIMIT ?5";

/// A saga of a cohort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// How long it took, or has run so far.
    pub lifetime: Lifetime,
    /// True if it is completed.
    pub is_completed: bool,
    /// The status of its ending, once it has ended.
    pub ending: Option<String>,
    /// The retries of its steps and compensations.
    pub retries: u32,
    /// True if it is or was in incident.
    pub had_incident: bool,
}

/// The sagas of a definition's version that started in a period.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cohort {
    /// The version.
    pub version: u32,
    /// The number of sagas.
    pub sagas: u64,
    /// Those that have ended.
    pub ended: u64,
    /// Of the ended ones, those that are completed; the others are compensated.
    pub completed: u64,
    /// The ended ones by the status of their ending.
    pub endings: BTreeMap<String, u64>,
    /// Those that are or were in incident.
    pub with_incident: u64,
    /// Those of which an attempt was repeated.
    pub with_retries: u64,
    /// All retries.
    pub retries: u64,
    /// The median duration in milliseconds; `None` if too few have ended.
    pub p50: Option<Interval>,
    /// The duration in milliseconds within which 95 % end.
    pub p95: Option<Interval>,
    /// True if there are more than [`COHORT_LIMIT`]; the older ones are left out.
    pub is_cut: bool,
}

impl Cohort {
    /// Sums up sagas.
    pub fn of(version: u32, members: &[Member]) -> Self {
        let mut cohort = Self { version, ..Self::default() };
        for member in members {
            cohort.sagas += 1;
            cohort.retries += u64::from(member.retries);
            cohort.with_retries += u64::from(member.retries > 0);
            cohort.with_incident += u64::from(member.had_incident);
            if !member.lifetime.is_over {
                continue;
            }
            cohort.ended += 1;
            cohort.completed += u64::from(member.is_completed);
            if let Some(ending) = &member.ending {
                *cohort.endings.entry(ending.clone()).or_default() += 1;
            }
        }
        let mut lifetimes: Vec<Lifetime> = members.iter().map(|member| member.lifetime).collect();
        lifetimes.sort_unstable();
        cohort.p50 = quantile(&lifetimes, 0.5);
        cohort.p95 = quantile(&lifetimes, 0.95);
        cohort
    }

    /// Those that have not ended.
    pub const fn open(&self) -> u64 {
        self.sagas - self.ended
    }

    /// The ended ones that are compensated.
    pub const fn compensated(&self) -> u64 {
        self.ended - self.completed
    }

    /// The number of ended ones with an ending.
    pub fn with_ending(&self, status: &str) -> u64 {
        self.endings.get(status).copied().unwrap_or(0)
    }

    /// The retries of a saga on average.
    pub fn retries_per_saga(&self) -> f64 {
        if self.sagas == 0 { 0.0 } else { self.retries as f64 / self.sagas as f64 }
    }
}

/// The sagas of a definition's version that started in a period. `now` is in milliseconds since 1970.
pub fn cohort(
    connection: &Connection,
    definition: &str,
    version: u32,
    minutes: Minutes,
    now: i64,
) -> rusqlite::Result<Cohort> {
    let mut query = connection.prepare_cached(MEMBERS)?;
    let limit = i64::try_from(COHORT_LIMIT + 1).unwrap_or(i64::MAX);
    let mut rows = query.query((definition, version, minutes.from(), minutes.to(), limit))?;
    let mut members = Vec::new();
    let mut is_cut = false;
    while let Some(row) = rows.next()? {
        if members.len() == COHORT_LIMIT {
            is_cut = true;
            break;
        }
        let started: i64 = row.get(0)?;
        let status = row.get_ref(1)?.as_str()?;
        let Ok(facts) = serde_json::from_str::<Facts>(row.get_ref(3)?.as_str()?) else { continue };
        let so_far = now.saturating_sub(started).max(0).unsigned_abs();
        members.push(Member {
            lifetime: Lifetime { ms: facts.took.unwrap_or(so_far), is_over: facts.took.is_some() },
            is_completed: status == Status::Completed.as_str(),
            ending: row.get(2)?,
            retries: facts.retries,
            had_incident: facts.had_incident,
        });
    }
    Ok(Cohort { is_cut, ..Cohort::of(version, &members) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    #[test]
    fn a_cohort_reads_only_its_own_sagas() {
        let plan = testing::plan(&testing::empty(), MEMBERS);
        let is_own = |line: &String| {
            line.contains("INDEX sagas_by_definition (definition=? AND version=? AND started>? AND started<?)")
        };
        assert!(plan.len() == 1 && plan.iter().all(is_own), "{plan:?}");
    }

    #[test]
    fn a_cohort_sums_up_its_sagas() {
        let member = |ms, ending: Option<&str>, retries| Member {
            lifetime: Lifetime { ms, is_over: ending.is_some() },
            is_completed: ending == Some("confirmed"),
            ending: ending.map(str::to_owned),
            retries,
            had_incident: retries > 2,
        };
        let members = [
            member(500, Some("confirmed"), 0),
            member(700, Some("confirmed"), 1),
            member(90, Some("rejected"), 0),
            member(9_000, None, 3),
        ];
        let cohort = Cohort::of(4, &members);
        assert_eq!((cohort.sagas, cohort.ended, cohort.open()), (4, 3, 1));
        assert_eq!((cohort.completed, cohort.compensated(), cohort.with_ending("rejected")), (2, 1, 1));
        assert_eq!((cohort.retries, cohort.with_retries, cohort.with_incident), (4, 2, 1));
        assert_eq!(cohort.p50.map(|p50| p50.value), Some(500.0));
        assert_eq!(Cohort::of(4, &[]), Cohort { version: 4, ..Cohort::default() });
    }
}

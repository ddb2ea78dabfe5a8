//! Statistics of the flow: the sagas that wait at each step now, and by the minute the outcomes of the steps and their
//! durations. `facts` derives from a saga's state what it counts for, `write` applies the difference to the saga's
//! previous facts, `read` sums up. The sums are therefore those of the latest states, even if states in between are
//! skipped or written twice, after any restart and on any instance.

mod cohort;
mod comparison;
mod facts;
mod histogram;
mod history;
mod incidents;
mod interval;
mod lifetime;
mod offender;
mod read;
mod steps;
#[cfg(test)]
mod tests;
mod time;
mod window;
mod write;

pub use cohort::{COHORT_LIMIT, Cohort, cohort};
pub use comparison::{Comparison, ENOUGH, Endings, Speed};
pub use facts::What;
pub use histogram::Histogram;
pub use history::{FlowHistory, StepHistory, flow_history};
pub use incidents::{IncidentGroup, IncidentGroups, Severity, incidents, open_incidents};
pub use interval::{Interval, Side};
pub use offender::{Finding, Ranking, Why, rank};
pub use read::{
    MinuteCount, OldestWait, OutcomeCount, Total, Waiting, counts_by_minute, current, oldest_waits, outcomes, recent,
    totals, waiting,
};
pub use steps::{Attempts, Current, CurrentWait, Known, Recent, StepStats, WaitState, step_stats};
pub use time::MINUTE;
pub use window::{Minutes, Period, Window};
pub(crate) use write::before;
pub use write::put;

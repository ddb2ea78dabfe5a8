//! Statistics of the flow: how many sagas wait at which step now, and by the minute what became of the steps and how
//! long they took. Kept in the view by difference: `facts` says what a saga's state counts for, `write` applies what
//! changed since the same saga was last written, `read` adds it up. So the sums are those of all last states, whichever
//! states in between were skipped or written twice, after any restart and on any instance.

mod facts;
mod histogram;
mod offender;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use histogram::Histogram;
pub use offender::{Offender, offender};
pub use read::{
    Minute, Now, Recent, StepStats, Stuck, Total, Window, ends_by_minute, heat, now, recent, step_stats, stuck, totals,
};
pub(crate) use write::before;
pub use write::put;

/// Milliseconds of a minute.
pub const MINUTE: i64 = 60_000;
/// Minutes that are kept: 7 days.
pub const KEPT: i64 = 7 * 24 * 60;

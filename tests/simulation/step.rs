//! The steps of a run, and the random choice among the possible ones.

use crate::kafka::{PARTITIONS, TOPICS};

/// One step. The numbers are the service, the instance and the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The next order is placed, or the next payment result published.
    External,
    /// A record of a former claim is appended late.
    Late(usize),
    /// A record of a former claim is lost.
    LateLost(usize),
    /// A message of a topic is written again.
    Repeat,
    /// An unreadable record is appended to a journal.
    Garbage,
    /// The broker of the run's fragile partition is unavailable: nothing is appended there.
    Unavailable,
    /// The broker is available again.
    Available,
    /// The clock advances, by milliseconds.
    Time(i64),
    /// The group assigns a partition to the service's other instance.
    Move(usize, i32),
    Instance(usize, usize, Change),
    Worker(usize, usize, i32, WorkerStep),
}

/// A change of an instance's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    Crash,
    /// The disk with the view is lost, too.
    CrashAndLoseView,
    Restart,
    /// The process is stopped (SIGSTOP, a long pause).
    Stall,
    Wake,
}

/// An event of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkerStep {
    /// The group assigns the partition.
    Assigned,
    /// The group revokes the partition: the worker drains.
    Revoked,
    /// The group reports the partition as lost: the worker stops at once.
    Lost,
    /// Draining exceeds its time limit.
    DrainTimeout,
    Claim,
    /// Records of the producer are appended.
    Append,
    /// A record is not appended, and its failure is reported.
    AppendFails,
    /// A record is appended, and a failure is reported.
    AppendUnknown,
    /// Delivery reports arrive.
    Reports,
    /// The worker reads its journal back.
    ReadBack,
    /// Its instance's view applies the journal.
    Apply,
    Load,
    /// Loading fails.
    LoadFails,
    /// The worker receives messages of an input and decides.
    Deliver,
    /// The same, beginning with a message that it received before.
    DeliverAgain,
    /// A timer is due.
    Tick,
    EvictIdle,
    /// A due side effect is executed.
    SideEffect,
    /// The result of a side effect is appended.
    Result,
    /// The result is appended, and sent again since its failure is reported.
    ResultUnknown,
}

/// The possible steps with their weights.
#[derive(Default)]
pub struct Choice {
    steps: Vec<(u32, Step)>,
    sum: u32,
}

impl Choice {
    pub fn clear(&mut self) {
        self.steps.clear();
        self.sum = 0;
    }

    /// Adds a step with a weight. A step of weight 0 is not added.
    pub fn offer(&mut self, weight: u32, step: Step) {
        if weight > 0 {
            self.sum += weight;
            self.steps.push((weight, step));
        }
    }

    pub fn take(&self, rng: &mut fastrand::Rng) -> Option<Step> {
        let mut left = if self.sum == 0 { return None } else { rng.u32(0..self.sum) };
        for (weight, step) in &self.steps {
            match left.checked_sub(*weight) {
                None => return Some(*step),
                Some(less) => left = less,
            }
        }
        None
    }
}

/// The weight of each fault, drawn for each run: with all faults at once a run makes no progress, and a single fault
/// finds bugs that many together hide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    pub crash: u32,
    pub lose_view: u32,
    pub stall: u32,
    pub moves: u32,
    pub fail: u32,
    pub unknown: u32,
    pub late: u32,
    pub again: u32,
    pub repeat: u32,
    pub garbage: u32,
    pub long_waits: u32,
    /// The broker of the fragile partition becomes unavailable.
    pub unavailable: u32,
    /// Index in `TOPICS`, and the partition.
    pub fragile: (usize, i32),
    /// How soon an instance restarts and receives the group's assignment.
    pub recovery: u32,
    pub provider: u32,
    /// The clock hardly advances and the provider does not fail: nothing is late, and every order ends as it would
    /// without faults.
    pub punctual: bool,
    /// The largest clock difference between instances, in milliseconds.
    pub skew: i64,
}

impl Faults {
    /// Returns true if there are no faults.
    pub fn is_none(&self) -> bool {
        let Self { recovery, fragile, .. } = Self::none();
        Self { recovery, fragile, ..*self } == Self::none()
    }

    /// No faults.
    pub fn none() -> Self {
        Self { recovery: 60, ..Self::default() }
    }

    pub fn draw(rng: &mut fastrand::Rng) -> Self {
        if rng.u8(0..16) == 0 {
            return Self::none();
        }
        let punctual = rng.u8(0..5) == 0;
        let factor = [1, 1, 30][rng.usize(0..3)];
        let fragile = (rng.usize(0..TOPICS.len()), rng.i32(0..PARTITIONS));
        let recovery = [3, 15, 60][rng.usize(0..3)];
        let mut weight = |most: u32| if rng.bool() { 0 } else { rng.u32(1..=most) };
        Self {
            crash: weight(6),
            lose_view: weight(3),
            stall: weight(6),
            moves: weight(8),
            fail: weight(10),
            unknown: weight(10),
            late: weight(60),
            again: weight(60),
            repeat: weight(30),
            garbage: weight(4),
            unavailable: weight(20),
            fragile,
            long_waits: if punctual { 0 } else { weight(120) },
            recovery,
            provider: if punctual { 0 } else { weight(40) },
            punctual,
            skew: if punctual { 0 } else { i64::from(weight(3_000)) * factor },
        }
    }
}

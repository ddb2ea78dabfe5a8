//! Everything that can happen in a run, one step at a time, and the choice among what can happen now.

use crate::kafka::{PARTITIONS, TOPICS};

/// One step. The numbers say which service, which instance, which partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The next order is placed, or the next payment result typed.
    Outside,
    /// Something that a claim left behind lands after all.
    Late(usize),
    /// Or never will.
    LateLost(usize),
    /// A message that lies on a topic is written there once more.
    Repeat,
    /// Bytes that nobody of us wrote come into a journal.
    Garbage,
    /// The broker of the run's fragile topic goes away: nothing lands there.
    Away,
    /// It is back.
    Back,
    /// Time goes on, by milliseconds.
    Time(i64),
    /// The group gives a partition of a service to its other instance.
    Move(usize, i32),
    Instance(usize, usize, Change),
    Worker(usize, usize, i32, Work),
}

/// What becomes of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    Crash,
    /// And the disk with its view is gone.
    CrashAndLoseView,
    Restart,
    /// The process stands still (SIGSTOP, a long pause).
    Stall,
    Wake,
}

/// What a worker does, or what happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// The group's word comes: the partition is its own.
    HearAssigned,
    /// The partition is another's: it finishes in order.
    HearRevoked,
    /// The partition was lost already: it stops at once.
    HearLost,
    /// It takes too long to finish.
    CutOff,
    Claim,
    /// A record of its producer lands.
    Land,
    /// One fails and did not land.
    Fail,
    /// One lands, and the producer is told it failed.
    LandUnknown,
    /// It hears what became of what it sent.
    Hear,
    /// It reads its journal back.
    Read,
    /// Its instance's view applies the journal.
    Apply,
    Load,
    /// Loading fails.
    LoadFails,
    /// It takes messages of an input and decides.
    Deliver,
    /// The same, beginning with one that it was given before.
    DeliverAgain,
    /// A timer is due.
    Tick,
    Rest,
    /// It acts on the world.
    Act,
    /// The world's answer lands.
    Answer,
    /// It lands, and is sent again since nobody knows.
    AnswerUnknown,
}

/// The steps that can be taken now.
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

    /// Adds a step that is the likelier the greater its weight is; one of weight 0 is not added.
    pub fn offer(&mut self, weight: u32, step: Step) {
        if weight > 0 {
            self.sum += weight;
            self.steps.push((weight, step));
        }
    }

    pub fn take(&self, dice: &mut fastrand::Rng) -> Option<Step> {
        let mut left = if self.sum == 0 { return None } else { dice.u32(0..self.sum) };
        for (weight, step) in &self.steps {
            match left.checked_sub(*weight) {
                None => return Some(*step),
                Some(less) => left = less,
            }
        }
        None
    }
}

/// How likely each fault is. Drawn for each run: a run in which everything goes wrong at once gets nowhere, and one
/// fault alone finds what many together hide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
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
    /// The broker of one topic's partition goes away; which one.
    pub away: u32,
    pub fragile: (usize, i32),
    /// How soon an instance comes back, and hears of what the group decided.
    pub recovery: u32,
    pub bank: u32,
    /// Time stands nearly still while all this happens, and the provider is well: nothing may be late, and every order
    /// ends as if nothing had gone wrong.
    pub punctual: bool,
    /// The clocks of instances differ by up to so many milliseconds.
    pub skew: i64,
}

impl Weather {
    /// Nothing goes wrong.
    pub fn is_calm(&self) -> bool {
        let Self { recovery, fragile, .. } = Self::calm();
        Self { recovery, fragile, ..*self } == Self::calm()
    }

    /// All is well.
    pub fn calm() -> Self {
        Self { recovery: 60, ..Self::default() }
    }

    pub fn draw(dice: &mut fastrand::Rng) -> Self {
        if dice.u8(0..16) == 0 {
            return Self::calm();
        }
        let (punctual, apart) = (dice.u8(0..5) == 0, [1, 1, 30][dice.usize(0..3)]);
        let fragile = (dice.usize(0..TOPICS.len()), dice.i32(0..PARTITIONS));
        let recovery = [3, 15, 60][dice.usize(0..3)];
        let mut weight = |most: u32| if dice.bool() { 0 } else { dice.u32(1..=most) };
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
            away: weight(20),
            fragile,
            long_waits: if punctual { 0 } else { weight(120) },
            recovery,
            bank: if punctual { 0 } else { weight(40) },
            punctual,
            skew: if punctual { 0 } else { i64::from(weight(3_000)) * apart },
        }
    }
}

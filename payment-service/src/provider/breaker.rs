//! A circuit breaker (Nygard, "Release It!") as a pure state machine: its input is the time and the outcomes of calls.
//! `guard` makes the calls. Crates for this (failsafe, recloser) hide their state, read the clock themselves and let
//! every call through when half-open.

use std::time::Duration;

use common::time::Timestamp;
use serde::{Deserialize, Serialize};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// This many consecutive failures open it.
    pub failures: u32,
    /// How long it stays open before a call is tried.
    pub open_for: Duration,
}

/// The state of a breaker.
///
/// ```text
///            failures in a row               open_for is over
///   closed ───────────────────▶ open ◀────┐ ─────────────────▶ half-open (one call at a time)
///      ▲                                  └────── it fails ────────┤
///      └────────────────────────── it succeeds ────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Calls are made.
    Closed,
    /// No calls are made.
    Open,
    /// One call is tried.
    HalfOpen,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// Permission to make one call. Its outcome is reported with it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "report the outcome of the call to the breaker"]
pub struct Permit(u64);

/// The breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    limits: Limits,
    state: State,
    since: Timestamp,
    failures: u32,
    /// Counts state changes: outcomes of calls that began in an earlier era are ignored.
    era: u64,
    /// When the call that is tried while half-open began.
    trying: Option<Timestamp>,
    last_error: Option<String>,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(limits: Limits, now: Timestamp) -> Self {
        Self { limits, state: State::Closed, since: now, failures: 0, era: 0, trying: None, last_error: None }
    }

    /// Requests permission for a call.
    ///
    /// # Errors
    /// How long to wait before the next request.
    pub fn permit(&mut self, now: Timestamp) -> Result<Permit, Duration> {
        match self.state {
            State::Closed => Ok(Permit(self.era)),
            State::Open => {
                let over = self.since.plus(self.limits.open_for);
                if now < over {
                    return Err(over.since(now));
                }
                self.turn(State::HalfOpen, now);
                self.trying = Some(now);
                Ok(Permit(self.era))
            }
            State::HalfOpen => match self.trying {
                // The caller may have been dropped before it could report the outcome.
                Some(began) if now < began.plus(self.limits.open_for) => {
                    Err(began.plus(self.limits.open_for).since(now))
                }
                Some(_) | None => {
                    self.trying = Some(now);
                    Ok(Permit(self.era))
                }
            },
        }
    }

    /// The provider answered; a refusal is an answer too.
    pub fn answered(&mut self, permit: &Permit, now: Timestamp) {
        if permit.0 != self.era {
            return;
        }
        self.failures = 0;
        if self.state != State::Closed {
            self.turn(State::Closed, now);
        }
    }

    /// The provider did not answer, or failed.
    pub fn failed(&mut self, permit: &Permit, why: &str, now: Timestamp) {
        if permit.0 != self.era {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(why.to_owned());
        let opens = match self.state {
            State::Closed => self.failures >= self.limits.failures,
            State::HalfOpen => true,
            State::Open => false,
        };
        if opens {
            self.turn(State::Open, now);
        }
    }

    fn turn(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.since = now;
        self.trying = None;
        self.era += 1;
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// When it entered the state.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// The number of consecutive failures up to now.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The last failure.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { failures: 3, open_for: Duration::from_secs(10) };

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1000)
    }

    fn snapshot(breaker: &Breaker) -> (State, Timestamp, u32, Option<&str>) {
        (breaker.state(), breaker.since(), breaker.failures(), breaker.last_error())
    }

    fn open() -> Breaker {
        let mut breaker = Breaker::new(LIMITS, at(0));
        for second in 1..=3 {
            let permit = breaker.permit(at(second)).unwrap();
            breaker.failed(&permit, "no answer", at(second));
        }
        assert_eq!(snapshot(&breaker), (State::Open, at(3), 3, Some("no answer")));
        breaker
    }

    #[test]
    fn consecutive_failures_open_it_unless_an_answer_is_between_them() {
        let mut breaker = Breaker::new(LIMITS, at(0));
        for second in 1..20 {
            let permit = breaker.permit(at(second)).unwrap();
            if second % 3 == 0 {
                breaker.answered(&permit, at(second))
            } else {
                breaker.failed(&permit, "", at(second))
            }
        }
        assert_eq!(breaker.state(), State::Closed);
        open();
    }

    #[test]
    fn while_it_is_open_no_call_is_permitted_and_it_returns_how_long() {
        let mut breaker = open();
        assert_eq!(breaker.permit(at(5)), Err(Duration::from_secs(8)));
        assert_eq!(breaker.state(), State::Open);
    }

    #[test]
    fn half_open_one_call_is_tried_and_closes_it_or_opens_it_again() {
        let mut breaker = open();
        let tried = breaker.permit(at(13)).unwrap();
        assert_eq!((breaker.state(), breaker.permit(at(14))), (State::HalfOpen, Err(Duration::from_secs(9))));
        breaker.answered(&tried, at(15));
        assert_eq!(snapshot(&breaker), (State::Closed, at(15), 0, Some("no answer")));
        let _ = breaker.permit(at(15)).unwrap();

        let mut breaker = open();
        let tried = breaker.permit(at(13)).unwrap();
        breaker.failed(&tried, "no answer again", at(14));
        assert_eq!(snapshot(&breaker), (State::Open, at(14), 4, Some("no answer again")));
        assert_eq!(breaker.permit(at(23)), Err(Duration::from_secs(1)));
    }

    #[test]
    fn a_tried_call_without_an_outcome_does_not_keep_it_half_open_for_ever() {
        let mut breaker = open();
        let lost = breaker.permit(at(13)).unwrap();
        let next = breaker.permit(at(23)).unwrap();
        breaker.answered(&next, at(24));
        breaker.failed(&lost, "late", at(25));
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn outcomes_of_calls_from_an_earlier_era_are_ignored() {
        let mut breaker = Breaker::new(LIMITS, at(0));
        let old: Vec<Permit> = (0..9).map(|_| breaker.permit(at(0)).unwrap()).collect();
        for permit in &old {
            breaker.failed(permit, "", at(1));
        }
        assert_eq!(breaker.failures(), 3, "the others began in an earlier era");
        let tried = breaker.permit(at(11)).unwrap();
        breaker.failed(&old[0], "", at(12));
        assert_eq!(breaker.state(), State::HalfOpen);
        breaker.answered(&tried, at(12));
        breaker.failed(&old[1], "", at(13));
        assert_eq!(breaker.failures(), 0);
    }
}

//! A circuit breaker as a pure state machine: it is told the time and what became of calls, and says whether a call may
//! be made. Apart from `guard`, which makes the calls. Crates for this (failsafe, recloser) hide their state, read the
//! clock themselves and let every call through when half-open.

use std::time::Duration;

use common::time::Timestamp;
use serde::{Deserialize, Serialize};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many failures one after the other open it.
    pub failures: u32,
    /// So long it stays open before a call is tried.
    pub open_for: Duration,
}

/// Where a breaker stands.
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

    /// As the API calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// A call that may be made. What became of it is told with it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what became of the call is to be told to the breaker"]
pub struct Permit(u64);

/// The breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    limits: Limits,
    state: State,
    since: Timestamp,
    failures: u32,
    /// Counts openings and closings: what became of a call that began before the last of them says nothing of now.
    era: u64,
    /// When the call began that is tried while half-open.
    trying: Option<Timestamp>,
    last_error: Option<String>,
}

impl Breaker {
    /// A closed one.
    pub fn new(limits: Limits, now: Timestamp) -> Self {
        Self { limits, state: State::Closed, since: now, failures: 0, era: 0, trying: None, last_error: None }
    }

    /// Asks for a call.
    ///
    /// # Errors
    /// How long to wait before asking again.
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
                // Whoever tried may have been given up on the way, and then never says what became of it.
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

    /// The provider answered, be it with a no.
    pub fn answered(&mut self, permit: &Permit, now: Timestamp) {
        if permit.0 != self.era {
            return;
        }
        self.failures = 0;
        if self.state != State::Closed {
            self.turn(State::Closed, now);
        }
    }

    /// It did not answer, or said that it can't.
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
        (self.state, self.since, self.trying) = (state, now, None);
        self.era += 1;
    }

    /// Where it stands, since when, how many calls failed one after the other, and the last failure.
    pub fn seen(&self) -> (State, Timestamp, u32, Option<&str>) {
        (self.state, self.since, self.failures, self.last_error.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { failures: 3, open_for: Duration::from_secs(10) };

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1000)
    }

    fn state(breaker: &Breaker) -> State {
        breaker.seen().0
    }

    fn open() -> Breaker {
        let mut breaker = Breaker::new(LIMITS, at(0));
        for second in 1..=3 {
            let permit = breaker.permit(at(second)).unwrap();
            breaker.failed(&permit, "no line", at(second));
        }
        assert_eq!(breaker.seen(), (State::Open, at(3), 3, Some("no line")));
        breaker
    }

    #[test]
    fn failures_one_after_the_other_open_it_and_an_answer_between_them_does_not() {
        let mut breaker = Breaker::new(LIMITS, at(0));
        for second in 1..20 {
            let permit = breaker.permit(at(second)).unwrap();
            if second % 3 == 0 {
                breaker.answered(&permit, at(second))
            } else {
                breaker.failed(&permit, "", at(second))
            }
        }
        assert_eq!(state(&breaker), State::Closed);
        open();
    }

    #[test]
    fn while_it_is_open_no_call_is_made_and_it_says_how_long() {
        let mut breaker = open();
        assert_eq!(breaker.permit(at(5)), Err(Duration::from_secs(8)));
        assert_eq!(state(&breaker), State::Open);
    }

    #[test]
    fn then_one_call_is_tried_and_closes_it_or_opens_it_again() {
        let mut breaker = open();
        let tried = breaker.permit(at(13)).unwrap();
        assert_eq!((state(&breaker), breaker.permit(at(14))), (State::HalfOpen, Err(Duration::from_secs(9))));
        breaker.answered(&tried, at(15));
        assert_eq!(breaker.seen(), (State::Closed, at(15), 0, Some("no line")));
        let _ = breaker.permit(at(15)).unwrap();

        let mut breaker = open();
        let tried = breaker.permit(at(13)).unwrap();
        breaker.failed(&tried, "still none", at(14));
        assert_eq!(breaker.seen(), (State::Open, at(14), 4, Some("still none")));
        assert_eq!(breaker.permit(at(23)), Err(Duration::from_secs(1)));
    }

    #[test]
    fn a_try_that_is_given_up_does_not_keep_it_half_open_for_ever() {
        let mut breaker = open();
        let lost = breaker.permit(at(13)).unwrap();
        let next = breaker.permit(at(23)).unwrap();
        breaker.answered(&next, at(24));
        breaker.failed(&lost, "late", at(25));
        assert_eq!(state(&breaker), State::Closed);
    }

    #[test]
    fn what_became_of_a_call_from_before_says_nothing_of_now() {
        let mut breaker = Breaker::new(LIMITS, at(0));
        let old: Vec<Permit> = (0..9).map(|_| breaker.permit(at(0)).unwrap()).collect();
        for permit in &old {
            breaker.failed(permit, "", at(1));
        }
        assert_eq!(breaker.seen().2, 3, "the others belong to a time that is over");
        let tried = breaker.permit(at(11)).unwrap();
        breaker.failed(&old[0], "", at(12));
        assert_eq!(state(&breaker), State::HalfOpen);
        breaker.answered(&tried, at(12));
        breaker.failed(&old[1], "", at(13));
        assert_eq!(breaker.seen().2, 0);
    }
}

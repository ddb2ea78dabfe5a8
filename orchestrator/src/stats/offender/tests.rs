//! Situations and the headline that each must have.

use std::collections::BTreeMap;

use super::super::histogram::bucket;
use super::super::steps::{Attempts, Current, CurrentWait, Known, Recent, WaitState, step_stats};
use super::*;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60_000;
const STEPS: [&str; 3] = ["reserve", "payment-result", "ship"];

/// What happened at a step, and what waits at it.
#[derive(Default)]
struct At {
    step: &'static str,
    /// The answers of the history, each after so many milliseconds.
    usual: Vec<(u64, i64)>,
    /// Abandoned waits in the history and in the window.
    abandoned: Vec<i64>,
    /// In the window: done, failed, refused.
    window: (u64, u64, u64),
    /// Sagas that wait now, each for so many milliseconds.
    waits: Vec<(u64, i64, WaitState, Attempts)>,
}

fn at(step: &'static str) -> At {
    // A hundred sagas passed the step in a second.
    At { step, usual: vec![(100, SECOND)], window: (20, 0, 0), ..At::default() }
}

impl At {
    fn usual(self, count: u64, ms: i64) -> Self {
        Self { usual: vec![(count, ms)], ..self }
    }

    fn waiting(mut self, count: u64, ms: i64) -> Self {
        self.waits.push((count, ms, WaitState::Running, Attempts::First));
        self
    }

    fn stuck(mut self, count: u64, ms: i64) -> Self {
        self.waits.push((count, ms, WaitState::Stuck, Attempts::Failed));
        self
    }

    fn retrying(mut self, count: u64, ms: i64) -> Self {
        self.waits.push((count, ms, WaitState::Retrying, Attempts::TimedOut));
        self
    }

    fn window(self, done: u64, failed: u64, refused: u64) -> Self {
        Self { window: (done, failed, refused), ..self }
    }

    fn abandoned(self, ms: i64) -> Self {
        Self { abandoned: vec![ms], ..self }
    }
}

fn ms(time: i64) -> u8 {
    bucket(time.unsigned_abs())
}

fn stats_of(situation: &[At]) -> Vec<StepStats> {
    let mut recent: BTreeMap<String, Recent> = BTreeMap::new();
    let mut history: BTreeMap<String, Recent> = BTreeMap::new();
    let mut current: BTreeMap<String, Current> = BTreeMap::new();
    for at in situation {
        let long = history.entry(at.step.to_owned()).or_default();
        at.usual.iter().for_each(|(count, time)| long.answered_times.add(ms(*time), *count));
        let window = recent.entry(at.step.to_owned()).or_default();
        let (done, failed, refused) = at.window;
        window.done = done;
        window.failed = failed;
        window.refused = refused;
        window.answered_times.add(ms(SECOND), done + refused);
        window.lost_times.add(ms(SECOND), failed);
        for time in &at.abandoned {
            long.abandoned_times.add(ms(*time), 1);
            window.abandoned_times.add(ms(*time), 1);
            window.abandoned += 1;
        }
        let here = current.entry(at.step.to_owned()).or_default();
        for (count, waited, state, attempts) in &at.waits {
            for _ in 0..*count {
                here.add(CurrentWait { waited: *waited, state: *state, attempts: *attempts }, long.overdue_after());
            }
        }
    }
    step_stats(STEPS.into_iter(), Known { recent: &recent, history: &history, current: &current })
}

/// The first step with its reason, and a check that the colours agree with it.
fn headline(situation: &[At]) -> Option<(String, Why)> {
    let steps = stats_of(situation);
    let ranking = rank(&steps);
    let hottest = ranking.heat.values().copied().max().unwrap_or(0);
    match ranking.first() {
        Some(first) => {
            let hot: Vec<&String> = ranking.heat.iter().filter(|(_, heat)| **heat == HOTTEST).map(|(s, _)| s).collect();
            assert_eq!(hot, [&first.step], "the hottest step is that of the headline: {ranking:?}");
        }
        None => assert!(hottest <= 2, "a hot step without a headline: {ranking:?}"),
    }
    ranking.findings.into_iter().next().map(|first| (first.step, first.why))
}

#[test]
fn customers_who_wait_outrank_failures_of_the_past() {
    let situation = [
        at("reserve"),
        at("payment-result").usual(100, 20 * SECOND).waiting(8, 10 * MINUTE),
        at("ship").window(88, 12, 0),
    ];
    assert_eq!(headline(&situation), Some(("payment-result".to_owned(), Why::Slow)));
    let steps = stats_of(&situation);
    let ranking = rank(&steps);
    let listed: Vec<(&str, Why)> = ranking.findings.iter().map(|f| (f.step.as_str(), f.why)).collect();
    assert_eq!(listed, [("payment-result", Why::Slow), ("ship", Why::Fails)]);
    assert!(steps[1].share_of_waiting > 0.6, "{steps:?}");
}

#[test]
fn an_abandoned_wait_does_not_hide_those_that_are_overdue() {
    // In five minutes nothing ended but a cancelled saga that had waited for 8.5 minutes.
    let payment = at("payment-result").usual(40, 20 * SECOND).window(0, 0, 0).abandoned(510 * SECOND);
    let situation = [at("reserve"), payment.waiting(8, 10 * MINUTE)];
    assert_eq!(headline(&situation), Some(("payment-result".to_owned(), Why::Slow)));
    let steps = stats_of(&situation);
    assert!(steps[1].p50_ms >= Some(510_000), "those who wait are part of the median: {steps:?}");
}

/// A situation with its name, what is at the steps, and the expected headline.
type Situation = (&'static str, Vec<At>, Option<(&'static str, Why)>);

#[test]
fn each_situation_has_the_right_headline() {
    let payment = || at("payment-result").usual(100, 20 * SECOND);
    let table: Vec<Situation> = vec![
        ("nothing happens", STEPS.map(at).into(), None),
        ("all waiting is at one step, within the usual", vec![payment().waiting(50, 30 * SECOND)], None),
        ("nine seconds are never long", vec![at("reserve").usual(100, 50).waiting(5, 9 * SECOND)], None),
        (
            "a step that usually takes hours is not overdue after one",
            vec![payment().waiting(1, MINUTE), at("ship").usual(100, 120 * MINUTE).waiting(90, 60 * MINUTE)],
            Some(("payment-result", Why::Slow)),
        ),
        (
            "many customers a little overdue outrank one that is very late",
            vec![at("reserve").waiting(200, 5 * MINUTE), payment().waiting(1, 60 * MINUTE)],
            Some(("reserve", Why::Slow)),
        ),
        (
            "an incident that has just begun does not hide an outage",
            vec![at("reserve").stuck(1, 2 * SECOND), payment().waiting(8, 10 * MINUTE)],
            Some(("payment-result", Why::Slow)),
        ),
        (
            "an incident of yesterday does not hide an outage",
            vec![at("reserve").stuck(1, 24 * 60 * MINUTE), payment().waiting(8, 10 * MINUTE)],
            Some(("payment-result", Why::Slow)),
        ),
        (
            "incidents outrank attempts that fail now",
            vec![at("reserve").retrying(3, 20 * SECOND), at("ship").stuck(2, MINUTE)],
            Some(("ship", Why::Incidents)),
        ),
        (
            "attempts that fail now outrank failures of the past",
            vec![at("reserve").retrying(1, 3 * SECOND), at("ship").window(10, 90, 0)],
            Some(("reserve", Why::Retries)),
        ),
        ("failures of the past are reported alone", vec![at("ship").window(88, 12, 0)], Some(("ship", Why::Fails))),
        ("four percent are few, and refusals are no failures", vec![at("ship").window(96, 4, 50)], None),
        (
            "a new step without history is overdue after a minute",
            vec![At { step: "ship", ..At::default() }.waiting(3, 61 * SECOND)],
            Some(("ship", Why::Slow)),
        ),
        (
            "a tenth of outage in the history does not make it usual",
            vec![At { usual: vec![(95, 20 * SECOND), (5, 10 * MINUTE)], ..payment() }.waiting(4, 3 * MINUTE)],
            Some(("payment-result", Why::Slow)),
        ),
    ];
    for (name, situation, expected) in table {
        assert_eq!(headline(&situation), expected.map(|(step, why)| (step.to_owned(), why)), "{name}");
    }
}

#[test]
fn three_steps_are_listed_at_most_and_the_worst_first() {
    let names = ["a", "b", "c", "d"];
    let steps: Vec<StepStats> = names
        .into_iter()
        .zip([3.0, 9.0, 1.0, 5.0])
        .map(|(name, harm)| StepStats { step: name.to_owned(), now: 1, overdue: 1, harm, ..StepStats::default() })
        .collect();
    let ranking = rank(&steps);
    assert_eq!(ranking.findings.iter().map(|f| f.step.as_str()).collect::<Vec<_>>(), ["b", "d", "a"]);
    assert_eq!((ranking.heat["b"], ranking.heat["d"], ranking.heat["c"]), (5, 4, 3));
}

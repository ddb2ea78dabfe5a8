//! Random sagas with simulated participants, against an oracle that knows only the participants: either every step is
//! done, or every step that happened is compensated in a legal order, or there is an incident. Commands are lost,
//! delayed and reordered, replies are repeated, timers fire at any time, operators intervene. `PROPTEST_CASES` sets the
//! number of cases.

mod drawn;

use std::collections::BTreeSet;
use std::time::Duration;

use self::drawn::{Drawn, Kind, Whole, drawn_steps, file, whole};
use crate::harness;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use saga::{
    Action, Callback, Data, Definition, Effect, Input, Operate, Operation, Outcome, Saga, Status, StepState,
    StepStatus, Timestamp, decide,
};
use serde_json::{Value, json};

/// The state of a step at its participant.
#[derive(Debug, Clone, Copy, Default)]
struct Fact {
    happened: bool,
    refused: bool,
    undone: bool,
    /// A success was reported to the saga.
    acknowledged: bool,
}

struct World<'a> {
    drawn: &'a [Drawn],
    definition: Definition,
    saga: Saga,
    now: Timestamp,
    /// The total duration of pauses.
    paused: Duration,
    facts: Vec<Fact>,
    approved: Vec<bool>,
    in_flight: Vec<Effect>,
    past: Vec<Input>,
    /// The ending reported.
    ending: Option<String>,
    /// The progress reported.
    progress: BTreeSet<String>,
    messages: u32,
    yeses: usize,
}

impl<'a> World<'a> {
    fn new(drawn: &'a [Drawn], whole: Whole) -> Self {
        let definition = harness::definition(&file(drawn, whole));
        let data = Data::with(&definition.start.output, json!({"yes": true, "no": false}));
        let now = Timestamp(0);
        let start = Input::Start { id: harness::ID, data, traceparent: None };
        let decision = decide(&definition, None, start, now);
        let mut world = Self {
            drawn,
            definition,
            saga: decision.saga.unwrap(),
            now,
            paused: Duration::ZERO,
            facts: vec![Fact::default(); drawn.len()],
            approved: vec![false; drawn.len()],
            in_flight: Vec::new(),
            past: Vec::new(),
            ending: None,
            progress: BTreeSet::new(),
            messages: 0,
            yeses: 0,
        };
        world.send(decision.effects);
        world
    }

    fn descendants(&self, step: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::from([step]);
        for (i, drawn) in self.drawn.iter().enumerate() {
            if drawn.after.iter().any(|before| found.contains(before)) {
                found.insert(i);
            }
        }
        found.remove(&step);
        found
    }

    /// Returns true if a step is done or skipped, by the facts. Rules that hold are done once their predecessors are.
    fn is_done(&self, step: usize) -> bool {
        let drawn = &self.drawn[step];
        let kept = drawn.kind == Kind::Checks(true) && drawn.after.iter().all(|before| self.is_done(*before));
        let done = self.facts[step].happened && !self.facts[step].undone;
        drawn.skipped() || kept || done || self.approved[step]
    }

    /// Returns true if a step happened and still has to be compensated.
    fn is_uncompensated(&self, step: usize) -> bool {
        let fact = self.facts[step];
        self.drawn[step].compensable && fact.happened && !fact.undone
    }

    /// Checks that the effects are legal.
    fn send(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let (step, action, payload) = match &effect {
                Effect::SendCommand { step, action, payload, .. } => (step, action, payload),
                Effect::SendAnswer { .. } => panic!("nobody completes a task"),
                Effect::SendProgress { payload, .. } => {
                    self.report_progress(payload["status"].as_str().unwrap());
                    continue;
                }
            };
            match (step.strip_prefix('s'), action) {
                (Some(step), Action::Execute) => {
                    let step: usize = step.parse().unwrap();
                    for before in &self.drawn[step].after {
                        assert!(self.is_done(*before), "s{step} begins before s{before} is done");
                    }
                    assert!(!self.drawn[step].skipped(), "s{step} must be skipped");
                }
                (Some(step), Action::Compensate) => {
                    let step: usize = step.parse().unwrap();
                    assert!(self.drawn[step].compensable && self.saga.status != Status::Completed);
                    for later in self.descendants(step) {
                        assert!(!self.is_uncompensated(later), "s{step} is compensated before s{later}");
                    }
                }
                (None, _) => self.conclude(payload["status"].as_str().unwrap().to_owned()),
            }
            self.in_flight.push(effect);
        }
    }

    /// Checks a progress message: the saga runs, the step is done, and each status is reported once.
    fn report_progress(&mut self, status: &str) {
        let step: usize = status.strip_prefix('s').unwrap().parse().unwrap();
        assert!(self.saga.status == Status::Running && !self.saga.is_aborted(), "the saga does not run");
        assert!(self.ending.is_none(), "the ending is reported already");
        assert!(self.is_done(step) && !self.drawn[step].skipped(), "s{step} is not done");
        assert!(self.progress.insert(status.to_owned()), "{status} is reported again");
    }

    fn conclude(&mut self, status: String) {
        self.check_facts(&status);
        assert!(self.ending.is_none() || self.ending.as_ref() == Some(&status), "the ending never changes");
        self.ending = Some(status);
    }

    fn check_facts(&self, status: &str) {
        for (i, fact) in self.facts.iter().enumerate() {
            if status == "good" {
                assert!(self.is_done(i), "s{i} is not done");
            } else {
                assert!(!self.is_uncompensated(i), "s{i} is not compensated");
                assert!(
                    !self.drawn[i].pivot || self.drawn[i].compensable || !fact.happened,
                    "the irreversible pivot happened"
                );
            }
        }
    }

    fn decide(&mut self, input: Input) {
        let before = self.saga.clone();
        let decision = decide(&self.definition, Some(before.clone()), input.clone(), self.now);
        self.saga = decision.saga.unwrap();
        if let Some(pivot) = self.drawn.iter().position(|step| step.pivot) {
            let passed = matches!(before.steps[pivot].status, StepStatus::Done | StepStatus::Skipped);
            assert!(!passed || before.is_aborted() || !self.saga.is_aborted(), "it aborted after the pivot");
        }
        self.check_deadline(&before);
        assert_eq!(decision.changed, self.saga != before);
        harness::check_always(Some(&before), &self.saga);
        self.update_approved();
        self.send(decision.effects);
        self.past.push(input);
    }

    /// Checks that the saga aborts at its deadline, which counts from the start without pauses.
    fn check_deadline(&self, before: &Saga) {
        let Some(deadline) = self.definition.deadline.map(|time| Timestamp(0).plus(time).plus(self.paused)) else {
            return;
        };
        let late =
            |saga: &Saga| saga.ending.as_ref().is_some_and(|end| end.reason.as_deref() == Some("deadline_exceeded"));
        assert!(late(before) || !late(&self.saga) || deadline <= self.now, "it aborted before its deadline");
        if self.saga.status != Status::Paused {
            assert!(self.saga.deadline.is_none_or(|at| at == deadline), "the deadline is wrong");
        }
    }

    /// Delivers a command to its participant, whose acknowledged answers never change.
    fn deliver(&mut self, place: usize, mood: u8) {
        let Effect::SendCommand { step, attempt, action, .. } = self.in_flight.remove(place) else {
            panic!("only commands are answered")
        };
        let answer = match step.strip_prefix('s').map(|step| step.parse::<usize>().unwrap()) {
            None if mood == 1 => harness::failed(),
            None => harness::ok(),
            Some(i) => self.participant(i, action, mood),
        };
        if mood != 5 {
            self.decide(Input::Reply { step, attempt, action, outcome: answer });
        }
    }

    fn participant(&mut self, i: usize, action: Action, mood: u8) -> Outcome {
        let undo_fails = self.drawn[i].undo_fails;
        let irreversible = self.drawn[i].pivot && !self.drawn[i].compensable;
        let fact = &mut self.facts[i];
        match action {
            Action::Compensate if undo_fails => return harness::failed(),
            Action::Compensate => fact.undone = true,
            // It happened in an unacknowledged attempt, and another attempt is refused.
            Action::Execute if fact.happened && !fact.acknowledged && mood == 3 && !irreversible => {
                return harness::refused();
            }
            Action::Execute if fact.happened => {}
            Action::Execute if fact.refused || fact.undone || mood == 0 => {
                fact.refused = true;
                return harness::refused();
            }
            Action::Execute if mood == 1 => return harness::failed(),
            Action::Execute => fact.happened = true,
        }
        fact.acknowledged |= mood != 2 && mood != 5;
        if mood == 2 { harness::failed() } else { harness::ok() }
    }

    fn call_back(&mut self, status: &str) {
        self.messages += 1;
        self.yeses += usize::from(status == "yes");
        let source = "outside".to_owned();
        let id = self.messages.to_string();
        self.decide(Input::Callback(Callback { source, id, status: status.to_owned(), payload: Value::Null }));
    }

    /// Updates the steps with an accepted callback, and checks that each callback counts once.
    fn update_approved(&mut self) {
        for (i, approved) in self.approved.iter_mut().enumerate().filter(|(i, _)| self.drawn[*i].kind == Kind::Waits) {
            *approved = self.saga.data.as_map().contains_key(&format!("o{i}"));
        }
        assert!(self.approved.iter().filter(|approved| **approved).count() <= self.yeses, "a callback counts once");
    }

    /// Applies an operation. A manual completion becomes a fact.
    fn operate(&mut self, which: u8) {
        let step = format!("s{}", usize::from(which / 6) % self.drawn.len());
        let what = match which % 6 {
            0 => Operate::Pause,
            1 => Operate::Resume,
            2 if which < 100 => Operate::Cancel { reason: None },
            2 | 3 => Operate::Retry { step: None },
            4 => Operate::Skip { step, answer: json!("manual") },
            _ => Operate::Resolve { step: None, happened: true, answer: json!("manual") },
        };
        let manual = matches!(what, Operate::Skip { .. } | Operate::Resolve { .. });
        self.messages += 1;
        self.yeses += usize::from(manual);
        let id = self.messages.to_string();
        let before = self.saga.steps.clone();
        if manual {
            // A dry run determines the facts before the effects are checked.
            let operation =
                Operation { id: id.clone(), by: "o".into(), why: "w".into(), from: None, what: what.clone() };
            let after =
                decide(&self.definition, Some(self.saga.clone()), Input::Operator(operation), self.now).saga.unwrap();
            for (fact, (before, after)) in self.facts.iter_mut().zip(before.iter().zip(&after.steps)) {
                fact.undone |=
                    before.status == StepStatus::Stuck && before.compensations > 0 && after.status != StepStatus::Stuck;
                let is_done = |step: &StepState| step.outcome().is_some_and(|(how, _)| how == StepStatus::Done);
                fact.happened |= !is_done(before) && is_done(after);
            }
        }
        self.decide(Input::Operator(Operation { id, by: "o".into(), why: "w".into(), from: None, what }));
    }

    /// Advances the time to the next timer; of a paused saga, by an arbitrary duration.
    fn pass(&mut self, which: u8) {
        if self.saga.status == Status::Paused {
            let time = Duration::from_millis(u64::from(which) * 100);
            self.now = self.now.plus(time);
            self.paused += time;
        }
        self.tick();
    }

    fn tick(&mut self) {
        if let Some(at) = self.saga.wake_at() {
            self.now = Timestamp(at);
            self.decide(Input::Timer);
        }
    }

    fn step(&mut self, what: u8, which: u8) {
        let pick = |len: usize| usize::from(which) % len.max(1);
        match what % 10 {
            0..=5 if !self.in_flight.is_empty() => self.deliver(pick(self.in_flight.len()), what / 10 % 12),
            6 => self.pass(which),
            7 if !self.past.is_empty() => self.decide(self.past[pick(self.past.len())].clone()),
            8 => self.call_back(if which.is_multiple_of(4) { "no" } else { "yes" }),
            9 if which >= 60 => self.operate(which),
            9 if !self.in_flight.is_empty() => _ = self.in_flight.swap_remove(pick(self.in_flight.len())),
            _ => {}
        }
    }

    /// Continues without faults, except for the compensations that always fail.
    fn drain(&mut self) {
        for _ in 0..2000 {
            if self.saga.status == Status::Paused {
                self.operate(1);
            } else if !self.in_flight.is_empty() {
                self.deliver(0, u8::MAX);
            } else if !self.saga.is_open() || self.saga.wake_at().is_none() {
                return;
            } else if self
                .drawn
                .iter()
                .enumerate()
                .any(|(i, drawn)| drawn.kind == Kind::Waits && self.saga.step(&format!("s{i}")).unwrap().sent.is_some())
            {
                self.call_back("yes");
            } else {
                self.tick();
            }
        }
        panic!("it never ends: {:#?}", self.saga);
    }
}

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(10_000);
    let seeds =
        FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/oracle.proptest-regressions"));
    ProptestConfig { cases, failure_persistence: Some(Box::new(seeds)), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn all_is_done_or_all_is_compensated_or_there_is_an_incident(
        drawn in drawn_steps(),
        whole in whole(),
        script in prop::collection::vec((any::<u8>(), any::<u8>()), 0..60),
    ) {
        let mut world = World::new(&drawn, whole);
        for (what, which) in &script {
            world.step(*what, *which);
        }
        world.drain();
        match world.saga.status {
            Status::Completed => world.check_facts("good"),
            Status::Compensated => world.check_facts("bad"),
            Status::Incident => {
                let stuck: Vec<&str> = world.saga.current_steps().collect();
                prop_assert!(!stuck.is_empty());
                let always_fails = |name: &str| {
                    let step = &drawn[name[1..].parse::<usize>().unwrap()];
                    step.undo_fails || step.kind == Kind::Checks(false)
                };
                prop_assert!(stuck.iter().all(|name| !script.is_empty() || always_fails(name)));
            }
            other @ (Status::Running | Status::Compensating | Status::Paused) => panic!("the saga rests as {other}"),
        }
        let refused = drawn.iter().any(|step| step.kind == Kind::Checks(false) && !step.skipped());
        let completed = world.saga.status == Status::Completed;
        prop_assert!(!script.is_empty() || refused || completed, "it failed without a fault");
    }
}

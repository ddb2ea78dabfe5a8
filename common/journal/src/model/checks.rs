//! The properties that must hold in every state, and the tests that explore them.

use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model, Property, UniformChooser};

use super::system::{Event, Protocol, System};
use super::tallies::{DIRECT, Tally, input_of};
use crate::limits::Limits;
use crate::record::Record;
use crate::rule::{Reader, Rules, Verdict};

/// The journal read from its start.
#[derive(Default)]
struct Truth {
    tally: Tally,
    position: i64,
    /// The inputs in the order of their decisions, by their outputs.
    decided: Vec<u64>,
    voids: usize,
}

impl Truth {
    fn of(rules: Rules, s: &System) -> Self {
        let mut reader = Reader::default();
        let mut truth = Self::default();
        for (offset, record) in (0..).zip(&s.log) {
            let verdict = reader.judge_by(rules, offset, record.head());
            truth.voids += usize::from(verdict == Verdict::Void);
            if let (Record::Entry(entry), Verdict::Valid) = (&**record, verdict) {
                truth.decided.extend(entry.outbox.iter().map(input_of));
                if let Some(state) = entry.entities.last().and_then(|write| write.state.as_ref()) {
                    truth.tally = state.read().unwrap();
                }
                if !entry.positions.is_empty() {
                    truth.position = Protocol::position(&entry.positions);
                }
            }
        }
        truth
    }

    /// The inputs of the topic in the order of their decisions.
    fn of_topic(&self) -> impl Iterator<Item = u64> {
        self.decided.iter().copied().filter(|input| *input < DIRECT.unsigned_abs())
    }

    /// The direct messages that were decided, in the order of their decisions.
    fn direct(&self) -> impl Iterator<Item = u64> {
        self.decided.iter().filter_map(|input| input.checked_sub(DIRECT.unsigned_abs()))
    }

    /// All outputs that were decided, as bits.
    fn outputs(&self) -> u64 {
        bits(self.decided.iter().copied())
    }
}

fn bits(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, |all, number| all | 1 << number)
}

const VOID: &str = "a void record";
const TWO_OWNERS: &str = "two owners at once";
const DONE_AFTER_TWO_FAULTS: &str = "all done after two faults";

impl Model for Protocol {
    type State = System;
    type Action = Event;

    fn init_states(&self) -> Vec<System> {
        vec![self.start()]
    }

    fn actions(&self, state: &System, actions: &mut Vec<Event>) {
        self.enabled(state, actions);
    }

    fn next_state(&self, state: &System, action: Event) -> Option<System> {
        let next = self.apply(state, action);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("each input is decided once, in order", |m: &Self, s: &System| {
                Truth::of(m.rules, s).of_topic().zip(0..).all(|(input, n)| input == n)
            }),
            Property::always("each direct message is decided at most once", |m: &Self, s: &System| {
                let truth = Truth::of(m.rules, s);
                truth.direct().count() == bits(truth.direct()).count_ones() as usize
            }),
            Property::always("accepted direct messages are decided durably", |m: &Self, s: &System| {
                s.accepted & !bits(Truth::of(m.rules, s).direct()) == 0
            }),
            Property::always("the state and the position follow from the decided inputs", |m: &Self, s: &System| {
                let truth = Truth::of(m.rules, s);
                let mut tally = Tally::default();
                truth.decided.iter().for_each(|input| tally.take(*input));
                truth.tally == tally && truth.position == truth.of_topic().count() as i64
            }),
            Property::always("only valid decisions are sent", |m: &Self, s: &System| {
                s.arrived & !Truth::of(m.rules, s).outputs() == 0
            }),
            Property::always("at rest all is decided and delivered", |m: &Self, s: &System| {
                let rests = s.instances.iter().any(|instance| m.is_at_rest(s, instance));
                let truth = Truth::of(m.rules, s);
                !rests || (s.arrived == truth.outputs() && truth.position == m.inputs)
            }),
            Property::sometimes(VOID, |_: &Self, s: &System| Truth::of(Rules::default(), s).voids > 0),
            Property::sometimes(TWO_OWNERS, |_: &Self, s: &System| s.instances.iter().all(|i| i.core.is_owner())),
            Property::sometimes(DONE_AFTER_TWO_FAULTS, |m: &Self, s: &System| {
                s.faults == 2
                    && s.arrived & m.everything() == m.everything()
                    && s.instances.iter().any(|i| m.is_at_rest(s, i))
            }),
        ]
    }
}

impl Protocol {
    fn new(rules: Rules, inputs: i64, claims: u8, faults: u8) -> Self {
        let limits = Limits { batch_messages: 2, ahead_records: 2, gather: 1, ..Limits::default() };
        Self { rules, inputs, claims, faults, marks: 1, acceptances: 0, direct: 0, limits }
    }

    /// The outputs about the topic's inputs, as bits.
    fn everything(&self) -> u64 {
        (1 << self.inputs) - 1
    }
}

/// How the states are explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// All of them, depth first.
    Search,
    /// Random walks from the start, which see more variety in a short time.
    Walks,
}

/// Returns the discoveries by property, with true for a violation.
fn explore(name: &str, protocol: Protocol, by: By, at_most: Duration) -> Vec<(&'static str, bool)> {
    let begun = Instant::now();
    // With one thread the checker ignores the time limit.
    let checker = protocol.checker().threads(2).timeout(at_most).finish_when(HasDiscoveries::AnyFailures);
    match by {
        By::Search => found(name, begun, &checker.spawn_dfs().join()),
        By::Walks => found(name, begun, &checker.spawn_simulation(seed(), UniformChooser).join()),
    }
}

/// Different walks in each run; a violation prints its path, which is enough to repeat it.
fn seed() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn found(name: &str, begun: Instant, checker: &impl Checker<Protocol>) -> Vec<(&'static str, bool)> {
    let states = checker.state_count();
    let unique = checker.unique_state_count();
    println!("{name}: {states} states, {unique} of them distinct, in {:.1?}", begun.elapsed());
    let found = checker.discoveries().into_iter().map(|(property, path)| {
        let violation = ![VOID, TWO_OWNERS, DONE_AFTER_TWO_FAULTS].contains(&property);
        if violation {
            println!("  violated: {property}: {:?}", path.into_actions());
        } else {
            println!("  seen: {property}, after {} steps", path.into_actions().len());
        }
        (property, violation)
    });
    found.collect()
}

/// The time for explorations too large to complete: `JOURNAL_MODEL_SECONDS`.
fn patience() -> Duration {
    let seconds = std::env::var("JOURNAL_MODEL_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(6))
}

/// The time limit of explorations that complete.
const ENOUGH: Duration = Duration::from_secs(600);

fn holds(found: &[(&'static str, bool)]) {
    assert!(found.iter().all(|(_, violation)| !violation), "{found:?}");
}

#[test]
fn two_claims_and_two_faults_are_explored_to_the_end() {
    let found = explore("two claims, two faults", Protocol::new(Rules::default(), 2, 2, 2), By::Search, ENOUGH);
    holds(&found);
    for seen in [VOID, TWO_OWNERS, DONE_AFTER_TWO_FAULTS] {
        assert!(found.iter().any(|(name, _)| *name == seen), "never seen: {seen}");
    }
}

#[test]
fn three_claims_and_more_faults_break_nothing() {
    let protocol = Protocol::new(Rules::default(), 3, 3, 2);
    holds(&explore("three claims, two faults, as far as time allows", protocol, By::Search, patience()));
    let protocol = Protocol::new(Rules::default(), 5, 4, 3);
    holds(&explore("four claims, three faults, random walks", protocol, By::Walks, patience()));
}

#[test]
fn an_operators_acceptance_loses_and_repeats_no_decision() {
    let protocol = Protocol { acceptances: 1, ..Protocol::new(Rules::default(), 2, 2, 1) };
    holds(&explore("two claims, a fault, an acceptance", protocol, By::Search, ENOUGH));
}

#[test]
fn accepted_direct_messages_are_decided_durably() {
    let protocol = Protocol { direct: 1, ..Protocol::new(Rules::default(), 1, 2, 1) };
    holds(&explore("two claims, a fault, a direct message", protocol, By::Search, ENOUGH));
    let protocol = Protocol { direct: 3, acceptances: 1, ..Protocol::new(Rules::default(), 3, 4, 3) };
    holds(&explore("four claims, three faults, direct messages, random walks", protocol, By::Walks, patience()));
}

fn is_caught(name: &str, rules: Rules) {
    let found = explore(name, Protocol::new(rules, 2, 2, 1), By::Search, ENOUGH);
    assert!(found.iter().any(|(_, violation)| *violation), "without {name} nothing is violated");
}

#[test]
fn without_the_owner_check_it_breaks() {
    is_caught("the owner check", Rules { require_owner: false, ..Rules::default() });
}

#[test]
fn without_the_seq_check_it_breaks() {
    is_caught("the seq check", Rules { require_seq: false, ..Rules::default() });
}

#[test]
fn sending_before_read_back_breaks_it() {
    is_caught("read-back", Rules { require_read_back: false, ..Rules::default() });
}

#[test]
fn acting_on_an_acknowledgement_behind_unknown_records_breaks_it() {
    is_caught("adjacency", Rules { require_adjacent: false, ..Rules::default() });
}

#[test]
fn a_mark_ahead_of_the_acknowledgements_breaks_it() {
    is_caught("the honest mark", Rules { require_honest_mark: false, ..Rules::default() });
}

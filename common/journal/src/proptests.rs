//! Long random runs of the real protocol against a plain oracle: several topics and entities, batches of every size,
//! views that lag, entities that close and are looked up again, timers, side effects, duplicates, take-overs.

mod run;
mod shop;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;
use vocabulary::messages::{Outgoing, header};

use self::run::{DIRECT, Run, Step, TOPICS};
use self::shop::{Basket, Cause, Decision, Order, decide_plainly, intents_of};
use self::view::View;
use crate::entity::{Entity, Key};
use crate::interface::Ticket;
use crate::limits::Limits;
use crate::record::{Entry, Head, Positions};
use crate::rule::{Reader, Verdict};

fn order() -> impl Strategy<Value = Order> {
    let n = || 0..5_u8;
    prop_oneof![
        4 => (n(), any::<u8>()).prop_map(|(n, item)| Order::Add(n, item)),
        1 => (n(), n()).prop_map(|(from, to)| Order::Move(from, to)),
        3 => n().prop_map(Order::Close),
        1 => n().prop_map(Order::Open),
        1 => n().prop_map(Order::Remove),
        2 => n().prop_map(Order::See),
        2 => (n(), 1..40_i64).prop_map(|(n, after)| Order::Wake(n, after)),
        2 => (n(), 0..3_u8).prop_map(|(n, act)| Order::Want(n, act)),
        1 => (n(), 0..3_u8).prop_map(|(n, act)| Order::Unwant(n, act)),
        1 => Just(Order::Bad),
        2 => Just(Order::Nothing),
    ]
}

/// Messages at offsets that leave some out, as transactions' markers do.
fn topic() -> impl Strategy<Value = Vec<(i64, Order)>> {
    vec((1..3_i64, order()), 0..60).prop_map(|messages| {
        let mut next = -1;
        let place = |(gap, order)| {
            next += gap;
            (next, order)
        };
        messages.into_iter().map(place).collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let i = || prop_oneof![5 => Just(0_usize), 2 => Just(1)];
    prop_oneof![
        4 => i().prop_map(Step::Claim),
        20 => i().prop_map(Step::Lands),
        12 => (i(), 1..4_usize, prop::bool::weighted(0.1)).prop_map(|(i, n, lost)| Step::Acknowledged(i, n, lost)),
        20 => (i(), 1..4_usize).prop_map(|(i, n)| Step::Reads(i, n)),
        16 => (i(), 1..6_usize).prop_map(|(i, n)| Step::ViewApplies(i, n)),
        20 => (i(), 0..2_usize, 1..5_usize, any::<bool>()).prop_map(|(i, t, n, again)| Step::Messages(i, t, n, again)),
        6 => (i(), order()).prop_map(|(i, order)| Step::Direct(i, order)),
        16 => (i(), 1..4_usize).prop_map(|(i, n)| Step::Arrives(i, n)),
        3 => i().prop_map(Step::Rest),
        6 => (1..15_i64).prop_map(Step::Time),
        1 => i().prop_map(Step::AppendFails),
        3 => i().prop_map(Step::FailureReported),
        1 => i().prop_map(Step::Crash),
        1 => i().prop_map(Step::Revoked),
        1 => i().prop_map(Step::Drain),
        4 => (0..4_usize).prop_map(Step::LateLands),
        1 => Just(Step::Garbage),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    let undelivered = prop_oneof![1..6_usize, Just(20_000)];
    (1..6_usize, 1..3_000_usize, 1..5_usize, 1..9_000_usize, 1..5_usize, 0..4_usize, undelivered).prop_map(
        |(batch_messages, batch_bytes, ahead_records, ahead_bytes, gather, open_in_memory, undelivered)| Limits {
            batch_messages,
            batch_bytes,
            ahead_records,
            ahead_bytes,
            gather,
            open_in_memory,
            undelivered_messages: undelivered,
            ..Limits::default()
        },
    )
}

/// The valid journal, checked against the plain decisions, entry by entry.
#[derive(Default)]
struct Oracle {
    states: BTreeMap<Key, Basket>,
    positions: Positions,
    decided: BTreeMap<String, Vec<i64>>,
    sent: BTreeMap<String, Outgoing>,
    entries: usize,
    timers: usize,
}

impl Oracle {
    fn of(run: &Run) -> Self {
        let mut oracle = Self::default();
        let mut journal = View::default();
        for bytes in &run.log {
            if let Some(entry) = journal.apply(bytes) {
                oracle.check(&entry, run);
                let states = journal.states.keys().map(|key| (key.clone(), journal.basket(key).unwrap()));
                assert_eq!(
                    states.collect::<BTreeMap<_, _>>(),
                    oracle.states,
                    "the states do not follow from the decisions"
                );
            }
            journal.applied += 1;
        }
        assert_eq!(journal.positions, oracle.positions);
        oracle
    }

    fn check(&mut self, entry: &Entry, run: &Run) {
        let at = |positions: &Positions, topic: &str| positions.get(topic).copied().unwrap_or(0);
        for message in entry.outbox.iter() {
            let decision: Decision = serde_json::from_slice(message.value.bytes().unwrap()).unwrap();
            match &decision.cause {
                Cause::Seeded => assert_eq!(self.entries, 0, "seeded once, before all else"),
                Cause::Message { topic, offset, .. } => self.decided.entry(topic.clone()).or_default().push(*offset),
                Cause::Timer(key) => {
                    let due = self.states.get(key).and_then(|basket| basket.wake);
                    assert!(due.is_some_and(|at| at <= decision.now), "{key} woken at {:?}, due {due:?}", decision.now);
                    for (topic, messages) in &run.topics {
                        // The claims of a run see all messages: each is decided before the first timer fires. The
                        // positions of those that changed nothing may be in this entry.
                        let mut changing = messages.iter().filter(|(_, order)| *order != Order::Nothing);
                        let last = changing.next_back().map_or(0, |(offset, _)| offset + 1);
                        assert!(run.ends_at_claim.contains_key(&entry.owner));
                        assert!(at(&self.positions, topic) >= last, "{key} woken before {topic} was read");
                    }
                    self.timers += 1;
                }
            }
            assert_eq!(decide_plainly(&mut self.states, &decision), decision.saw, "{decision:?} saw another state");
            let id = message.headers.get(header::ID).unwrap_or_default().to_owned();
            let timer = matches!(decision.cause, Cause::Timer(_));
            assert!(self.sent.insert(id, message.clone()).is_none() || timer, "in the journal twice");
        }
        self.positions.extend(entry.positions.clone());
        self.entries += 1;
    }
}

fn config() -> ProptestConfig {
    let cases = 1_500;
    ProptestConfig { cases, max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_happens_each_message_is_decided_once_and_all_is_sent(
        limits in limits(),
        (a, b) in (topic(), topic()),
        steps in vec(step(), 1..600),
    ) {
        let mut run = Run::new(limits, BTreeMap::from([(TOPICS[0], a), (TOPICS[1], b)]));
        run.step(&Step::Claim(0));
        for step in &steps {
            run.step(step);
        }
        run.settle();
        let oracle = Oracle::of(&run);
        for (topic, messages) in &run.topics {
            let changing = messages.iter().filter(|(_, order)| *order != Order::Nothing);
            let offsets: Vec<i64> = changing.map(|(offset, _)| *offset).collect();
            prop_assert_eq!(oracle.decided.get(*topic).cloned().unwrap_or_default(), offsets);
        }
        let durable: BTreeSet<i64> = oracle.decided.get(DIRECT).into_iter().flatten().copied().collect();
        let decided = |ticket: &Ticket| durable.contains(&ticket.cast_signed()) || run.unanswered.contains(ticket);
        prop_assert!(run.accepted.iter().all(decided), "{:?} are accepted, {durable:?} durable", run.accepted);
        let arrived: BTreeSet<_> = run.arrived.iter().map(|m| m.headers.get(header::ID)).collect();
        prop_assert_eq!(arrived, oracle.sent.keys().map(|id| Some(id.as_str())).collect::<BTreeSet<_>>());
        let waits = oracle.states.values().any(|basket| basket.is_open() && basket.wake.is_some());
        prop_assert!(!waits, "a timer did not fire");
        let open = oracle.states.iter().filter(|(_, basket)| basket.is_open());
        let wanted: BTreeSet<String> = open.flat_map(|(key, basket)| intents_of(key, basket)).collect();
        prop_assert_eq!(&run.instances[0].effects, &wanted);
        prop_assert_eq!(run.instances[1].effects.len(), 0);
    }

    #[test]
    fn a_reader_agrees_with_the_rule_in_plain_words(choices in vec((0..8_u8, 0..12_i64, 0..4_u64), 0..60)) {
        let head = |(kind, owner, seq): (u8, i64, u64)| match kind {
            0 => Head::Claim { nonce: Uuid::nil() },
            1 => Head::Garbage,
            2 => Head::Acceptance,
            _ => Head::Entry { owner, seq },
        };
        let log: Vec<Head> = choices.into_iter().map(head).collect();
        let mut reader = Reader::default();
        let mut valid = vec![false; log.len()];
        for (at, head) in log.iter().enumerate() {
            let verdict = reader.judge(at as i64, *head);
            // Its owner is the last claim before it, and its seq is the number of valid entries since that claim.
            // An acceptance ends it.
            let last = log[..at].iter().rposition(|head| matches!(head, Head::Claim { .. } | Head::Acceptance));
            let claim = last.filter(|last| log[*last] != Head::Acceptance);
            let before = valid[claim.unwrap_or(0)..at].iter().filter(|v| **v).count() as u64;
            let expected = match head {
                Head::Claim { .. } => Verdict::Claim,
                Head::Entry { owner, seq } => {
                    let is_next = claim.map(|c| c as i64) == Some(*owner) && *seq == before;
                    if is_next { Verdict::Valid } else { Verdict::Void }
                }
                Head::Acceptance => Verdict::Acceptance,
                Head::Garbage => Verdict::Void,
            };
            valid[at] = verdict == Verdict::Valid;
            prop_assert_eq!(verdict, expected, "record {} of {:?}", at, log);
        }
    }

    #[test]
    fn a_reader_that_starts_at_a_claim_agrees_with_one_that_read_everything(
        choices in vec((0..6_u8, 0..12_i64, 0..3_u64), 0..60),
    ) {
        let mut all: Reader = Reader::default();
        let mut since: Option<Reader> = None;
        for (offset, (kind, owner, seq)) in (0..).zip(choices) {
            let head = if kind == 0 { Head::Claim { nonce: Uuid::nil() } } else { Head::Entry { owner, seq } };
            let verdict = all.judge(offset, head);
            match (&mut since, kind) {
                (None, 0) => since = Some(Reader::after_claim(offset)),
                (None, _) => {}
                (Some(reader), _) => prop_assert_eq!(reader.judge(offset, head), verdict),
            }
        }
        prop_assert!(since.is_none_or(|reader| reader == all));
    }
}

//! Deterministic simulation of the whole system in one thread: the real handlers of all four services, the real saga
//! engine and the real journal protocol over logs in memory. A seed determines every step: crashes, stalls, appends
//! that succeed although a failure was reported or long after their claim, partitions that move, views that lag,
//! repeated messages, clocks that differ, a provider that does not respond. Then the run continues without faults, and
//! the final state is checked.
//!
//! `SEEDS=n` runs n seeds; `SEED=x` runs one and prints each of its steps: `SEED=7 cargo test -p simulation
//! whatever`

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is a test")]

mod damaged_messages;
mod definitions;
mod end_state;
mod events;
mod handler_test;
mod handlers;
mod hostile;
mod hostile_messages;
mod injected_bug;
mod invariants;
mod invoices;
mod kafka;
mod odd_results;
mod outcome;
mod provider;
mod published;
mod recorded;
mod repeated_messages;
mod run;
mod service;
mod sim_state;
mod step;
mod topic_facts;
mod view;
mod worker;
mod workload;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use orchestrator::definitions::Definitions;
use order_service::order::Status;

use crate::injected_bug::InjectedBug;
use crate::outcome::{Outcome, WITH_VOID_INVOICE, costs, run};
use crate::sim_state::Tally;

/// The number of seeds of an ordinary run.
const SEEDS: u64 = 1_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Prints although libtest captures the output of a test that passes.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Runs a seed; the error lists its violations or a panic.
fn try_seed(seed: u64, definitions: &Definitions, bug: InjectedBug) -> Result<Outcome, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(seed, definitions, bug, false)));
    let outcome = outcome.map_err(|_| "a panic".to_owned())?;
    if outcome.violations.is_empty() { Ok(outcome) } else { Err(outcome.violations.join("\n  ")) }
}

/// The totals of many runs.
#[derive(Default)]
struct Totals {
    seeds: u64,
    tally: Tally,
    endings: BTreeMap<&'static str, u64>,
    failed: Vec<(u64, String)>,
}

impl Totals {
    fn add(&mut self, seed: u64, result: Result<Outcome, String>) {
        self.seeds += 1;
        match result {
            Ok(outcome) => {
                self.tally.add(&outcome.tally);
                outcome.endings.into_iter().for_each(|(ending, n)| *self.endings.entry(ending).or_default() += n);
            }
            Err(violations) => self.failed.push((seed, violations)),
        }
    }

    fn join(mut self, other: Self) -> Self {
        self.seeds += other.seeds;
        self.tally.add(&other.tally);
        other.endings.into_iter().for_each(|(ending, n)| *self.endings.entry(ending).or_default() += n);
        self.failed.extend(other.failed);
        self
    }
}

/// Tries seeds 0, 1, 2… on all cores.
fn try_all(seeds: u64, definitions: fn() -> Definitions) -> Totals {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let worker = || {
        let mut totals = Totals::default();
        let definitions = definitions();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds || totals.failed.len() >= 3 {
                return totals;
            }
            totals.add(seed, try_seed(seed, &definitions, InjectedBug::None));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).fold(Totals::default(), Totals::join)
    })
}

#[test]
fn whatever_fails_every_order_ends_consistently() {
    if let Some(seed) = number("SEED") {
        let outcome = run(seed, &definitions::built_in(), InjectedBug::None, true);
        print(&format!("{}\n{:?} {:?}", outcome.lines.join("\n"), outcome.tally, outcome.endings));
        assert!(outcome.violations.is_empty(), "seed {seed}:\n  {}", outcome.violations.join("\n  "));
        return;
    }
    let begun = Instant::now();
    let Totals { seeds, tally, endings, mut failed } = try_all(number("SEEDS").unwrap_or(SEEDS), definitions::built_in);
    let Tally { steps, crashes, stalls, claims, void, repeated } = tally;
    print(&format!(
        "{seeds} seeds in {:.1} s: {steps} steps, orders {endings:?}, {crashes} crashes, {stalls} stalls, {claims} \
         claims, {void} void records, {repeated} repeated messages",
        begun.elapsed().as_secs_f64()
    ));
    failed.sort();
    let describe = |(seed, violations): &(u64, String)| {
        format!("seed {seed}:\n  {violations}\n  repeat: SEED={seed} cargo test -p simulation whatever")
    };
    let failures: Vec<String> = failed.iter().map(describe).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    // Every ending and every kind of fault must have occurred.
    let ends = [
        Status::Confirmed,
        Status::Shipped,
        Status::Rejected,
        Status::PaymentNotCompleted,
        Status::Cancelled,
        Status::Refunded,
    ];
    let mut all = ends.iter().map(|end| end.as_str()).chain([WITH_VOID_INVOICE]);
    let all_endings = all.all(|end| endings.contains_key(end));
    let all_faults = [crashes, stalls, void, repeated].iter().all(|times| *times > seeds);
    assert!(seeds < SEEDS || (all_endings && all_faults), "some endings or faults never occurred");
}

#[test]
fn sagas_of_version_4_end_as_before() {
    let Totals { seeds, endings, failed, .. } = try_all(SEEDS / 5, definitions::version_4);
    print(&format!("{seeds} seeds of version 4: orders {endings:?}"));
    assert!(failed.is_empty(), "{failed:?}");
    assert!(endings.contains_key(WITH_VOID_INVOICE) && endings.contains_key(Status::Shipped.as_str()), "{endings:?}");
}

/// The numbers of docs/benchmark.md.
#[test]
fn an_order_without_delivery_is_so_many_messages_and_decisions() {
    // Version 4 has a step more, and so an event more.
    for (definitions, (messages, decisions), events) in
        [(definitions::built_in(), (12, 13), 15), (definitions::version_4(), (14, 15), 16)]
    {
        let all: Vec<_> = (0..200).filter_map(|seed| costs(seed, &definitions)).flatten().collect();
        let expected = [(messages, decisions, None), (messages, decisions, Some(events))];
        assert!(all.len() > 20 && all.iter().all(|found| expected.contains(found)), "{expected:?}, found {all:?}");
        assert!(expected.iter().all(|expected| all.contains(expected)), "with and without events: {all:?}");
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let definitions = definitions::built_in();
    for seed in 0..20 {
        let [once, again] = [false, true].map(|traced| run(seed, &definitions, InjectedBug::None, traced));
        assert_eq!(once.hash, again.hash, "seed {seed}");
        let third = run(seed, &definitions, InjectedBug::None, true);
        assert_eq!(again.lines, third.lines, "seed {seed}");
    }
}

/// The first seed that detects an injected bug by this violation, and all its violations.
fn detect(bug: InjectedBug, violation: &str) -> (u64, String) {
    const WITHIN: u64 = 1_000;
    let definitions = definitions::built_in();
    let fails = |seed| {
        let violations = try_seed(seed, &definitions, bug).err()?;
        violations.contains(violation).then_some((seed, violations))
    };
    (0..WITHIN).find_map(fails).unwrap_or_else(|| panic!("{bug:?} is not detected within {WITHIN} seeds"))
}

macro_rules! detects {
    ($($name:ident: $bug:ident with $violation:literal)*) => {
        $(#[test]
        fn $name() {
            let (seed, violations) = detect(InjectedBug::$bug, $violation);
            println!("{:?} is detected by seed {seed}: {violations}", InjectedBug::$bug);
        })*
    };
}

detects! {
    a_view_that_applies_void_records_is_detected: AppliesVoid with ""
    a_worker_that_sends_before_it_has_read_back_is_detected: SendsBeforeReadBack with "no valid entry decided it"
    a_worker_that_acts_on_a_distant_acknowledgement_is_detected:
        ActsOnDistantAcknowledgements with "no valid entry decided it"
    an_owner_that_drops_unsent_messages_is_detected: DropsUnsent with ""
    an_owner_whose_timers_fire_first_is_detected: FiresTimersFirst with "its payment timed out"
    a_payment_that_is_charged_twice_is_detected: ChargesAgain with "the provider has several charges"
    an_inventory_that_reserves_twice_is_detected: ReservesAgain with ""
    a_release_that_is_not_executed_is_detected: SkipsRelease with "reservation"
    a_late_approval_that_is_ignored_is_detected: IgnoresLateApproval with ""
    an_invoice_with_the_number_of_another_is_detected: NumbersAgain with "the series ends at"
    an_invoice_that_stays_valid_is_detected: KeepsInvoice with "an invoice"
}

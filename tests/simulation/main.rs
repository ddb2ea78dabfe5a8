//! The whole system in one thread, with dice instead of a broker: the real rules of all four services, the real saga
//! engine and the real journal protocol over logs in memory. What happens next is drawn from a seed: crashes, stalls,
//! appends that land although they failed, or long after their claim, partitions that move, views that lag, messages
//! that come again, clocks that differ, a provider that does not answer. At the end all comes to rest and the books
//! must balance.
//!
//! `SEEDS=n` runs so many seeds; `SEED=x` runs one and prints each of its steps:
//! `SEED=7 cargo test -p tests --test simulation whatever`

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is a test")]

mod bank;
mod books;
mod kafka;
mod ledger;
mod outside;
mod run;
mod sabotage;
mod service;
mod step;
mod view;
mod worker;
mod workload;
mod world;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use orchestrator::definitions::Definitions;
use order_service::order::Status;

use crate::run::{Outcome, run};
use crate::sabotage::Sabotage;
use crate::world::Tally;

/// How many seeds an ordinary run tries.
const SEEDS: u64 = 1_000;

fn definitions() -> Definitions {
    Definitions::load(Path::new("")).unwrap()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Says it although libtest keeps what a test prints that goes well.
fn tell(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// What is wrong with a seed, a panic included.
fn tried(seed: u64, definitions: &Definitions, sabotage: Sabotage) -> Result<Outcome, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(seed, definitions, sabotage, false)));
    let outcome = outcome.map_err(|_| "a panic".to_owned())?;
    if outcome.wrong.is_empty() { Ok(outcome) } else { Err(outcome.wrong.join("\n  ")) }
}

/// Sums of many runs.
#[derive(Default)]
struct Sums {
    seeds: u64,
    tally: Tally,
    endings: BTreeMap<&'static str, u64>,
    failed: Vec<(u64, String)>,
}

impl Sums {
    fn add(&mut self, seed: u64, tried: Result<Outcome, String>) {
        self.seeds += 1;
        match tried {
            Ok(outcome) => {
                self.tally.add(&outcome.tally);
                outcome.endings.into_iter().for_each(|(ending, n)| *self.endings.entry(ending).or_default() += n);
            }
            Err(wrong) => self.failed.push((seed, wrong)),
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
fn try_all(seeds: u64) -> Sums {
    let (next, threads) = (AtomicU64::new(0), std::thread::available_parallelism().map_or(1, usize::from));
    let work = || {
        let (mut sums, definitions) = (Sums::default(), definitions());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds || sums.failed.len() >= 3 {
                return sums;
            }
            sums.add(seed, tried(seed, &definitions, Sabotage::None));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).fold(Sums::default(), Sums::join)
    })
}

#[test]
fn whatever_goes_wrong_every_order_ends_consistently() {
    if let Some(seed) = number("SEED") {
        let outcome = run(seed, &definitions(), Sabotage::None, true);
        tell(&format!("{}\n{:?} {:?}", outcome.lines.join("\n"), outcome.tally, outcome.endings));
        assert!(outcome.wrong.is_empty(), "seed {seed}:\n  {}", outcome.wrong.join("\n  "));
        return;
    }
    let begun = Instant::now();
    let Sums { seeds, tally, endings, mut failed } = try_all(number("SEEDS").unwrap_or(SEEDS));
    let Tally { steps, crashes, stalls, claims, void, repeated } = tally;
    tell(&format!(
        "{seeds} seeds in {:.1} s: {steps} steps, orders {endings:?}, {crashes} crashes, {stalls} stalls, {claims} claims, \
         {void} void records, {repeated} repeated messages",
        begun.elapsed().as_secs_f64()
    ));
    failed.sort();
    let told = |(seed, wrong): &(u64, String)| {
        format!("seed {seed}:\n  {wrong}\n  again: SEED={seed} cargo test -p tests --test simulation whatever")
    };
    let told: Vec<String> = failed.iter().map(told).collect();
    assert!(told.is_empty(), "\n{}", told.join("\n"));
    // What never happens is not tried.
    let ends = [
        Status::Confirmed,
        Status::Shipped,
        Status::Rejected,
        Status::PaymentNotCompleted,
        Status::Cancelled,
        Status::Refunded,
    ];
    let all_endings = ends.iter().all(|end| endings.contains_key(end.as_str()));
    let all_faults = [crashes, stalls, void, repeated].iter().all(|times| *times > seeds);
    assert!(seeds < SEEDS || (all_endings && all_faults), "too little went wrong");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let definitions = definitions();
    for seed in 0..20 {
        let [once, again] = [false, true].map(|traced| run(seed, &definitions, Sabotage::None, traced));
        assert_eq!(once.hash, again.hash, "seed {seed}");
        let third = run(seed, &definitions, Sabotage::None, true);
        assert_eq!(again.lines, third.lines, "seed {seed}");
    }
}

/// What the simulation says of a system that is broken in one place: how many seeds it needs to see it.
fn found(sabotage: Sabotage) -> (u64, String) {
    const WITHIN: u64 = 1_000;
    let definitions = definitions();
    let broken = |seed| tried(seed, &definitions, sabotage).err().map(|wrong| (seed, wrong));
    (0..WITHIN).find_map(broken).unwrap_or_else(|| panic!("{sabotage:?} is not found within {WITHIN} seeds"))
}

macro_rules! sabotages {
    ($($name:ident: $sabotage:ident says $what:literal)*) => {
        $(#[test]
        fn $name() {
            let (seed, wrong) = found(Sabotage::$sabotage);
            println!("{:?} is found by seed {seed}: {wrong}", Sabotage::$sabotage);
            assert!(wrong.contains($what), "{wrong}");
        })*
    };
}

sabotages! {
    a_view_that_takes_void_records_is_found: TakesVoid says ""
    a_worker_that_sends_before_it_has_read_back_is_found: SendsEarly says "no valid entry decided it"
    an_owner_that_does_not_send_what_is_unsent_is_found: ForgetsUnsent says ""
    an_owner_whose_timers_fire_first_is_found: FiresFirst says "waited too long"
    a_payment_that_is_charged_twice_is_found: ChargesAgain says "the provider was asked to take it as"
    a_stock_that_reserves_twice_is_found: ReservesAgain says ""
    a_release_that_is_not_carried_out_is_found: SkipsRelease says "reservation"
    an_approval_that_is_passed_over_is_found: KeepsTheMoney says ""
}

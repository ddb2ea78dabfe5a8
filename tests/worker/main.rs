//! The worker runtime under faults, with the smallest service (`sums`). It is separate from the scenarios, since it
//! tests the runtime with a minimal service. The tests share a broker, and each deletes the topics of the one before.

mod brokers;
mod check;
mod claims;
mod cold;
mod damage;
mod direct;
mod faults;
mod harness;
mod journal;
mod outputs;
mod positions;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use tests::broker::{Broker, LONG_SESSION};
use tests::kafka::Kafka;
use tests::runner::exit_on_signal;
use tests::topics::Topics;
use tests::{files, machine, process};

/// A test, which returns a summary.
type Test = fn(Arc<Broker>) -> std::pin::Pin<Box<dyn Future<Output = Result<String>>>>;

/// Names each test like its function.
macro_rules! tests {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        const TESTS: &[(&str, Test)] = &[$((stringify!($name), |broker| Box::pin($module::$name(broker)))),+];
    };
}

tests!(
    faults::sums_are_exact_under_all_faults,
    direct::accepted_commands_are_counted_once_whatever_happens,
    brokers::a_service_waits_for_the_brokers_of_its_topics,
    outputs::an_offline_output_makes_its_inputs_wait,
    positions::a_lost_position_stops_its_partition_until_an_operator_decides,
    positions::a_topic_made_anew_is_noticed,
    positions::a_topic_made_anew_while_it_is_read_is_noticed,
    positions::an_expired_marker_is_no_loss,
    claims::a_claim_may_take_longer_than_the_session_timeout,
    cold::a_cold_instance_takes_no_partition_from_a_warm_one,
    damage::a_journal_with_a_malformed_record_ends_the_process,
);

/// The broker of this run, once a test has started it.
static BROKER: Mutex<Option<Arc<Broker>>> = Mutex::new(None);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trial = |(name, test): &(&'static str, Test)| {
        let test = *test;
        Trial::test(*name, move || run(test).map_err(|error| Failed::from(format!("{error:#}"))))
    };
    let conclusion = libtest_mimic::run(&arguments, TESTS.iter().map(trial).collect());
    process::kill_all();
    drop(BROKER.lock().unwrap_or_else(PoisonError::into_inner).take());
    conclusion.exit_code()
}

fn run(test: Test) -> Result<()> {
    let _lock = machine::only_run()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.spawn(exit_on_signal());
    let broker = broker()?;
    let begun = Instant::now();
    let summary = runtime.block_on(async {
        Topics::new(&Kafka::new(&broker.address())?)?.delete_all().await?;
        test(broker).await
    })?;
    eprintln!("{summary}; {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

fn broker() -> Result<Arc<Broker>> {
    let mut broker = BROKER.lock().unwrap_or_else(PoisonError::into_inner);
    match &*broker {
        Some(broker) => Ok(Arc::clone(broker)),
        None => {
            let dir = files::target()?.join("test-brokers/worker");
            Ok(Arc::clone(broker.insert(Arc::new(Broker::start(&dir, &[LONG_SESSION])?))))
        }
    }
}

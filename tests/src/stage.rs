//! Where scenarios play: one broker for the whole run, one cluster at a time, each started when the first scenario
//! needs it, and all of it ended on every way out.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

use crate::broker::{self, Broker};
use crate::cluster::{Cluster, Options};
use crate::{files, machine, process};

/// A scenario of a cluster.
pub type Scenario = fn(Arc<Cluster>, Arc<Broker>) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// The `main` of a program of scenarios: its trials with a stage to play on, or without one where they are only listed.
/// They are played in their order, one after the other: a cluster at a time, and two cores are not many.
pub fn run(trials: impl Fn(Option<&Arc<Stage>>) -> Result<Vec<Trial>>) -> ExitCode {
    let played = || {
        let mut arguments = Arguments::from_args();
        arguments.test_threads = Some(1);
        if arguments.list {
            return Ok(libtest_mimic::run(&arguments, trials(None)?).exit_code());
        }
        let _lock = machine::only_run()?;
        let stage = Arc::new(Stage::new()?);
        let conclusion = libtest_mimic::run(&arguments, trials(Some(&stage))?);
        stage.close();
        Ok(conclusion.exit_code())
    };
    played().unwrap_or_else(|error: anyhow::Error| {
        eprintln!("{error:?}");
        ExitCode::FAILURE
    })
}

/// The stage.
pub struct Stage {
    runtime: Runtime,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    broker: Option<Arc<Broker>>,
    cluster: Option<Arc<Cluster>>,
    failed: Option<String>,
}

impl Stage {
    /// An empty stage. From here on Ctrl-C and SIGTERM end all that runs.
    ///
    /// # Errors
    /// When no runtime can be started.
    pub fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.spawn(leave_on_signal());
        Ok(Self { runtime, now: Mutex::default() })
    }

    /// Plays a scenario on a cluster with these options; the one before is ended when it is another.
    ///
    /// # Errors
    /// Why it failed, with the ends of all logs.
    pub fn play(&self, options: &Options, scenario: Scenario) -> Result<()> {
        let (cluster, broker) = self.cluster(options)?;
        let begun = Instant::now();
        let played = self.runtime.block_on(scenario(Arc::clone(&cluster), broker));
        eprint!("[{:.1} s] ", begun.elapsed().as_secs_f64());
        played.map_err(|error| anyhow!("{error:#}\n{}", cluster.report()))
    }

    fn cluster(&self, options: &Options) -> Result<(Arc<Cluster>, Arc<Broker>)> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.failed.as_deref() == Some(options.name) {
            return Err(anyhow!("the cluster {} did not start", options.name));
        }
        if now.cluster.as_ref().is_some_and(|c| c.options.name != options.name) {
            let old = now.cluster.take();
            old.map(|c| self.runtime.block_on(c.stop())).transpose().context("the cluster before")?;
        }
        let broker = match &now.broker {
            Some(broker) => Arc::clone(broker),
            None => {
                let dir = files::target()?.join("test-brokers/scenarios");
                Arc::clone(now.broker.insert(Arc::new(Broker::start(&dir, &[])?)))
            }
        };
        let cluster = match &now.cluster {
            Some(cluster) => Arc::clone(cluster),
            None => {
                now.failed = Some(options.name.to_owned());
                let started = self.runtime.block_on(Cluster::start(&broker, options.clone()))?;
                now.failed = None;
                Arc::clone(now.cluster.insert(started))
            }
        };
        Ok((cluster, broker))
    }

    /// Runs something that needs no cluster.
    ///
    /// # Errors
    /// Its own.
    pub fn alone(&self, scenario: impl Future<Output = Result<()>>) -> Result<()> {
        self.runtime.block_on(scenario)
    }

    /// Ends the cluster and the broker.
    pub fn close(&self) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = now.cluster.take()
            && let Err(error) = self.runtime.block_on(cluster.stop())
        {
            eprintln!("{error:#}");
        }
        process::kill_all();
        now.broker = None;
    }
}

/// Waits for Ctrl-C or SIGTERM, ends all that runs, and this program.
pub async fn leave_on_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
    process::kill_all();
    broker::kill_all();
    std::process::exit(130);
}

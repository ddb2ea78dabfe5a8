//! Runs scenarios: one broker for the whole run and one cluster at a time, each started when the first scenario needs
//! it. All processes are ended however the program exits.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

use crate::broker::{self, Broker, LONG_SESSION};
use crate::cluster::{Cluster, Options};
use crate::{files, machine, process};

/// How long a scenario may take. One that waits for ever would keep all others from running.
const LONGEST: Duration = Duration::from_secs(900);

/// A scenario of a cluster.
pub type Scenario = fn(Arc<Cluster>, Arc<Broker>) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// The `main` of a test program: runs the trials in order, one at a time, since only one cluster runs. `trials` gets no
/// runner if the trials are only listed.
pub fn run(trials: impl Fn(Option<&Arc<Runner>>) -> Result<Vec<Trial>>) -> ExitCode {
    let run = || {
        let mut arguments = Arguments::from_args();
        arguments.test_threads = Some(1);
        if arguments.list {
            return Ok(libtest_mimic::run(&arguments, trials(None)?).exit_code());
        }
        let _lock = machine::only_run()?;
        let runner = Arc::new(Runner::new()?);
        let conclusion = libtest_mimic::run(&arguments, trials(Some(&runner))?);
        runner.close();
        Ok(conclusion.exit_code())
    };
    run().unwrap_or_else(|error: anyhow::Error| {
        eprintln!("{error:?}");
        ExitCode::FAILURE
    })
}

/// Runs scenarios on clusters.
pub struct Runner {
    runtime: Runtime,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    broker: Option<Arc<Broker>>,
    cluster: Option<Arc<Cluster>>,
    failed: Option<String>,
}

impl Runner {
    /// A runner without broker and cluster. From here on Ctrl-C and SIGTERM end all processes.
    ///
    /// # Errors
    /// When no runtime can be started.
    pub fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.spawn(exit_on_signal());
        Ok(Self { runtime, current: Mutex::default() })
    }

    /// Runs a scenario on the cluster with these options, after ending the previous cluster if it is another one.
    ///
    /// # Errors
    /// The scenario's error with the ends of all logs.
    pub fn run(&self, options: &Options, scenario: Scenario) -> Result<()> {
        let (cluster, broker) = self.cluster(options)?;
        let begun = Instant::now();
        let result = self.run_without_cluster(scenario(Arc::clone(&cluster), broker));
        eprint!("[{:.1} s] ", begun.elapsed().as_secs_f64());
        result.map_err(|error| anyhow!("{error:#}\n{}", cluster.report()))
    }

    fn cluster(&self, options: &Options) -> Result<(Arc<Cluster>, Arc<Broker>)> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.failed.as_deref() == Some(options.name) {
            return Err(anyhow!("the cluster {} did not start", options.name));
        }
        if current.cluster.as_ref().is_some_and(|c| c.options.name != options.name) {
            let old = current.cluster.take();
            old.map(|c| self.runtime.block_on(c.stop())).transpose().context("the previous cluster")?;
        }
        let broker = match &current.broker {
            Some(broker) => Arc::clone(broker),
            None => {
                let dir = files::target()?.join("test-brokers").join(files::program()?);
                Arc::clone(current.broker.insert(Arc::new(Broker::start(&dir, &[LONG_SESSION])?)))
            }
        };
        let cluster = match &current.cluster {
            Some(cluster) => Arc::clone(cluster),
            None => {
                current.failed = Some(options.name.to_owned());
                let started = self.runtime.block_on(Cluster::start(&broker, options.clone()))?;
                current.failed = None;
                Arc::clone(current.cluster.insert(started))
            }
        };
        Ok((cluster, broker))
    }

    /// Runs a scenario without a cluster.
    ///
    /// # Errors
    /// The scenario's error, or that it does not end.
    pub fn run_without_cluster(&self, scenario: impl Future<Output = Result<()>>) -> Result<()> {
        let limited = async { tokio::time::timeout(LONGEST, scenario).await };
        self.runtime.block_on(limited).unwrap_or_else(|_| Err(anyhow!("it does not end")))
    }

    /// Ends the cluster and the broker.
    pub fn close(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = current.cluster.take()
            && let Err(error) = self.runtime.block_on(cluster.stop())
        {
            eprintln!("{error:#}");
        }
        process::kill_all();
        current.broker = None;
    }
}

/// Waits for Ctrl-C or SIGTERM, then ends all processes and exits.
pub async fn exit_on_signal() {
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

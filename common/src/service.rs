//! A whole service: settings, logs, the journal's threads, HTTP, and an orderly end. What a service adds is a
//! [`Program`].

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::http::Method;
use clap::{ArgMatches, Command};
use journal::{Handler, Limits};
use runtime::view::{Rows, View};
pub use runtime::worker::{Commands, Executor, NoExecutor, SendError, Watch, WatchError};
use runtime::worker::{Config, Runtime, Service, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::signal::unix::{SignalKind, signal};
use web::http::{self, Access, Edge, Health, Report};
use web::settings::{self, Settings, WorkerSettings};
use web::{cli, telemetry};

/// What makes a service.
pub trait Program: 'static {
    /// Its name, such as `order-service`.
    const NAME: &'static str;
    /// A sentence on what it does, for `--help`.
    const ABOUT: &'static str;
    /// Its journal's topic.
    const JOURNAL: &'static str;
    /// The topics it reads.
    const INPUTS: &'static [&'static str];
    /// The topics it writes.
    const OUTPUTS: &'static [&'static str];
    /// Its `config/default.toml`, with every key.
    const DEFAULTS: &'static str;
    /// The sections that only this service has.
    type Settings: DeserializeOwned + Serialize + Clone + Send + Sync + 'static;
    /// Its rules.
    type Handler: Handler<SideEffect: Send + Sync>;
    /// Its tables.
    type Rows: Rows<Entity = <Self::Handler as Handler>::Entity>;
    /// What it does in the world.
    type Executor: Executor<SideEffect = <Self::Handler as Handler>::SideEffect>;

    /// Makes the rules from the settings.
    ///
    /// # Errors
    /// A bad value: its key, the value, and what is allowed.
    fn build(settings: &Self::Settings) -> anyhow::Result<(Self::Handler, Self::Executor)>;

    /// Topics that the rules read and write besides, each one once.
    fn more_topics(_handler: &Self::Handler) -> MoreTopics {
        MoreTopics::default()
    }

    /// What else `GET /health/ready` shows, by name: things that the service goes on without.
    fn details(_settings: &Self::Settings) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The service's HTTP routes; health routes, problems for what is not found, and limits are added to it.
    fn router(context: Context<Self::Settings>) -> Router;

    /// What a path asks of its caller where `[auth]` is set: by default, to be an operator. Health, the API's description and
    /// its page are open in every service. What a customer sees of a path that is [`Access::Known`] is for its handler to
    /// decide, by the [`Caller`](http::Caller).
    fn access(_method: &Method, _path: &str) -> Access {
        Access::Operator
    }

    /// The command line with what only this program has: its tools, as subcommands. By default it has none.
    fn command_line(command: Command) -> Command {
        command
    }

    /// Uses the tool that is asked for, instead of running the service: it needs neither settings nor Kafka.
    fn tool(_: &ArgMatches) -> Option<ExitCode> {
        None
    }
}

/// Topics that only the settings tell of.
#[derive(Clone, Debug, Default)]
pub struct MoreTopics {
    /// To be read.
    pub inputs: BTreeSet<String>,
    /// To be written.
    pub outputs: BTreeSet<String>,
}

impl MoreTopics {
    /// With those that are always there, first.
    fn with(self, inputs: &[&str], outputs: &[&str]) -> (Vec<String>, Vec<String>) {
        let all = |always: &[&str], more: BTreeSet<String>| {
            let new = more.into_iter().filter(|name| !always.contains(&name.as_str()));
            always.iter().map(|name| (*name).to_owned()).chain(new).collect()
        };
        (all(inputs, self.inputs), all(outputs, self.outputs))
    }
}

/// What HTTP handlers work with.
#[derive(Clone)]
pub struct Context<S> {
    /// For queries.
    pub view: View,
    /// For what is asked for.
    pub commands: Commands,
    /// The service's own settings.
    pub settings: Arc<S>,
    /// Partitions of every topic.
    pub partitions: i32,
    /// What the instance knows of itself.
    pub status: Arc<Status>,
    /// For looking at the cluster.
    pub watch: Watch,
}

/// Runs a service until it is asked to end (SIGTERM, SIGINT: exit code 0) or can't go on (exit code 1).
pub fn main<P: Program>() -> ExitCode {
    let (args, matches) = cli::parse(P::command_line(cli::command(P::NAME, P::ABOUT, P::DEFAULTS)));
    if let Some(code) = P::tool(&matches) {
        return code;
    }
    let settings = match settings::load::<P::Settings>(P::DEFAULTS, P::NAME, args.config.as_deref()) {
        Ok(settings) => settings,
        Err(error) => return fail(P::NAME, &error.to_string()),
    };
    if args.print_config {
        return match settings.to_toml() {
            Ok(text) => {
                println!("{text}");
                ExitCode::SUCCESS
            }
            Err(error) => fail(P::NAME, &error.to_string()),
        };
    }
    if let Err(error) = telemetry::init(&settings.log) {
        return fail(P::NAME, &error);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ended = runtime.context("no runtime").and_then(|runtime| {
        let ended = runtime.block_on(run::<P>(settings));
        // Asked to end while it waits for Kafka: a call that librdkafka is in is not waited for.
        runtime.shutdown_timeout(Duration::from_millis(500));
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            fail(P::NAME, &format!("{error:#}"))
        }
    }
}

fn fail(name: &str, why: &str) -> ExitCode {
    eprintln!("{name}: {why}");
    ExitCode::FAILURE
}

async fn run<P: Program>(settings: Settings<P::Settings>) -> anyhow::Result<()> {
    let (handler, executor) = P::build(&settings.own)?;
    let edge = Edge::new(P::NAME, &settings.edge, settings.auth.as_ref(), P::access)?;
    let listener = http::bind(settings.http.listen).await?;
    let (inputs, outputs) = P::more_topics(&handler).with(P::INPUTS, P::OUTPUTS);
    let service = Service { name: P::NAME, journal: P::JOURNAL, inputs, outputs, handler, executor };
    let mut asked = std::pin::pin!(asked_to_end()?);
    let starting = Runtime::start::<_, P::Rows, _>(config(&settings), service);
    let runtime = tokio::select! {
        started = starting => started?,
        () = &mut asked => return Ok(()),
    };
    let context = Context {
        view: runtime.view.clone(),
        commands: runtime.commands.clone(),
        settings: Arc::new(settings.own.clone()),
        partitions: settings.kafka.partitions,
        status: runtime.status.clone(),
        watch: runtime.watch.clone(),
    };
    let own = Arc::clone(&context.settings);
    let checks = Checks { status: runtime.status.clone(), details: Box::new(move || P::details(&own)) };
    let routes = P::router(context).merge(http::health_routes(Arc::new(checks)));
    tracing::info!(listen = %settings.http.listen, version = env!("CARGO_PKG_VERSION"), "{} started", P::NAME);

    let (stop, mut stopped) = tokio::sync::watch::channel(());
    let shutdown = async move {
        // The sender is dropped when the service ends.
        let _ = stopped.changed().await;
    };
    let server = tokio::spawn(http::serve(listener, http::finish(routes, &settings.http, edge)?, shutdown));
    let status = runtime.status.clone();
    let end = tokio::select! {
        () = &mut asked => Ok(()),
        why = status.ended() => Err(anyhow::anyhow!(why)),
    };
    tracing::info!("{} stops", P::NAME);
    status.stop();
    drop(stop);
    let served = server.await.context("the HTTP server panicked")?;
    if end.is_ok() {
        tokio::task::spawn_blocking(move || runtime.stop()).await.context("a thread panicked")?;
        tracing::info!("{} has ended", P::NAME);
    } else {
        // What can't go on is not waited for.
        std::mem::forget(runtime);
    }
    end.and(served.map_err(Into::into))
}

/// Resolves at SIGTERM or SIGINT.
fn asked_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

fn config<S>(settings: &Settings<S>) -> Config {
    let kafka = settings.kafka.clone();
    Config {
        brokers: kafka.brokers,
        partitions: kafka.partitions,
        replication: kafka.replication,
        group: kafka.group,
        session_timeout: kafka.session_timeout,
        client: kafka.client,
        view: settings.view.directory.clone(),
        lag_limit: settings.view.lag_limit,
        limits: limits(&settings.worker),
        command_timeout: settings.worker.command_timeout,
    }
}

fn limits(worker: &WorkerSettings) -> Limits {
    Limits {
        batch_messages: worker.batch_messages,
        batch_bytes: worker.batch_bytes,
        ahead_records: worker.ahead_records,
        ahead_bytes: worker.ahead_bytes,
        open_in_memory: worker.open_in_memory,
        ..Limits::default()
    }
}

struct Checks {
    status: Arc<Status>,
    details: Box<dyn Fn() -> Vec<(String, String)> + Send + Sync>,
}

impl Checks {
    fn report(checks: std::collections::BTreeMap<String, Result<String, String>>) -> Report {
        let mut report = Report::up();
        for (name, seen) in checks {
            let ok = seen.is_ok();
            report.check(name, ok, seen.unwrap_or_else(|why| why));
        }
        report
    }
}

impl Health for Checks {
    fn live(&self) -> Report {
        Self::report(self.status.live())
    }
    fn ready(&self) -> Report {
        let mut report = Self::report(self.status.ready());
        (self.details)().into_iter().for_each(|(name, seen)| report.check(name, true, seen));
        report
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::de::IgnoredAny;

    use super::*;

    #[test]
    fn every_service_starts_with_the_default_limits() {
        for defaults in [
            include_str!("../../order-service/config/default.toml"),
            include_str!("../../inventory-service/config/default.toml"),
            include_str!("../../payment-service/config/default.toml"),
            include_str!("../../orchestrator/config/default.toml"),
        ] {
            let loaded = settings::load_with::<BTreeMap<String, IgnoredAny>>(defaults, "x", None, []);
            assert_eq!(limits(&loaded.unwrap().worker), Limits::default());
        }
    }
}

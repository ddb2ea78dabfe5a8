//! Assembles a service: settings, logs, the journal's threads, HTTP, and graceful shutdown. Each service is a
//! [`Program`].

use std::collections::BTreeSet;
use std::ops::Deref;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ::traces::Tracer;
use anyhow::Context as _;
use axum::Router;
use axum::http::Method;
use clap::{ArgMatches, Command};
use journal::{Handler, Limits};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use runtime::view::{Rows, View};
pub use runtime::worker::{Commands, Executor, NoExecutor, SendError, TopicAdmin, TopicError, Watch, WatchError};
use runtime::worker::{Config, Runtime, Service, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::signal::unix::{SignalKind, signal};
use web::http::{self, Access, Circuit, Collect, Edge, Health, Observed, Protection, Report};
use web::settings::{self, Settings, WorkerSettings};
use web::{cli, telemetry};

use crate::checks::Checks;
use crate::traces::Exporting;
use crate::{positions, traces};

/// The parts of a service.
pub trait Program: 'static {
    /// Its name, such as `order-service`.
    const NAME: &'static str;
    /// A sentence about it, for `--help`.
    const ABOUT: &'static str;
    /// Its journal's topic.
    const JOURNAL: &'static str;
    /// The topics it reads.
    const INPUTS: &'static [&'static str];
    /// The one of them that no other service reads: its commands.
    const COMMANDS: &'static str;
    /// The topics it writes.
    const OUTPUTS: &'static [&'static str];
    /// The topic of its events for external systems, which [`Program::more_topics`] returns unless they are off.
    const EVENTS: Option<&'static str> = None;
    /// Its `config/default.toml`, with every key.
    const DEFAULTS: &'static str;
    /// The settings sections that only this service has.
    type Settings: DeserializeOwned + Serialize + Clone + Send + Sync + 'static;
    /// Its rules.
    type Handler: Handler<SideEffect: Send + Sync>;
    /// Its tables.
    type Rows: Rows<Entity = <Self::Handler as Handler>::Entity>;
    /// Its side effects.
    type Executor: Executor<SideEffect = <Self::Handler as Handler>::SideEffect>;

    /// Creates the rules and the executor from the settings.
    ///
    /// # Errors
    /// An invalid value: its key, the value, and the allowed values.
    fn build(settings: &Self::Settings) -> anyhow::Result<(Self::Handler, Self::Executor)>;

    /// Further topics that the rules read and write, each once.
    fn more_topics(_handler: &Self::Handler) -> MoreTopics {
        MoreTopics::default()
    }

    /// Further details of `GET /health/ready`, by name, that do not affect readiness.
    fn details(_settings: &Self::Settings) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The circuit breakers of calls to external systems, for `GET /health/ready`.
    fn circuits(_settings: &Self::Settings) -> Vec<Circuit> {
        Vec::new()
    }

    /// Registers the metrics that only this service has, with their present values. Called by each scrape of
    /// `GET /metrics`, so it must not scan tables; it may block.
    ///
    /// # Errors
    /// A query of the view failed.
    fn metrics(_context: &Context<Self::Settings>, _registry: &mut Registry) -> anyhow::Result<()> {
        Ok(())
    }

    /// The service's HTTP routes. Health routes, problems for unknown routes, and limits are added.
    fn router(context: Context<Self::Settings>) -> Router;

    /// What a path requires of its caller if `[auth]` is set: by default, to be an operator. Health, the API's
    /// description and its page are open in every service. For [`Access::Authenticated`] the route's handler decides by
    /// the [`Caller`](http::Caller).
    fn access(_method: &Method, _path: &str) -> Access {
        Access::Operator
    }

    /// What keeps unknown callers out: by default, `[auth]`.
    fn protection(settings: &Settings<Self::Settings>) -> Protection {
        Protection { required: settings.auth.as_ref().is_some_and(|auth| auth.required) }
    }

    /// Why any caller may act, and what to set ([`Protection::check`]): by default, if `[auth]` is off.
    fn protection_gap(settings: &Settings<Self::Settings>) -> Option<&'static str> {
        let is_off = settings.auth.as_ref().is_some_and(|auth| !auth.is_on());
        is_off.then_some("every caller may do everything: set auth.keys or auth.jwt.jwks_file")
    }

    /// Adds this program's tools to the command line, as subcommands. By default it has none.
    fn command_line(command: Command) -> Command {
        command
    }

    /// Runs the tool in the arguments, if any, instead of the service. Tools need neither settings nor Kafka.
    fn tool(_: &ArgMatches) -> Option<ExitCode> {
        None
    }
}

/// Topics that depend on the settings.
#[derive(Clone, Debug, Default)]
pub struct MoreTopics {
    /// Topics to read.
    pub inputs: BTreeSet<String>,
    /// Topics to write.
    pub outputs: BTreeSet<String>,
}

impl MoreTopics {
    /// The topic of events, if they are on.
    pub fn of_events(topic: Option<&str>, are_on: bool) -> Self {
        let outputs = topic.filter(|_| are_on).map(str::to_owned).into_iter().collect();
        Self { inputs: BTreeSet::new(), outputs }
    }

    /// The fixed topics, followed by these.
    fn with(self, inputs: &[&str], outputs: &[&str]) -> (Vec<String>, Vec<String>) {
        let all = |always: &[&str], more: BTreeSet<String>| {
            let new = more.into_iter().filter(|name| !always.contains(&name.as_str()));
            always.iter().map(|name| (*name).to_owned()).chain(new).collect()
        };
        (all(inputs, self.inputs), all(outputs, self.outputs))
    }
}

/// The parts that HTTP handlers use. Cheap to clone, which each layer of a router does for each request.
pub struct Context<S>(Arc<ContextParts<S>>);

impl<S> Clone for Context<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Deref for Context<S> {
    type Target = ContextParts<S>;

    fn deref(&self) -> &ContextParts<S> {
        &self.0
    }
}

/// The content of a [`Context`].
pub struct ContextParts<S> {
    /// For queries.
    pub view: View,
    /// For commands.
    pub commands: Commands,
    /// How long a request waits until the view shows its effect.
    pub effect_timeout: Duration,
    /// The service's own settings.
    pub settings: Arc<S>,
    /// Partitions of every topic.
    pub partitions: i32,
    /// The instance's health.
    pub status: Arc<Status>,
    /// For reading the cluster's state.
    pub watch: Watch,
    /// For adding topics.
    pub topics: TopicAdmin,
    /// The warning that unknown callers on other machines may use this service ([`Protection::check`]).
    pub exposure: Option<Arc<str>>,
}

/// Runs a service until SIGTERM or SIGINT (exit code 0), or until it can't continue (exit code 1).
pub fn main<P: Program>() -> ExitCode {
    let command = positions::command_line(cli::command(P::NAME, P::ABOUT, P::DEFAULTS));
    let (args, matches) = cli::parse(P::command_line(command));
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
    if let Some(requested) = positions::requested(&matches) {
        return positions::run(requested, &config(&settings, false, Tracer::off()), P::NAME, P::JOURNAL)
            .unwrap_or_else(|error| fail(P::NAME, &format!("{error:#}")));
    }
    if let Err(error) = telemetry::init(&settings.log) {
        return fail(P::NAME, &error);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = runtime.context("the tokio runtime can't be started").and_then(|runtime| {
        let result = runtime.block_on(run::<P>(settings));
        // A blocking call into librdkafka, which waits for Kafka, is not awaited.
        runtime.shutdown_timeout(Duration::from_millis(500));
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            fail(P::NAME, &format!("{error:#}"))
        }
    }
}

fn fail(name: &str, reason: &str) -> ExitCode {
    eprintln!("{name}: {reason}");
    ExitCode::FAILURE
}

async fn run<P: Program>(settings: Settings<P::Settings>) -> anyhow::Result<()> {
    let (handler, executor) = P::build(&settings.own)?;
    let exposure = P::protection(&settings).check(settings.http.listen, || P::protection_gap(&settings))?;
    let exposure: Option<Arc<str>> = exposure.map(Arc::from);
    if let Some(warning) = &exposure {
        tracing::warn!("{warning}");
    }
    let edge = Edge::new(P::NAME, &settings.edge, settings.auth.as_ref(), P::access)?;
    let listener = http::bind(settings.http.listen).await?;
    let (tracer, exporting) = traces::start(&settings.traces, P::NAME)?;
    let (inputs, outputs) = P::more_topics(&handler).with(P::INPUTS, P::OUTPUTS);
    let service =
        Service { name: P::NAME, journal: P::JOURNAL, inputs, commands: P::COMMANDS, outputs, handler, executor };
    let mut shutdown_requested = std::pin::pin!(shutdown_signal()?);
    let starting = Runtime::start::<_, P::Rows, _>(config(&settings, exposure.is_some(), tracer.clone()), service);
    let runtime = tokio::select! {
        started = starting => started?,
        () = &mut shutdown_requested => return Ok(()),
    };
    let context = Context(Arc::new(ContextParts {
        view: runtime.view.clone(),
        commands: runtime.commands.clone(),
        effect_timeout: settings.worker.effect_timeout,
        settings: Arc::new(settings.own.clone()),
        partitions: settings.kafka.partitions,
        status: runtime.status.clone(),
        watch: runtime.watch.clone(),
        topics: runtime.topics.clone(),
        exposure: exposure.clone(),
    }));
    let checks: Arc<dyn Health> = Arc::new(checks::<P>(&runtime.status, &context.settings, exposure));
    let observed = Observed { tracer, ..Observed::default() };
    let scrape = http::metrics_route(collect::<P>(context.clone(), observed.clone(), Arc::clone(&checks)));
    let routes = P::router(context).merge(http::health_routes(checks)).merge(scrape);
    tracing::info!(listen = %settings.http.listen, version = env!("CARGO_PKG_VERSION"), "{} started", P::NAME);

    let (stop, mut stopped) = tokio::sync::watch::channel(());
    let shutdown = async move {
        // The sender is dropped when the service ends.
        let _ = stopped.changed().await;
    };
    let routes = http::finish(routes, &settings.http, edge, observed)?;
    let server = tokio::spawn(async move { http::serve(listener, routes, &settings.http, shutdown).await });
    let status = runtime.status.clone();
    let end = tokio::select! {
        () = &mut shutdown_requested => Ok(()),
        reason = status.ended() => Err(anyhow::anyhow!(reason)),
    };
    tracing::info!("{} stops", P::NAME);
    status.stop();
    drop(stop);
    server.await.context("the HTTP server panicked")?;
    if end.is_ok() {
        stop_all::<P>(runtime, exporting).await?;
    } else {
        // The failed threads are not awaited.
        std::mem::forget(runtime);
    }
    end
}

/// Ends the threads, and sends the last spans.
async fn stop_all<P: Program>(runtime: Runtime, exporting: Option<Exporting>) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(move || runtime.stop()).await.context("a thread panicked")?;
    if let Some(exporting) = exporting {
        exporting.flush().await;
    }
    tracing::info!("{} has ended", P::NAME);
    Ok(())
}

/// Registers the metrics of a service.
fn collect<P: Program>(context: Context<P::Settings>, observed: Observed, health: Arc<dyn Health>) -> Collect {
    Arc::new(move |registry| {
        observed.metrics.register(registry);
        observed.tracer.register(registry);
        let ready = ConstGauge::new(i64::from(health.ready().ok));
        registry.register("health_ready", "1 if GET /health/ready succeeds, otherwise 0", ready);
        context.status.register_metrics(registry);
        P::metrics(&context, registry)
    })
}

fn checks<P: Program>(status: &Arc<Status>, own: &Arc<P::Settings>, exposure: Option<Arc<str>>) -> Checks {
    let own = Arc::clone(own);
    let more = move |report: &mut Report| {
        let access = exposure.iter().map(|warning| ("access".to_owned(), warning.to_string()));
        for (name, detail) in P::details(&own).into_iter().chain(access) {
            report.check(name, true, detail);
        }
        report.circuits = P::circuits(&own);
    };
    Checks { status: Arc::clone(status), more: Box::new(more) }
}

/// Resolves at SIGTERM or SIGINT.
fn shutdown_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

fn config<S>(settings: &Settings<S>, is_exposed: bool, tracer: Tracer) -> Config {
    let kafka = settings.kafka.clone();
    Config {
        brokers: kafka.brokers,
        partitions: kafka.partitions,
        replication: kafka.replication,
        group: kafka.group,
        session_timeout: kafka.session_timeout,
        topic_check: kafka.topic_check,
        client: kafka.client,
        view: settings.view.directory.clone(),
        lag_limit: settings.view.lag_limit,
        limits: limits(&settings.worker),
        command_timeout: settings.worker.command_timeout,
        side_effects: settings.worker.side_effects,
        is_exposed,
        tracer,
    }
}

fn limits(worker: &WorkerSettings) -> Limits {
    Limits {
        batch_messages: worker.batch_messages,
        batch_bytes: worker.batch_bytes,
        ahead_records: worker.ahead_records,
        ahead_bytes: worker.ahead_bytes,
        open_in_memory: worker.open_in_memory,
        undelivered_messages: worker.undelivered_messages,
        undelivered_bytes: worker.undelivered_bytes,
        ..Limits::default()
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

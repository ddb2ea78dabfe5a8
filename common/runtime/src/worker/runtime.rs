//! Starts an instance's threads, and stops them in order.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};
use journal::Handler;
use rdkafka::admin::AdminClient;
use vocabulary::topics::Topic;

use super::access;
use super::back_pressure::BackPressure;
use super::client::ClientLog;
use super::commands::Commands;
use super::config::Config;
use super::direct::Direct;
use super::event::Event;
use super::member::Member;
use super::metrics::WorkerMetrics;
use super::partition::{Channel, Worker};
use super::shared::{Shared, SharedPositions};
use super::side_effects::Executor;
use super::status::Status;
use super::tail::Tailer;
use super::threads::{DRAIN, END, join, spawn};
use super::topics::{self, Monitor, Prepared, TopicAdmin, UsedTopic};
use super::watch::Watch;
use crate::view::{Applied, PartitionStore, Rows, Tailed, View, ViewFile, Waiters, Writer};

/// A service, as the runtime needs it.
#[derive(Clone, Debug)]
pub struct Service<H, A> {
    /// Its name, such as `order-service`.
    pub name: &'static str,
    /// Its journal's topic.
    pub journal: &'static str,
    /// The topics it reads.
    pub inputs: Vec<String>,
    /// The one of them that no other service reads: its commands.
    pub commands: &'static str,
    /// The topics it writes.
    pub outputs: Vec<String>,
    /// Its rules.
    pub handler: H,
    /// Executes its side effects.
    pub executor: A,
}

/// A running instance.
pub struct Runtime {
    /// For queries.
    pub view: View,
    /// For the commands of HTTP requests.
    pub commands: Commands,
    /// The instance's health.
    pub status: Arc<Status>,
    /// For reading the cluster's state.
    pub watch: Watch,
    /// For adding topics.
    pub topics: TopicAdmin,
    member: Option<JoinHandle<()>>,
    threads: Vec<JoinHandle<()>>,
    workers: Vec<Sender<Event>>,
    _file: Arc<ViewFile>,
}

impl Runtime {
    /// Waits for the broker, creates and checks the topics, opens the view and starts the threads.
    ///
    /// # Errors
    /// Unusable settings, topics, view directory or journal.
    pub async fn start<H, R, A>(config: Config, service: Service<H, A>) -> anyhow::Result<Self>
    where
        H: Handler,
        H::SideEffect: Send + Sync,
        R: Rows<Entity = H::Entity>,
        A: Executor<SideEffect = H::SideEffect>,
    {
        let (admin, cluster) = topics::reach(&config).await?;
        let prepared = prepare(admin, &config, &service).await?;
        let file = Arc::new(ViewFile::open(&config.view, R::SCHEMA, &cluster, prepared.rebuild)?);
        let monitor = prepared.monitor;
        let tokio = tokio::runtime::Handle::current();
        let start = move || start_threads::<H, R, A>(config, service, file, monitor, tokio);
        tokio::task::spawn_blocking(start).await?
    }

    /// Stops reading, lets the workers finish, leaves the group, and ends the threads.
    pub fn stop(mut self) {
        self.status.stop();
        if let Some(member) = self.member.take() {
            join(member, Instant::now() + DRAIN + 2 * END);
        }
        self.status.halt();
        for worker in &self.workers {
            // The worker may have ended.
            let _ = worker.send(Event::Stop);
        }
        let deadline = Instant::now() + END;
        // The first is the view's, which ends when all that give it records have ended.
        for thread in self.threads.drain(..).rev() {
            join(thread, deadline);
        }
    }
}

async fn prepare<H, A>(
    admin: AdminClient<ClientLog>,
    config: &Config,
    service: &Service<H, A>,
) -> anyhow::Result<Prepared> {
    let journal = service.journal;
    let used = used_topics(service);
    let operations = access::operations(journal, &service.inputs, &service.outputs);
    let config = config.clone();
    let tokio = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || topics::prepare(admin, &config, journal, used, &operations, tokio)).await?
}

fn used_topics<H, A>(service: &Service<H, A>) -> Vec<UsedTopic> {
    let journal = UsedTopic { topic: Topic::journal(service.journal), is_read: false };
    std::iter::once(journal).chain(topics::used_topics(&service.inputs, &service.outputs)).collect()
}

fn start_threads<H, R, A>(
    config: Config,
    service: Service<H, A>,
    file: Arc<ViewFile>,
    monitor: Monitor,
    tokio: tokio::runtime::Handle,
) -> anyhow::Result<Runtime>
where
    H: Handler,
    H::SideEffect: Send + Sync,
    R: Rows<Entity = H::Entity>,
    A: Executor<SideEffect = H::SideEffect>,
{
    let applied = Arc::new(Applied::new(config.partitions));
    let (waiters, more_waiters) = Waiters::new();
    let back_pressure = BackPressure::new(config.partitions, config.limits.undelivered_messages, config.lag_limit);
    let metrics = WorkerMetrics::new(config.partitions, config.side_effects);
    let status = Arc::new(Status::new(service.name, applied.clone(), config.lag_limit, back_pressure, metrics));
    let positions = SharedPositions::default();
    let channels: Vec<(Sender<Event>, Receiver<Event>)> = (0..config.partitions).map(|_| unbounded()).collect();
    let workers: Vec<Sender<Event>> = channels.iter().map(|(to, _)| to.clone()).collect();
    let direct = Direct::new(service.commands, &workers);
    let commands = Commands::new(&config, service.name, direct.clone())?;
    let (to_view, tailed): (Sender<Tailed>, Receiver<Tailed>) = unbounded();
    let (tailer, identities) =
        Tailer::start(&config, service.journal, &file, workers.clone(), to_view.clone(), status.clone())?;
    let writer = Writer::<R>::new(file.connect(false)?, &identities, applied.clone(), (waiters.clone(), more_waiters))?;
    let shared = Arc::new(Shared {
        name: service.name,
        journal: service.journal,
        inputs: service.inputs,
        counts: monitor.counts(),
        further: monitor.further(),
        instance: instance_name(service.name),
        handler: service.handler,
        executor: Arc::new(service.executor),
        commands: commands.clone(),
        direct,
        tokio,
        permits: Arc::clone(&status.metrics.permits),
        status: status.clone(),
        positions: positions.clone(),
        view: to_view,
        config: config.clone(),
    });
    let write = write_view(writer, tailed, status.clone());
    let mut threads = vec![spawn(&status, "view", write)?, spawn(&status, "tailer", move || tailer.run())?];
    threads.push(spawn(&status, "topics", watch_topics(monitor, config.clone(), status.clone(), file.clone()))?);
    for (partition, (to, events)) in (0..config.partitions).zip(channels) {
        let store = PartitionStore::new(file.connect(true)?, partition);
        let worker = Worker::new(shared.clone(), partition, store, Channel { to, events });
        threads.push(spawn(&status, &format!("worker-{partition}"), move || worker.run())?);
    }
    let member = Member::new(&config, service.journal, &shared.instance, workers.clone(), positions, status.clone())?;
    let member = Some(spawn(&status, "membership", move || member.run())?);
    let view = View::new(file.path().to_owned(), waiters, applied);
    let watch = Watch::new(&config);
    let topics = TopicAdmin::new(config);
    Ok(Runtime { view, commands, status, watch, topics, member, threads, workers, _file: file })
}

/// Writes the view from the records of the tailer and the owners. The instance can't go on without it.
fn write_view<R: Rows>(writer: Writer<R>, tailed: Receiver<Tailed>, status: Arc<Status>) -> impl FnOnce() {
    move || {
        if let Err(error) = writer.run(&tailed) {
            status.fatal(&format!("the view can't be written: {error:#}"));
        }
    }
}

/// Watches the topics, and deletes the view that the present one replaced, once that is complete.
fn watch_topics(monitor: Monitor, config: Config, status: Arc<Status>, file: Arc<ViewFile>) -> impl FnOnce() {
    move || {
        let mut is_replacing = true;
        let idle = || {
            if is_replacing && status.is_warm() {
                is_replacing = false;
                if let Err(error) = file.discard_replaced() {
                    tracing::warn!("the replaced view can't be deleted: {error:#}");
                }
            }
        };
        monitor.run(&config, &status, idle);
    }
}

/// The name of this instance, for operators who read the journal.
fn instance_name(service: &str) -> String {
    format!("{service}@{}/{}", host_name(), std::process::id())
}

/// The name of this host; empty if the system does not report it.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

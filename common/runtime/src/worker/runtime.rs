//! Putting an instance's threads together, and taking them down in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, unbounded};

use super::commands::Commands;
use super::member::{DRAIN, Member};
use super::partition::Worker;
use super::shared::{Event, Shared};
use super::side_effects::Executor;
use super::status::Status;
use super::tail::Tailer;
use super::watch::Watch;
use super::{Config, topics};
use crate::view::waiters::Waiters;
use crate::view::{Applied, PartitionStore, Rows, Tailed, View, ViewFile, Writer};
use journal::Handler;
use vocabulary::topics::Topic;

/// How long threads have to end that have nothing to finish.
pub(super) const LAST: Duration = Duration::from_secs(2);

/// Where reading stands, for lag tools: (topic, partition) to the next offset, as far as it changed.
pub(super) type SharedPositions = Arc<Mutex<HashMap<(String, i32), i64>>>;

/// What a service brings along.
#[derive(Clone, Debug)]
pub struct Service<H, A> {
    /// Its name, such as `order-service`.
    pub name: &'static str,
    /// Its journal's topic.
    pub journal: &'static str,
    /// The topics it reads.
    pub inputs: Vec<String>,
    /// The topics it writes.
    pub outputs: Vec<String>,
    /// Its rules.
    pub handler: H,
    /// What it does in the world.
    pub actor: A,
}

/// A running instance.
pub struct Runtime {
    /// For queries.
    pub view: View,
    /// For what HTTP requests ask for.
    pub commands: Commands,
    /// What the instance knows of itself.
    pub status: Arc<Status>,
    /// For looking at the cluster.
    pub watch: Watch,
    member: Option<JoinHandle<()>>,
    threads: Vec<JoinHandle<()>>,
    workers: Vec<Sender<Event>>,
    _file: Arc<ViewFile>,
}

impl Runtime {
    /// Waits for the broker, makes and checks the topics, opens the view and starts the threads.
    ///
    /// # Errors
    /// What is wrong with the settings, the topics, the view's directory or the journal.
    pub async fn start<H, R, A>(config: Config, service: Service<H, A>) -> anyhow::Result<Self>
    where
        H: Handler,
        H::SideEffect: Send + Sync,
        R: Rows<Entity = H::Entity>,
        A: Executor<SideEffect = H::SideEffect>,
    {
        let (admin, cluster) = topics::reach(&config).await?;
        topics::prepare(&admin, &config, &all_topics(&service)).await?;
        tokio::task::spawn_blocking(move || drop(admin));
        let file = Arc::new(ViewFile::open(&config.view, R::SCHEMA, &cluster)?);
        let commands = Commands::new(&config, service.name, config.command_timeout)?;
        let tokio = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || start_threads::<H, R, A>(config, service, file, commands, tokio)).await?
    }

    /// Stops reading, lets the workers finish, leaves the group, and ends the threads.
    pub fn stop(mut self) {
        self.status.stop();
        if let Some(member) = self.member.take() {
            join(member, Instant::now() + DRAIN + 2 * LAST);
        }
        self.status.halt();
        for worker in &self.workers {
            // One that is gone needs no telling.
            let _ = worker.send(Event::Stop);
        }
        let deadline = Instant::now() + LAST;
        for thread in self.threads.drain(..) {
            join(thread, deadline);
        }
    }
}

/// Waits for a thread to end. One that waits for a broker that is away is left: nothing it does is kept.
fn join(thread: JoinHandle<()>, deadline: Instant) {
    while !thread.is_finished() {
        if Instant::now() >= deadline {
            let name = thread.thread().name().unwrap_or_default();
            return tracing::warn!("thread {name} does not end, and is left");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    if thread.join().is_err() {
        tracing::error!("a thread panicked");
    }
}

fn all_topics<H, A>(service: &Service<H, A>) -> Vec<Topic> {
    let mut all = vec![Topic::journal(service.journal)];
    for name in &service.inputs {
        all.push(Topic::input(name));
        all.push(Topic::dead_letters_of(name));
    }
    for name in &service.outputs {
        let topic = if name.ends_with(".dlq") { continue } else { Topic::input(name) };
        if !all.contains(&topic) {
            all.push(topic);
        }
    }
    all
}

/// Starts a thread whose end, while the instance does not stop, ends the process.
pub(super) fn spawn(
    status: &Arc<Status>,
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    struct Tell(Arc<Status>, String);
    impl Drop for Tell {
        fn drop(&mut self) {
            if std::thread::panicking() {
                self.0.fatal(&format!("thread {} panicked", self.1));
            }
        }
    }
    let tell = Tell(status.clone(), name.to_owned());
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _tell = tell;
        body();
    });
    thread.with_context(|| format!("no thread for {name}"))
}

fn start_threads<H, R, A>(
    config: Config,
    service: Service<H, A>,
    file: Arc<ViewFile>,
    commands: Commands,
    tokio: tokio::runtime::Handle,
) -> anyhow::Result<Runtime>
where
    H: Handler,
    H::SideEffect: Send + Sync,
    R: Rows<Entity = H::Entity>,
    A: Executor<SideEffect = H::SideEffect>,
{
    let applied = Arc::new(Applied::new(config.partitions));
    let waiters = Arc::new(Waiters::default());
    let status = Arc::new(Status::new(applied.clone(), config.lag_limit));
    let positions = SharedPositions::default();
    let channels: Vec<(Sender<Event>, Receiver<Event>)> = (0..config.partitions).map(|_| unbounded()).collect();
    let workers: Vec<Sender<Event>> = channels.iter().map(|(to, _)| to.clone()).collect();
    let (to_view, tailed): (Sender<Tailed>, Receiver<Tailed>) = unbounded();

    let to = (workers.clone(), to_view);
    let (tailer, identities) = Tailer::start(&config, service.journal, &file, to, status.clone())?;
    let writer = Writer::<R>::new(file.connect(false)?, &identities, applied, waiters.clone())?;
    let journal = service.journal;
    let shared = Arc::new(Shared {
        name: service.name,
        journal,
        inputs: service.inputs,
        instance: instance_name(service.name),
        handler: service.handler,
        actor: Arc::new(service.actor),
        commands: commands.clone(),
        tokio,
        status: status.clone(),
        positions: positions.clone(),
        config: config.clone(),
    });

    let told = status.clone();
    let write = move || {
        if let Err(error) = writer.run(&tailed) {
            told.fatal(&format!("the view can't be written: {error:#}"));
        }
    };
    let mut threads = vec![spawn(&status, "view", write)?, spawn(&status, "tailer", move || tailer.run())?];
    for (partition, (_, events)) in (0..config.partitions).zip(channels) {
        let store = PartitionStore::new(file.connect(true)?, partition);
        let worker = Worker::new(shared.clone(), partition, store, events);
        threads.push(spawn(&status, &format!("worker-{partition}"), move || worker.run())?);
    }
    let who = (journal, shared.instance.as_str());
    let member = Member::new(&config, who, workers.clone(), positions, status.clone())?;
    let member = Some(spawn(&status, "membership", move || member.run())?);
    let view = View::new(file.path().to_owned(), waiters);
    let watch = Watch::new(&config);
    Ok(Runtime { view, commands, status, watch, member, threads, workers, _file: file })
}

/// Who claims, for people who read a journal.
fn instance_name(service: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{service}@{}/{}", host.trim(), std::process::id())
}

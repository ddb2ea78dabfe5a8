//! A Kafka broker for one run, with its own port and directory, started and stopped by `./dev broker`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

use crate::{files, machine};

/// Directories of running brokers, for [`kill_all`].
static RUNNING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A broker. It is stopped when dropped.
#[derive(Debug)]
pub struct Broker {
    dir: PathBuf,
    /// Its node id.
    pub id: i32,
    port: u16,
    settings: Vec<String>,
    /// Options of `kafka-storage format`.
    format: String,
    /// It was killed, and not started again.
    killed: AtomicBool,
}

/// The setting of a broker that is fenced after 20 s without a heartbeat, not after 9 s as that of `./dev broker`: a
/// busy machine may stand still for some seconds.
pub const LONG_SESSION: &str = "broker.session.timeout.ms=20000";

/// The node id of the next broker that joins another one. Each has an id of its own: a controller accepts no broker
/// with the id of one whose session has not timed out, even if that was stopped.
static NEXT_ID: AtomicI32 = AtomicI32::new(2);

impl Broker {
    /// Starts a broker without data in `dir` and waits until it responds. `settings` are lines of `server.properties`.
    ///
    /// # Errors
    /// The error output of `./dev broker start`.
    pub fn start(dir: &Path, settings: &[&str]) -> Result<Self> {
        let settings = settings.iter().map(|&s| s.to_owned()).collect();
        Self::start_with(dir, machine::free_ports(2)?, settings, "")
    }

    /// [`Broker::start`], on this port, with a data directory that `kafka-storage format` prepares with these options.
    ///
    /// # Errors
    /// The error output of `./dev broker start`.
    pub fn start_with(dir: &Path, port: u16, settings: Vec<String>, format: &str) -> Result<Self> {
        clear(dir)?;
        Self::new(dir, 1, port, settings, format).register()
    }

    fn new(dir: &Path, id: i32, port: u16, settings: Vec<String>, format: &str) -> Self {
        Self { dir: dir.to_owned(), id, port, settings, format: format.to_owned(), killed: AtomicBool::new(false) }
    }

    /// Starts a new broker, which [`kill_all`] ends.
    fn register(self) -> Result<Self> {
        registry(|running| running.push(self.dir.clone()));
        self.start_again()?;
        Ok(self)
    }

    /// Starts a broker without data in `dir` that joins the cluster of `first`, which must not be restarted meanwhile:
    /// its controller's port changes.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn join(first: &Self, dir: &Path) -> Result<Self> {
        clear(dir)?;
        let data = dir.join("data");
        std::fs::create_dir_all(&data)?;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let cluster = first.property("data/meta.properties", "cluster.id")?;
        let properties = format!("version=1\nnode.id={id}\ncluster.id={cluster}\n");
        std::fs::write(data.join("meta.properties"), properties)?;
        let port = machine::free_ports(2)?;
        let voters = first.property("server.properties", "controller.quorum.voters")?;
        let settings = vec![
            "process.roles=broker".to_owned(),
            format!("node.id={id}"),
            format!("listeners=PLAINTEXT://localhost:{port}"),
            format!("controller.quorum.voters={voters}"),
        ];
        Self::new(dir, id, port, settings, "").register()
    }

    /// The last value of a key in one of its files.
    fn property(&self, file: &str, key: &str) -> Result<String> {
        let path = self.dir.join(file);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut values = text.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| *name == key);
        let value = values.next_back().map(|(_, value)| value.to_owned());
        value.with_context(|| format!("{} has no {key}", path.display()))
    }

    /// Starts it with its existing data. After [`Broker::kill9`] this takes the session's timeout, since its controller
    /// considers the killed broker alive: that of `./dev broker`, not [`LONG_SESSION`].
    ///
    /// # Errors
    /// The error output of `./dev broker start`.
    pub fn start_again(&self) -> Result<()> {
        let killed = self.killed.swap(false, Ordering::Relaxed);
        let dir = self.dir.display().to_string();
        let port = self.port.to_string();
        let mut arguments = vec!["start", &dir, &port];
        arguments.extend(self.settings.iter().map(String::as_str).filter(|line| !killed || *line != LONG_SESSION));
        dev(&arguments, &self.format)
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// The error output of `./dev broker kill`.
    pub fn kill9(&self) -> Result<()> {
        self.killed.store(true, Ordering::Relaxed);
        dev(&["kill", &self.dir.display().to_string()], "")
    }

    /// Stops it cleanly. Its logs are not checked at the next start.
    ///
    /// # Errors
    /// The error output of `./dev broker stop`.
    pub fn stop(&self) -> Result<()> {
        dev(&["stop", &self.dir.display().to_string()], "")
    }

    /// Stops its process with SIGSTOP.
    ///
    /// # Errors
    /// When it does not run.
    pub fn sigstop(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Continues its process with SIGCONT.
    ///
    /// # Errors
    /// When it does not run.
    pub fn sigcont(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()?).ok().and_then(Pid::from_raw).context("the broker's process id")?;
        rustix::process::kill_process(pid, signal).context("the broker does not run")
    }

    /// After how many milliseconds without a heartbeat it is fenced.
    ///
    /// # Errors
    /// When its settings can't be read.
    pub fn session_timeout(&self) -> Result<u64> {
        let milliseconds = self.property("server.properties", "broker.session.timeout.ms")?;
        milliseconds.parse().context("broker.session.timeout.ms")
    }

    /// What it has logged.
    ///
    /// # Errors
    /// When its log can't be read.
    pub fn log(&self) -> Result<String> {
        std::fs::read_to_string(self.dir.join("kafka.log")).context("the broker's log")
    }

    /// The directory of its partitions.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The bootstrap server's address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process id.
    ///
    /// # Errors
    /// When its pid file can't be read.
    pub fn pid(&self) -> Result<u32> {
        let text = std::fs::read_to_string(self.dir.join("pid")).context("the broker's pid file")?;
        text.lines().next().unwrap_or_default().trim().parse().context("the broker's pid file")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Err(error) = dev(&["stop", &self.dir.display().to_string()], "") {
            eprintln!("the broker in {} was not stopped: {error:#}", self.dir.display());
        }
        registry(|running| running.retain(|dir| *dir != self.dir));
    }
}

/// Kills all brokers that this program started, before it exits.
pub fn kill_all() {
    registry(|running| {
        for dir in running.drain(..) {
            _ = dev(&["kill", &dir.display().to_string()], "");
        }
    });
}

/// Kills the broker of an earlier run in a directory, and empties it.
fn clear(dir: &Path) -> Result<()> {
    if dir.exists() {
        dev(&["kill", &dir.display().to_string()], "")?;
    }
    files::empty(dir)
}

fn registry(f: impl FnOnce(&mut Vec<PathBuf>)) {
    if let Ok(mut running) = RUNNING.lock() {
        f(&mut running);
    }
}

fn dev(arguments: &[&str], format: &str) -> Result<()> {
    let dev = files::root().join("dev");
    let mut command = Command::new(&dev);
    command.arg("broker").args(arguments).env("KAFKA_FORMAT_OPTS", format);
    let output = command.output().with_context(|| dev.display().to_string())?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("./dev broker {}: {}\n{errors}", arguments.join(" "), output.status);
    }
    Ok(())
}

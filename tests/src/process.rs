//! A service as a process: its settings are environment variables, its output goes to a file, and it is ended by any
//! signal.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal};

use crate::wait::{PATIENT, SOON, until};
use crate::{files, machine};

/// Running processes, for [`kill_all`].
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());
/// Leaders of running process groups, for [`kill_all`].
static GROUPS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// One of the four services, or the worker test's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// order-service
    Orders,
    /// inventory-service
    Inventory,
    /// payment-service
    Payments,
    /// orchestrator
    Orchestrator,
    /// sums, the worker test's service
    Sums,
}

impl Name {
    /// The four services of the system.
    pub const ALL: [Self; 4] = [Self::Orders, Self::Inventory, Self::Payments, Self::Orchestrator];

    /// The binary's name.
    pub const fn binary(self) -> &'static str {
        match self {
            Self::Orders => "order-service",
            Self::Inventory => "inventory-service",
            Self::Payments => "payment-service",
            Self::Orchestrator => "orchestrator",
            Self::Sums => "sums",
        }
    }

    /// The journal's topic.
    pub const fn journal(self) -> &'static str {
        match self {
            Self::Orders => "order-journal",
            Self::Inventory => "inventory-journal",
            Self::Payments => "payment-journal",
            Self::Orchestrator => "saga-journal",
            Self::Sums => "sums-journal",
        }
    }

    /// The environment variable of a setting such as `KAFKA__BROKERS`.
    pub fn variable(self, key: &str) -> String {
        format!("{}__{key}", self.binary().to_uppercase().replace('-', "_"))
    }
}

/// A service, running or not.
#[derive(Debug)]
pub struct Service {
    /// The service.
    pub name: Name,
    /// Its HTTP port.
    pub port: u16,
    label: String,
    directory: PathBuf,
    environment: Vec<(String, String)>,
    child: Mutex<Option<Child>>,
}

impl Service {
    /// A service that is not started. Its view, log and pid file are below `directory`; `settings` are keys such as
    /// `KAFKA__BROKERS` with values.
    ///
    /// # Errors
    /// When no port is free.
    pub fn new(name: Name, instance: usize, directory: &Path, settings: &[(&str, String)]) -> Result<Self> {
        let port = machine::free_ports(1)?;
        let label = format!("{}-{instance}", name.binary());
        let mut environment: Vec<_> = settings.iter().map(|(k, v)| (name.variable(k), v.clone())).collect();
        environment.push((name.variable("HTTP__LISTEN"), format!("127.0.0.1:{port}")));
        let view = directory.join(&label).join("view");
        environment.push((name.variable("VIEW__DIRECTORY"), view.display().to_string()));
        Ok(Self { name, port, label, directory: directory.to_owned(), environment, child: Mutex::new(None) })
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory of its view.
    pub fn view(&self) -> PathBuf {
        self.directory.join(&self.label).join("view")
    }

    /// The file of its output.
    pub fn log(&self) -> PathBuf {
        self.directory.join(format!("{}.log", self.label))
    }

    /// The last lines of its output, under its name. Lines about single messages are left out.
    pub fn report(&self, lines: usize) -> String {
        let tail = files::tail_where(&self.log(), lines, |line| !line.contains(": deciding"));
        format!("  {} ({}):\n{tail}", self.label, self.log().display())
    }

    /// What it answers about its readiness, or why it does not.
    pub async fn readiness(&self) -> String {
        let client = crate::http::client().timeout(Duration::from_secs(2)).build();
        let answer = async { client?.get(self.url("/health/ready")).send().await?.text().await };
        answer.await.unwrap_or_else(|error: reqwest::Error| error.to_string())
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A command that starts another process with the same settings, to test that it fails.
    ///
    /// # Errors
    /// When the binary was not built.
    pub fn command(&self) -> Result<Command> {
        let mut command = Command::new(files::binary(self.name.binary())?);
        command.envs(self.environment.iter().map(|(k, v)| (k, v))).stdin(Stdio::null());
        Ok(command)
    }

    /// Starts it, with its existing view.
    ///
    /// # Errors
    /// When it runs already, or can't be started.
    pub fn start(&self) -> Result<()> {
        if self.child().is_some() {
            bail!("{} runs already", self.label);
        }
        std::fs::create_dir_all(&self.directory)?;
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = self.command()?;
        let child = command.stdout(log.try_clone()?).stderr(log).spawn().with_context(|| self.label.clone())?;
        std::fs::write(self.pid_file(), format!("{}\n{}\n", child.id(), self.name.binary()))?;
        if let Ok(mut running) = RUNNING.lock() {
            running.push(child.id());
        }
        *self.child() = Some(child);
        Ok(())
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.join(format!("{}.pid", self.label))
    }

    /// Its process id.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> Result<u32> {
        self.child().as_ref().map(Child::id).ok_or_else(|| anyhow!("{} does not run", self.label))
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()?).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| anyhow!("{} has no pid", self.label))?;
        rustix::process::kill_process(pid, signal).with_context(|| format!("{signal:?} to {}", self.label))
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill9(&self) -> Result<()> {
        self.signal(Signal::KILL)?;
        let child = self.child().take();
        child.map(|mut c| c.wait()).transpose().context("wait for the killed process")?;
        self.forget();
        Ok(())
    }

    /// Stops it with SIGSTOP.
    ///
    /// # Errors
    /// When it does not run.
    pub fn sigstop(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Continues it with SIGCONT.
    ///
    /// # Errors
    /// When it does not run.
    pub fn sigcont(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Sends SIGTERM and waits until it has ended.
    ///
    /// # Errors
    /// When it does not run, does not end within half a minute, or exits with a status other than 0.
    pub async fn sigterm(&self) -> Result<()> {
        self.signal(Signal::TERM)?;
        self.ended_by_sigterm().await
    }

    /// Waits until it has ended after a SIGTERM that it has received.
    ///
    /// # Errors
    /// When it does not end within half a minute, or exits with a status other than 0.
    pub async fn ended_by_sigterm(&self) -> Result<()> {
        let status = self.ended(SOON).await?;
        if !status.success() {
            bail!("{} ended with {status} after SIGTERM\n{}", self.label, self.report(12));
        }
        Ok(())
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it has not ended after `at_most`.
    pub async fn ended(&self, at_most: Duration) -> Result<ExitStatus> {
        let what = format!("{} to end", self.label);
        let status = until(&what, at_most, || async {
            let mut child = self.child();
            let running = child.as_mut().ok_or_else(|| anyhow!("it does not run"))?;
            Ok(running.try_wait()?)
        });
        let status = status.await?;
        self.forget();
        *self.child() = None;
        Ok(status)
    }

    fn forget(&self) {
        let Ok(text) = std::fs::read_to_string(self.pid_file()) else { return };
        _ = std::fs::remove_file(self.pid_file());
        let pid = text.lines().next().and_then(|l| l.parse::<u32>().ok());
        if let Ok(mut running) = RUNNING.lock() {
            running.retain(|p| Some(*p) != pid);
        }
    }

    /// Starts it again and waits until it is ready.
    ///
    /// # Errors
    /// As [`Service::start`] and [`Service::ready`].
    pub async fn restart(&self) -> Result<()> {
        self.start()?;
        self.ready().await
    }

    /// Waits until it is not ready for a reason that contains `text`, and returns the whole response.
    ///
    /// # Errors
    /// After two minutes, with its last response.
    pub async fn not_ready(&self, text: &str) -> Result<String> {
        let client = crate::http::client().build()?;
        let url = self.url("/health/ready");
        let what = format!("{} to be not ready: {text}", self.label);
        let response = until(&what, PATIENT, || async {
            let answer = client.get(&url).timeout(Duration::from_secs(2)).send().await?;
            let down = !answer.status().is_success();
            let body = answer.text().await?;
            if down && body.contains(text) { Ok(Some(body)) } else { Err(anyhow!("{body}")) }
        });
        response.await.with_context(|| format!("\n{}", self.report(20)))
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// At once when it has ended, with the end of its log; after two minutes, with its last response.
    pub async fn ready(&self) -> Result<()> {
        self.ready_within(PATIENT).await
    }

    /// Waits until it is ready, with another deadline.
    ///
    /// # Errors
    /// As [`Service::ready`].
    pub async fn ready_within(&self, at_most: Duration) -> Result<()> {
        let client = crate::http::client().build()?;
        let url = self.url("/health/ready");
        let what = format!("{} to be ready", self.label);
        let ready = until(&what, at_most, || async {
            if let Some(status) = self.child().as_mut().map(Child::try_wait).transpose()?.flatten() {
                return Ok(Some(Err(anyhow!("{} ended with {status}", self.label))));
            }
            let answer = client.get(&url).timeout(Duration::from_secs(2)).send().await?;
            if answer.status().is_success() { Ok(Some(Ok(()))) } else { Err(anyhow!("{}", answer.text().await?)) }
        });
        ready.await.and_then(|r| r).with_context(|| format!("\n{}", self.report(20)))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.child().is_some() {
            _ = self.kill9();
        }
    }
}

/// A command and its children in their own process group, which is killed when dropped.
#[derive(Debug)]
pub struct Group {
    leader: Child,
}

impl Group {
    /// Starts it, its output going to `log`.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        command.process_group(0).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let leader = command.spawn().with_context(|| format!("{command:?}"))?;
        if let Ok(mut groups) = GROUPS.lock() {
            groups.push(leader.id());
        }
        Ok(Self { leader })
    }

    /// Waits until the command has ended by itself.
    ///
    /// # Errors
    /// When it has not after `at_most`.
    pub async fn ended(&mut self, at_most: Duration) -> Result<ExitStatus> {
        until("a command to end", at_most, || std::future::ready(self.leader.try_wait().map_err(Into::into))).await
    }

    /// Sends SIGTERM to its processes, and waits until the command has ended.
    ///
    /// # Errors
    /// When it has not ended within half a minute.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(leader) = i32::try_from(self.leader.id()).ok().and_then(Pid::from_raw) {
            rustix::process::kill_process_group(leader, Signal::TERM)?;
        }
        self.ended(SOON).await.map(|_| ())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        kill_group(self.leader.id());
        _ = self.leader.wait();
        if let Ok(mut groups) = GROUPS.lock() {
            groups.retain(|leader| *leader != self.leader.id());
        }
    }
}

fn kill_group(leader: u32) {
    if let Some(leader) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        _ = rustix::process::kill_process_group(leader, Signal::KILL);
    }
}

/// Kills all processes that this program started, before it exits.
pub fn kill_all() {
    if let Ok(mut groups) = GROUPS.lock() {
        groups.drain(..).for_each(kill_group);
    }
    let Ok(mut running) = RUNNING.lock() else { return };
    for pid in running.drain(..) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

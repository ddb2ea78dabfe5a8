//! Resources of this machine: free ports, a lock for one test run at a time, and the resource usage of processes.

use std::fs::File;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result, anyhow, bail};

use crate::files;

/// The range is below the kernel's ports for outgoing connections, so that a port stays free while its service is down.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// The first of `count` consecutive free ports.
///
/// # Errors
/// When there are none.
pub fn free_ports(count: u16) -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Programs that run in parallel have similar process ids. The factor, 11000 divided by the golden ratio, spreads
    // their first ports.
    let start = u16::try_from(std::process::id().wrapping_mul(6_797) % 11_000).unwrap_or(0);
    for _ in 0..2_000 {
        let offset = NEXT.fetch_add(count, Ordering::Relaxed).wrapping_add(start) % (LAST - FIRST - count);
        let port = FIRST + offset;
        if (port..port + count).all(|p| TcpListener::bind(("0.0.0.0", p)).is_ok()) {
            return Ok(port);
        }
    }
    bail!("no {count} consecutive ports are free between {FIRST} and {LAST}")
}

/// Waits until no other run of this program uses the target directory. The lock is held while the returned file is
/// open.
///
/// # Errors
/// When the lock file can't be written.
pub fn only_run() -> Result<File> {
    let path = files::target()?.join(format!("test-run-{}.lock", files::program()?));
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    if file.try_lock().is_err() {
        eprintln!("waiting for another run that holds {}", path.display());
        file.lock().context("wait for the other run")?;
    }
    Ok(file)
}

/// The resource usage of a process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// CPU time of all threads, user and system, in seconds.
    pub cpu: f64,
    /// Current resident memory, in MB.
    pub resident: f64,
    /// Peak resident memory, in MB.
    pub peak: f64,
    /// Context switches of all threads that run now, voluntary and involuntary.
    pub switches: f64,
}

/// CPU time ticks per second (`USER_HZ`), the same on all supported architectures.
const TICKS: f64 = 100.0;

/// Reads the resource usage of a process from `/proc` (proc(5)).
///
/// # Errors
/// When there is no such process.
pub fn usage(pid: u32) -> Result<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    // The second field is the name in parentheses, which may contain any character.
    let (_, rest) = stat.rsplit_once(')').ok_or_else(|| anyhow!("/proc/{pid}/stat has an unknown format"))?;
    let ticks: f64 = rest.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
    let megabytes = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    };
    let switches = switches(pid)?;
    Ok(Usage { cpu: ticks / TICKS, resident: megabytes("VmRSS:"), peak: megabytes("VmHWM:"), switches })
}

fn switches(pid: u32) -> Result<f64> {
    let mut all = 0.0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid}"))? {
        // A thread may end meanwhile.
        let status = std::fs::read_to_string(task?.path().join("status")).unwrap_or_default();
        let counts = status.lines().filter_map(|line| line.split_once("_ctxt_switches:"));
        all += counts.filter_map(|(_, count)| count.trim().parse::<f64>().ok()).sum::<f64>();
    }
    Ok(all)
}

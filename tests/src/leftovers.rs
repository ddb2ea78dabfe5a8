//! Ends the services of an earlier run that was killed.

use std::path::Path;

use anyhow::Result;
use rustix::process::{Pid, Signal};

use crate::files;

/// Kills the processes that an earlier run left: those in pid files below `clusters` that run a binary of the target
/// directory. The caller must hold [`crate::machine::only_run`].
///
/// # Errors
/// When the path of this program is not available.
pub fn kill_leftovers(clusters: &Path) -> Result<()> {
    let target = files::target()?;
    let below =
        |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>();
    let files = below(clusters).into_iter().flat_map(|cluster| below(&cluster));
    for path in files.filter(|p| p.extension().is_some_and(|e| e == "pid")) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let pid = text.lines().next().and_then(|l| l.parse::<i32>().ok()).and_then(Pid::from_raw);
        let Some(pid) = pid else { continue };
        let exe = std::fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero()));
        if exe.is_ok_and(|exe| exe.starts_with(&target)) {
            _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
    Ok(())
}

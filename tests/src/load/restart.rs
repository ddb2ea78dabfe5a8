//! Measures how long a service takes to be ready after a restart, with a number of closed and open orders.

use std::time::Instant;

use anyhow::{Result, bail};
use serde::Serialize;

use super::client::Connection;
use super::drive::{Target, place};
use crate::cluster::Cluster;
use crate::process::Name;

/// One restart.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restart {
    /// The service.
    pub service: String,
    /// The signal: `SIGTERM`, or `SIGKILL`, after which the group waits for the session timeout (6 s).
    pub how: String,
    /// Orders that have ended.
    pub closed: u64,
    /// Orders that have not ended.
    pub open: u64,
    /// From the start of the process until it is ready.
    pub seconds: f64,
}

impl Restart {
    /// The result as a line to read.
    pub fn line(&self) -> String {
        let Self { service, how, closed, open, seconds } = self;
        format!("{service:<18} ready {seconds:>6.2} s after {how}, with {closed} closed and {open} open orders")
    }
}

/// Places orders whose payment gets no result.
///
/// # Errors
/// When one is rejected.
pub async fn leave_open(target: &Target, count: u64) -> Result<()> {
    let mut connection = Connection::open(target.port).await?;
    for number in 0..count {
        let (status, body) = connection.send(&place(target, number)).await?;
        if status != 201 {
            bail!("POST returns {status}: {}", String::from_utf8_lossy(body));
        }
    }
    Ok(())
}

/// Restarts each service after both signals and measures the time until it is ready.
///
/// # Errors
/// When one does not become ready.
pub async fn restarts(cluster: &Cluster, closed: u64, open: u64) -> Result<Vec<Restart>> {
    let mut all = Vec::new();
    for name in Name::ALL {
        let service = cluster.service(name)?;
        for how in ["SIGTERM", "SIGKILL"] {
            if how == "SIGTERM" {
                service.sigterm().await?
            } else {
                service.kill9()?
            }
            let begin = Instant::now();
            service.restart().await?;
            let service = name.binary().to_owned();
            let how = how.to_owned();
            let seconds = begin.elapsed().as_secs_f64();
            let restart = Restart { service, how, closed, open, seconds };
            println!("{}", restart.line());
            all.push(restart);
        }
    }
    Ok(all)
}

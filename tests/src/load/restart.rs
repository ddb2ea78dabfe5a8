//! How long a service takes to be ready again, with so many closed and so many open orders behind it.

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
    /// Which service.
    pub service: String,
    /// How it was ended: `SIGTERM`, or `SIGKILL` (then the group waits for the session timeout, 6 s).
    pub how: String,
    /// Orders that had ended.
    pub closed: u64,
    /// Orders that had not.
    pub open: u64,
    /// From its start until it said that it is ready.
    pub seconds: f64,
}

impl Restart {
    /// The line for people.
    pub fn line(&self) -> String {
        let Self { service, how, closed, open, seconds } = self;
        format!("{service:<18} ready {seconds:>6.2} s after {how}, with {closed} closed and {open} open orders")
    }
}

/// Places orders whose payment is never answered.
///
/// # Errors
/// When one is not taken.
pub async fn leave_open(target: &Target, count: u64) -> Result<()> {
    let mut connection = Connection::open(target.port).await?;
    for number in 0..count {
        let (status, body) = connection.ask(&place(target, number)).await?;
        if status != 201 {
            bail!("POST answers {status}: {}", String::from_utf8_lossy(body));
        }
    }
    Ok(())
}

/// Ends each service in both ways and takes the time until it is ready.
///
/// # Errors
/// When one does not come back.
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

//! The tests of a module as a list.

use std::sync::Arc;

use anyhow::Result;
use tests::cluster::Cluster;
use tests::files;
use tests::process::Name;

use crate::browser::Chromium;

/// Turns async functions into named tests, each with the browser as if it were new.
macro_rules! browser_tests {
    ($($name:ident),+ $(,)?) => {
        pub(crate) const ALL: &[(&str, tests::runner::Scenario)] = &[$((stringify!($name), |cluster, _| {
            Box::pin(async move {
                let mut chromium = $crate::browser_tests::chromium(&cluster).await?;
                let result = $name(&cluster, &mut chromium).await;
                let cleared = chromium.clear().await;
                result.and(cleared)
            })
        })),+];
    };
}
pub(crate) use browser_tests;

/// The browser for a test.
pub(crate) async fn chromium(cluster: &Arc<Cluster>) -> Result<Chromium> {
    Chromium::start(&cluster.service(Name::Orchestrator)?.url(""), &files::clusters()?.join("chromium")).await
}

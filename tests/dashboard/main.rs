//! Tests the dashboard in Chromium on real services and a real broker: interactions, layout and accessibility. They
//! write screenshots of every page to `target/screenshots`. Run a single test with `cargo test -p tests --test
//! dashboard -- NAME`.

#![allow(clippy::unwrap_used, reason = "all of this program is a test")]

mod browser;
mod browser_tests;
mod course;
mod finding;
mod interactions;
mod looks;
mod sessions;
mod single_sign_on;
mod support;
mod tasks;
mod trouble;
mod versions;
mod webdriver;
mod webhooks;
mod zoom;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Failed, Trial};
use tests::cluster::{Options, PASSWORD_HASH, VIEWER};
use tests::process::Name;
use tests::runner::{Runner, Scenario};

/// Operators publish the payment results. New orders start with a version of the saga with short timeouts.
fn cluster() -> Result<Options> {
    let mut settings = vec![
        (Name::Payments, "PROVIDER__KIND", "manual"),
        (Name::Orchestrator, "DASHBOARD__VIEWER", VIEWER),
        (Name::Orchestrator, "DASHBOARD__VIEWER_PASSWORD_HASH", PASSWORD_HASH),
        (Name::Orchestrator, "DASHBOARD__SESSION_SECRET", sessions::SECRET),
        (Name::Orchestrator, "WEBHOOKS__ALLOW_HTTP", "true"),
        (Name::Orchestrator, "WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.0/8"),
        (Name::Orchestrator, "DASHBOARD__TRACE_URL", "http://traces.example/{trace_id}"),
    ];
    settings.extend(single_sign_on::settings()?);
    Ok(Options {
        name: "dashboard",
        instances: 1,
        settings: Box::leak(settings.into_boxed_slice()),
        result_timeout: None,
        definitions: &[("order-9.toml", include_str!("order-9.toml"))],
        log: "info",
    })
}

fn main() -> ExitCode {
    tests::runner::run(trials)
}

fn trials(runner: Option<&Arc<Runner>>) -> Result<Vec<Trial>> {
    let options = cluster()?;
    let all = interactions::ALL
        .iter()
        .chain(finding::ALL)
        .chain(trouble::ALL)
        .chain(support::ALL)
        .chain(tasks::ALL)
        .chain(sessions::ALL)
        .chain(single_sign_on::ALL)
        .chain(course::ALL)
        .chain(versions::ALL)
        .chain(webhooks::ALL)
        .chain(zoom::ALL)
        .chain(looks::ALL)
        .copied();
    let trial = |(name, test): (&str, Scenario)| {
        let runner = runner.map(Arc::clone);
        let options = options.clone();
        Trial::test(format!("dashboard::{name}"), move || match runner {
            Some(runner) => runner.run(&options, test).map_err(Failed::from),
            None => Ok(()),
        })
    };
    Ok(all.map(trial).collect())
}

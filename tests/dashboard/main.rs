//! The dashboard in a real Chromium, over real services and a real broker: what people do there, what they see, and
//! that it can be seen by all of them. Pictures of every page lie in `target/screenshots` afterwards. One story alone:
//! `cargo test -p tests --test dashboard -- NAME`.

#![allow(clippy::unwrap_used, reason = "all of this program is a test")]

mod browser;
mod looks;
mod stories;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Failed, Trial};
use tests::cluster::{Cluster, Options};
use tests::process::Name;
use tests::stage::{Scenario, Stage};

use self::browser::Chromium;

/// The default password's hash, for a viewer.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$9u0BROcnW++b280+UnDsKg$d2UUpwyOLlgGW9/DyVvn5b4bi2JlqMilFY5zv7uSMfg";

/// People say how payments end; new orders begin on a version of the saga that gives up soon.
const CLUSTER: Options = Options {
    name: "dashboard",
    instances: 1,
    settings: &[
        (Name::Payments, "PROVIDER__KIND", "manual"),
        (Name::Orchestrator, "DASHBOARD__VIEWER", "guest"),
        (Name::Orchestrator, "DASHBOARD__VIEWER_PASSWORD_HASH", HASH),
    ],
    patience: None,
    definitions: &[("order-4.toml", include_str!("order-4.toml"))],
    log: "info",
};

/// Turns async functions into named stories, each with a browser of its own.
macro_rules! played {
    ($($name:ident),+ $(,)?) => {
        pub(crate) const ALL: &[(&str, tests::stage::Scenario)] = &[$((stringify!($name), |cluster, _| {
            Box::pin(async move {
                let mut chromium = $crate::chromium(&cluster, stringify!($name)).await?;
                let told = $name(&cluster, &mut chromium).await;
                let ended = chromium.stop().await;
                told.and(ended)
            })
        })),+];
    };
}
pub(crate) use played;

/// A browser for a story.
async fn chromium(cluster: &Arc<Cluster>, story: &str) -> Result<Chromium> {
    Chromium::start(&cluster.service(Name::Orchestrator)?.url(""), &cluster.scratch(story)?).await
}

fn main() -> ExitCode {
    tests::stage::run(|stage| Ok(trials(stage)))
}

fn trials(stage: Option<&Arc<Stage>>) -> Vec<Trial> {
    let all = stories::ALL.iter().chain(looks::ALL).copied();
    let trial = |(name, story): (&str, Scenario)| {
        let stage = stage.map(Arc::clone);
        Trial::test(format!("dashboard::{name}"), move || match stage {
            Some(stage) => stage.play(&CLUSTER, story).map_err(Failed::from),
            None => Ok(()),
        })
    };
    all.map(trial).collect()
}

//! The scenarios: real processes over a real broker, grouped by the cluster they play on. One broker serves the whole
//! run; this program has a main of its own so that everything is stopped whatever happens. One scenario alone:
//! `cargo test -p tests --test scenarios -- NAME`.

mod api;
mod definitions;
mod described;
mod edge;
mod endings;
mod failures;
mod manual;
mod mock;
mod operators;
mod orders;
mod pair;
mod rush;
mod settings;
mod shipping;
mod statistics;
mod stock;
mod stripe;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Failed, Trial};
use tests::broker::Broker;
use tests::checker;
use tests::cluster::{Cluster, Options};
use tests::process::Name;
use tests::stage::{Scenario, Stage};

/// Turns async functions of one module into named scenarios.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        pub(crate) const ALL: &[(&str, tests::stage::Scenario)] =
            &[$((stringify!($name), |cluster, broker| Box::pin($name(cluster, broker)))),+];
    };
}
pub(crate) use scenarios;

/// The simulated provider, a saga that waits only 10 s for the payment's result, and a mail server wherever it listens.
fn simulated() -> Result<Options> {
    let port: &'static str = Box::leak(tests::mail::shared()?.port().to_string().into_boxed_str());
    let settings = [
        (Name::Payments, "PROVIDER__DELAY", "2s"),
        (Name::Orders, "NOTICES__SMTP__HOST", "127.0.0.1"),
        (Name::Orders, "NOTICES__SMTP__PORT", port),
        (Name::Orders, "NOTICES__SMTP__TLS", "none"),
        (Name::Orders, "NOTICES__SMTP__FROM", "Tickets <tickets@example.com>"),
    ];
    let settings = Box::leak(Box::new(settings));
    Ok(Options { name: "simulated", instances: 1, settings, patience: Some("10s"), definitions: &[], log: "info" })
}

/// People say how payments end.
const MANUAL: Options = Options {
    name: "manual",
    instances: 1,
    settings: &[(Name::Payments, "PROVIDER__KIND", "manual")],
    patience: None,
    definitions: &[],
    log: "info",
};

/// Two instances of every service.
const PAIR: Options =
    Options { name: "pair", instances: 2, settings: &[], patience: None, definitions: &[], log: "info" };

/// A second saga beside the order's, and definitions that come, change and go.
const DEFINITIONS: Options = Options {
    name: "definitions",
    instances: 1,
    settings: &[],
    patience: None,
    definitions: &[("gift-card.toml", definitions::GIFT_CARD)],
    log: "info",
};

/// Processes and the broker die in the middle of orders.
const FAILURES: Options =
    Options { name: "failures", instances: 1, settings: &[], patience: None, definitions: &[], log: "info" };

/// Many orders for few tickets.
const RUSH: Options =
    Options { name: "rush", instances: 1, settings: &[], patience: None, definitions: &[], log: "info" };

/// People say how payments end, and stock is not held for long.
const EXPIRY: Options = Options {
    name: "expiry",
    instances: 1,
    settings: &[(Name::Payments, "PROVIDER__KIND", "manual"), (Name::Inventory, "STOCK__RESERVATION_EXPIRY", "2s")],
    patience: None,
    definitions: &[],
    log: "info",
};
/// Requests of all kinds come, and nobody keeps the books of what they ask for.
const DESCRIBED: Options =
    Options { name: "described", instances: 1, settings: &[], patience: None, definitions: &[], log: "info" };

/// Stripe takes the payments: a server of our own, wherever it listens.
fn by_stripe() -> Result<Options> {
    let url: &'static str = Box::leak(tests::stripe::shared()?.url().into_boxed_str());
    let settings = [
        (Name::Payments, "PROVIDER__KIND", "stripe"),
        (Name::Payments, "PROVIDER__STRIPE__BASE_URL", url),
        (Name::Payments, "PROVIDER__STRIPE__API_KEY", "sk_test_scenarios"),
        (Name::Payments, "PROVIDER__STRIPE__WEBHOOK_SECRET", tests::stripe::WEBHOOK_SECRET),
        (Name::Payments, "PROVIDER__STRIPE__PAYMENT_METHOD", "pm_card_visa"),
        (Name::Payments, "PROVIDER__TIMEOUT", "1s"),
        (Name::Payments, "PROVIDER__BREAKER_FAILURES", "5"),
        (Name::Payments, "PROVIDER__BREAKER_OPEN", "1s"),
    ];
    let definitions = &[("deposit.toml", stripe::DEPOSIT)];
    let settings = Box::leak(Box::new(settings));
    Ok(Options { name: "stripe", instances: 1, settings, patience: None, definitions, log: "info" })
}

type Group = (Options, &'static [&'static [(&'static str, Scenario)]]);

const SIMULATED: &[&[(&str, Scenario)]] =
    &[endings::ALL, api::ALL, settings::ALL, statistics::ALL, stock::ALL, shipping::ALL, orders::ALL];

const GROUPS: [Group; 7] = [
    (MANUAL, &[manual::ALL, operators::ALL]),
    (DEFINITIONS, &[definitions::ALL]),
    (PAIR, &[pair::ALL]),
    (FAILURES, &[failures::ALL]),
    (RUSH, &[rush::ALL]),
    (EXPIRY, &[rush::expiry::ALL]),
    (DESCRIBED, &[described::ALL]),
];

fn main() -> ExitCode {
    tests::stage::run(trials)
}

fn trials(stage: Option<&Arc<Stage>>) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    let first: [Group; 1] = [(simulated()?, SIMULATED)];
    let made: [Group; 2] = [(by_stripe()?, &[stripe::ALL]), (edge::options()?, &[edge::ALL])];
    for (options, modules) in first.into_iter().chain(GROUPS).chain(made) {
        let scenarios = modules.iter().copied().flatten().copied();
        let books = (options.name != DESCRIBED.name).then_some(("at_the_end_the_books_balance", BOOKS));
        for (name, scenario) in scenarios.chain(books) {
            let title = format!("{}::{name}", options.name);
            let stage = stage.map(Arc::clone);
            let options = options.clone();
            let play = move || match stage {
                Some(stage) => stage.play(&options, scenario).map_err(Failed::from),
                None => Ok(()),
            };
            trials.push(Trial::test(title, play));
        }
    }
    let stage = stage.map(Arc::clone);
    let play = move || match stage {
        Some(stage) => {
            stage.alone(mock::every_request_is_one_of_stripes_api()).map_err(|error| format!("{error:#}").into())
        }
        None => Ok(()),
    };
    // stripe-mock is written in Go: without it nothing here needs Go.
    let mocked = Trial::test("stripe-mock::every_request_is_one_of_stripes_api", play);
    trials.push(mocked.with_ignored_flag(mock::program().is_none()));
    Ok(trials)
}

const BOOKS: Scenario = |cluster, broker| Box::pin(books(cluster, broker));

/// Every order ended, every end is consistent, what was said is what was decided; and all services leave when asked to.
async fn books(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let books = checker::check(&cluster).await?;
    eprintln!("{books}");
    cluster.stop().await
}

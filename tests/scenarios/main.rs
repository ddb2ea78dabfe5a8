//! The scenarios: real processes on a real broker, grouped by cluster. One broker serves the whole run; the program has
//! its own `main` so that all processes are stopped however it exits. Run a single scenario with
//! `cargo test -p tests --test scenarios -- NAME`.

mod api;
mod catalogue;
mod definitions;
mod delivery;
mod deployments;
mod edge;
mod endings;
mod events;
mod expiry;
mod failures;
mod group;
mod hostile;
mod hostile_results;
mod imported;
mod load;
mod manual;
mod metrics;
mod observability;
mod openapi;
mod operators;
mod orders;
mod paying;
mod perimeter;
mod prometheus;
mod sagactl;
mod security;
mod settings;
mod shipping;
mod statistics;
mod stock;
mod stripe;
mod stripe_mock;
mod stripe_results;
mod stripe_truth;
mod tasks;
mod topics;
mod traces;
mod two_instances;
mod unreadable;
mod webhooks;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Failed, Trial};
use tests::broker::Broker;
use tests::checker;
use tests::cluster::{Cluster, Options, PASSWORD_HASH, VIEWER};
use tests::process::Name;
use tests::runner::{Runner, Scenario};

/// The simulated provider, a saga that waits 30 s for the payment's result, and the test mail server.
fn simulated() -> Result<Options> {
    let port: &'static str = Box::leak(tests::mail::shared()?.port().to_string().into_boxed_str());
    let settings = [
        (Name::Payments, "PROVIDER__DELAY", "2s"),
        (Name::Inventory, "SHIPPING__WEBHOOK_SECRET", shipping::WEBHOOK_SECRET),
        (Name::Orders, "NOTICES__SMTP__HOST", "127.0.0.1"),
        (Name::Orders, "NOTICES__SMTP__PORT", port),
        (Name::Orders, "NOTICES__SMTP__TLS", "none"),
        (Name::Orders, "NOTICES__SMTP__FROM", "Tickets <tickets@example.com>"),
    ];
    let settings = Box::leak(Box::new(settings));
    Ok(Options {
        name: "simulated",
        instances: 1,
        settings,
        result_timeout: Some("30s"),
        definitions: &[],
        log: "info",
    })
}

/// Operators publish the payment results, and a viewer may read.
const MANUAL: Options = Options {
    name: "manual",
    instances: 1,
    settings: &[
        (Name::Payments, "PROVIDER__KIND", "manual"),
        (Name::Orchestrator, "DASHBOARD__VIEWER", VIEWER),
        (Name::Orchestrator, "DASHBOARD__VIEWER_PASSWORD_HASH", PASSWORD_HASH),
    ],
    result_timeout: None,
    definitions: &[],
    log: "info",
};

/// A simulated carrier for which a day takes a second.
const DELIVERY: Options = Options {
    name: "delivery",
    instances: 1,
    settings: &[(Name::Inventory, "SHIPPING__SIMULATED_SPEED", "86400")],
    result_timeout: None,
    definitions: &[],
    log: "info",
};

/// Two instances of every service.
const TWO_INSTANCES: Options =
    Options { name: "two_instances", instances: 2, settings: &[], result_timeout: None, definitions: &[], log: "info" };

/// A second saga definition, definitions that are added, changed and removed, and webhooks with short pauses.
const DEFINITIONS: Options = Options {
    name: "definitions",
    instances: 1,
    settings: &[
        (Name::Orchestrator, "WEBHOOKS__ALLOW_HTTP", "true"),
        (Name::Orchestrator, "WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.0/8"),
        (Name::Orchestrator, "WEBHOOKS__FIRST_RETRY", "100ms"),
        (Name::Orchestrator, "WEBHOOKS__LONGEST_RETRY", "500ms"),
        (Name::Orchestrator, "WEBHOOKS__GIVE_UP", "40s"),
    ],
    result_timeout: None,
    definitions: &[("gift-card.toml", definitions::GIFT_CARD)],
    log: "info",
};

/// The operators' command line, with orders that wait for a payment result and a saga whose participant is the test.
const SAGACTL: Options = Options {
    name: "sagactl",
    instances: 1,
    settings: &[(Name::Payments, "PROVIDER__KIND", "manual")],
    result_timeout: None,
    definitions: &[("parcel.toml", sagactl::PARCEL)],
    log: "info",
};

/// Processes and the broker are killed while orders are processed.
const FAILURES: Options =
    Options { name: "failures", instances: 1, settings: &[], result_timeout: None, definitions: &[], log: "info" };

/// Many concurrent orders for few pieces.
const LOAD: Options =
    Options { name: "load", instances: 1, settings: &[], result_timeout: None, definitions: &[], log: "info" };

/// The secret with which payment-service marks its results.
const RESULTS_SECRET: &str = "the secret of the scenarios";

/// Operators publish the payment results, only those count that payment-service marked, and reservations expire soon.
const EXPIRY: Options = Options {
    name: "expiry",
    instances: 1,
    settings: &[
        (Name::Payments, "PROVIDER__KIND", "manual"),
        (Name::Payments, "RESULTS__SECRET", RESULTS_SECRET),
        (Name::Orchestrator, "PAYMENTS__RESULTS_SECRET", RESULTS_SECRET),
        (Name::Inventory, "STOCK__RESERVATION_EXPIRY", "2s"),
    ],
    result_timeout: None,
    definitions: &[],
    log: "info",
};
/// Generated requests against the OpenAPI descriptions. The final state is not checked.
const OPENAPI: Options =
    Options { name: "openapi", instances: 1, settings: &[], result_timeout: None, definitions: &[], log: "info" };

/// Messages and requests over their bounds. The final state is not checked: the stock is counted, and results of
/// unknown orders remain.
const HOSTILE: Options =
    Options { name: "hostile", instances: 1, settings: &[], result_timeout: None, definitions: &[], log: "info" };

/// Bytes that a client can't read. The final state is not checked: damaged topics can't be read by the checker.
const UNREADABLE: Options =
    Options { name: "unreadable", instances: 1, settings: &[], result_timeout: None, definitions: &[], log: "info" };

/// Topics with unsuitable settings, deleted records and added partitions. The final state is not checked: a journal is
/// made anew.
const TOPICS: Options = Options {
    name: "topics",
    instances: 1,
    settings: &[
        (Name::Payments, "PROVIDER__KIND", "manual"),
        (Name::Payments, "KAFKA__TOPIC_CHECK", "1s"),
        (Name::Orchestrator, "KAFKA__TOPIC_CHECK", "1s"),
    ],
    result_timeout: None,
    definitions: &[],
    log: "info",
};

/// Payments through the fake Stripe server.
fn by_stripe() -> Result<Options> {
    let url: &'static str = Box::leak(tests::stripe::shared()?.url().into_boxed_str());
    let settings = [
        (Name::Payments, "PROVIDER__KIND", "stripe"),
        (Name::Payments, "PROVIDER__STRIPE__BASE_URL", url),
        (Name::Payments, "PROVIDER__STRIPE__API_KEY", "sk_test_scenarios"),
        (Name::Payments, "PROVIDER__STRIPE__WEBHOOK_SECRET", tests::stripe::WEBHOOK_SECRET),
        (Name::Payments, "PROVIDER__STRIPE__PAYMENT_METHOD", "pm_card_visa"),
        (Name::Payments, "RESULTS__SECRET", RESULTS_SECRET),
        (Name::Orchestrator, "PAYMENTS__RESULTS_SECRET", RESULTS_SECRET),
        (Name::Payments, "PROVIDER__TIMEOUT", "1s"),
        (Name::Payments, "PROVIDER__BREAKER_FAILURES", "5"),
        (Name::Payments, "PROVIDER__BREAKER_OPEN", "1s"),
    ];
    let definitions = &[("deposit.toml", stripe::DEPOSIT)];
    let settings = Box::leak(Box::new(settings));
    Ok(Options { name: "stripe", instances: 1, settings, result_timeout: None, definitions, log: "info" })
}

type Group = (Options, &'static [&'static [(&'static str, Scenario)]]);

const SIMULATED: &[&[(&str, Scenario)]] = &[
    endings::ALL,
    events::ALL,
    paying::ALL,
    api::ALL,
    metrics::ALL,
    observability::ALL,
    settings::ALL,
    statistics::ALL,
    stock::ALL,
    shipping::ALL,
    orders::ALL,
];

const GROUPS: [Group; 12] = [
    (MANUAL, &[manual::ALL, operators::ALL, tasks::ALL]),
    (DELIVERY, &[delivery::ALL]),
    (DEFINITIONS, &[definitions::ALL, deployments::ALL, imported::ALL, webhooks::ALL]),
    (SAGACTL, &[sagactl::ALL]),
    (TWO_INSTANCES, &[two_instances::ALL]),
    (FAILURES, &[failures::ALL]),
    (LOAD, &[load::ALL]),
    (EXPIRY, &[expiry::ALL]),
    (OPENAPI, &[openapi::ALL]),
    (HOSTILE, &[hostile::ALL, hostile_results::ALL]),
    (UNREADABLE, &[unreadable::ALL]),
    (TOPICS, &[topics::ALL]),
];

fn main() -> ExitCode {
    tests::runner::run(trials)
}

fn trials(runner: Option<&Arc<Runner>>) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    let first: [Group; 1] = [(simulated()?, SIMULATED)];
    let by_stripe: Group = (by_stripe()?, &[stripe::ALL, stripe_results::ALL, stripe_truth::ALL]);
    let edge: Group = (edge::options()?, &[edge::ALL, perimeter::ALL]);
    let catalogue: Group = (traces::options()?, &[catalogue::ALL, traces::ALL]);
    let computed = [catalogue, by_stripe, edge];
    for (options, modules) in first.into_iter().chain(GROUPS).chain(computed) {
        let scenarios = modules.iter().copied().flatten().copied();
        let checked = ![OPENAPI.name, HOSTILE.name, UNREADABLE.name, TOPICS.name].contains(&options.name);
        let last = checked.then_some(("the_final_state_is_consistent", FINAL_STATE));
        for (name, scenario) in scenarios.chain(last) {
            let title = format!("{}::{name}", options.name);
            let runner = runner.map(Arc::clone);
            let options = options.clone();
            let run = move || match runner {
                Some(runner) => runner.run(&options, scenario).map_err(Failed::from),
                None => Ok(()),
            };
            let lacks_tool = match name {
                metrics::BY_PROMTOOL | observability::BY_PROMTOOL => prometheus::promtool().is_none(),
                observability::BY_PROMETHEUS => prometheus::prometheus().is_none(),
                traces::BY_COLLECTOR => traces::program().is_none(),
                _ => false,
            };
            trials.push(Trial::test(title, run).with_ignored_flag(lacks_tool));
        }
    }
    trials.push(without_cluster(
        "security::an_order_ends_with_the_documented_acls",
        runner,
        security::an_order_ends_with_the_documented_acls,
    ));
    let trial = without_cluster(
        "stripe-mock::every_request_is_one_of_stripes_api",
        runner,
        stripe_mock::every_request_is_one_of_stripes_api,
    );
    // Ignored without stripe-mock, which needs Go to build.
    trials.push(trial.with_ignored_flag(stripe_mock::program().is_none()));
    Ok(trials)
}

/// A scenario that starts what it needs itself.
fn without_cluster<F>(name: &str, runner: Option<&Arc<Runner>>, scenario: fn() -> F) -> Trial
where
    F: Future<Output = Result<()>> + 'static,
{
    let runner = runner.map(Arc::clone);
    Trial::test(name, move || match runner {
        Some(runner) => runner.run_without_cluster(scenario()).map_err(|error| format!("{error:#}").into()),
        None => Ok(()),
    })
}

const FINAL_STATE: Scenario = |cluster, broker| Box::pin(final_state(cluster, broker));

/// Every order ended with a consistent payment and stock, exactly the decided messages were sent, and all services stop
/// on SIGTERM.
async fn final_state(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let totals = checker::check(&cluster).await?;
    eprintln!("{totals}");
    cluster.stop().await
}

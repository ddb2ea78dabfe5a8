//! The operators' command line against running services: what it prints, what it changes, and its exit codes.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use crate::operators::{until_waiting, waiting};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, PASSWORD, USER};
use tests::kafka::ConsumedMessage;
use tests::process::Name;
use tests::wait::{SOON, until, until_is};
use tests::{command, files};

/// A saga with one step, which is an incident after one unanswered attempt.
pub(crate) const PARCEL: &str = include_str!("sagactl/parcel.toml");

crate::group::scenarios!(
    sagas_and_orders_are_listed_and_shown,
    an_incident_is_retried,
    dead_letters_are_listed_and_put_back,
    many_are_cancelled_after_a_dry_run,
    a_refused_operation_has_its_exit_code_and_what_to_do,
    a_login_is_stored_for_its_owner_only,
    definitions_are_compared_and_rolled_out,
);

/// The command line without a login, and with a configuration file that does not exist.
fn bare(cluster: &Cluster, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(files::binary("sagactl")?);
    for variable in ["CONTEXT", "ORCHESTRATOR", "ORDERS", "USER", "PASSWORD", "KEY", "ORDERS_KEY"] {
        command.env_remove(format!("SAGACTL_{variable}"));
    }
    command.env("SAGACTL_CONFIG", cluster.scratch("sagactl-none")?.join("config.toml")).stdin(Stdio::null());
    for (option, name) in [
        ("--orchestrator", Name::Orchestrator),
        ("--orders", Name::Orders),
        ("--inventory", Name::Inventory),
        ("--payments", Name::Payments),
    ] {
        command.args([option, &cluster.service(name)?.url("")]);
    }
    command.args(arguments);
    Ok(command)
}

/// Runs the command line with the operator's login.
async fn sagactl(cluster: &Cluster, arguments: &[&str]) -> Result<Output> {
    let mut command = bare(cluster, arguments)?;
    command.env("SAGACTL_USER", USER).env("SAGACTL_PASSWORD", PASSWORD);
    command::run(command).await
}

/// The standard output of a command that succeeds.
pub(crate) async fn text(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    let output = sagactl(cluster, arguments).await?;
    ensure!(output.status.code() == Some(0), "{arguments:?}: {}: {}", output.status, command::text(&output));
    Ok(String::from_utf8(output.stdout)?)
}

/// The JSON of a command that succeeds.
async fn json_of(cluster: &Cluster, arguments: &[&str]) -> Result<Value> {
    let text = text(cluster, &[arguments, &["-o", "json"]].concat()).await?;
    serde_json::from_str(&text).with_context(|| format!("{arguments:?} prints {text}"))
}

async fn sagas_and_orders_are_listed_and_shown(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let customer = order.get().await?["customerId"].as_str().context("a customer")?.to_owned();
    let listed = json_of(&cluster, &["sagas", "list", "--customer", &customer]).await?;
    ensure!(listed["items"][0]["id"] == order.id && listed["items"].as_array().map(Vec::len) == Some(1), "{listed}");
    let table = text(&cluster, &["sagas", "list", "--definition", "order", "--limit", "1"]).await?;
    ensure!(table.starts_with("ID ") && table.contains("DEFINITION") && table.lines().count() >= 2, "{table}");
    let saga = json_of(&cluster, &["sagas", "show", &order.id]).await?;
    ensure!(saga["currentSteps"] == json!(["payment-result"]), "{saga}");
    let shown = text(&cluster, &["sagas", "show", &order.id]).await?;
    for part in [order.id.as_str(), "waits for", "payment-result", "STEP", "reserve #1: done"] {
        ensure!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let orders = json_of(&cluster, &["orders", "list", "--customer", &customer]).await?;
    ensure!(orders["items"][0]["id"] == order.id, "{orders}");
    let shown = text(&cluster, &["orders", "show", &order.id]).await?;
    ensure!(shown.contains(&order.id) && shown.contains("QUANTITY"), "{shown}");
    let health = json_of(&cluster, &["health"]).await?;
    let all = health["items"].as_array().context("services")?;
    ensure!(all.len() == 4 && all.iter().all(|service| service["status"] == "up"), "{health}");
    order.result("approved").await?;
    order.ends("confirmed").await?;
    let watched = text(&cluster, &["sagas", "watch", &order.id, "--every", "100ms", "--within", "1m"]).await?;
    ensure!(watched.contains("saga completed") && watched.contains("ended: confirmed"), "{watched}");
    Ok(())
}

/// Waits for a command to the parcel's participant.
async fn sent(cluster: &Cluster, saga: &str, step: &str, attempt: &str) -> Result<ConsumedMessage> {
    until(&format!("attempt {attempt} of {step}"), SOON, || async {
        let messages = cluster.kafka.read("post-commands").await?;
        Ok(messages.into_iter().find(|message| {
            message.header("saga_id") == saga && message.header("step") == step && message.header("attempt") == attempt
        }))
    })
    .await
}

/// Answers a command with success, as the participant of a scenario.
pub(crate) async fn answer(cluster: &Cluster, command: &ConsumedMessage) -> Result<()> {
    let headers: Vec<(&str, &str)> =
        ["saga_id", "step", "attempt", "action"].into_iter().map(|name| (name, command.header(name))).collect();
    let value = json!({"outcome": "ok", "data": {}});
    cluster.kafka.message("saga-replies", "saga.reply", command.header("saga_id"), &value, &headers).await
}

async fn an_incident_is_retried(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = cluster.order().customer;
    let data = json!({"id": id}).to_string();
    let started = ["sagas", "start", "parcel", "--id", &id, "--data", &data, "--why", "a test"];
    ensure!(json_of(&cluster, &started).await?["id"] == id, "another saga was started");
    until_is("the saga", json!("incident"), SOON, || async {
        let saga = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas/{id}")).await?;
        Ok(saga.context("no saga")?["status"].clone())
    })
    .await?;
    let incidents = json_of(&cluster, &["incidents"]).await?;
    let all = incidents["items"].as_array().context("incidents")?;
    ensure!(all.iter().any(|group| group["definition"] == "parcel" && group["step"] == "deliver"), "{incidents}");
    let table = text(&cluster, &["incidents"]).await?;
    ensure!(table.contains("parcel") && table.contains("out of retries"), "{table}");
    let key = cluster.order().customer;
    let retry = ["sagas", "retry", &id, "--step", "deliver", "--why", "the post is back", "--idempotency-key", &key];
    let saga = json_of(&cluster, &retry).await?;
    ensure!(saga["operations"][1]["why"] == "the post is back" && saga["operations"][1]["by"] == USER, "{saga}");
    // Repeated with its key, it takes effect once.
    let again = json_of(&cluster, &retry).await?;
    ensure!(again["operations"].as_array().map(Vec::len) == Some(2), "{again}");
    answer(&cluster, &sent(&cluster, &id, "deliver", "2").await?).await?;
    answer(&cluster, &sent(&cluster, &id, "conclude", "1").await?).await?;
    let watched = text(&cluster, &["sagas", "watch", &id, "--every", "100ms", "--within", "1m"]).await?;
    ensure!(watched.contains("ended: delivered"), "{watched}");
    Ok(())
}

async fn dead_letters_are_listed_and_put_back(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let topic = "created-orders.dlq";
    let value = json!({"odd": cluster.order().customer});
    cluster.kafka.event("created-orders", "order.eaten", &cluster.order().customer, &value).await?;
    let letter = cluster.dead_letter("created-orders", value.to_string().as_bytes()).await?;
    let partition = letter.partition.to_string();
    let offset = letter.offset.to_string();
    let topics = json_of(&cluster, &["dlq", "list"]).await?;
    ensure!(topics["items"].as_array().into_iter().flatten().any(|dead| dead["topic"] == topic), "{topics}");
    let listed = text(&cluster, &["dlq", "list", topic]).await?;
    ensure!(listed.contains("OFFSET") && listed.contains("order.eaten"), "{listed}");
    let shown = text(&cluster, &["dlq", "show", topic, &partition, &offset]).await?;
    ensure!(shown.contains("source topic") && shown.contains(&value.to_string()), "{shown}");
    let put_back = ["dlq", "put-back", topic, &partition, &offset, "--why", "it is understood by now"];
    let done = json_of(&cluster, &put_back).await?;
    ensure!(done["by"] == USER && done["offset"] == letter.offset, "{done}");
    // It was not understood: it is a dead letter again.
    until("the letter again", SOON, || async {
        let all = cluster.kafka.read(topic).await?;
        let same = all.iter().filter(|letter| letter.value == value.to_string().as_bytes()).count();
        Ok((same == 2).then_some(()))
    })
    .await?;
    let refused = sagactl(&cluster, &put_back).await?;
    let problem = command::text(&refused);
    ensure!(refused.status.code() == Some(1) && problem.contains("put it back already"), "{problem}");
    text(&cluster, &[&put_back[..], &["--again"]].concat()).await?;
    let missing = sagactl(&cluster, &["dlq", "show", topic, &partition, "999999"]).await?;
    ensure!(missing.status.code() == Some(1), "{}", command::text(&missing));
    Ok(())
}

async fn many_are_cancelled_after_a_dry_run(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let customer = cluster.order().customer;
    let mut orders = Vec::new();
    for _ in 0..2 {
        let order = item.order(1).by(&customer).place().await?;
        until_waiting(&order).await?;
        orders.push(order);
    }
    let cancel = ["sagas", "cancel", "--customer", &customer, "--status", "running", "--why", "the runner burned down"];
    let dry = json_of(&cluster, &[&cancel[..], &["--dry-run"]].concat()).await?;
    ensure!(dry["count"] == 2 && dry["dryRun"] == true, "{dry}");
    // Nothing is done without a confirmation.
    let unconfirmed = sagactl(&cluster, &cancel).await?;
    ensure!(unconfirmed.status.code() == Some(2), "{}", command::text(&unconfirmed));
    ensure!(orders[0].saga().await?["status"] == "running", "it was cancelled");
    let done = text(&cluster, &[&cancel[..], &["--yes"]].concat()).await?;
    ensure!(done.contains("2 of 2 done"), "{done}");
    for order in &orders {
        order.ends("cancelled").await?;
    }
    Ok(())
}

async fn a_refused_operation_has_its_exit_code_and_what_to_do(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let resume = ["sagas", "resume", &order.id, "--why", "go on"];
    let refused = sagactl(&cluster, &resume).await?;
    let problem = String::from_utf8(refused.stderr)?;
    ensure!(refused.status.code() == Some(1) && refused.stdout.is_empty(), "{problem}");
    for part in ["error: Conflict\n", "only a paused saga can be resumed", "To do: "] {
        ensure!(problem.contains(part), "{part} is not in\n{problem}");
    }
    let refused = sagactl(&cluster, &[&resume[..], &["-o", "json"]].concat()).await?;
    let problem: Value = serde_json::from_slice(&refused.stderr)?;
    ensure!(problem["exitCode"] == 1 && problem["problem"]["status"] == 409, "{problem}");
    let mut wrong = bare(&cluster, &["sagas", "list"])?;
    wrong.env("SAGACTL_USER", USER).env("SAGACTL_PASSWORD", "guess");
    let unknown = "00000000-0000-4000-8000-000000000000";
    let mut gone = Command::new(files::binary("sagactl")?);
    gone.args(["incidents", "--orchestrator", "http://127.0.0.1:1"]).env("SAGACTL_KEY", "k").stdin(Stdio::null());
    let mut unknown_saga = bare(&cluster, &["sagas", "show", unknown])?;
    unknown_saga.env("SAGACTL_USER", USER).env("SAGACTL_PASSWORD", PASSWORD);
    for (command, code, part) in [
        (bare(&cluster, &["sagas", "list"])?, 4, "sagactl login"),
        (wrong, 4, "sagactl login"),
        (gone, 3, "check that it runs"),
        (unknown_saga, 1, "error: Not Found"),
        (bare(&cluster, &["sagas", "pause", &order.id])?, 2, "--why"),
    ] {
        let what = format!("{:?}", command.get_args().collect::<Vec<_>>());
        let output = command::run(command).await?;
        let text = command::text(&output);
        ensure!(output.status.code() == Some(code) && text.contains(part), "{what}: {}: {text}", output.status);
    }
    order.result("declined").await?;
    order.ends("payment_not_completed").await
}

async fn a_login_is_stored_for_its_owner_only(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let file: PathBuf = cluster.scratch("sagactl-login")?.join("config.toml");
    let mut login = bare(&cluster, &["login", "--context", "here"])?;
    login.env("SAGACTL_CONFIG", &file).env("SAGACTL_USER", USER).env("SAGACTL_PASSWORD", "guess");
    ensure!(command::run(login).await?.status.code() == Some(4), "a wrong password is stored");
    ensure!(!file.exists(), "a wrong password is stored");
    let mut login = bare(&cluster, &["login", "--context", "here"])?;
    login.env("SAGACTL_CONFIG", &file).env("SAGACTL_USER", USER).env("SAGACTL_PASSWORD", PASSWORD);
    let output = command::run(login).await?;
    ensure!(output.status.success(), "{}", command::text(&output));
    ensure!(file.metadata()?.permissions().mode() & 0o777 == 0o600, "{:?}", file.metadata()?.permissions());
    let stored = || -> Result<Command> {
        let mut command = Command::new(files::binary("sagactl")?);
        command.env("SAGACTL_CONFIG", &file).stdin(Stdio::null());
        Ok(command)
    };
    let mut list = stored()?;
    list.args(["definitions", "list", "-o", "json"]);
    let output = command::run(list).await?;
    let definitions: Value = serde_json::from_slice(&output.stdout).with_context(|| command::text(&output))?;
    ensure!(definitions["items"].as_array().is_some_and(|all| all.len() >= 3), "{definitions}");
    let mut contexts = stored()?;
    contexts.args(["context", "list"]);
    let contexts = command::text(&command::run(contexts).await?);
    ensure!(contexts.contains("here") && !contexts.contains(PASSWORD), "{contexts}");
    Ok(())
}

async fn definitions_are_compared_and_rolled_out(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let table = text(&cluster, &["definitions", "list"]).await?;
    ensure!(table.contains("parcel") && table.contains("HASH"), "{table}");
    let folder = cluster.scratch("sagactl-definitions")?;
    let changed = folder.join("parcel.toml");
    std::fs::write(&changed, PARCEL.replace("\"lost\"", "\"stolen\""))?;
    let changed = changed.display().to_string();
    let difference = text(&cluster, &["definitions", "diff", "parcel@1", &changed]).await?;
    ensure!(difference.contains("\"lost\"") && difference.contains("\"stolen\""), "{difference}");
    let differs = sagactl(&cluster, &["definitions", "diff", "parcel", &changed, "--exit-code"]).await?;
    ensure!(differs.status.code() == Some(1));
    text(&cluster, &["definitions", "check", &changed]).await?;
    let conflict = sagactl(&cluster, &["definitions", "check", "--server", &changed]).await?;
    let problem = command::text(&conflict);
    ensure!(conflict.status.code() == Some(1) && problem.contains("write version = 2"), "{problem}");
    let rollout = ["definitions", "rollout", "parcel", "--version", "1", "--percent", "50", "--why", "a first look"];
    let done = json_of(&cluster, &rollout).await?;
    ensure!(done["percent"] == 50, "{done}");
    let table = text(&cluster, &["definitions", "list"]).await?;
    ensure!(table.contains("50 %"), "{table}");
    for (to, part) in [("1", "name two versions"), ("9", "no definition parcel version 9")] {
        let refused = sagactl(&cluster, &["definitions", "compare", "parcel", "--from", "1", "--to", to]).await?;
        let problem = command::text(&refused);
        ensure!(refused.status.code() == Some(1) && problem.contains(part), "{problem}");
    }
    Ok(())
}

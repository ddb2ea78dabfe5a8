//! Saga definitions: a second saga with a participant in shell and without Rust code, several versions at the same
//! time, and changes while sagas run.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use common::topics;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, PARTITIONS};
use tests::files;
use tests::load::timers;
use tests::process::{Group, Name};
use tests::wait::{PATIENT, until};
use uuid::Uuid;

use crate::operators::send;
use crate::sagactl;

/// The second saga.
pub(crate) const GIFT_CARD: &str = include_str!("gift-card/gift-card.toml");

crate::group::scenarios!(
    a_gift_card_needs_no_rust,
    an_operator_starts_a_saga_with_data,
    a_saga_continues_without_its_file,
    a_saga_without_its_file_still_receives_its_callback,
    a_changed_definition_is_refused,
    a_rollout_splits_new_sagas_and_changes_without_a_restart,
);

/// The participant in shell.
fn issuer(cluster: &Cluster, broker: &Broker) -> Result<Group> {
    let mut issuer = Command::new(files::root().join("tests/scenarios/gift-card/issuer.sh"));
    issuer.arg(files::root().join("dev")).arg("kafka").env("KAFKA_BROKERS", broker.address());
    Group::start(&mut issuer, &cluster.scratch("issuer")?.join("log"))
}

/// Publishes the event that starts a gift card's saga.
async fn gift_card(cluster: &Cluster, amount_minor: i64, more: Value) -> Result<String> {
    let id = Uuid::new_v4().to_string();
    let mut card = json!({"customerId": Uuid::new_v4(), "amountMinor": amount_minor, "currency": "BRL"});
    if let (Some(card), Value::Object(more)) = (card.as_object_mut(), more) {
        card.extend(more);
    }
    cluster.kafka.event("created-gift-cards", "gift-card.created", &id, &card).await?;
    Ok(id)
}

/// Waits until a saga has ended.
async fn ended(cluster: &Cluster, id: &str) -> Result<Value> {
    until(&format!("saga {id} to end"), PATIENT, || async {
        let saga = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas/{id}")).await?;
        let saga = saga.context("it does not exist")?;
        ensure!(!saga["endedAt"].is_null(), "it is {saga:#}");
        Ok(Some(saga))
    })
    .await
}

async fn a_gift_card_needs_no_rust(cluster: Arc<Cluster>, broker: Arc<Broker>) -> Result<()> {
    let _issuer = issuer(&cluster, &broker)?;
    let quiet = gift_card(&cluster, 1050, json!({})).await?;
    let sent = gift_card(&cluster, 1050, json!({"email": "someone@example.org"})).await?;
    let declined = gift_card(&cluster, 1013, json!({})).await?;
    for (id, steps) in [(&quiet, ["done", "skipped"]), (&sent, ["done", "done"])] {
        let saga = ended(&cluster, id).await?;
        ensure!(saga["status"] == "completed" && saga["ending"]["status"] == "issued", "{saga:#}");
        ensure!(saga["data"]["issued"]["code"] == format!("GC-{}", &id[..8]), "{saga:#}");
        ensure!([&saga["steps"][2]["status"], &saga["steps"][3]["status"]] == steps, "{saga:#}");
    }
    let saga = ended(&cluster, &declined).await?;
    ensure!(saga["status"] == "compensated" && saga["ending"]["reason"] == "payment_declined", "{saga:#}");
    let commands = cluster.kafka.about("gift-card-commands", &sent).await?;
    let notified = commands.iter().find(|message| message.kind() == "gift-card.notify").context("no notification")?;
    let value: Value = serde_json::from_slice(&notified.value)?;
    ensure!(value == json!({"email": "someone@example.org", "code": format!("GC-{}", &sent[..8])}), "{value}");
    Ok(())
}

/// Restarts the orchestrator after a change of its definitions.
async fn restart(cluster: &Cluster, change: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let orchestrator = cluster.service(Name::Orchestrator)?;
    orchestrator.sigterm().await?;
    change(&cluster.definitions()?)?;
    orchestrator.restart().await
}

async fn definitions_of(cluster: &Cluster, name: &str) -> Result<Vec<(i64, bool)>> {
    let all = cluster.get(cluster.service(Name::Orchestrator)?, "/api/definitions").await?.unwrap_or_default();
    let items = all["items"].as_array().cloned().unwrap_or_default();
    let of_name = items.iter().filter(|definition| definition["name"] == name);
    Ok(of_name.map(|d| (d["version"].as_i64().unwrap_or_default(), d["file"] == true)).collect())
}

/// The gift card's second version: without the payment.
fn second() -> String {
    let paid = GIFT_CARD.find("[[steps]]\nname = \"request-payment\"").unwrap_or_default();
    let issue = GIFT_CARD.find("[[steps]]\nname = \"issue\"").unwrap_or_default();
    let text = format!("{}{}", &GIFT_CARD[..paid], &GIFT_CARD[issue..]);
    let ending = text.find("[endings.steps.payment-result]").unwrap_or_default();
    let conclude = text.find("[conclude]").unwrap_or_default();
    format!("{}{}", &text[..ending], &text[conclude..]).replace("\nversion = 1", "\nversion = 2")
}

/// A saga without an event of another system: its data is checked, and a repeated request starts no second one.
async fn an_operator_starts_a_saga_with_data(cluster: Arc<Cluster>, broker: Arc<Broker>) -> Result<()> {
    let _issuer = issuer(&cluster, &broker)?;
    let id = Uuid::new_v4();
    let card = json!({"customerId": Uuid::new_v4(), "amountMinor": 1050, "currency": "BRL", "note": "kept"});
    let request = |definition: &str, data: &Value| {
        let mut request = json!({"id": id, "why": "the customer called"});
        request["definition"] = definition.into();
        request["data"] = data.clone();
        request
    };
    let start = async |body: Value, login| send(&cluster, Method::POST, "/api/sagas", &body, login).await;
    let refused = [
        (request("gift-card", &json!({"amountMinor": 1})), StatusCode::UNPROCESSABLE_ENTITY, "#/data"),
        (request("gift-cards", &card), StatusCode::UNPROCESSABLE_ENTITY, "#/definition"),
        (json!({"definition": "gift-card", "data": card, "why": " "}), StatusCode::UNPROCESSABLE_ENTITY, "#/why"),
        (json!({"definition": "gift-card", "data": [], "why": "w"}), StatusCode::UNPROCESSABLE_ENTITY, "#/data"),
    ];
    for (body, expected, pointer) in refused {
        let (status, problem) = start(body, true).await?;
        ensure!(status == expected && problem["errors"][0]["pointer"] == pointer, "{status} {problem:#}");
    }
    ensure!(start(request("gift-card", &card), false).await?.0 == StatusCode::UNAUTHORIZED);
    let (status, saga) = start(request("gift-card", &card), true).await?;
    ensure!(
        status == StatusCode::CREATED && saga["id"] == json!(id) && saga["data"]["card"]["note"] == "kept",
        "{saga}"
    );
    let (status, again) = start(request("gift-card", &card), true).await?;
    ensure!(status == StatusCode::OK && again["startedAt"] == saga["startedAt"], "{status} {again:#}");
    let (status, problem) = start(request("order", &card), true).await?;
    ensure!(status == StatusCode::CONFLICT, "{status} {problem:#}");
    let saga = ended(&cluster, &id.to_string()).await?;
    ensure!(saga["status"] == "completed" && saga["operations"][0]["action"] == "start", "{saga:#}");
    let audit = cluster.get(cluster.service(Name::Orchestrator)?, "/api/audit").await?.unwrap_or_default();
    let acts = audit["items"].as_array().context("no acts")?;
    let is_start = |act: &&Value| act["action"] == "start" && act["subject"] == format!("saga/{id}");
    ensure!(acts.iter().filter(is_start).count() == 1, "{audit:#}");
    // An event without the fields is a dead letter.
    let bad = Uuid::new_v4().to_string();
    cluster.kafka.event("created-gift-cards", "gift-card.created", &bad, &json!({"currency": "BRL"})).await?;
    until("the dead letter", PATIENT, || async {
        let letters = cluster.kafka.about("created-gift-cards.dlq", &bad).await?;
        let reason = letters.first().map(|letter| letter.header("__streams.errors.message").to_owned());
        Ok(reason.filter(|reason| reason.contains("amountMinor is missing")))
    })
    .await?;
    Ok(())
}

async fn a_saga_continues_without_its_file(cluster: Arc<Cluster>, broker: Arc<Broker>) -> Result<()> {
    // The provider takes two seconds for these cents: the saga waits while its file is removed.
    let id = gift_card(&cluster, 1099, json!({})).await?;
    let path = format!("/api/sagas/{id}");
    until("the saga to start", PATIENT, || async { cluster.get(cluster.service(Name::Orchestrator)?, &path).await })
        .await?;
    restart(&cluster, |directory| {
        std::fs::remove_file(directory.join("gift-card.toml"))?;
        Ok(std::fs::write(directory.join("gift-card-2.toml"), second())?)
    })
    .await?;
    ensure!(definitions_of(&cluster, "gift-card").await? == [(2, true), (1, false)]);
    let _issuer = issuer(&cluster, &broker)?;
    let saga = ended(&cluster, &id).await?;
    ensure!(saga["version"] == 1 && saga["steps"][0]["label"] == "Request the payment", "{saga:#}");
    ensure!(saga["ending"]["status"] == "issued", "{saga:#}");
    let saga = ended(&cluster, &gift_card(&cluster, 1050, json!({})).await?).await?;
    ensure!(saga["version"] == 2 && saga["steps"][0]["name"] == "issue", "{saga:#}");
    restart(&cluster, |directory| Ok(std::fs::write(directory.join("gift-card.toml"), GIFT_CARD)?)).await
}

async fn a_saga_without_its_file_still_receives_its_callback(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (file, text) = timers::DEFINITION;
    restart(&cluster, |directory| Ok(std::fs::write(directory.join(file), text.replace("3s", "15m"))?)).await?;
    let id = Uuid::new_v4().to_string();
    cluster.kafka.event("begun-timers", "timer.begun", &id, &json!({})).await?;
    let path = format!("/api/sagas/{id}");
    let saga = || async { cluster.get(cluster.service(Name::Orchestrator)?, &path).await };
    until("the saga to start", PATIENT, saga).await?;
    restart(&cluster, |directory| Ok(std::fs::remove_file(directory.join(file))?)).await?;
    // Only this saga receives from that topic.
    let answer = json!({"sagaId": id, "status": "yes"}).to_string();
    let partition = topics::partition_of(id.as_bytes(), PARTITIONS);
    cluster.kafka.publish("timer-answers", Some(partition), answer.as_bytes()).await?;
    let received = || async { Ok(saga().await?.filter(|saga| saga["steps"][0]["status"] == "done")) };
    until("the saga to go on", PATIENT, received).await?;
    Ok(())
}

async fn a_changed_definition_is_refused(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let orchestrator = cluster.service(Name::Orchestrator)?;
    orchestrator.sigterm().await?;
    let file = cluster.definitions()?.join("gift-card.toml");
    std::fs::write(&file, GIFT_CARD.replace("timeout = \"15m\"", "timeout = \"16m\""))?;
    orchestrator.start()?;
    let ended = orchestrator.ended(PATIENT).await?;
    ensure!(!ended.success(), "it ended with {ended}");
    let log = files::tail(&orchestrator.log(), 60);
    for text in ["gift-card version 1 has changed", "-        \"timeout\": \"15m\"", "+        \"timeout\": \"16m\""] {
        ensure!(log.contains(text), "the log has no {text:?}:\n{log}");
    }
    std::fs::write(&file, GIFT_CARD)?;
    orchestrator.restart().await?;
    cluster.confirms_an_order().await
}

async fn a_rollout_splits_new_sagas_and_changes_without_a_restart(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let rollout = |version: u32, percent: u8| json!({"version": version, "percent": percent, "why": "a first look"});
    let path = "/api/definitions/gift-card/rollout";
    for (percent, version) in [(0, 1), (100, 2)] {
        let (status, body) = send(&cluster, reqwest::Method::PUT, path, &rollout(2, percent), true).await?;
        ensure!(status == StatusCode::OK && body["percent"] == percent, "{status}: {body}");
        let id = gift_card(&cluster, 1013, json!({})).await?;
        let saga = until("the saga to start", PATIENT, || async {
            cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas/{id}")).await
        });
        let saga = saga.await?;
        ensure!(saga["version"] == version, "{saga:#}");
    }
    let compare = ["definitions", "compare", "gift-card", "--from", "1", "--to", "2", "--window", "1h"];
    let table = sagactl::text(&cluster, &compare).await?;
    ensure!(table.starts_with("Too few sagas to tell: ") && table.contains("VERSION 2"), "{table}");
    let path_of = |window: &str| format!("/api/definitions/gift-card/compare?from=1&to=2&window={window}");
    let found = cluster.get(cluster.service(Name::Orchestrator)?, &path_of("1h")).await?.context("no comparison")?;
    for (index, version) in [(0, 1), (1, 2)] {
        let side = &found["versions"][index];
        ensure!(side["version"] == version && side["sagas"].as_u64() > Some(0), "{found:#}");
    }
    let (status, body) = send(&cluster, reqwest::Method::GET, &path_of("2h"), &json!({}), true).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{status}: {body}");
    let (status, body) = send(&cluster, reqwest::Method::PUT, path, &rollout(9, 10), true).await?;
    ensure!(status == StatusCode::NOT_FOUND && body["detail"].to_string().contains("versions: 1, 2"), "{body}");
    let (status, _) = send(&cluster, reqwest::Method::PUT, path, &rollout(2, 10), false).await?;
    ensure!(status == StatusCode::UNAUTHORIZED);
    let (status, body) = send(&cluster, reqwest::Method::PUT, path, &rollout(2, 101), true).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{status}: {body}");
    Ok(())
}

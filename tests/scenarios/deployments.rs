//! Definitions that an operator deploys while the orchestrator runs, with topics of their own. The scenario plays the
//! participant.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, PASSWORD, USER};
use tests::kafka::ConsumedMessage;
use tests::process::Name;
use tests::wait::{PATIENT, until};
use uuid::Uuid;

use crate::operators::send;

const VOUCHER: &str = include_str!("gift-card/voucher.toml");
const PATH: &str = "/api/definitions";

crate::group::scenarios!(
    a_definition_is_deployed_and_undeployed_without_a_restart,
    a_deployment_that_does_not_fit_is_refused,
    versions_are_deployed_and_rolled_out_while_sagas_run,
);

fn request(text: &str) -> Value {
    json!({"text": text, "why": "vouchers"})
}

/// The definition under a name of its own, so that the scenarios do not meet.
pub(crate) fn named(name: &str) -> String {
    VOUCHER
        .replace("name = \"voucher\"", &format!("name = \"{name}\""))
        .replace("requested-vouchers", &format!("requested-{name}"))
        .replace("voucher-approvals", &format!("{name}-approvals"))
        .replace("voucher.requested", &format!("{name}.requested"))
}

pub(crate) async fn deploy(cluster: &Cluster, text: &str) -> Result<(StatusCode, Value)> {
    send(cluster, Method::POST, PATH, &request(text), true).await
}

async fn undeploy(cluster: &Cluster, name: &str, version: u32) -> Result<(StatusCode, String)> {
    let url = cluster.service(Name::Orchestrator)?.url(&format!("{PATH}/{name}/{version}?why=over"));
    let answer = cluster.http.delete(url).basic_auth(USER, Some(PASSWORD)).send().await?;
    Ok((answer.status(), answer.text().await?))
}

/// Publishes the event that starts a saga of `named(name)`.
async fn publish(cluster: &Cluster, name: &str) -> Result<String> {
    let id = Uuid::new_v4().to_string();
    let value = json!({"code": "SUMMER"});
    cluster.kafka.event(&format!("requested-{name}"), &format!("{name}.requested"), &id, &value).await?;
    Ok(id)
}

async fn saga(cluster: &Cluster, id: &str) -> Result<Value> {
    let path = format!("/api/sagas/{id}");
    let found = || async { cluster.get(cluster.service(Name::Orchestrator)?, &path).await };
    until(&format!("saga {id} to start"), PATIENT, found).await
}

/// Approves a voucher, answers the last command, and waits until the saga has ended.
async fn complete(cluster: &Cluster, name: &str, id: &str) -> Result<Value> {
    let approval = json!({"voucherId": id, "status": "approved"});
    cluster.kafka.event(&format!("{name}-approvals"), "voucher.approved", id, &approval).await?;
    let command: ConsumedMessage = until("the last command", PATIENT, || async {
        let all = cluster.kafka.about("voucher-commands", id).await?;
        Ok(all.into_iter().find(|message| message.kind() == "voucher.conclude"))
    })
    .await?;
    crate::sagactl::answer(cluster, &command).await?;
    until(&format!("saga {id} to end"), PATIENT, || async {
        Ok(Some(saga(cluster, id).await?).filter(|saga| !saga["endedAt"].is_null()))
    })
    .await
}

async fn definition(cluster: &Cluster, name: &str, version: u32) -> Result<Value> {
    let all = cluster.get(cluster.service(Name::Orchestrator)?, PATH).await?.context("no definitions")?;
    let items = all["items"].as_array().context("no items")?;
    let found = items.iter().find(|known| known["name"] == name && known["version"] == version);
    Ok(found.cloned().unwrap_or_default())
}

async fn a_definition_is_deployed_and_undeployed_without_a_restart(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let voucher = named("voucher");
    let (status, body) = deploy(&cluster, &voucher).await?;
    ensure!(status == StatusCode::CREATED && body["deployed"] == true && body["file"] == false, "{status} {body:#}");
    let (status, body) = deploy(&cluster, &format!("# a comment\n{voucher}")).await?;
    ensure!(status == StatusCode::OK, "a repeated request: {status} {body:#}");

    // Sagas start on every partition, by events and by requests.
    let mut waiting = Vec::new();
    for _ in 0..6 {
        waiting.push(publish(&cluster, "voucher").await?);
    }
    let start = json!({"definition": "voucher", "data": {"code": "WINTER"}, "why": "a test"});
    let (status, started) = send(&cluster, Method::POST, "/api/sagas", &start, true).await?;
    ensure!(status == StatusCode::CREATED, "{status} {started:#}");
    waiting.push(started["id"].as_str().unwrap_or_default().to_owned());
    for id in &waiting {
        ensure!(saga(&cluster, id).await?["definition"] == "voucher", "{id}");
    }

    // A restart and a lost view forget nothing.
    cluster.service(Name::Orchestrator)?.sigterm().await?;
    cluster.service(Name::Orchestrator)?.restart().await?;
    ensure!(definition(&cluster, "voucher", 1).await?["deployed"] == true, "it is not deployed after a restart");
    let (status, text) = undeploy(&cluster, "voucher", 1).await?;
    ensure!(status == StatusCode::CONFLICT && text.contains("7 sagas run on voucher version 1"), "{status} {text}");
    for id in &waiting {
        let ended = complete(&cluster, "voucher", id).await?;
        ensure!(ended["ending"]["status"] == "issued", "{ended:#}");
    }

    let (status, text) = undeploy(&cluster, "voucher", 1).await?;
    ensure!(status == StatusCode::NO_CONTENT, "{status} {text}");
    let known = definition(&cluster, "voucher", 1).await?;
    ensure!(known["deployed"] == false && known["file"] == false, "{known:#}");
    let (status, problem) = send(&cluster, Method::POST, "/api/sagas", &start, true).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{status} {problem:#}");
    let late = publish(&cluster, "voucher").await?;
    until("the dead letter", PATIENT, || async {
        Ok(cluster.kafka.about("requested-voucher.dlq", &late).await?.into_iter().next())
    })
    .await?;
    let audit = cluster.get(cluster.service(Name::Orchestrator)?, "/api/audit").await?.context("no audit")?;
    for action in ["deploy", "undeploy"] {
        let acts = audit["items"].as_array().context("no acts")?;
        let of_voucher = |act: &&Value| act["action"] == action && act["subject"] == "definition/voucher/1";
        ensure!(acts.iter().filter(of_voucher).count() == 1, "{action}: {audit:#}");
    }
    Ok(())
}

async fn a_deployment_that_does_not_fit_is_refused(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let other_event = VOUCHER.replace("name = \"voucher\"", "name = \"coupon\"");
    let other_event = other_event
        .replace("requested-vouchers", "created-orders")
        .replace("event = \"voucher.requested\"", "event = \"order.created\"");
    let reserved = named("ticket").replace("ticket-approvals", "saga-replies");
    let changed = crate::definitions::GIFT_CARD.replace("timeout = \"15m\"", "timeout = \"16m\"");
    for (text, expected, part) in [
        ("nonsense", StatusCode::UNPROCESSABLE_ENTITY, "errors"),
        ("name = \"Voucher\"\nversion = 0\n", StatusCode::UNPROCESSABLE_ENTITY, "version"),
        (&*other_event, StatusCode::UNPROCESSABLE_ENTITY, "starts \\\"order\\\" already"),
        (&*reserved, StatusCode::UNPROCESSABLE_ENTITY, "is reserved"),
        (&*changed, StatusCode::CONFLICT, "write another version"),
    ] {
        let (status, problem) = deploy(&cluster, text).await?;
        ensure!(status == expected && problem.to_string().contains(part), "{part}: {status} {problem:#}");
    }
    ensure!(send(&cluster, Method::POST, PATH, &request(VOUCHER), false).await?.0 == StatusCode::UNAUTHORIZED);
    let (status, text) = undeploy(&cluster, "gift-card", 1).await?;
    ensure!(status == StatusCode::CONFLICT && text.contains("was not deployed: it has a file"), "{status} {text}");
    ensure!(undeploy(&cluster, "nothing", 1).await?.0 == StatusCode::NOT_FOUND);
    Ok(())
}

async fn versions_are_deployed_and_rolled_out_while_sagas_run(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let first = named("pass");
    let second = first.replace("version = 1", "version = 2").replace("\"15m\"", "\"16m\"");
    ensure!(deploy(&cluster, &first).await?.0 == StatusCode::CREATED);
    let old = publish(&cluster, "pass").await?;
    ensure!(saga(&cluster, &old).await?["version"] == 1);
    ensure!(deploy(&cluster, &second).await?.0 == StatusCode::CREATED);
    let new = publish(&cluster, "pass").await?;
    ensure!(saga(&cluster, &new).await?["version"] == 2);
    let rollout = json!({"version": 2, "percent": 0, "why": "not yet"});
    let (status, body) = send(&cluster, Method::PUT, &format!("{PATH}/pass/rollout"), &rollout, true).await?;
    ensure!(status == StatusCode::OK, "{status} {body:#}");
    let kept = publish(&cluster, "pass").await?;
    ensure!(saga(&cluster, &kept).await?["version"] == 1);
    let changed = second.replace("\"16m\"", "\"17m\"");
    ensure!(deploy(&cluster, &changed).await?.0 == StatusCode::CONFLICT);
    for id in [old, new, kept] {
        let ended = complete(&cluster, "pass", &id).await?;
        ensure!(ended["status"] == "completed", "{ended:#}");
    }
    Ok(())
}

//! Tasks of people: payments that somebody approves, returns that somebody inspects.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, PASSWORD, USER, VIEWER};
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{PATIENT, SOON, until};

use crate::operators::{send, waiting};
use crate::orders::{delivery_to_ana, request_return, return_is};
use crate::sagactl;

crate::group::scenarios!(
    a_payment_is_approved_as_a_task,
    a_payment_is_declined_as_a_task,
    a_return_is_inspected_as_a_task,
    a_claimed_task_is_refused_to_others,
    wrong_requests_for_tasks_are_rejected,
    a_viewer_may_not_work_on_tasks,
    tasks_are_worked_on_from_the_command_line,
);

/// The id of the task of an order that waits for its payment's result.
fn payment_task(order: &PlacedOrder) -> String {
    format!("{}.payment-result", order.id)
}

/// The task with this id, as soon as it is open.
pub(crate) async fn open_task(cluster: &Cluster, id: &str) -> Result<Value> {
    let path = format!("/api/tasks/{id}");
    until(&format!("task {id}"), SOON, || async { cluster.get(cluster.service(Name::Orchestrator)?, &path).await })
        .await
}

/// Claims, releases or completes a task.
pub(crate) async fn act(cluster: &Cluster, id: &str, action: &str, body: &Value) -> Result<(StatusCode, Value)> {
    send(cluster, Method::POST, &format!("/api/tasks/{id}/{action}"), body, true).await
}

/// Waits until a task is gone.
pub(crate) async fn is_gone(cluster: &Cluster, id: &str) -> Result<()> {
    let path = format!("/api/tasks/{id}");
    until(&format!("the end of task {id}"), SOON, || async {
        let found = cluster.get(cluster.service(Name::Orchestrator)?, &path).await?;
        Ok(found.is_none().then_some(()))
    })
    .await
}

/// Waits until the saga of a case has ended, and returns it.
pub(crate) async fn case_ends(cluster: &Cluster, case: &str, status: &str) -> Result<Value> {
    until(&format!("case {case} to end as {status}"), PATIENT, || async {
        let saga = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas/{case}")).await?;
        let saga = saga.unwrap_or_default();
        let has_ended = saga["status"] == "completed" || saga["status"] == "compensated";
        Ok((has_ended && saga["ending"]["status"] == status).then_some(saga))
    })
    .await
}

/// Completes a task about a case.
pub(crate) async fn decide(cluster: &Cluster, task: &str, decision: &str) -> Result<()> {
    let form = json!({"fields": {"status": decision}, "why": "the customer called"});
    let (status, done) = act(cluster, task, "complete", &form).await?;
    ensure!(status == StatusCode::OK && done["by"] == USER, "{status}: {done:#}");
    Ok(())
}

async fn a_payment_is_approved_as_a_task(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let id = payment_task(&order);
    let task = open_task(&cluster, &id).await?;
    ensure!(task["kind"] == "payment-result" && task["role"] == "finance" && task["overdue"] == false, "{task:#}");
    ensure!(task["dueAt"].is_string() && task["claimedBy"].is_null(), "{task:#}");
    ensure!(task["label"]["pt"] == "Aprovar ou recusar o pagamento", "{task:#}");
    let names: Vec<_> = task["form"].as_array().context("a form")?.iter().map(|field| field["name"].clone()).collect();
    ensure!(names == ["status", "reason", "reference"], "{task:#}");
    ensure!(task["form"][0]["words"] == json!(["approved", "declined"]), "{task:#}");
    let (status, done) = act(&cluster, &id, "claim", &json!({})).await?;
    ensure!(status == StatusCode::OK && done["task"]["claimedBy"] == USER, "{status}: {done:#}");
    let path = format!("/api/tasks?kind=payment-result&claimedBy={USER}&definition=order&role=finance&overdue=false");
    let listed = cluster.get(cluster.service(Name::Orchestrator)?, &path).await?.context("a list")?;
    ensure!(listed["items"].as_array().is_some_and(|all| all.iter().any(|one| one["id"] == id)), "{listed:#}");
    let form = json!({"fields": {"status": "approved", "reference": "bank 7"}, "why": "the money is there"});
    let url = cluster.service(Name::Orchestrator)?.url(&format!("/api/tasks/{id}/complete"));
    let mut answers = Vec::new();
    for _ in 0..2 {
        // Sent twice with its key, also after the saga went on, it is done once.
        let request = cluster.http.post(&url).basic_auth(USER, Some(PASSWORD)).header("Idempotency-Key", &order.id);
        let answer = request.json(&form).send().await?;
        ensure!(answer.status() == StatusCode::OK, "{}: {}", answer.status(), answer.text().await?);
        answers.push(answer.json::<Value>().await?);
        order.ends("confirmed").await?;
    }
    ensure!(answers[0]["by"] == USER && answers[0]["at"] == answers[1]["at"], "{answers:#?}");
    order.payment("approved").await?;
    is_gone(&cluster, &id).await?;
    // Who did what is in the saga and in the audit.
    let saga = order.saga().await?;
    let acts: Vec<&Value> =
        saga["operations"].as_array().into_iter().flatten().map(|operation| &operation["action"]).collect();
    ensure!(acts == ["claim", "complete"], "{acts:?}");
    ensure!(saga["history"].to_string().contains("complete by techlead: the money is there"), "{saga:#}");
    let audit = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/audit?by={USER}")).await?;
    ensure!(audit.context("an audit")?.to_string().contains("the money is there"), "the audit lacks it");
    let sent = cluster.kafka.about("payment-results", &order.id).await?;
    let own = sent.iter().filter(|message| message.header("ce_source").contains("orchestrator")).count();
    ensure!(own == 1, "{own} messages of the task");
    Ok(())
}

async fn a_payment_is_declined_as_a_task(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let id = payment_task(&order);
    open_task(&cluster, &id).await?;
    let form = json!({"fields": {"status": "declined", "reason": "no such account"}, "why": "the bank called"});
    let (status, done) = act(&cluster, &id, "complete", &form).await?;
    ensure!(status == StatusCode::OK && done["action"] == "complete", "{status}: {done:#}");
    order.ends("payment_not_completed").await?;
    order.payment("declined").await?;
    let (status, problem) = act(&cluster, &id, "claim", &json!({})).await?;
    ensure!(status == StatusCode::NOT_FOUND, "{status}: {problem:#}");
    Ok(())
}

async fn a_return_is_inspected_as_a_task(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(4).await?;
    let order = item.order(2).with(delivery_to_ana("standard", "50030-230")).place().await?;
    order.payment("pending").await?;
    order.result("approved").await?;
    order.ends("shipped").await?;
    let back = request_return(&cluster, &order, &json!({"reason": "too small"})).await?;
    let id = format!("{back}.receive-goods");
    let task = open_task(&cluster, &id).await?;
    ensure!(task["role"] == "warehouse" && task["definition"] == "return", "{task:#}");
    let form = json!({"fields": {"status": "received"}, "why": "all pieces are there"});
    let (status, done) = act(&cluster, &id, "complete", &form).await?;
    ensure!(status == StatusCode::OK, "{status}: {done:#}");
    return_is(&order, &back, "returned").await?;
    item.has_stock(4, 0).await?;
    order.payment("refunded").await?;
    order.ends("returned").await?;
    let sent = cluster.kafka.about("goods-received", &back).await?;
    let value: Value = serde_json::from_slice(&sent.first().context("no message")?.value)?;
    ensure!(sent.len() == 1 && value["by"] == USER && value["why"] == "all pieces are there", "{value:#}");
    ensure!(value["at"].is_string() && value["status"] == "received", "{value:#}");
    Ok(())
}

async fn a_claimed_task_is_refused_to_others(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let id = payment_task(&order);
    open_task(&cluster, &id).await?;
    let claim = json!({"by": "ana", "why": "mine", "action": "claim", "step": "payment-result"});
    cluster.kafka.event("saga-commands", "saga.action", &order.id, &claim).await?;
    let path = format!("/api/tasks/{id}");
    until("the claim", SOON, || async {
        let task = cluster.get(cluster.service(Name::Orchestrator)?, &path).await?.unwrap_or_default();
        Ok((task["claimedBy"] == "ana").then_some(()))
    })
    .await?;
    let form = json!({"fields": {"status": "approved"}, "why": "x"});
    for (action, body) in [("claim", json!({})), ("release", json!({})), ("complete", form.clone())] {
        let (status, problem) = act(&cluster, &id, action, &body).await?;
        let detail = problem["detail"].as_str().unwrap_or_default();
        ensure!(status == StatusCode::CONFLICT && detail.contains("claimed by ana since"), "{status}: {problem:#}");
    }
    let (status, problem) = act(&cluster, &id, "claim", &json!({"takeOver": true})).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{status}: {problem:#}");
    let (status, done) = act(&cluster, &id, "claim", &json!({"takeOver": true, "why": "ana is away"})).await?;
    ensure!(status == StatusCode::OK && done["task"]["claimedBy"] == USER, "{status}: {done:#}");
    let (status, done) = act(&cluster, &id, "release", &json!({})).await?;
    ensure!(status == StatusCode::OK && done["task"]["claimedBy"].is_null(), "{status}: {done:#}");
    let (status, done) = act(&cluster, &id, "complete", &form).await?;
    ensure!(status == StatusCode::OK, "{status}: {done:#}");
    order.ends("confirmed").await
}

async fn wrong_requests_for_tasks_are_rejected(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let id = payment_task(&order);
    open_task(&cluster, &id).await?;
    let wrong = json!({"fields": {"status": "authorized", "colour": "red"}, "why": "x"});
    let (status, problem) = act(&cluster, &id, "complete", &wrong).await?;
    let mut pointers: Vec<_> =
        problem["errors"].as_array().into_iter().flatten().filter_map(|error| error["pointer"].as_str()).collect();
    pointers.sort_unstable();
    let expected = ["#/fields/colour", "#/fields/status"];
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && pointers == expected, "{status}: {problem:#}");
    let (status, problem) =
        act(&cluster, &id, "complete", &json!({"fields": {"status": "approved"}, "why": " "})).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{status}: {problem:#}");
    for (path, expected) in [
        ("/api/tasks/x/claim".to_owned(), StatusCode::BAD_REQUEST),
        (format!("/api/tasks/{}.reserve/claim", order.id), StatusCode::NOT_FOUND),
    ] {
        let (status, problem) = send(&cluster, Method::POST, &path, &json!({}), true).await?;
        ensure!(status == expected, "{path}: {status}: {problem:#}");
    }
    let act = json!({"action": "complete", "step": "payment-result", "why": "x"});
    let (status, problem) =
        send(&cluster, Method::POST, &format!("/api/sagas/{}/actions", order.id), &act, true).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{status}: {problem:#}");
    order.result("approved").await?;
    order.ends("confirmed").await?;
    // Whoever answers, the task ends with the wait.
    is_gone(&cluster, &id).await
}

async fn a_viewer_may_not_work_on_tasks(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let id = payment_task(&order);
    open_task(&cluster, &id).await?;
    let orchestrator = cluster.service(Name::Orchestrator)?;
    let form = json!({"fields": {"status": "approved"}, "why": "x"});
    for (action, body) in [("claim", json!({})), ("release", json!({})), ("complete", form)] {
        let url = orchestrator.url(&format!("/api/tasks/{id}/{action}"));
        let answer = cluster.http.post(url).basic_auth(VIEWER, Some(PASSWORD)).json(&body).send().await?;
        ensure!(answer.status() == StatusCode::FORBIDDEN, "{action}: {}", answer.status());
    }
    let url = orchestrator.url(&format!("/api/tasks/{id}"));
    let answer = cluster.http.get(url).basic_auth(VIEWER, Some(PASSWORD)).send().await?;
    ensure!(answer.status() == StatusCode::OK, "a viewer reads: {}", answer.status());
    order.result("declined").await?;
    order.ends("payment_not_completed").await
}

async fn tasks_are_worked_on_from_the_command_line(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let id = payment_task(&order);
    open_task(&cluster, &id).await?;
    let claimed = sagactl::text(&cluster, &["tasks", "claim", &id]).await?;
    ensure!(claimed.starts_with(&format!("claim of {id} by {USER}")), "{claimed}");
    let listed = sagactl::text(&cluster, &["tasks", "list", "--claimed-by", USER, "--kind", "payment-result"]).await?;
    ensure!(listed.contains(&id) && listed.contains("CLAIMED BY"), "{listed}");
    let shown = sagactl::text(&cluster, &["tasks", "show", &id]).await?;
    ensure!(shown.contains("approved, declined") && shown.contains("finance"), "{shown}");
    let complete = ["tasks", "complete", &id, "--field", "status=approved", "--why", "seen", "-o", "json"];
    let done: Value = serde_json::from_str(&sagactl::text(&cluster, &complete).await?)?;
    ensure!(done["action"] == "complete" && done["why"] == "seen", "{done:#}");
    order.ends("confirmed").await
}

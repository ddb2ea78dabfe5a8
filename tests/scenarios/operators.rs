//! Operations on sagas through the API, their errors, and queries for sagas.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, PASSWORD, USER};
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{SOON, until_is};

crate::group::scenarios!(
    a_saga_is_paused_and_resumed,
    a_saga_is_cancelled,
    a_cancelled_order_is_cancelling_until_all_is_undone,
    operations_need_a_login,
    invalid_operations_are_rejected_with_a_reason,
    many_are_cancelled_after_a_dry_run,
    sagas_are_found_by_their_fields,
    an_unreadable_operation_goes_to_the_dead_letters,
);

/// Sends a request to the orchestrator, with or without the dashboard's user. Returns the status and the JSON.
pub(crate) async fn send(
    cluster: &Cluster,
    method: Method,
    path: &str,
    body: &Value,
    login: bool,
) -> Result<(StatusCode, Value)> {
    let url = cluster.service(Name::Orchestrator)?.url(path);
    let request = cluster.http.request(method, url).json(body);
    let request = if login { request.basic_auth(USER, Some(PASSWORD)) } else { request };
    let answer = request.send().await?;
    let status = answer.status();
    Ok((status, answer.json().await.with_context(|| format!("{path} returns {status}"))?))
}

async fn operate(cluster: &Cluster, order: &PlacedOrder, action: &str) -> Result<(StatusCode, Value)> {
    let body = json!({"action": action, "why": "the customer called"});
    send(cluster, Method::POST, &format!("/api/sagas/{}/actions", order.id), &body, true).await
}

/// An order that waits for its payment's result.
pub async fn waiting(cluster: &Arc<Cluster>) -> Result<PlacedOrder> {
    let order = cluster.item(10).await?.order(2).place().await?;
    until_waiting(&order).await?;
    Ok(order)
}

/// Waits until an order waits for its payment's result, in the orchestrator's view, too.
pub async fn until_waiting(order: &PlacedOrder) -> Result<()> {
    order.payment("pending").await?;
    until_is("the saga's step", json!(["payment-result"]), SOON, || async {
        Ok(order.saga().await?["currentSteps"].clone())
    })
    .await
}

/// Waits until the saga has this status: an order ends before its saga.
async fn saga_is(order: &PlacedOrder, status: &str) -> Result<()> {
    until_is("the saga", json!(status), SOON, || async { Ok(order.saga().await?["status"].clone()) }).await
}

async fn a_saga_is_paused_and_resumed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let (status, saga) = operate(&cluster, &order, "pause").await?;
    ensure!(status == StatusCode::OK && saga["status"] == "paused", "{status}: {saga:#}");
    ensure!(
        saga["operations"][0]["by"] == "techlead" && saga["operations"][0]["why"] == "the customer called",
        "{saga:#}"
    );
    order.result("approved").await?;
    // The result is accepted.
    until_is("its step", json!("done"), SOON, || async { Ok(order.step("payment-result").await?["status"].clone()) })
        .await?;
    cluster.confirms_an_order().await?;
    ensure!(order.saga().await?["status"] == "paused");
    order.is_underway().await?;
    let (status, saga) = operate(&cluster, &order, "resume").await?;
    ensure!(status == StatusCode::OK, "{status}: {saga:#}");
    order.ends("confirmed").await
}

async fn a_saga_is_cancelled(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let (status, saga) = operate(&cluster, &order, "cancel").await?;
    ensure!(status == StatusCode::OK && saga["ending"]["reason"] == "cancelled_by_operator", "{status}: {saga:#}");
    order.ends("cancelled").await?;
    order.has_reason("cancelled_by_operator").await?;
    order.reservation("released").await?;
    order.payment("cancelled").await?;
    order.result("approved").await?;
    order.payment("refunded").await
}

async fn a_cancelled_order_is_cancelling_until_all_is_undone(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let payments = cluster.service(Name::Payments)?;
    // Nothing can be undone meanwhile.
    payments.sigterm().await?;
    let (status, saga) = operate(&cluster, &order, "cancel").await?;
    ensure!(status == StatusCode::OK && saga["status"] == "compensating", "{status}: {saga:#}");
    until_is("the order", json!("cancelling"), SOON, || async { Ok(order.get().await?["status"].clone()) }).await?;
    order.is_underway().await?;
    let listed = cluster.get(cluster.service(Name::Orders)?, "/orders?status=cancelling").await?.unwrap_or_default();
    ensure!(listed["items"].to_string().contains(&order.id), "{listed:#}");
    payments.restart().await?;
    order.ends("cancelled").await?;
    order.has_reason("cancelled_by_operator").await
}

async fn operations_need_a_login(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let body = json!({"action": "pause", "why": "look"});
    for path in [format!("/api/sagas/{}/actions", order.id), "/api/sagas/actions".to_owned()] {
        let body = if path.contains(&order.id) {
            body.clone()
        } else {
            json!({"action": "pause", "why": "look", "filter": {"status": "running"}})
        };
        let url = cluster.service(Name::Orchestrator)?.url(&path);
        let anonymous = cluster.http.post(&url).json(&body).send().await?;
        ensure!(anonymous.status() == StatusCode::UNAUTHORIZED);
        ensure!(anonymous.headers()["www-authenticate"].to_str()?.starts_with("Basic realm="));
        let wrong = cluster.http.post(&url).json(&body).basic_auth("techlead", Some("guess")).send().await?;
        ensure!(wrong.status() == StatusCode::UNAUTHORIZED);
    }
    ensure!(order.saga().await?["operations"] == json!([]), "an operation was executed");
    for path in
        ["/api/sagas", "/api/flow", "/api/incidents", "/api/throughput", "/api/definitions", "/api/openapi.json"]
    {
        let url = cluster.service(Name::Orchestrator)?.url(path);
        let anonymous = cluster.http.get(&url).send().await?.status();
        ensure!(anonymous == StatusCode::UNAUTHORIZED, "{path} is open: {anonymous}");
    }
    order.result("approved").await?;
    order.ends("confirmed").await
}

async fn invalid_operations_are_rejected_with_a_reason(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let (status, body) = operate(&cluster, &order, "resume").await?;
    ensure!(status == StatusCode::CONFLICT, "{status}: {body}");
    ensure!(
        body["detail"] == "resume is not possible: the saga is running: only a paused saga can be resumed.",
        "{body}"
    );
    let path = format!("/api/sagas/{}/actions", order.id);
    for (input, words) in [
        (json!({"action": "explode", "why": "w"}), "must be one of"),
        (json!({"action": "skip", "why": "w"}), "step"),
        (json!({"action": "pause", "why": " "}), "/why"),
        (json!({"action": "pause"}), "why"),
    ] {
        let (status, body) = send(&cluster, Method::POST, &path, &input, true).await?;
        ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && body.to_string().contains(words), "{status}: {body}");
    }
    let unknown = "/api/sagas/00000000-0000-4000-8000-000000000000/actions";
    let (status, body) = send(&cluster, Method::POST, unknown, &json!({"action": "pause", "why": "w"}), true).await?;
    ensure!(status == StatusCode::NOT_FOUND, "{status}: {body}");
    order.result("declined").await?;
    order.ends("payment_not_completed").await?;
    saga_is(&order, "compensated").await?;
    let (status, body) = operate(&cluster, &order, "cancel").await?;
    ensure!(
        status == StatusCode::CONFLICT && body["detail"].to_string().contains("the saga is compensated already"),
        "{body}"
    );
    Ok(())
}

async fn many_are_cancelled_after_a_dry_run(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let customer = cluster.order().customer;
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(item.order(1).by(&customer).place().await?);
    }
    for order in &orders {
        until_waiting(order).await?;
    }
    let bulk = |dry: bool| {
        let filter = json!({"status": "running", "customer": customer});
        json!({"action": "cancel", "why": "the runner burned down", "filter": filter, "dryRun": dry})
    };
    let (status, body) = send(&cluster, Method::POST, "/api/sagas/actions", &bulk(true), true).await?;
    ensure!(status == StatusCode::OK && body["count"] == 3 && body["dryRun"] == true, "{status}: {body:#}");
    let listed = body["items"].as_array().cloned().unwrap_or_default();
    ensure!(orders.iter().all(|order| listed.iter().any(|saga| saga["id"] == order.id)), "{body:#}");
    ensure!(orders[0].saga().await?["status"] == "running", "the dry run changed a saga");
    let (status, body) = send(&cluster, Method::POST, "/api/sagas/actions", &bulk(false), true).await?;
    ensure!(status == StatusCode::OK && body["done"] == 3, "{status}: {body:#}");
    for order in &orders {
        order.ends("cancelled").await?;
        saga_is(order, "compensated").await?;
    }
    item.has_stock(10, 0).await?;
    let (status, body) = send(&cluster, Method::POST, "/api/sagas/actions", &bulk(false), true).await?;
    ensure!(status == StatusCode::OK && body["count"] == 0, "{status}: {body:#}");
    let all = json!({"action": "cancel", "why": "w", "filter": {}});
    let (status, body) = send(&cluster, Method::POST, "/api/sagas/actions", &all, true).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && body["errors"][0]["pointer"] == "#/filter", "{body:#}");
    Ok(())
}

async fn sagas_are_found_by_their_fields(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let customer = cluster.order().customer;
    let done = item.order(1).by(&customer).place().await?;
    let waiting = item.order(1).by(&customer).place().await?;
    until_waiting(&done).await?;
    done.result("approved").await?;
    done.ends("confirmed").await?;
    saga_is(&done, "completed").await?;
    until_waiting(&waiting).await?;
    let filter = format!("customer={customer}");
    for (query, expected) in [
        (filter.clone(), vec![&waiting, &done]),
        (format!("{filter}&limit=1"), vec![&waiting]),
        (format!("{filter}&status=running"), vec![&waiting]),
        (format!("{filter}&status=completed&definition=order&version=8"), vec![&done]),
        (format!("{filter}&version=1"), vec![]),
        (format!("{filter}&definition=gift-card"), vec![]),
        (format!("{filter}&step=payment-result"), vec![&waiting]),
        (format!("{filter}&step=payment"), vec![]),
        (format!("{filter}&waitingLongerThan=0s"), vec![&waiting]),
        (format!("{filter}&waitingLongerThan=1h"), vec![]),
        (format!("text={}", item.id.to_uppercase()), vec![&waiting, &done]),
        (format!("text={}&status=completed", item.id), vec![&done]),
        (format!("{filter}&text=no-such-text"), vec![]),
    ] {
        let found = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas?{query}")).await?;
        let found = found.unwrap_or_default();
        let ids: Vec<&str> = found["items"].as_array().into_iter().flatten().filter_map(|i| i["id"].as_str()).collect();
        let expected: Vec<&str> = expected.iter().map(|order| order.id.as_str()).collect();
        ensure!(ids == expected, "{query} finds {found:#}");
    }
    let page = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas?{filter}&limit=1")).await?;
    let next = page.as_ref().and_then(|page| page["next"].as_str()).context("no next page")?.to_owned();
    let rest = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas?{filter}&cursor={next}")).await?;
    ensure!(rest.context("a page")?["items"][0]["id"] == done.id);
    for (query, words) in
        [("waitingLongerThan=long", "30s or 5m"), ("status=odd", "one of running"), ("colour=red", "colour")]
    {
        let url = cluster.service(Name::Orchestrator)?.url(&format!("/api/sagas?{query}"));
        let answer = cluster.http.get(url).basic_auth(USER, Some(PASSWORD)).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status == StatusCode::BAD_REQUEST && text.contains(words), "{query}: {status} {text}");
    }
    waiting.result("approved").await?;
    waiting.ends("confirmed").await
}

async fn an_unreadable_operation_goes_to_the_dead_letters(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let value = json!({"by": "someone", "why": "w", "action": format!("explode {}", cluster.order().customer)});
    let order = waiting(&cluster).await?;
    cluster.kafka.event("saga-commands", "saga.action", &order.id, &value).await?;
    let dead = cluster.dead_letter("saga-commands", value.to_string().as_bytes()).await?;
    ensure!(dead.header("__streams.errors.message").contains("explode"), "{dead:?}");
    order.result("approved").await?;
    order.ends("confirmed").await
}

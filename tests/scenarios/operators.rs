//! What operators do to sagas through the API, what they are told, and how they find sagas.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, PASSWORD, USER};
use tests::process::Name;
use tests::story::Placed;
use tests::wait::{SOON, until_is};

crate::scenarios!(
    a_saga_is_paused_and_resumed,
    a_saga_is_cancelled,
    acting_needs_a_login,
    acts_are_refused_in_words,
    many_are_cancelled_after_a_dry_run,
    sagas_are_found_by_what_they_are,
    an_act_that_cannot_be_read_goes_to_the_dead_letters,
);

/// A request to the orchestrator, with the dashboard's user or without; its status and its JSON.
pub(crate) async fn ask(
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
    Ok((status, answer.json().await.with_context(|| format!("{path} answers {status}"))?))
}

async fn act(cluster: &Cluster, order: &Placed, action: &str) -> Result<(StatusCode, Value)> {
    let body = json!({"action": action, "why": "the customer called"});
    ask(cluster, Method::POST, &format!("/api/sagas/{}/actions", order.id), &body, true).await
}

/// An order that waits for its payment's result.
async fn waiting(cluster: &Arc<Cluster>) -> Result<Placed> {
    let order = cluster.item(10).await?.order(2).place().await?;
    waits(&order).await?;
    Ok(order)
}

/// Waits until an order waits for its payment's result, for the orchestrator's view too.
async fn waits(order: &Placed) -> Result<()> {
    order.payment("pending").await?;
    until_is("the saga's step", json!(["payment-result"]), SOON, || async {
        Ok(order.saga().await?["currentSteps"].clone())
    })
    .await
}

/// Waits until the saga has this status: an order is told of its end before its saga has ended.
async fn saga_is(order: &Placed, status: &str) -> Result<()> {
    until_is("the saga", json!(status), SOON, || async { Ok(order.saga().await?["status"].clone()) }).await
}

async fn a_saga_is_paused_and_resumed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let (status, saga) = act(&cluster, &order, "pause").await?;
    ensure!(status == StatusCode::OK && saga["status"] == "paused", "{status}: {saga:#}");
    ensure!(
        saga["operations"][0]["by"] == "techlead" && saga["operations"][0]["why"] == "the customer called",
        "{saga:#}"
    );
    order.result("approved").await?;
    // The answer is taken.
    until_is("its step", json!("done"), SOON, || async { Ok(order.step("payment-result").await?["status"].clone()) })
        .await?;
    cluster.goes_on().await?;
    ensure!(order.saga().await?["status"] == "paused");
    order.is_underway().await?;
    let (status, saga) = act(&cluster, &order, "resume").await?;
    ensure!(status == StatusCode::OK, "{status}: {saga:#}");
    order.ends("confirmed").await
}

async fn a_saga_is_cancelled(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let (status, saga) = act(&cluster, &order, "cancel").await?;
    ensure!(status == StatusCode::OK && saga["ending"]["reason"] == "cancelled_by_operator", "{status}: {saga:#}");
    order.ends("cancelled").await?;
    order.because("cancelled_by_operator").await?;
    order.reservation("released").await?;
    order.payment("cancelled").await?;
    order.result("approved").await?;
    order.payment("refunded").await
}

async fn acting_needs_a_login(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let body = json!({"action": "pause", "why": "look"});
    for path in [format!("/api/sagas/{}/actions", order.id), "/api/sagas/actions".to_owned()] {
        let body = if path.contains(&order.id) {
            body.clone()
        } else {
            json!({"action": "pause", "why": "look", "filter": {"status": "running"}})
        };
        let url = cluster.service(Name::Orchestrator)?.url(&path);
        let nobody = cluster.http.post(&url).json(&body).send().await?;
        ensure!(nobody.status() == StatusCode::UNAUTHORIZED);
        ensure!(nobody.headers()["www-authenticate"].to_str()?.starts_with("Basic realm="));
        let wrong = cluster.http.post(&url).json(&body).basic_auth("techlead", Some("guess")).send().await?;
        ensure!(wrong.status() == StatusCode::UNAUTHORIZED);
    }
    ensure!(order.saga().await?["operations"] == json!([]), "nothing was done");
    for path in
        ["/api/sagas", "/api/flow", "/api/incidents", "/api/throughput", "/api/definitions", "/api/openapi.json"]
    {
        let url = cluster.service(Name::Orchestrator)?.url(path);
        let nobody = cluster.http.get(&url).send().await?.status();
        ensure!(nobody == StatusCode::UNAUTHORIZED, "{path} is open: {nobody}");
    }
    order.result("approved").await?;
    order.ends("confirmed").await
}

async fn acts_are_refused_in_words(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let (status, told) = act(&cluster, &order, "resume").await?;
    ensure!(status == StatusCode::CONFLICT, "{status}: {told}");
    ensure!(
        told["detail"] == "resume is not possible: the saga is running: only a paused one can be resumed.",
        "{told}"
    );
    let place = format!("/api/sagas/{}/actions", order.id);
    for (body, words) in [
        (json!({"action": "explode", "why": "w"}), "must be one of"),
        (json!({"action": "skip", "why": "w"}), "step"),
        (json!({"action": "pause", "why": " "}), "/why"),
        (json!({"action": "pause"}), "why"),
    ] {
        let (status, told) = ask(&cluster, Method::POST, &place, &body, true).await?;
        ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && told.to_string().contains(words), "{status}: {told}");
    }
    let unknown = "/api/sagas/00000000-0000-4000-8000-000000000000/actions";
    let (status, told) = ask(&cluster, Method::POST, unknown, &json!({"action": "pause", "why": "w"}), true).await?;
    ensure!(status == StatusCode::NOT_FOUND, "{status}: {told}");
    order.result("declined").await?;
    order.ends("payment_not_completed").await?;
    saga_is(&order, "compensated").await?;
    let (status, told) = act(&cluster, &order, "cancel").await?;
    ensure!(
        status == StatusCode::CONFLICT && told["detail"].to_string().contains("the saga is compensated already"),
        "{told}"
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
        waits(order).await?;
    }
    let bulk = |dry: bool| {
        let filter = json!({"status": "running", "customer": customer});
        json!({"action": "cancel", "why": "the stage burned down", "filter": filter, "dryRun": dry})
    };
    let (status, told) = ask(&cluster, Method::POST, "/api/sagas/actions", &bulk(true), true).await?;
    ensure!(status == StatusCode::OK && told["count"] == 3 && told["dryRun"] == true, "{status}: {told:#}");
    let listed = told["items"].as_array().cloned().unwrap_or_default();
    ensure!(orders.iter().all(|order| listed.iter().any(|saga| saga["id"] == order.id)), "{told:#}");
    ensure!(orders[0].saga().await?["status"] == "running", "a dry run does nothing");
    let (status, told) = ask(&cluster, Method::POST, "/api/sagas/actions", &bulk(false), true).await?;
    ensure!(status == StatusCode::OK && told["done"] == 3, "{status}: {told:#}");
    for order in &orders {
        order.ends("cancelled").await?;
        saga_is(order, "compensated").await?;
    }
    item.stands(10, 0).await?;
    let (status, told) = ask(&cluster, Method::POST, "/api/sagas/actions", &bulk(false), true).await?;
    ensure!(status == StatusCode::OK && told["count"] == 0, "{status}: {told:#}");
    let all = json!({"action": "cancel", "why": "w", "filter": {}});
    let (status, told) = ask(&cluster, Method::POST, "/api/sagas/actions", &all, true).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && told["errors"][0]["pointer"] == "#/filter", "{told:#}");
    Ok(())
}

async fn sagas_are_found_by_what_they_are(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let customer = cluster.order().customer;
    let done = item.order(1).by(&customer).place().await?;
    let waits = item.order(1).by(&customer).place().await?;
    self::waits(&done).await?;
    done.result("approved").await?;
    done.ends("confirmed").await?;
    saga_is(&done, "completed").await?;
    self::waits(&waits).await?;
    let mine = format!("customer={customer}");
    for (query, expected) in [
        (mine.clone(), vec![&waits, &done]),
        (format!("{mine}&limit=1"), vec![&waits]),
        (format!("{mine}&status=running"), vec![&waits]),
        (format!("{mine}&status=completed&definition=order&version=3"), vec![&done]),
        (format!("{mine}&version=1"), vec![]),
        (format!("{mine}&definition=gift-card"), vec![]),
        (format!("{mine}&step=payment-result"), vec![&waits]),
        (format!("{mine}&step=payment"), vec![]),
        (format!("{mine}&waitingLongerThan=0s"), vec![&waits]),
        (format!("{mine}&waitingLongerThan=1h"), vec![]),
        (format!("text={}", item.id.to_uppercase()), vec![&waits, &done]),
        (format!("text={}&status=completed", item.id), vec![&done]),
        (format!("{mine}&text=no-such-text"), vec![]),
    ] {
        let found = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas?{query}")).await?;
        let found = found.unwrap_or_default();
        let ids: Vec<&str> = found["items"].as_array().into_iter().flatten().filter_map(|i| i["id"].as_str()).collect();
        let expected: Vec<&str> = expected.iter().map(|order| order.id.as_str()).collect();
        ensure!(ids == expected, "{query} finds {found:#}");
    }
    let page = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas?{mine}&limit=1")).await?;
    let next = page.as_ref().and_then(|page| page["next"].as_str()).context("there is another page")?.to_owned();
    let rest = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas?{mine}&cursor={next}")).await?;
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
    waits.result("approved").await?;
    waits.ends("confirmed").await
}

async fn an_act_that_cannot_be_read_goes_to_the_dead_letters(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let value = json!({"by": "someone", "why": "w", "action": format!("explode {}", cluster.order().customer)});
    let order = waiting(&cluster).await?;
    cluster.kafka.event("saga-commands", "saga.action", &order.id, &value).await?;
    let dead = cluster.dead_letter("saga-commands", value.to_string().as_bytes()).await?;
    ensure!(dead.header("__streams.errors.message").contains("explode"), "{dead:?}");
    order.result("approved").await?;
    order.ends("confirmed").await
}

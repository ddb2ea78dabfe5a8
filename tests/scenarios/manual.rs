//! The provider in manual mode: orders wait until a person publishes the result, with no key and no headers, anywhere,
//! early, twice; and services that are away when they are needed.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::process::Name;
use tests::story::{Placed, RESULTS};
use tests::wait::{SOON, until_is};

crate::scenarios!(
    approved_by_hand,
    approved_by_http,
    declined_by_http,
    called_off_by_http,
    approved_on_the_wrong_partition,
    declined_on_the_wrong_partition,
    approved_in_capitals,
    approved_twice,
    approved_then_declined,
    early_result_while_payment_stands_still,
    early_result_while_inventory_stands_still,
    payment_is_down_when_it_is_asked,
    views_are_lost,
    a_customer_takes_an_order_back,
    a_customer_comes_too_late,
);

/// An order that waits for its result.
async fn waiting(cluster: &Arc<Cluster>) -> Result<(Placed, tests::story::Item)> {
    let item = cluster.item(10).await?;
    let order = item.order(2).place().await?;
    order.payment("pending").await?;
    order.reservation("reserved").await?;
    item.stands(10, 2).await?;
    order.is_underway().await?;
    Ok((order, item))
}

async fn is_paid(order: &Placed, item: &tests::story::Item) -> Result<()> {
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    order.reservation("confirmed").await?;
    item.stands(8, 0).await
}

async fn approved_by_hand(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    order.result("approved").await?;
    is_paid(&order, &item).await
}

/// Does something about an order's payment by HTTP: the status, and what the payment is then.
async fn by_http(cluster: &Cluster, order: &Placed, what: &str, body: Option<Value>) -> Result<(StatusCode, Value)> {
    let url = cluster.service(Name::Payments)?.url(&format!("/payments/{}/{what}", order.id));
    let request = cluster.http.post(url);
    let answer = body.into_iter().fold(request, |request, body| request.json(&body)).send().await?;
    Ok((answer.status(), answer.json().await?))
}

async fn approved_by_http(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    for _ in 0..2 {
        let (status, payment) = by_http(&cluster, &order, "approve", None).await?;
        ensure!(status == StatusCode::OK && payment["status"] == "approved", "{status} {payment}");
    }
    is_paid(&order, &item).await?;
    let (status, problem) = by_http(&cluster, &order, "decline", None).await?;
    ensure!(status == StatusCode::CONFLICT && problem["detail"].is_string(), "{status} {problem}");
    order.payment("approved").await
}

async fn declined_by_http(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    let why = json!({ "reason": "the card expired" });
    let (status, payment) = by_http(&cluster, &order, "decline", Some(why)).await?;
    ensure!(status == StatusCode::OK && payment["status"] == "declined", "{status} {payment}");
    ensure!(payment["history"].to_string().contains("the card expired"), "{payment}");
    order.ends("payment_not_completed").await?;
    order.because("payment_declined").await?;
    item.stands(10, 0).await
}

async fn called_off_by_http(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    let (status, payment) = by_http(&cluster, &order, "cancel", None).await?;
    ensure!(status == StatusCode::OK && payment["status"] == "declined", "{status} {payment}");
    order.ends("payment_not_completed").await?;
    item.stands(10, 0).await?;
    // Somebody approves it all the same: it is given back.
    order.result("approved").await?;
    order.payment("refunded").await
}

async fn approved_on_the_wrong_partition(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    order.result_elsewhere("approved").await?;
    is_paid(&order, &item).await
}

async fn declined_on_the_wrong_partition(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    order.result_elsewhere("declined").await?;
    order.ends("payment_not_completed").await?;
    order.because("payment_declined").await?;
    order.payment("declined").await?;
    order.reservation("released").await?;
    item.stands(10, 0).await
}

async fn approved_in_capitals(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    let text = format!("{{ \"status\": \"approved\",\n  \"orderId\": \"{}\" }}\n", order.id.to_uppercase());
    cluster.kafka.publish(RESULTS, None, text.as_bytes()).await?;
    is_paid(&order, &item).await
}

async fn approved_twice(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    order.result("approved").await?;
    order.result("approved").await?;
    is_paid(&order, &item).await?;
    order.result_elsewhere("approved").await?;
    cluster.goes_on().await?;
    is_paid(&order, &item).await
}

async fn approved_then_declined(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    order.result("approved").await?;
    order.result("declined").await?;
    is_paid(&order, &item).await?;
    cluster.goes_on().await?;
    is_paid(&order, &item).await
}

async fn early_result_while_payment_stands_still(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    early(&cluster, Name::Payments).await
}

async fn early_result_while_inventory_stands_still(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    early(&cluster, Name::Inventory).await
}

/// The approval is there before the saga waits for it: the service before that step stands still.
async fn early(cluster: &Arc<Cluster>, name: Name) -> Result<()> {
    let item = cluster.item(10).await?;
    let still = cluster.service(name)?;
    still.sigstop()?;
    let placed = async {
        let order = item.order(2).place().await?;
        order.is_told(common::topics::CREATED_ORDERS, "order.created").await?;
        order.result("approved").await?;
        order.is_underway().await?;
        anyhow::Ok(order)
    };
    let order = placed.await;
    still.sigcont()?;
    let order = order.with_context(|| format!("while {} stands still", name.binary()))?;
    is_paid(&order, &item).await?;
    still.ready().await
}

async fn payment_is_down_when_it_is_asked(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let payments = cluster.service(Name::Payments)?;
    payments.sigterm().await?;
    let order = item.order(2).place().await?;
    order.is_told(common::topics::PAYMENT_COMMANDS, "payment.request").await?;
    order.reservation("reserved").await?;
    payments.restart().await?;
    order.payment("pending").await?;
    order.result("approved").await?;
    is_paid(&order, &item).await
}

async fn views_are_lost(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    // That it waits is told a moment later.
    until_is("the order", json!("awaiting_payment"), SOON, || async { Ok(order.now().await?["status"].clone()) })
        .await?;
    let before = cluster.orders("").await?;
    cluster.stop().await?;
    for service in cluster.services() {
        std::fs::remove_dir_all(service.view())?;
        service.start()?;
    }
    for service in cluster.services() {
        service.ready().await?;
    }
    let after = cluster.orders("").await?;
    ensure!(before == after, "the same {} orders are listed as before, and not {}", before.len(), after.len());
    item.stands(10, 2).await?;
    order.payment("pending").await?;
    order.reservation("reserved").await?;
    order.result("approved").await?;
    is_paid(&order, &item).await?;
    cluster.goes_on().await
}

async fn take_back(cluster: &Cluster, order: &Placed, reason: &str) -> Result<(StatusCode, Value)> {
    let url = cluster.service(Name::Orders)?.url(&format!("/orders/{}/cancel", order.id));
    let answer = cluster.http.post(url).json(&json!({"reason": reason})).send().await?;
    Ok((answer.status(), answer.json().await?))
}

async fn a_customer_takes_an_order_back(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    let (status, told) = take_back(&cluster, &order, "the wrong day").await?;
    ensure!(status == StatusCode::ACCEPTED && told["cancellation"]["why"] == "the wrong day", "{status}: {told}");
    order.ends("cancelled").await?;
    order.because("cancelled_by_customer").await?;
    order.payment("cancelled").await?;
    order.reservation("released").await?;
    item.stands(10, 0).await?;
    let (status, told) = take_back(&cluster, &order, "once more").await?;
    ensure!(status == StatusCode::ACCEPTED && told["cancellation"]["outcome"] == "cancelled", "{status}: {told}");
    // The customer pays all the same: the money goes back.
    order.result("approved").await?;
    order.payment("refunded").await?;
    order.ends("cancelled").await
}

async fn a_customer_comes_too_late(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    order.result("approved").await?;
    is_paid(&order, &item).await?;
    let (status, told) = take_back(&cluster, &order, "no").await?;
    ensure!(status == StatusCode::CONFLICT && told["orderStatus"] == "confirmed", "{status}: {told}");
    ensure!(told["detail"].to_string().contains("is confirmed since"), "{told}");
    is_paid(&order, &item).await?;
    let nobody = Placed::known(&cluster, &uuid::Uuid::new_v4().to_string());
    let (status, told) = take_back(&cluster, &nobody, "no").await?;
    ensure!(status == StatusCode::NOT_FOUND, "{status}: {told}");
    let (status, told) = take_back(&cluster, &order, &"x".repeat(5_000)).await?;
    ensure!(
        status == StatusCode::UNPROCESSABLE_ENTITY && told["errors"][0]["pointer"] == "#/reason",
        "{status}: {told}"
    );
    Ok(())
}

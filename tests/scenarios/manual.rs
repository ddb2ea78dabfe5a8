//! The provider in manual mode: orders wait until an operator publishes the result, without key and headers, on any
//! partition, early, or twice; and services that are down or stopped.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::orders::{PlacedOrder, RESULTS};
use tests::process::Name;
use tests::wait::{SOON, until, until_is};

crate::group::scenarios!(
    approved_by_hand,
    approved_by_http,
    declined_by_http,
    cancelled_by_http,
    approved_on_the_wrong_partition,
    declined_on_the_wrong_partition,
    approved_in_capitals,
    approved_twice,
    approved_then_declined,
    a_second_charge_of_an_order_is_refunded,
    the_same_approval_of_a_declined_payment_is_refunded_once,
    early_result_while_payment_is_stopped,
    early_result_while_inventory_is_stopped,
    payment_is_down_when_it_is_requested,
    views_are_lost,
    a_customer_cancels_an_order,
    a_customer_cancels_too_late,
    the_invoice_is_due_before_the_payment_and_then_paid_or_void,
);

/// An order that waits for its payment's result.
async fn waiting(cluster: &Arc<Cluster>) -> Result<(PlacedOrder, tests::items::Item)> {
    let item = cluster.item(10).await?;
    let order = item.order(2).place().await?;
    order.payment("pending").await?;
    order.reservation("reserved").await?;
    item.has_stock(10, 2).await?;
    order.is_underway().await?;
    Ok((order, item))
}

async fn is_paid(order: &PlacedOrder, item: &tests::items::Item) -> Result<()> {
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    order.reservation("confirmed").await?;
    item.has_stock(8, 0).await
}

async fn approved_by_hand(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    order.result("approved").await?;
    is_paid(&order, &item).await
}

/// Changes an order's payment by HTTP. Returns the status and the payment.
async fn by_http(
    cluster: &Cluster,
    order: &PlacedOrder,
    what: &str,
    body: Option<Value>,
) -> Result<(StatusCode, Value)> {
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
    order.has_reason("payment_declined").await?;
    item.has_stock(10, 0).await
}

async fn cancelled_by_http(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    let (status, payment) = by_http(&cluster, &order, "cancel", None).await?;
    ensure!(status == StatusCode::OK && payment["status"] == "declined", "{status} {payment}");
    order.ends("payment_not_completed").await?;
    item.has_stock(10, 0).await?;
    // A later approval is refunded.
    order.result("approved").await?;
    order.payment("refunded").await
}

async fn approved_on_the_wrong_partition(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    order.result_on_other_partition("approved").await?;
    is_paid(&order, &item).await
}

async fn declined_on_the_wrong_partition(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    order.result_on_other_partition("declined").await?;
    order.ends("payment_not_completed").await?;
    order.has_reason("payment_declined").await?;
    order.payment("declined").await?;
    order.reservation("released").await?;
    item.has_stock(10, 0).await
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
    order.result_on_other_partition("approved").await?;
    cluster.confirms_an_order().await?;
    is_paid(&order, &item).await
}

async fn approved_then_declined(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    order.result("approved").await?;
    order.result("declined").await?;
    is_paid(&order, &item).await?;
    cluster.confirms_an_order().await?;
    is_paid(&order, &item).await
}

async fn a_second_charge_of_an_order_is_refunded(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    for payment in ["bank-1", "bank-2", "bank-1", "bank-2"] {
        let text = format!(r#"{{"orderId":"{}","status":"approved","paymentId":"{payment}"}}"#, order.id);
        cluster.kafka.publish(RESULTS, Some(order.partition()), text.as_bytes()).await?;
    }
    is_paid(&order, &item).await?;
    has_booked(&cluster, &order, 21.0, 10.5).await?;
    is_paid(&order, &item).await
}

async fn the_same_approval_of_a_declined_payment_is_refunded_once(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, _) = waiting(&cluster).await?;
    order.result("declined").await?;
    order.ends("payment_not_completed").await?;
    order.result("approved").await?;
    order.result_on_other_partition("approved").await?;
    order.payment("refunded").await?;
    order.result("approved").await?;
    cluster.confirms_an_order().await?;
    order.payment("refunded").await?;
    has_booked(&cluster, &order, 10.5, 10.5).await
}

/// Waits until this is captured and refunded of an order's payment.
async fn has_booked(cluster: &Cluster, order: &PlacedOrder, captured: f64, refunded: f64) -> Result<()> {
    let what = format!("{captured} captured and {refunded} refunded of order {}", order.id);
    until_is(&what, (json!(captured), json!(refunded)), SOON, || async {
        let path = format!("/payments/{}", order.id);
        let payment = cluster.get(cluster.service(Name::Payments)?, &path).await?.unwrap_or_default();
        Ok((payment["captured"].clone(), payment["refunded"].clone()))
    })
    .await
}

async fn early_result_while_payment_is_stopped(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    early(&cluster, Name::Payments).await
}

async fn early_result_while_inventory_is_stopped(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    early(&cluster, Name::Inventory).await
}

/// The approval arrives before the saga waits for it, while the service of an earlier step is stopped.
async fn early(cluster: &Arc<Cluster>, name: Name) -> Result<()> {
    let item = cluster.item(10).await?;
    let stopped = cluster.service(name)?;
    stopped.sigstop()?;
    let placed = async {
        let order = item.order(2).place().await?;
        order.has_message(common::topics::CREATED_ORDERS, "order.created").await?;
        order.result("approved").await?;
        order.is_underway().await?;
        anyhow::Ok(order)
    };
    let order = placed.await;
    stopped.sigcont()?;
    let order = order.with_context(|| format!("while {} is stopped", name.binary()))?;
    is_paid(&order, &item).await?;
    stopped.ready().await
}

async fn payment_is_down_when_it_is_requested(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let payments = cluster.service(Name::Payments)?;
    payments.sigterm().await?;
    let order = item.order(2).place().await?;
    order.has_message(common::topics::PAYMENT_COMMANDS, "payment.request").await?;
    order.reservation("reserved").await?;
    payments.restart().await?;
    order.payment("pending").await?;
    order.result("approved").await?;
    is_paid(&order, &item).await
}

async fn views_are_lost(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    // The status changes a moment later.
    until_is("the order", json!("awaiting_payment"), SOON, || async { Ok(order.get().await?["status"].clone()) })
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
    ensure!(before == after, "{} orders were listed before, and others or {} after", before.len(), after.len());
    item.has_stock(10, 2).await?;
    order.payment("pending").await?;
    order.reservation("reserved").await?;
    order.result("approved").await?;
    is_paid(&order, &item).await?;
    cluster.confirms_an_order().await
}

async fn cancel(cluster: &Cluster, order: &PlacedOrder, reason: &str) -> Result<(StatusCode, Value)> {
    let url = cluster.service(Name::Orders)?.url(&format!("/orders/{}/cancel", order.id));
    let answer = cluster.http.post(url).json(&json!({"reason": reason})).send().await?;
    Ok((answer.status(), answer.json().await?))
}

async fn a_customer_cancels_an_order(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    let (status, body) = cancel(&cluster, &order, "the wrong day").await?;
    ensure!(status == StatusCode::ACCEPTED && body["cancellation"]["why"] == "the wrong day", "{status}: {body}");
    order.ends("cancelled").await?;
    order.has_reason("cancelled_by_customer").await?;
    order.payment("cancelled").await?;
    order.reservation("released").await?;
    item.has_stock(10, 0).await?;
    let (status, body) = cancel(&cluster, &order, "once more").await?;
    ensure!(status == StatusCode::ACCEPTED && body["cancellation"]["outcome"] == "cancelled", "{status}: {body}");
    // A later payment is refunded.
    order.result("approved").await?;
    order.payment("refunded").await?;
    order.ends("cancelled").await
}

async fn a_customer_cancels_too_late(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = waiting(&cluster).await?;
    order.result("approved").await?;
    is_paid(&order, &item).await?;
    let (status, body) = cancel(&cluster, &order, "no").await?;
    ensure!(status == StatusCode::CONFLICT && body["orderStatus"] == "confirmed", "{status}: {body}");
    ensure!(body["detail"].to_string().contains("is confirmed since"), "{body}");
    is_paid(&order, &item).await?;
    let unknown = PlacedOrder::with_id(&cluster, &uuid::Uuid::new_v4().to_string());
    let (status, body) = cancel(&cluster, &unknown, "no").await?;
    ensure!(status == StatusCode::NOT_FOUND, "{status}: {body}");
    let (status, body) = cancel(&cluster, &order, &"x".repeat(5_000)).await?;
    ensure!(
        status == StatusCode::UNPROCESSABLE_ENTITY && body["errors"][0]["pointer"] == "#/reason",
        "{status}: {body}"
    );
    Ok(())
}

async fn the_invoice_is_due_before_the_payment_and_then_paid_or_void(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    for (result, end, last) in [("approved", "confirmed", "paid"), ("declined", "payment_not_completed", "void")] {
        let (order, _) = waiting(&cluster).await?;
        let path = format!("/orders/{}/invoice", order.id);
        let invoice = || async { cluster.get(cluster.service(Name::Orders)?, &path).await };
        let due = until("the invoice", SOON, invoice).await?;
        ensure!(due["status"] == "open" && due["total"] == 10.5 && due["lines"][0]["quantity"] == 2, "{due:#}");
        order.result(result).await?;
        order.ends(end).await?;
        let ended = invoice().await?.context("the invoice is gone")?;
        ensure!(ended["status"] == last && ended["number"] == due["number"], "{ended:#}");
        ensure!(ended["issuedAt"] == due["issuedAt"], "{ended:#}");
    }
    Ok(())
}

//! To the door: parcels of the simulated carrier, for which a day takes a second, and what the customer sees of them.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use common::topics::{ORDER_EVENTS, SHIPMENT_EVENTS};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, USER};
use tests::items::Item;
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{PATIENT, until};

use crate::events::names_of;
use crate::orders::{delivery_to_ana, notices, post, request_return, return_is};
use crate::tasks::{case_ends, decide, is_gone, open_task};

crate::group::scenarios!(
    an_order_is_delivered_by_the_simulated_carrier,
    a_late_order_is_announced_once_and_delivered,
    an_order_is_delivered_although_the_services_are_killed,
    a_lost_parcel_is_sent_again,
    a_parcel_that_came_back_is_closed_by_an_operator,
    a_lost_parcel_is_sent_again_as_a_task,
    an_order_whose_parcel_came_back_is_refunded_as_a_task,
);

/// Places an order that is shipped to a postal code, and waits until it is.
async fn shipped(item: &Item, postal_code: &str) -> Result<PlacedOrder> {
    let order = item.order(2).with(delivery_to_ana("express", postal_code)).place().await?;
    order.ends("shipped").await?;
    Ok(order)
}

/// Waits until the order shows this status of its shipment, and returns the order.
async fn shipment_is(order: &PlacedOrder, status: &str) -> Result<Value> {
    until(&format!("the shipment of order {} to be {status}", order.id), PATIENT, || async {
        let shown = order.get().await?;
        ensure!(shown["status"] == "shipped" || shown["status"] == "returned", "{shown:#}");
        let is = shown["shipment"]["status"].as_str().unwrap_or_default().to_owned();
        ensure!(is == status, "it is {is}");
        Ok(Some(shown))
    })
    .await
}

/// Waits until a notice of this kind was sent, and returns the kinds of all.
async fn notified(cluster: &Cluster, order: &PlacedOrder, kind: &str) -> Result<Vec<String>> {
    until(&format!("the notice {kind} of order {}", order.id), PATIENT, || async {
        let all = notices(cluster, order, 0).await?;
        let kinds: Vec<_> = all.iter().filter_map(|notice| notice["kind"].as_str().map(str::to_owned)).collect();
        Ok(Some(kinds.clone()).filter(|_| kinds.iter().any(|sent| sent == kind)))
    })
    .await
}

/// Waits for an event about the order, and returns the names of all.
async fn published(cluster: &Cluster, topic: &str, order: &PlacedOrder, last: &str) -> Result<String> {
    until(&format!("{last} of order {} on {topic}", order.id), PATIENT, || async {
        let names = names_of(&cluster.kafka.read(topic).await?, &order.id)?;
        Ok(names.iter().any(|name| name == last).then(|| names.join(" ")))
    })
    .await
}

/// The shipment at inventory-service.
async fn shipment(cluster: &Cluster, order: &PlacedOrder) -> Result<Value> {
    let path = format!("/shipments?orderId={}", order.id);
    let found = cluster.get(cluster.service(Name::Inventory)?, &path).await?.unwrap_or_default();
    Ok(found["items"][0].clone())
}

/// The id of the order's open case, as soon as there is one besides `before`.
async fn open_case(cluster: &Cluster, order: &PlacedOrder, before: &str) -> Result<String> {
    until(&format!("a case of order {}", order.id), PATIENT, || async {
        let case = shipment(cluster, order).await?["caseId"].as_str().map(str::to_owned);
        Ok(case.filter(|case| case != before))
    })
    .await
}

/// Adds pieces to the stock, or removes some.
async fn adjust(cluster: &Cluster, item: &Item, quantity: i64) -> Result<()> {
    let change = json!({"quantity": quantity, "by": "the test", "why": "counted"});
    let path = format!("/stock/{}/adjustments", item.id);
    let (status, answer) = post(cluster, Name::Inventory, &path, &change).await?;
    ensure!(status == StatusCode::CREATED, "{status} {answer}");
    Ok(())
}

async fn an_order_is_delivered_by_the_simulated_carrier(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(5).await?;
    let order = shipped(&item, "50030-230").await?;
    // The stream is open until the delivery.
    let url = cluster.service(Name::Orders)?.url(&format!("/orders/{}/events", order.id));
    let stream = cluster.http.get(url).timeout(PATIENT).send().await?.text().await?;
    ensure!(stream.contains("delivery") && stream.contains("\"status\":\"delivered\""), "{stream}");
    let shown = shipment_is(&order, "delivered").await?;
    let of_order = &shown["shipment"];
    ensure!(of_order["estimatedDate"].is_string() && of_order["deliveredAt"].is_string(), "{shown:#}");
    ensure!(of_order["late"].is_null(), "{shown:#}");
    let timeline = shown["timeline"].as_array().cloned().unwrap_or_default();
    let labels: Vec<_> = timeline.iter().rev().take(3).rev().map(|entry| entry["label"].clone()).collect();
    ensure!(labels == ["Handed over to the carrier", "In transit", "Delivered"], "{timeline:#?}");
    ensure!(notified(&cluster, &order, "delivered").await? == ["shipped", "delivered"]);
    let sent = notices(&cluster, &order, 2).await?;
    let text = sent[1]["text"].as_str().unwrap_or_default();
    ensure!(text.contains("foi entregue em"), "in the customer's language: {text}");
    let events = published(&cluster, ORDER_EVENTS, &order, "delivered").await?;
    ensure!(events == "placed reserved invoiced paid confirmed shipped delivered", "{events}");
    let events = published(&cluster, SHIPMENT_EVENTS, &order, "delivered").await?;
    ensure!(events == "created pickup-booked picked handed-over in-transit delivered", "{events}");
    // The window for returns has begun.
    let returned = request_return(&cluster, &order, &json!({})).await?;
    let path = format!("/returns/{returned}/receipt");
    let received = json!({"status": "received", "by": "rui", "why": "as new"});
    until("the return to be expected", PATIENT, || async {
        let (status, _) = post(&cluster, Name::Inventory, &path, &received).await?;
        Ok(status.is_success().then_some(()))
    })
    .await?;
    return_is(&order, &returned, "returned").await?;
    item.has_stock(5, 0).await?;
    order.ends("returned").await
}

async fn a_late_order_is_announced_once_and_delivered(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(5).await?;
    let order = shipped(&item, "50030-255").await?;
    let shown = shipment_is(&order, "delivered").await?;
    ensure!(shown["shipment"]["late"] == true, "{shown:#}");
    ensure!(notified(&cluster, &order, "delivered").await? == ["shipped", "late", "delivered"]);
    let timeline = shown["timeline"].as_array().cloned().unwrap_or_default();
    ensure!(timeline.iter().filter(|entry| entry["status"] == "late").count() == 1, "{timeline:#?}");
    let events = published(&cluster, SHIPMENT_EVENTS, &order, "delivered").await?;
    ensure!(events.ends_with("in-transit late delivered"), "{events}");
    ensure!(shipment(&cluster, &order).await?["lateSince"].is_string());
    Ok(())
}

async fn an_order_is_delivered_although_the_services_are_killed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(5).await?;
    // To a country that is not near: the parcel takes longer than the restarts.
    let mut more = delivery_to_ana("standard", "10115");
    more["delivery"]["address"]["country"] = json!("DE");
    let order = item.order(2).with(more).place().await?;
    order.ends("shipped").await?;
    for name in [Name::Inventory, Name::Orders] {
        cluster.service(name)?.kill9()?;
        cluster.service(name)?.restart().await?;
    }
    shipment_is(&order, "delivered").await?;
    ensure!(notified(&cluster, &order, "delivered").await? == ["shipped", "delivered"]);
    let events = published(&cluster, ORDER_EVENTS, &order, "delivered").await?;
    ensure!(events == "placed reserved invoiced paid confirmed shipped delivered", "{events}");
    item.has_stock(3, 0).await
}

async fn a_lost_parcel_is_sent_again(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(5).await?;
    let order = shipped(&item, "50030-266").await?;
    let shown = shipment_is(&order, "lost").await?;
    let first = shown["shipment"]["trackingNumber"].clone();
    let path = format!("/orders/{}/returns", order.id);
    let (status, problem) = post(&cluster, Name::Orders, &path, &json!({})).await?;
    ensure!(status == StatusCode::CONFLICT && problem["code"] == "parcel_lost", "{status} {problem}");
    let lost = cluster.get(cluster.service(Name::Inventory)?, "/shipments?status=lost&limit=200").await?;
    let lost = lost.unwrap_or_default();
    let id = lost["items"].as_array().into_iter().flatten().find(|one| one["orderId"] == *order.id);
    let id = id.and_then(|one| one["id"].as_str()).context("the shipment is not listed")?.to_owned();
    let case = open_case(&cluster, &order, "").await?;
    let task = format!("{case}.decide");
    open_task(&cluster, &task).await?;
    let metrics = crate::prometheus::scrape(&cluster, Name::Inventory).await?;
    ensure!(metrics.contains("inventory_shipments_to_resolve{status=\"lost\"} 1"), "{metrics}");

    let resolve = format!("/shipments/{id}/resolve");
    let (status, problem) =
        post(&cluster, Name::Inventory, &resolve, &json!({"action": "burn", "by": "rui", "why": "lost"})).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{status} {problem}");
    let resend = json!({"action": "resend", "by": "rui", "why": "the carrier lost it"});
    let (status, resolved) = post(&cluster, Name::Inventory, &resolve, &resend).await?;
    ensure!(status == StatusCode::OK && resolved["parcels"][0]["status"] == "lost", "{status} {resolved}");
    ensure!(resolved["resolutions"][0]["by"] == "rui" && resolved["resolutions"][0]["fromStock"] == true, "{resolved}");
    item.has_stock(1, 0).await?;
    let (status, problem) = post(&cluster, Name::Inventory, &resolve, &resend).await?;
    ensure!(status == StatusCode::CONFLICT, "{status} {problem}");
    // Nobody needs to decide any more.
    let saga = case_ends(&cluster, &case, "settled").await?;
    ensure!(saga["ending"]["reason"] == "settled_elsewhere", "{saga:#}");
    is_gone(&cluster, &task).await?;

    let shown = shipment_is(&order, "delivered").await?;
    ensure!(shown["shipment"]["trackingNumber"] != first, "{shown:#}");
    let kinds = notified(&cluster, &order, "delivered").await?;
    ensure!(kinds == ["shipped", "late", "delivered"], "{kinds:?}");
    let events = published(&cluster, SHIPMENT_EVENTS, &order, "delivered").await?;
    let parcel = "pickup-booked picked handed-over in-transit";
    ensure!(events == format!("created {parcel} late lost created {parcel} delivered"), "{events}");
    crate::stock::movements_match_the_stock(&cluster, &item.id).await?;
    // The final check counts the pieces of one parcel: replace those of the lost one.
    let receipt = json!({"quantity": 2, "by": "the test", "why": "as before"});
    let (status, answer) = post(&cluster, Name::Inventory, &format!("/stock/{}/receipts", item.id), &receipt).await?;
    ensure!(status == StatusCode::CREATED, "{status} {answer}");
    item.has_stock(3, 0).await
}

async fn a_parcel_that_came_back_is_closed_by_an_operator(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(5).await?;
    let order = shipped(&item, "50030-288").await?;
    shipment_is(&order, "returned_to_sender").await?;
    let id = shipment(&cluster, &order).await?["id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/shipments/{id}/resolve");
    let close = json!({"action": "close", "by": "rui", "why": "the customer gets a refund"});
    let (status, closed) = post(&cluster, Name::Inventory, &path, &close).await?;
    ensure!(status == StatusCode::OK && closed["resolutions"][0]["action"] == "close", "{status} {closed}");
    let (status, problem) = post(&cluster, Name::Inventory, &path, &close).await?;
    ensure!(status == StatusCode::CONFLICT && problem.to_string().contains("has closed it"), "{status} {problem}");
    item.has_stock(3, 0).await
}

async fn a_lost_parcel_is_sent_again_as_a_task(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(5).await?;
    let order = shipped(&item, "50030-266").await?;
    let first = shipment_is(&order, "lost").await?["shipment"]["trackingNumber"].clone();
    let case = open_case(&cluster, &order, "").await?;
    let task = open_task(&cluster, &format!("{case}.decide")).await?;
    ensure!(task["role"] == "support" && task["definition"] == "parcel" && task["dueAt"].is_string(), "{task:#}");
    ensure!(task["label"]["pt"] == "Decidir sobre uma encomenda não entregue", "{task:#}");
    ensure!(task["form"].as_array().map(Vec::len) == Some(1), "{task:#}");
    ensure!(task["form"][0]["words"] == json!(["resend", "refund", "close"]), "{task:#}");

    // Too few pieces: somebody must decide again, and is told why.
    adjust(&cluster, &item, -2).await?;
    decide(&cluster, &format!("{case}.decide"), "resend").await?;
    let saga = case_ends(&cluster, &case, "not_resolved").await?;
    ensure!(saga["ending"]["reason"] == "not_resolvable", "{saga:#}");
    let next = open_case(&cluster, &order, &case).await?;
    open_task(&cluster, &format!("{next}.decide")).await?;
    let saga = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas/{next}")).await?;
    let saga = saga.context("the saga of the next case")?;
    let refused = saga["data"]["parcel"]["refused"].as_str().unwrap_or_default();
    ensure!(refused.ends_with(": 2 wanted, 1 available"), "{saga:#}");

    adjust(&cluster, &item, 2).await?;
    decide(&cluster, &format!("{next}.decide"), "resend").await?;
    case_ends(&cluster, &next, "resolved").await?;
    is_gone(&cluster, &format!("{next}.decide")).await?;
    let shown = shipment_is(&order, "delivered").await?;
    ensure!(shown["shipment"]["trackingNumber"] != first, "{shown:#}");
    let shipment = shipment(&cluster, &order).await?;
    let made = &shipment["resolutions"];
    ensure!(made[0]["refused"].is_string() && made[1]["by"] == USER, "{shipment:#}");
    ensure!(made[1]["why"] == "the customer called" && shipment["caseId"].is_null(), "{shipment:#}");
    // The final check counts the pieces of one parcel: replace those of the lost one.
    adjust(&cluster, &item, 2).await?;
    item.has_stock(3, 0).await
}

async fn an_order_whose_parcel_came_back_is_refunded_as_a_task(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(5).await?;
    let order = shipped(&item, "50030-288").await?;
    shipment_is(&order, "returned_to_sender").await?;
    let case = open_case(&cluster, &order, "").await?;
    open_task(&cluster, &format!("{case}.decide")).await?;
    decide(&cluster, &format!("{case}.decide"), "refund").await?;
    case_ends(&cluster, &case, "resolved").await?;
    is_gone(&cluster, &format!("{case}.decide")).await?;
    order.ends("refunded").await?;
    order.has_reason("not_delivered").await?;
    order.payment("refunded").await?;
    let shown = order.get().await?;
    let notes = shown["creditNotes"].as_array().cloned().unwrap_or_default();
    ensure!(notes.len() == 1 && notes[0]["total"] == 10.5 && shown["invoice"]["status"] == "void", "{shown:#}");
    let timeline = shown["timeline"].as_array().cloned().unwrap_or_default();
    let labels: Vec<_> = timeline.iter().map(|entry| entry["label"].clone()).collect();
    ensure!(labels.contains(&json!("Order shipped")), "{labels:?}");
    ensure!(labels.last() == Some(&json!("Refunded, since it did not arrive")), "{labels:?}");
    let kinds = notified(&cluster, &order, "not_delivered").await?;
    ensure!(kinds.last().is_some_and(|last| last == "not_delivered"), "{kinds:?}");
    let events = published(&cluster, ORDER_EVENTS, &order, "refunded").await?;
    ensure!(events == "placed reserved invoiced paid confirmed shipped refunded", "{events}");
    let closed = shipment(&cluster, &order).await?;
    ensure!(closed["resolutions"][0]["action"] == "close" && closed["caseId"].is_null(), "{closed:#}");
    item.has_stock(3, 0).await
}

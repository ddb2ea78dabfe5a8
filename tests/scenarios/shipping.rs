//! Shipments and returns: a saga's commands, and the carrier's and the warehouse's requests by HTTP.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::time::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;
use tests::broker::Broker;
use tests::checker::BY_HAND;
use tests::cluster::Cluster;
use tests::items::Item;
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{SOON, until};
use uuid::Uuid;

crate::group::scenarios!(
    an_order_is_shipped_and_delivered,
    an_unavailable_carrier_is_retried,
    a_carrier_may_refuse,
    a_shipment_is_cancelled,
    an_order_is_picked_up,
    an_order_is_returned,
    events_come_by_webhook_in_any_order,
    a_webhook_with_another_signature_is_refused,
);

/// The secret of the carrier's webhooks.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_c2NlbmFyaW9zIGFyZSB0aGUgY2FycmllciBoZXJl";

/// A confirmed order of two pieces.
async fn confirmed(cluster: &Arc<Cluster>) -> Result<(PlacedOrder, Item)> {
    let item = cluster.item(10).await?;
    let order = item.order(2).place().await?;
    order.ends("confirmed").await?;
    Ok((order, item))
}

/// Sends a command to inventory-service and waits for its reply.
async fn command(cluster: &Cluster, order: &PlacedOrder, kind: &str, value: &Value) -> Result<Value> {
    let replies = || async {
        let all = cluster.kafka.about("saga-replies", &order.id).await?;
        // Replies to the saga's own commands have another step.
        let by_hand = all.into_iter().filter(|reply| reply.header("step") == BY_HAND);
        anyhow::Ok(by_hand.map(|reply| serde_json::from_slice(&reply.value)).collect::<Result<Vec<Value>, _>>()?)
    };
    let before = replies().await?.len();
    let id = Uuid::new_v4().to_string();
    let headers = [("ce_id", &*id), ("saga_id", &order.id), ("step", BY_HAND), ("attempt", "1"), ("action", "execute")];
    cluster.kafka.message("inventory-commands", kind, "main", value, &headers).await?;
    let what = format!("the reply to {kind}");
    until(&what, SOON, || async { Ok(replies().await?.into_iter().nth(before)) }).await
}

async fn ship(cluster: &Cluster, order: &PlacedOrder, method: &str, postal_code: &str) -> Result<Value> {
    let address = json!({"name": "Ana Lima", "line1": "Rua do Sol, 1", "city": "Recife", "postalCode": postal_code,
        "country": "BR"});
    let delivery = json!({"method": method, "address": address});
    command(cluster, order, "inventory.ship", &json!({"orderId": order.id, "delivery": delivery})).await
}

async fn shipment(cluster: &Cluster, order: &PlacedOrder) -> Result<Value> {
    let found = cluster.get(cluster.service(Name::Inventory)?, &format!("/shipments?orderId={}", order.id)).await?;
    Ok(found.unwrap_or_default()["items"][0].clone())
}

async fn post(cluster: &Cluster, path: &str, body: &Value) -> Result<(StatusCode, Value)> {
    let answer = cluster.http.post(cluster.service(Name::Inventory)?.url(path)).json(body).send().await?;
    Ok((answer.status(), answer.json().await?))
}

/// Sends a webhook of the carrier, signed with a secret at a time.
async fn webhook(cluster: &Cluster, secret: &str, id: &str, time: i64, body: &Value) -> Result<(StatusCode, Value)> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or_default())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
    mac.update(format!("{id}.{time}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let url = cluster.service(Name::Inventory)?.url("/carrier/webhooks/tracking");
    let request = cluster.http.post(url).header("webhook-id", id).header("webhook-timestamp", time.to_string());
    let answer = request.header("webhook-signature", signature).body(body.to_string()).send().await?;
    Ok((answer.status(), answer.json().await?))
}

fn tracking(number: &str, status: &str, at: &str) -> Value {
    let data = json!({"trackingNumber": number, "status": status, "at": at, "note": "Recife"});
    json!({"type": "tracking.updated", "data": data})
}

/// Now, in seconds.
fn seconds() -> i64 {
    Timestamp::now().0 / 1000
}

async fn label(cluster: &Cluster, id: &str) -> Result<(StatusCode, String)> {
    let url = cluster.service(Name::Inventory)?.url(&format!("/shipments/{id}/label"));
    let answer = cluster.http.get(url).send().await?;
    Ok((answer.status(), answer.text().await?))
}

async fn an_order_is_shipped_and_delivered(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = confirmed(&cluster).await?;
    let reply = ship(&cluster, &order, "express", "50000-001").await?;
    let data = &reply["data"];
    let number = data["trackingNumber"].as_str().context("a tracking number")?;
    ensure!(reply["outcome"] == "ok" && data["carrier"] == "simulated" && data["method"] == "express", "{reply}");
    ensure!(inventory_service::rules::tracking::is_valid(number), "{number}");
    ensure!(ship(&cluster, &order, "express", "50000-001").await? == reply, "a repeated command has another reply");
    let id = data["shipmentId"].as_str().context("an id")?;
    let (status, text) = label(&cluster, id).await?;
    ensure!(status == StatusCode::OK && text.starts_with("^XA") && text.contains(number), "{status} {text}");

    let events = format!("/shipments/{id}/events");
    for (event, becomes) in
        [("picked", "picked"), ("picked", "picked"), ("delivered", "delivered"), ("handed_over", "delivered")]
    {
        let (status, shipment) = post(&cluster, &events, &json!({ "status": event })).await?;
        ensure!(status == StatusCode::OK && shipment["status"] == becomes, "{event}: {status} {shipment}");
    }
    let (status, problem) = post(&cluster, &events, &json!({"status": "stolen"})).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{status} {problem}");
    let shipment = shipment(&cluster, &order).await?;
    let history: Vec<_> = shipment["history"].as_array().into_iter().flatten().map(|event| &event["status"]).collect();
    ensure!(history == ["requested", "created", "picked", "delivered", "handed_over"], "{shipment}");
    let refusal = command(&cluster, &order, "inventory.cancel-shipment", &json!({"orderId": order.id})).await?;
    ensure!(refusal["reason"] == "already_handed_over", "{refusal}");
    let listed = cluster.get(cluster.service(Name::Inventory)?, "/shipments?status=delivered&limit=200").await?;
    let listed = listed.unwrap_or_default();
    ensure!(listed["items"].as_array().is_some_and(|all| all.iter().any(|one| one["id"] == *id)), "{listed}");
    item.has_stock(8, 0).await
}

async fn an_unavailable_carrier_is_retried(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, _) = confirmed(&cluster).await?;
    // The guard retries once per command; the simulated carrier fails for the first two commands.
    for _ in 0..2 {
        let reply = ship(&cluster, &order, "standard", "50000-077").await?;
        ensure!(reply["outcome"] == "failed" && reply["error"].is_string(), "{reply}");
    }
    let reply = ship(&cluster, &order, "standard", "50000-077").await?;
    ensure!(reply["outcome"] == "ok" && reply["data"]["estimatedDate"].is_string(), "{reply}");
    Ok(())
}

async fn a_carrier_may_refuse(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, _) = confirmed(&cluster).await?;
    for _ in 0..2 {
        let reply = ship(&cluster, &order, "standard", "00000-000").await?;
        ensure!(reply["outcome"] == "refused" && reply["reason"] == "carrier_refused", "{reply}");
    }
    let id = shipment(&cluster, &order).await?["id"].as_str().unwrap_or_default().to_owned();
    ensure!(label(&cluster, &id).await?.0 == StatusCode::CONFLICT, "a refused shipment has a label");
    let (status, problem) = post(&cluster, &format!("/shipments/{id}/events"), &json!({"status": "picked"})).await?;
    ensure!(status == StatusCode::CONFLICT, "{status} {problem}");
    Ok(())
}

async fn a_shipment_is_cancelled(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, _) = confirmed(&cluster).await?;
    ship(&cluster, &order, "standard", "50000-001").await?;
    for _ in 0..2 {
        let reply = command(&cluster, &order, "inventory.cancel-shipment", &json!({"orderId": order.id})).await?;
        ensure!(reply["outcome"] == "ok", "{reply}");
    }
    ensure!(shipment(&cluster, &order).await?["status"] == "cancelled");
    let refusal = ship(&cluster, &order, "standard", "50000-001").await?;
    ensure!(refusal["reason"] == "already_cancelled", "{refusal}");

    let (other, _) = confirmed(&cluster).await?;
    command(&cluster, &other, "inventory.cancel-shipment", &json!({"orderId": other.id})).await?;
    let refusal = ship(&cluster, &other, "standard", "50000-001").await?;
    ensure!(refusal["reason"] == "cancelled_before_created", "{refusal}");
    Ok(())
}

async fn an_order_is_picked_up(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, _) = confirmed(&cluster).await?;
    let value = json!({"orderId": order.id, "delivery": {"method": "pickup"}});
    let reply = command(&cluster, &order, "inventory.ship", &value).await?;
    ensure!(reply["data"]["method"] == "pickup" && reply["data"]["carrier"].is_null(), "{reply}");
    let id = reply["data"]["shipmentId"].as_str().context("an id")?;
    ensure!(label(&cluster, id).await?.0 == StatusCode::CONFLICT, "a pickup has a label");
    let events = format!("/shipments/{id}/events");
    ensure!(post(&cluster, &events, &json!({"status": "handed_over"})).await?.0 == StatusCode::CONFLICT);
    let (status, shipment) = post(&cluster, &events, &json!({"status": "delivered", "note": "by Ana"})).await?;
    ensure!(status == StatusCode::OK && shipment["status"] == "delivered", "{status} {shipment}");
    Ok(())
}

async fn events_come_by_webhook_in_any_order(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = confirmed(&cluster).await?;
    let reply = ship(&cluster, &order, "standard", "50000-001").await?;
    let number = reply["data"]["trackingNumber"].as_str().context("a tracking number")?.to_owned();
    let event = |status: &str, at: &str| tracking(&number, status, at);
    let all = [
        ("e3", event("in_transit", "2026-11-21T12:00:00Z")),
        ("e1", event("picked", "2026-11-20T12:00:00Z")),
        ("e3", event("in_transit", "2026-11-21T12:00:00Z")),
        ("e4", event("delivered", "2026-11-22T12:00:00Z")),
        ("e2", event("handed_over", "2026-11-20T18:00:00Z")),
        ("e5", event("lost", "2026-11-23T12:00:00Z")),
        ("e4", event("delivered", "2026-11-22T12:00:00Z")),
    ];
    for (id, body) in &all {
        // The view may not have the shipment yet: the carrier sends the event again.
        let id = format!("{id} {}", order.id);
        until("the webhook to be taken", SOON, || async {
            let (status, answer) = webhook(&cluster, WEBHOOK_SECRET, &id, seconds(), body).await?;
            ensure!(status == StatusCode::OK && answer["used"] == true, "{status} {answer}");
            Ok(Some(()))
        })
        .await?;
    }
    let known = until("all events", SOON, || async {
        let known = shipment(&cluster, &order).await?;
        let events = known["history"].as_array().into_iter().flatten().filter(|entry| entry["event"].is_string());
        ensure!(events.count() == 5, "{known:#}");
        Ok(Some(known))
    })
    .await?;
    ensure!(known["status"] == "delivered", "{known:#}");
    let statuses: Vec<_> = known["history"].as_array().into_iter().flatten().map(|entry| &entry["status"]).collect();
    let expected = ["requested", "created", "in_transit", "picked", "delivered", "handed_over", "lost"];
    ensure!(statuses == expected, "{known:#}");
    // Confirmed without a delivery, and shipped by hand: its shipment is shown nevertheless.
    until("the delivery of the order", SOON, || async {
        let shown = order.get().await?;
        ensure!(shown["status"] == "confirmed" && shown["shipment"]["status"] == "delivered", "{shown:#}");
        Ok(Some(()))
    })
    .await?;
    let other = json!({"type": "label.printed"});
    let (status, answer) = webhook(&cluster, WEBHOOK_SECRET, "e6", seconds(), &other).await?;
    ensure!(status == StatusCode::OK && answer["used"] == false, "{status} {answer}");
    item.has_stock(8, 0).await
}

async fn a_webhook_with_another_signature_is_refused(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, _) = confirmed(&cluster).await?;
    let reply = ship(&cluster, &order, "standard", "50000-001").await?;
    let number = reply["data"]["trackingNumber"].as_str().context("a tracking number")?;
    let body = tracking(number, "lost", "2026-11-21T12:00:00Z");
    let other = "whsec_YW5vdGhlciBjYXJyaWVyIHNpZ25lZCB0aGlz";
    for (secret, time) in [(other, seconds()), (WEBHOOK_SECRET, seconds() - 3_600), (WEBHOOK_SECRET, seconds() + 3_600)]
    {
        let (status, problem) = webhook(&cluster, secret, "e1", time, &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST && problem["detail"].is_string(), "{status} {problem}");
    }
    let url = cluster.service(Name::Inventory)?.url("/carrier/webhooks/tracking");
    let unsigned = cluster.http.post(url).body(body.to_string()).send().await?.status();
    ensure!(unsigned == StatusCode::BAD_REQUEST, "{unsigned}");
    let unknown = tracking("CA999999995BR", "lost", "2026-11-21T12:00:00Z");
    let (status, problem) = webhook(&cluster, WEBHOOK_SECRET, "e1", seconds(), &unknown).await?;
    ensure!(status == StatusCode::NOT_FOUND, "{status} {problem}");
    let wrong = tracking(number, "stolen", "2026-11-21T12:00:00Z");
    let (status, problem) = webhook(&cluster, WEBHOOK_SECRET, "e1", seconds(), &wrong).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{status} {problem}");
    ensure!(shipment(&cluster, &order).await?["status"] == "created", "nothing of it counts");
    Ok(())
}

async fn an_order_is_returned(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = confirmed(&cluster).await?;
    let id = Uuid::new_v4();
    let value = json!({"returnId": id, "orderId": order.id, "items": [{"id": item.id, "quantity": 1}]});
    let receipt = format!("/returns/{id}/receipt");
    let received = json!({"status": "received", "by": "rui", "why": "as new"});
    ensure!(post(&cluster, &receipt, &received).await?.0 == StatusCode::NOT_FOUND, "an unexpected return is accepted");
    ensure!(command(&cluster, &order, "inventory.expect-return", &value).await?["outcome"] == "ok");
    for _ in 0..2 {
        let (status, known) = post(&cluster, &receipt, &received).await?;
        ensure!(status == StatusCode::OK && known["receipt"]["by"] == "rui", "{status} {known}");
    }
    let opposite = json!({"status": "rejected", "by": "rui", "why": "broken"});
    ensure!(post(&cluster, &receipt, &opposite).await?.0 == StatusCode::CONFLICT);
    let event = until("goods.received", SOON, || async {
        Ok(cluster.kafka.about("goods-received", &id.to_string()).await?.into_iter().next())
    })
    .await?;
    let event_value: Value = serde_json::from_slice(&event.value)?;
    ensure!(
        event.key.as_deref() == Some(id.to_string().as_bytes()) && event_value["status"] == "received",
        "{event:?}"
    );
    for _ in 0..2 {
        ensure!(command(&cluster, &order, "inventory.restock", &value).await?["outcome"] == "ok");
        item.has_stock(9, 0).await?;
    }
    let known = cluster.get(cluster.service(Name::Inventory)?, &format!("/returns/{id}")).await?.unwrap_or_default();
    ensure!(known["status"] == "restocked", "{known}");
    let mut more = value.clone();
    more["returnId"] = json!(Uuid::new_v4());
    more["items"][0]["quantity"] = json!(2);
    let refusal = command(&cluster, &order, "inventory.restock", &more).await?;
    ensure!(refusal["reason"] == "not_returnable", "{refusal}");
    crate::stock::movements_match_the_stock(&cluster, &item.id).await?;
    // The final check does not count this return: remove the piece again.
    let removal = json!({"quantity": -1, "by": "the test", "why": "as before"});
    let (status, answer) = post(&cluster, &format!("/stock/{}/adjustments", item.id), &removal).await?;
    ensure!(status == StatusCode::CREATED, "{status} {answer}");
    item.has_stock(8, 0).await
}

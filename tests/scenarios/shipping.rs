//! Shipments and returns: the commands as a saga gives them, the carrier and the warehouse by HTTP.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::checker::BY_HAND;
use tests::cluster::Cluster;
use tests::process::Name;
use tests::story::{Item, Placed};
use tests::wait::{SOON, until};
use uuid::Uuid;

crate::scenarios!(
    an_order_is_shipped_and_followed_to_the_door,
    a_carrier_that_is_away_is_asked_again,
    a_carrier_may_refuse,
    a_shipment_is_called_off,
    an_order_is_collected,
    an_order_comes_back,
);

/// An order of two that was given out.
async fn given_out(cluster: &Arc<Cluster>) -> Result<(Placed, Item)> {
    let item = cluster.item(10).await?;
    let order = item.order(2).place().await?;
    order.ends("confirmed").await?;
    Ok((order, item))
}

/// Gives the inventory a command and waits for its reply: the `nth` about this order that says so.
async fn command(cluster: &Cluster, order: &Placed, kind: &str, value: &Value) -> Result<Value> {
    let replies = || async {
        let all = cluster.kafka.about("saga-replies", &order.id).await?;
        // Those of its saga say which step they answer; ours is none of them.
        let ours = all.into_iter().filter(|reply| reply.header("step") == BY_HAND);
        anyhow::Ok(ours.map(|reply| serde_json::from_slice(&reply.value)).collect::<Result<Vec<Value>, _>>()?)
    };
    let before = replies().await?.len();
    let id = Uuid::new_v4().to_string();
    let headers = [("ce_id", &*id), ("saga_id", &order.id), ("step", BY_HAND), ("attempt", "1"), ("action", "execute")];
    cluster.kafka.message("inventory-commands", kind, "main", value, &headers).await?;
    let what = format!("the reply to {kind}");
    until(&what, SOON, || async { Ok(replies().await?.into_iter().nth(before)) }).await
}

async fn ship(cluster: &Cluster, order: &Placed, method: &str, postal_code: &str) -> Result<Value> {
    let address = json!({"name": "Ana Lima", "line1": "Rua do Sol, 1", "city": "Recife", "postalCode": postal_code,
        "country": "BR"});
    let delivery = json!({"method": method, "address": address});
    command(cluster, order, "inventory.ship", &json!({"orderId": order.id, "delivery": delivery})).await
}

async fn shipment(cluster: &Cluster, order: &Placed) -> Result<Value> {
    let found = cluster.get(cluster.service(Name::Inventory)?, &format!("/shipments?orderId={}", order.id)).await?;
    Ok(found.unwrap_or_default()["items"][0].clone())
}

async fn post(cluster: &Cluster, path: &str, body: &Value) -> Result<(StatusCode, Value)> {
    let answer = cluster.http.post(cluster.service(Name::Inventory)?.url(path)).json(body).send().await?;
    Ok((answer.status(), answer.json().await?))
}

async fn label(cluster: &Cluster, id: &str) -> Result<(StatusCode, String)> {
    let url = cluster.service(Name::Inventory)?.url(&format!("/shipments/{id}/label"));
    let answer = cluster.http.get(url).send().await?;
    Ok((answer.status(), answer.text().await?))
}

async fn an_order_is_shipped_and_followed_to_the_door(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = given_out(&cluster).await?;
    let reply = ship(&cluster, &order, "express", "50000-001").await?;
    let data = &reply["data"];
    let number = data["trackingNumber"].as_str().context("a tracking number")?;
    ensure!(reply["outcome"] == "ok" && data["carrier"] == "simulated" && data["method"] == "express", "{reply}");
    ensure!(inventory_service::rules::tracking::is_valid(number), "{number}");
    ensure!(ship(&cluster, &order, "express", "50000-001").await? == reply, "asked again, the same is answered");
    let id = data["shipmentId"].as_str().context("an id")?;
    let (status, text) = label(&cluster, id).await?;
    ensure!(status == StatusCode::OK && text.starts_with("^XA") && text.contains(number), "{status} {text}");

    let events = format!("/shipments/{id}/events");
    for (told, becomes) in
        [("picked", "picked"), ("picked", "picked"), ("delivered", "delivered"), ("handed_over", "delivered")]
    {
        let (status, shipment) = post(&cluster, &events, &json!({ "status": told })).await?;
        ensure!(status == StatusCode::OK && shipment["status"] == becomes, "{told}: {status} {shipment}");
    }
    let (status, problem) = post(&cluster, &events, &json!({"status": "lost"})).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{status} {problem}");
    let shipment = shipment(&cluster, &order).await?;
    let history: Vec<_> = shipment["history"].as_array().into_iter().flatten().map(|event| &event["status"]).collect();
    ensure!(history == ["requested", "created", "picked", "delivered", "handed_over"], "{shipment}");
    let no = command(&cluster, &order, "inventory.cancel-shipment", &json!({"orderId": order.id})).await?;
    ensure!(no["reason"] == "already_handed_over", "{no}");
    let listed = cluster.get(cluster.service(Name::Inventory)?, "/shipments?status=delivered&limit=200").await?;
    let listed = listed.unwrap_or_default();
    ensure!(listed["items"].as_array().is_some_and(|all| all.iter().any(|one| one["id"] == *id)), "{listed}");
    item.stands(8, 0).await
}

async fn a_carrier_that_is_away_is_asked_again(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, _) = given_out(&cluster).await?;
    // The guard asks each time twice; the simulated carrier fails the first two calls that the saga knows of.
    for _ in 0..2 {
        let reply = ship(&cluster, &order, "standard", "50000-077").await?;
        ensure!(reply["outcome"] == "failed" && reply["error"].is_string(), "{reply}");
    }
    let reply = ship(&cluster, &order, "standard", "50000-077").await?;
    ensure!(reply["outcome"] == "ok" && reply["data"]["estimatedDate"].is_string(), "{reply}");
    Ok(())
}

async fn a_carrier_may_refuse(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, _) = given_out(&cluster).await?;
    for _ in 0..2 {
        let reply = ship(&cluster, &order, "standard", "00000-000").await?;
        ensure!(reply["outcome"] == "refused" && reply["reason"] == "carrier_refused", "{reply}");
    }
    let id = shipment(&cluster, &order).await?["id"].as_str().unwrap_or_default().to_owned();
    ensure!(label(&cluster, &id).await?.0 == StatusCode::CONFLICT, "it has no label");
    let (status, problem) = post(&cluster, &format!("/shipments/{id}/events"), &json!({"status": "picked"})).await?;
    ensure!(status == StatusCode::CONFLICT, "{status} {problem}");
    Ok(())
}

async fn a_shipment_is_called_off(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, _) = given_out(&cluster).await?;
    ship(&cluster, &order, "standard", "50000-001").await?;
    for _ in 0..2 {
        let reply = command(&cluster, &order, "inventory.cancel-shipment", &json!({"orderId": order.id})).await?;
        ensure!(reply["outcome"] == "ok", "{reply}");
    }
    ensure!(shipment(&cluster, &order).await?["status"] == "cancelled");
    let no = ship(&cluster, &order, "standard", "50000-001").await?;
    ensure!(no["reason"] == "already_cancelled", "{no}");

    let (other, _) = given_out(&cluster).await?;
    command(&cluster, &other, "inventory.cancel-shipment", &json!({"orderId": other.id})).await?;
    let no = ship(&cluster, &other, "standard", "50000-001").await?;
    ensure!(no["reason"] == "cancelled_before_created", "{no}");
    Ok(())
}

async fn an_order_is_collected(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, _) = given_out(&cluster).await?;
    let value = json!({"orderId": order.id, "delivery": {"method": "pickup"}});
    let reply = command(&cluster, &order, "inventory.ship", &value).await?;
    ensure!(reply["data"]["method"] == "pickup" && reply["data"]["carrier"].is_null(), "{reply}");
    let id = reply["data"]["shipmentId"].as_str().context("an id")?;
    ensure!(label(&cluster, id).await?.0 == StatusCode::CONFLICT, "nobody carries it");
    let events = format!("/shipments/{id}/events");
    ensure!(post(&cluster, &events, &json!({"status": "handed_over"})).await?.0 == StatusCode::CONFLICT);
    let (status, shipment) = post(&cluster, &events, &json!({"status": "delivered", "note": "by Ana"})).await?;
    ensure!(status == StatusCode::OK && shipment["status"] == "delivered", "{status} {shipment}");
    Ok(())
}

async fn an_order_comes_back(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = given_out(&cluster).await?;
    let id = Uuid::new_v4();
    let value = json!({"returnId": id, "orderId": order.id, "items": [{"id": item.id, "quantity": 1}]});
    let receipt = format!("/returns/{id}/receipt");
    let said = json!({"status": "received", "by": "rui", "why": "as new"});
    ensure!(post(&cluster, &receipt, &said).await?.0 == StatusCode::NOT_FOUND, "nobody expects it yet");
    ensure!(command(&cluster, &order, "inventory.expect-return", &value).await?["outcome"] == "ok");
    for _ in 0..2 {
        let (status, known) = post(&cluster, &receipt, &said).await?;
        ensure!(status == StatusCode::OK && known["receipt"]["by"] == "rui", "{status} {known}");
    }
    let opposite = json!({"status": "rejected", "by": "rui", "why": "broken"});
    ensure!(post(&cluster, &receipt, &opposite).await?.0 == StatusCode::CONFLICT);
    let told = until("goods.received", SOON, || async {
        Ok(cluster.kafka.about("goods-received", &id.to_string()).await?.into_iter().next())
    })
    .await?;
    let value_told: Value = serde_json::from_slice(&told.value)?;
    ensure!(told.key.as_deref() == Some(id.to_string().as_bytes()) && value_told["status"] == "received", "{told:?}");
    for _ in 0..2 {
        ensure!(command(&cluster, &order, "inventory.restock", &value).await?["outcome"] == "ok");
        item.stands(9, 0).await?;
    }
    let known = cluster.get(cluster.service(Name::Inventory)?, &format!("/returns/{id}")).await?.unwrap_or_default();
    ensure!(known["status"] == "restocked", "{known}");
    let mut more = value.clone();
    more["returnId"] = json!(Uuid::new_v4());
    more["items"][0]["quantity"] = json!(2);
    let no = command(&cluster, &order, "inventory.restock", &more).await?;
    ensure!(no["reason"] == "not_returnable", "{no}");
    crate::stock::movements_are_the_stock(&cluster, &item.id).await?;
    // The books know of no returns: the piece leaves again, by hand.
    let away = json!({"quantity": -1, "by": "the books", "why": "as before"});
    let (status, answer) = post(&cluster, &format!("/stock/{}/adjustments", item.id), &away).await?;
    ensure!(status == StatusCode::CREATED, "{status} {answer}");
    item.stands(8, 0).await
}

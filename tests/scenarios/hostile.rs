//! Messages and requests over every bound: each message becomes a dead letter, each request is refused, and the next
//! one is processed.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use common::topics;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{PATIENT, SOON, until_is};
use uuid::Uuid;

use crate::operators::send;

crate::group::scenarios!(
    an_oversized_event_is_a_dead_letter,
    long_texts_and_keys_are_dead_letters,
    a_dead_letter_that_is_too_long_is_not_put_back,
    long_texts_of_requests_are_refused,
    a_payment_takes_as_many_refunds_as_an_order_has_returns,
    stock_counted_below_its_reservations_is_not_sold,
);

/// Numbers in an oversized event. Each takes four times its five bytes once it is parsed and written again.
const NUMBERS: usize = 190_000;
/// The most returns of an order.
const RETURNS: usize = 100;

/// Waits for the dead letter of the message with this id, and returns its reason.
async fn letter(cluster: &Cluster, topic: &str, id: &str) -> Result<String> {
    let what = format!("has the id {id}");
    let letter = cluster.dead_letter_that(&what, topic, |letter| letter.header("ce_id") == id).await?;
    Ok(letter.header("__streams.errors.message").to_owned())
}

async fn an_oversized_event_is_a_dead_letter(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let unknown = Uuid::new_v4().to_string();
    // Longer than the event may be, and only once it is written again.
    for (id, count, fault) in [("event-1", NUMBERS, "the value has"), ("event-2", NUMBERS / 2, "the value has 1")] {
        let numbers = vec!["1e15"; count].join(",");
        let value = format!(r#"{{"orderId":"{unknown}","amountMinor":1,"items":[{numbers}]}}"#);
        let headers = [("ce_id", id)];
        let kafka = &cluster.kafka;
        kafka.message_bytes(topics::CREATED_ORDERS, "order.created", &unknown, value.as_bytes(), &headers).await?;
        let reason = letter(&cluster, topics::CREATED_ORDERS, id).await?;
        ensure!(reason.starts_with(fault), "{id}: {reason}");
    }
    cluster.confirms_orders().await.context("orders behind the oversized events")
}

async fn long_texts_and_keys_are_dead_letters(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = Uuid::new_v4().to_string();
    let long = "x".repeat(900_000);
    let cancel = json!({"orderId": order, "why": long});
    let set = json!({"warehouse": "main", "itemId": "a", "name": "n".repeat(1_500), "onHand": 1});
    let request = json!({"orderId": order, "amountMinor": 1, "currency": "c".repeat(2_000)});
    let action = json!({"by": "a", "why": "b", "action": "pause"});
    let none: &[(&str, &str)] = &[];
    let with_step: &[(&str, &str)] = &[("step", "a\u{1}b")];
    for (number, (topic, kind, value, headers, fault)) in [
        (topics::ORDER_COMMANDS, "order.cancel", &cancel, none, "the value has"),
        (topics::INVENTORY_COMMANDS, "stock.set", &set, none, "name, by or why"),
        (topics::PAYMENT_COMMANDS, "payment.request", &request, none, "currency"),
        (topics::SAGA_COMMANDS, "saga.action", &action, with_step, "header step: it has a control character"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("long-{number}");
        let headers: Vec<(&str, &str)> = [("ce_id", &*id)].into_iter().chain(headers.iter().copied()).collect();
        cluster.kafka.message(topic, kind, &order, value, &headers).await?;
        let reason = letter(&cluster, topic, &id).await?;
        ensure!(reason.contains(fault), "{kind}: {reason}");
    }
    let key = "k".repeat(2_000);
    cluster.kafka.message(topics::ORDER_COMMANDS, "order.cancel", &key, &cancel, &[("ce_id", "long-key")]).await?;
    let reason = letter(&cluster, topics::ORDER_COMMANDS, "long-key").await?;
    ensure!(reason.starts_with("the key has 2000 bytes"), "{reason}");
    cluster.confirms_orders().await.context("orders behind the long messages")
}

async fn post(cluster: &Cluster, name: Name, path: &str, body: &Value) -> Result<(StatusCode, Value)> {
    let answer = cluster.http.post(cluster.service(name)?.url(path)).json(body).send().await?;
    Ok((answer.status(), answer.json().await?))
}

/// With the header that names where it comes from, the message is longer than its topic takes.
async fn a_dead_letter_that_is_too_long_is_not_put_back(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let topic = topics::ORDER_COMMANDS;
    // The longest value that the topic takes, which is shorter by what else a batch of one record has.
    let mut value = vec![b'x'; topics::INPUT_MAX_BYTES - 60];
    while let Err(error) = cluster.kafka.append_compressed(topic, 0, &value, "none").await {
        ensure!(value.len() + 2_000 > topics::INPUT_MAX_BYTES, "{topic} takes no long message: {error:#}");
        value.truncate(value.len() - 20);
    }
    let letter = cluster.dead_letter(topic, &value).await?;
    let dlq = topics::dead_letters(topic);
    let path = format!("/api/dead-letters/{dlq}/{}/{}/put-back", letter.partition, letter.offset);
    let (status, problem) = send(&cluster, Method::POST, &path, &json!({"why": "it was mended"}), true).await?;
    let detail = problem["detail"].as_str().unwrap_or_default();
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status}: {problem:#}");
    ensure!(detail.contains("the message can't be sent") && detail.contains("max.message.bytes"), "{problem:#}");
    let all = cluster.kafka.read(topic).await?;
    ensure!(all.iter().filter(|message| message.value == value).count() == 1, "it is on its topic again");
    Ok(())
}

async fn long_texts_of_requests_are_refused(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(1).place().await?;
    let reason = json!({"reason": "r".repeat(5_000)});
    let cancel = format!("/orders/{}/cancel", order.id);
    let returns = format!("/orders/{}/returns", order.id);
    let counts = format!("/stock/{}/counts", item.id);
    let count = json!({"onHand": 10, "by": "b".repeat(5_000), "why": "why"});
    order.ends("confirmed").await?;
    for (name, path, body) in
        [(Name::Orders, &cancel, &reason), (Name::Orders, &returns, &reason), (Name::Inventory, &counts, &count)]
    {
        let (status, problem) = post(&cluster, name, path, body).await?;
        ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{path}: {status}: {problem:#}");
    }
    Ok(())
}

/// A confirmed order of this many pieces.
async fn confirmed(cluster: &Arc<Cluster>, pieces: usize) -> Result<(PlacedOrder, String)> {
    let pieces = i64::try_from(pieces)?;
    let item = cluster.item(pieces).await?;
    let order = item.order(pieces).amount("1000.00").place().await?;
    order.ends("confirmed").await?;
    Ok((order, item.id.clone()))
}

async fn a_payment_takes_as_many_refunds_as_an_order_has_returns(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (order, item) = confirmed(&cluster, RETURNS + 1).await?;
    let refund = format!("/payments/{}/refunds", order.id);
    let (status, body) = post(&cluster, Name::Payments, &refund, &json!({"amount": 0.01, "reason": "a gift"})).await?;
    ensure!(status.is_success(), "a refund by an operator: {status} {body:#}");
    let path = format!("/orders/{}/returns", order.id);
    let one = json!({"items": [{"id": item, "quantity": 1}]});
    for number in 0..RETURNS {
        let (status, body) = post(&cluster, Name::Orders, &path, &one).await?;
        ensure!(status == StatusCode::ACCEPTED, "return {number}: {status} {body:#}");
    }
    let (status, problem) = post(&cluster, Name::Orders, &path, &one).await?;
    ensure!(status == StatusCode::CONFLICT && problem["code"] == "too_many_returns", "{status}: {problem:#}");
    let returned = || async {
        let shown = order.get().await?;
        let all = shown["returns"].as_array().context("returns")?.iter();
        Ok(all.filter(|known| known["status"] == "returned").count())
    };
    until_is("the returns that are restocked and refunded", RETURNS, PATIENT, returned).await?;
    let stock = cluster.stock().await?.remove(&item).context("no stock")?;
    ensure!(stock.on_hand == i64::try_from(RETURNS)?, "the last piece stays with the customer: {stock:?}");
    Ok(())
}

async fn stock_counted_below_its_reservations_is_not_sold(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    // The provider never answers: the order waits for a result by hand.
    let order = item.order(6).amount("10.44").place().await?;
    order.payment("pending").await?;
    item.has_stock(10, 6).await?;
    let count = json!({"onHand": 0, "by": "ana", "why": "a burst pipe"});
    let (status, body) = post(&cluster, Name::Inventory, &format!("/stock/{}/counts", item.id), &count).await?;
    ensure!(status == StatusCode::CREATED, "{status}: {body:#}");
    let shown = cluster.get(cluster.service(Name::Inventory)?, &format!("/stock/{}", item.id)).await?;
    ensure!(shown.as_ref().is_some_and(|stock| stock["missing"] == 6), "{shown:?}");
    order.result("approved").await?;
    order.ends("refunded").await?;
    order.has_reason("stock_shortfall").await?;
    order.payment("refunded").await?;
    order.reservation("released").await?;
    let shown = order.get().await?;
    ensure!(shown["invoice"].is_null() || shown["invoice"]["status"] == "void", "no invoice is valid: {shown:#}");
    until_is("the stock", Some((0, 0)), SOON, || async {
        Ok(cluster.stock().await?.get(&item.id).map(|stock| (stock.on_hand, stock.reserved)))
    })
    .await?;
    // The shortfall is published twice: by the count, and by the order that could not be confirmed.
    let events = || async {
        let all = cluster.kafka.read(topics::STOCK_EVENTS).await?;
        let all = all.iter().filter(|message| message.kind() == "stock.shortfall" && message.subject() == item.id);
        let orders = all.map(|message| serde_json::from_slice::<Value>(&message.value));
        Ok(orders.collect::<Result<Vec<_>, _>>()?.into_iter().map(|event| event["orderId"].clone()).collect::<Vec<_>>())
    };
    let expected = vec![Value::Null, Value::from(&*order.id)];
    until_is("stock.shortfall", expected, SOON, events).await
}

//! Events for external systems: each change of an order, its payment, its shipment and its saga, once and in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, ensure};
use common::topics::{ORDER_EVENTS, PAYMENT_EVENTS, SAGA_EVENTS, SHIPMENT_EVENTS};
use reqwest::StatusCode;
use serde_json::json;
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::kafka::ConsumedMessage;
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{PATIENT, until, until_is};

use crate::orders::{delivery_to_ana, post, request_return, return_is};

crate::group::scenarios!(
    a_confirmed_order_is_published,
    a_shipped_order_is_published,
    orders_that_are_not_fulfilled_are_published,
    a_returned_order_is_published,
);

/// The names of the events about an order among the messages of a topic, without their prefix, each id once. All events
/// have the order's key, and repetitions the same value.
pub(crate) fn names_of(all: &[ConsumedMessage], order: &str) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    let mut values: BTreeMap<&str, &[u8]> = BTreeMap::new();
    for event in all.iter().filter(|event| event.subject() == order) {
        let name = event.kind().split_once('.').map_or("", |(_, name)| name);
        ensure!(event.key.as_deref() == Some(order.as_bytes()), "{name} has another key");
        match values.get(event.id()) {
            Some(known) => ensure!(*known == event.value, "{name} was repeated with another value"),
            None => {
                values.insert(event.id(), &event.value);
                names.push(name.to_owned());
            }
        }
    }
    Ok(names)
}

/// The events about an order on a topic, once the last one is there.
async fn published(cluster: &Cluster, topic: &str, order: &PlacedOrder, last: &str) -> Result<String> {
    until(&format!("{last} of order {} on {topic}", order.id), PATIENT, || async {
        let names = names_of(&cluster.kafka.read(topic).await?, &order.id)?;
        Ok(names.iter().any(|name| name == last).then(|| names.join(" ")))
    })
    .await
}

/// Expects these events, the last of which is the last one at all.
async fn expect(cluster: &Cluster, topic: &str, order: &PlacedOrder, all: &[&str]) -> Result<()> {
    let last = all.first().and_then(|names| names.rsplit(' ').next()).unwrap_or_default();
    let found = published(cluster, topic, order, last).await?;
    ensure!(all.contains(&&*found), "{topic} has '{found}', expected: {all:?}");
    Ok(())
}

async fn a_confirmed_order_is_published(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let order = item.order(1).traceparent(trace).place().await?;
    order.ends("confirmed").await?;
    expect(&cluster, ORDER_EVENTS, &order, &["placed reserved invoiced paid confirmed"]).await?;
    expect(&cluster, PAYMENT_EVENTS, &order, &["requested approved"]).await?;
    let steps = "began step-done step-done step-done step-done step-done step-done ended";
    expect(&cluster, SAGA_EVENTS, &order, &[steps]).await?;
    for topic in [ORDER_EVENTS, PAYMENT_EVENTS, SAGA_EVENTS] {
        for event in cluster.kafka.about(topic, &order.id).await? {
            let parent = event.header("traceparent");
            ensure!(parent.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{}: its trace is '{parent}'", event.kind());
        }
    }
    Ok(())
}

async fn a_shipped_order_is_published(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(1).with(delivery_to_ana("standard", "50030-230")).place().await?;
    order.ends("shipped").await?;
    expect(&cluster, ORDER_EVENTS, &order, &["placed reserved invoiced paid confirmed shipped"]).await?;
    expect(&cluster, SHIPMENT_EVENTS, &order, &["created"]).await?;
    for topic in [ORDER_EVENTS, PAYMENT_EVENTS, SHIPMENT_EVENTS, SAGA_EVENTS] {
        for event in cluster.kafka.about(topic, &order.id).await? {
            let text = String::from_utf8_lossy(&event.value);
            let personal = ["Ana", "ana@example.com", "Recife", "50030"].into_iter().find(|word| text.contains(word));
            ensure!(personal.is_none(), "{} has {personal:?}: {text}", event.kind());
        }
    }
    Ok(())
}

async fn orders_that_are_not_fulfilled_are_published(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let rejected = item.order(11).place().await?;
    let declined = item.order(1).amount("20.13").place().await?;
    let refused = item.order(1).with(delivery_to_ana("standard", "00000-000")).place().await?;
    let cancelled = item.order(1).amount("10.44").place().await?;
    let status = || async { Ok(cancelled.get().await?["status"].as_str().unwrap_or_default().to_owned()) };
    until_is("the order", "awaiting_payment".to_owned(), PATIENT, status).await?;
    let path = format!("/orders/{}/cancel", cancelled.id);
    let (status, body) = post(&cluster, Name::Orders, &path, &json!({"reason": "Ana called"})).await?;
    ensure!(status == StatusCode::ACCEPTED, "POST {path} returns {status}: {body}");

    rejected.ends("rejected").await?;
    expect(&cluster, ORDER_EVENTS, &rejected, &["placed rejected"]).await?;
    let steps = "began step-done step-failed compensating step-done ended";
    expect(&cluster, SAGA_EVENTS, &rejected, &[steps]).await?;

    declined.ends("payment_not_completed").await?;
    // An order that ends within half a second has no progress.
    expect(&cluster, ORDER_EVENTS, &declined, &["placed not-paid", "placed reserved invoiced not-paid"]).await?;
    expect(&cluster, PAYMENT_EVENTS, &declined, &["requested declined"]).await?;

    refused.ends("refunded").await?;
    let ways = [
        "placed paid refunded",
        "placed reserved invoiced paid refunded",
        "placed reserved invoiced paid confirmed refunded",
    ];
    expect(&cluster, ORDER_EVENTS, &refused, &ways).await?;
    expect(&cluster, PAYMENT_EVENTS, &refused, &["requested approved refund-started refunded"]).await?;
    expect(&cluster, SHIPMENT_EVENTS, &refused, &["refused"]).await?;

    cancelled.ends("cancelled").await?;
    expect(&cluster, ORDER_EVENTS, &cancelled, &["placed reserved invoiced cancelled"]).await?;
    expect(&cluster, PAYMENT_EVENTS, &cancelled, &["requested cancelled"]).await
}

async fn a_returned_order_is_published(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(2).amount("20.00").place().await?;
    order.ends("confirmed").await?;
    let part = json!({"items": [{"id": item.id, "quantity": 1}], "reason": "too many"});
    let first = request_return(&cluster, &order, &part).await?;
    return_is(&order, &first, "returned").await?;
    let rest = request_return(&cluster, &order, &json!({})).await?;
    return_is(&order, &rest, "returned").await?;
    order.ends("returned").await?;
    let all = "placed reserved invoiced paid confirmed return-requested return-completed return-requested \
               return-completed returned";
    expect(&cluster, ORDER_EVENTS, &order, &[all]).await?;
    let money = "requested approved refund-started part-refunded refund-started part-refunded refunded";
    expect(&cluster, PAYMENT_EVENTS, &order, &[money]).await?;
    let saga = PlacedOrder::with_id(&cluster, &first);
    let steps = published(&cluster, SAGA_EVENTS, &saga, "ended").await?;
    ensure!(steps.starts_with("began ") && steps.ends_with(" ended"), "the saga of the return has '{steps}'");
    Ok(())
}

//! Odd messages on `payment-results`: both readers take the same ones, so the order, its invoice and its payment agree.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use common::topics;
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, PARTITIONS};
use tests::orders::{PlacedOrder, RESULTS};
use tests::process::Name;
use tests::wait::{PATIENT, SOON, until};
use uuid::Uuid;

crate::group::scenarios!(
    odd_results_are_refused_by_both_services,
    a_result_with_a_byte_order_mark_is_taken,
    events_in_structured_mode_are_taken_and_batches_refused,
    results_that_are_far_too_large_stop_nothing,
    equal_results_are_counted_in_one_entry,
    a_reply_keyed_in_capitals_reaches_its_saga,
);

/// An order whose provider never answers: it waits for a result by hand.
async fn waiting(cluster: &Arc<Cluster>) -> Result<PlacedOrder> {
    let item = cluster.item(10).await?;
    let order = item.order(1).amount("10.44").place().await?;
    order.payment("pending").await?;
    Ok(order)
}

/// Publishes a value on the order's partition.
async fn publish(cluster: &Cluster, order: &PlacedOrder, value: &[u8]) -> Result<()> {
    cluster.kafka.append(RESULTS, order.partition(), value).await.map(|_| ())
}

/// Waits for the dead letter of a value, and returns its reason.
async fn dead_letter(cluster: &Cluster, value: &[u8]) -> Result<String> {
    let letter = cluster.dead_letter(RESULTS, value).await?;
    Ok(letter.header("__streams.errors.message").to_owned())
}

async fn odd_results_are_refused_by_both_services(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let id = &order.id;
    let plain = format!(r#"{{"orderId":"{id}","status":"approved"}}"#);
    let with = |rest: &str| format!(r#"{{"orderId":"{id}","status":"approved",{rest}}}"#).into_bytes();
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let event = format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","data":{plain}}}"#);
    for (value, why) in [
        (with(r#""reason":{"code":"00"}"#), "reason is an object"),
        (with(r#""reason":5"#), "reason is a number"),
        (with(r#""reason":"a","reason":"b""#), "reason occurs twice"),
        (with(r#""status":"declined""#), "status occurs twice"),
        (with(r#""paymentId":123"#), "paymentId is a number"),
        (format!(r#"["{id}","approved"]"#).into_bytes(), "it is a JSON list"),
        ([&[0, 0, 0, 0, 0x2a], plain.as_bytes()].concat(), "it is in the Confluent wire format"),
        (utf16, "it is a text in UTF-16"),
        (format!("[{event}]").into_bytes(), "it is a batch of CloudEvents"),
        (event.into_bytes(), "it is a CloudEvent in structured mode"),
    ] {
        publish(&cluster, &order, &value).await?;
        let reason = dead_letter(&cluster, &value).await?;
        ensure!(reason.contains(why), "{reason} is not: {why}");
    }
    order.payment("pending").await?;
    order.is_underway().await?;
    // A decline behind them shows that the orchestrator has read them all, and took none for an approval.
    order.result("declined").await?;
    order.ends("payment_not_completed").await?;
    order.payment("declined").await
}

async fn a_result_with_a_byte_order_mark_is_taken(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let upper = order.id.to_uppercase();
    let value = format!("\u{feff}{{\"orderId\":\"{upper}\",\"status\":\" Approved\",\"fee\":1e999}}\r\n");
    publish(&cluster, &order, value.as_bytes()).await?;
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    let saga = order.saga().await?;
    let kept = json!({"orderId": order.id, "status": "approved"});
    ensure!(saga["data"]["paymentResult"] == kept, "more is kept than the named fields: {saga:#}");
    Ok(())
}

async fn events_in_structured_mode_are_taken_and_batches_refused(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    let event = |status: &str| {
        let data = json!({"orderId": order.id, "status": status});
        json!({"specversion": "1.0", "id": "e1", "source": "/bank", "type": "payment.result", "data": data})
    };
    let send = |mode: &'static str, value: Value| {
        let kafka = &cluster.kafka;
        let id = &order.id;
        async move { kafka.message(RESULTS, "payment.result", id, &value, &[("content-type", mode)]).await }
    };
    let batch = json!([event("approved")]);
    send("application/cloudevents-batch+json", batch.clone()).await?;
    let reason = dead_letter(&cluster, batch.to_string().as_bytes()).await?;
    ensure!(reason.contains("a batch is not read; send each event as a message of its own"), "{reason}");
    let broken = json!({"specversion": "1.0", "id": "e1", "source": "/bank", "type": "t", "note": order.id});
    send("application/cloudevents+json", broken.clone()).await?;
    let reason = dead_letter(&cluster, broken.to_string().as_bytes()).await?;
    ensure!(reason.contains("it is no CloudEvent in structured mode: it has no data"), "{reason}");
    order.payment("pending").await?;
    send("application/cloudevents+json; charset=UTF-8", event("approved")).await?;
    order.ends("confirmed").await?;
    order.payment("approved").await
}

async fn results_that_are_far_too_large_stop_nothing(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let unknown = Uuid::new_v4().to_string();
    let partition = topics::partition_of(unknown.as_bytes(), PARTITIONS);
    let numbers = vec!["1e15"; 190_000].join(",");
    let long = "x".repeat(900_000);
    for _ in 0..4 {
        let value = format!(r#"{{"orderId":"{unknown}","status":"approved","x":[{numbers}]}}"#);
        cluster.kafka.append(RESULTS, partition, value.as_bytes()).await?;
    }
    for _ in 0..5 {
        let value = format!(r#"{{"orderId":"{unknown}","status":"{long}"}}"#);
        cluster.kafka.append(RESULTS, partition, value.as_bytes()).await?;
    }
    // 12 approvals of a declined payment, with ids of 900 kB.
    let order = waiting(&cluster).await?;
    order.result("declined").await?;
    order.ends("payment_not_completed").await?;
    let approved = json!({"orderId": order.id, "status": "approved"});
    for n in 0..12 {
        let id = format!("{long}{n}");
        cluster.kafka.message(RESULTS, "payment.result", &order.id, &approved, &[("ce_id", &id)]).await?;
    }
    order.payment("refunded").await?;
    cluster.confirms_orders().await.context("orders behind the oversized results")
}

async fn equal_results_are_counted_in_one_entry(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = waiting(&cluster).await?;
    for _ in 0..81 {
        order.result("approved").await?;
    }
    order.ends("confirmed").await?;
    let path = format!("/payments/{}", order.id);
    let payment = until("80 repetitions in the payment's history", SOON, || async {
        let payment = cluster.get(cluster.service(Name::Payments)?, &path).await?.unwrap_or_default();
        Ok(counted(&payment["history"], "what", "approved again: nothing changes", 80).then_some(payment))
    })
    .await?;
    for what in ["requested", "accepted by the provider", "approved"] {
        ensure!(counted(&payment["history"], "what", what, 1), "{what}: {payment:#}");
    }
    let saga = until("80 repetitions in the saga's history", PATIENT, || async {
        let saga = order.saga().await?;
        let why = "callback payment-results \"approved\" that no step waits for";
        Ok(counted(&saga["history"], "why", why, 80).then_some(saga))
    })
    .await?;
    ensure!(saga["history"][0]["what"] == "started", "{saga:#}");
    ensure!(saga["historyFolded"] == 0, "{saga:#}");
    Ok(())
}

/// Returns true if a history has one entry with this text, that often.
fn counted(history: &Value, name: &str, text: &str, times: u64) -> bool {
    let entries: Vec<_> = history.as_array().into_iter().flatten().filter(|entry| entry[name] == text).collect();
    matches!(entries[..], [entry] if entry["times"].as_u64().unwrap_or(1) == times)
}

async fn a_reply_keyed_in_capitals_reaches_its_saga(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    // In capitals its key belongs to another partition.
    let order = loop {
        let order = waiting(&cluster).await?;
        if topics::partition_of(order.id.to_uppercase().as_bytes(), PARTITIONS) != order.partition() {
            break order;
        }
    };
    let upper = order.id.to_uppercase();
    let headers = [("saga_id", &*upper), ("step", "reserve"), ("attempt", "1"), ("action", "execute")];
    let reply = json!({"outcome": "refused", "reason": "in_capitals"});
    cluster.kafka.message(topics::SAGA_REPLIES, "saga.reply", &upper, &reply, &headers).await?;
    until("the reply in the saga's history", SOON, || async {
        let saga = order.saga().await?;
        let history = saga["history"].as_array().cloned().unwrap_or_default();
        Ok(history.into_iter().find(|entry| entry["why"].as_str().is_some_and(|why| why.contains("in_capitals"))))
    })
    .await?;
    order.result("approved").await?;
    order.ends("confirmed").await
}

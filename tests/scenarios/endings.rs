//! Every final status of an order with the simulated provider, with the resulting stock and payment.

use std::sync::Arc;

use anyhow::{Result, ensure};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::orders::RESULTS;
use tests::process::Name;
use uuid::Uuid;

use crate::paying::an_abandoned_action_times_out_and_the_customer_is_notified;

crate::group::scenarios!(
    paid,
    out_of_stock_by_quantity,
    unknown_item,
    one_item_of_two_is_out_of_stock,
    the_last_piece_goes_to_one_of_two_orders,
    declined,
    result_after_a_delay,
    provider_fails_technically_twice,
    no_result_in_time,
    approval_after_a_decline_is_refunded,
    results_of_a_finished_order,
    result_for_an_unknown_order,
    garbage_goes_to_the_dead_letters,
);

async fn paid(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(3).place().await?;
    ensure!(order.created["status"] == "pending", "{}", order.created);
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    order.reservation("confirmed").await?;
    item.has_stock(7, 0).await
}

async fn out_of_stock_by_quantity(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(2).await?;
    let order = item.order(3).place().await?;
    order.ends("rejected").await?;
    order.has_reason("out_of_stock").await?;
    order.payment("none").await?;
    order.reservation("refused").await?;
    item.has_stock(2, 0).await
}

async fn unknown_item(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = cluster.order().of(&Uuid::new_v4().to_string(), 1).place().await?;
    order.ends("rejected").await?;
    let reason = order.get().await?["reason"].as_str().unwrap_or_default().to_owned();
    ensure!(!reason.is_empty(), "a rejected order has no reason");
    order.payment("none").await?;
    order.reservation("refused").await
}

async fn one_item_of_two_is_out_of_stock(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let plenty = cluster.item(10).await?;
    let few = cluster.item(1).await?;
    let order = plenty.order(5).of(&few.id, 2).place().await?;
    order.ends("rejected").await?;
    order.payment("none").await?;
    plenty.has_stock(10, 0).await?;
    few.has_stock(1, 0).await
}

async fn the_last_piece_goes_to_one_of_two_orders(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(1).await?;
    let one = item.order(1);
    let other = item.order(1);
    let (one, other) = tokio::try_join!(one.place(), other.place())?;
    let ends = [one.ended().await?, other.ended().await?].map(|o| o["status"].as_str().unwrap_or_default().to_owned());
    let confirmed = ends.iter().filter(|s| *s == "confirmed").count();
    let rejected = ends.iter().filter(|s| *s == "rejected").count();
    ensure!((confirmed, rejected) == (1, 1), "not exactly one is confirmed: {ends:?}");
    item.has_stock(0, 0).await
}

async fn declined(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(3).amount("20.13").place().await?;
    order.ends("payment_not_completed").await?;
    order.has_reason("payment_declined").await?;
    order.payment("declined").await?;
    order.reservation("released").await?;
    item.has_stock(10, 0).await
}

async fn result_after_a_delay(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(1).amount("20.99").place().await?;
    order.payment("pending").await?;
    item.has_stock(10, 1).await?;
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    item.has_stock(9, 0).await
}

async fn provider_fails_technically_twice(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(1).amount("20.77").place().await?;
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    item.has_stock(9, 0).await?;
    let saga = order.saga().await?.to_string();
    let commands = cluster.kafka.about(common::topics::PAYMENT_COMMANDS, &order.id).await?;
    let ids: std::collections::BTreeSet<_> =
        commands.iter().filter(|m| m.kind() == "payment.request").map(|m| m.id()).collect();
    ensure!(ids.len() >= 3, "the saga retried only {} times; {saga}", ids.len());
    Ok(())
}

/// Three orders, whose timeouts run at the same time.
async fn no_result_in_time(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    tokio::try_join!(
        no_result_in_time_and_a_late_approval(&cluster),
        no_result_in_time_behind_a_transaction(&cluster),
        an_abandoned_action_times_out_and_the_customer_is_notified(&cluster),
    )
    .map(|_| ())
}

async fn no_result_in_time_and_a_late_approval(cluster: &Arc<Cluster>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(4).amount("20.44").place().await?;
    order.payment("pending").await?;
    item.has_stock(10, 4).await?;
    order.ends("payment_not_completed").await?;
    order.has_reason("payment_timed_out").await?;
    order.payment("cancelled").await?;
    order.reservation("released").await?;
    item.has_stock(10, 0).await?;
    order.result("approved").await?;
    order.payment("refunded").await?;
    order.ends("payment_not_completed").await?;
    item.has_stock(10, 0).await
}

/// A new owner's timers wait until it has read the messages on the topics. A transaction marker is not a message and
/// must not be waited for.
async fn no_result_in_time_behind_a_transaction(cluster: &Arc<Cluster>) -> Result<()> {
    let item = cluster.item(10).await?;
    let paid = item.order(1).place().await?;
    paid.ends("confirmed").await?;
    let order = item.order(1).amount("20.44").place().await?;
    order.payment("pending").await?;
    let orchestrator = cluster.service(Name::Orchestrator)?;
    orchestrator.kill9()?;
    let again = format!(r#"{{"orderId":"{}","status":"approved"}}"#, paid.id);
    cluster.kafka.publish_in_transaction(RESULTS, order.partition(), &again).await?;
    orchestrator.restart().await?;
    order.ends("payment_not_completed").await?;
    order.has_reason("payment_timed_out").await
}

async fn approval_after_a_decline_is_refunded(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(1).amount("30.13").place().await?;
    order.ends("payment_not_completed").await?;
    order.payment("declined").await?;
    order.result_on_other_partition("approved").await?;
    order.payment("refunded").await?;
    order.ends("payment_not_completed").await?;
    item.has_stock(10, 0).await
}

async fn results_of_a_finished_order(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(1).place().await?;
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    order.result("approved").await?;
    order.result("declined").await?;
    order.result_on_other_partition("approved").await?;
    cluster.confirms_an_order().await?;
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    item.has_stock(9, 0).await
}

async fn result_for_an_unknown_order(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    for partition in [None, Some(0), Some(1)] {
        let text = format!(r#"{{"orderId":"{}","status":"approved"}}"#, Uuid::new_v4());
        cluster.kafka.publish(RESULTS, partition, text.as_bytes()).await?;
    }
    cluster.confirms_an_order().await
}

async fn garbage_goes_to_the_dead_letters(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    // Valid JSON, but nested too deeply to be read again from a state.
    let open = "[".repeat(120);
    let close = "]".repeat(120);
    let id = Uuid::new_v4();
    let nested = format!(r#"{{"orderId":"{id}","status":"approved","x":{open}{close}}}"#);
    let garbage: [&[u8]; 5] = [b"\xff\xfe\x00 garbage", b"hello", br#"{"orderId":7}"#, b"[1,2", nested.as_bytes()];
    for (partition, value) in (0..).zip(garbage) {
        cluster.kafka.publish(RESULTS, Some(partition % 2), value).await?;
        let letter = cluster.dead_letter(RESULTS, value).await?;
        ensure!(letter.header("__streams.errors.topic") == RESULTS, "{letter:?}");
        ensure!(letter.header("__streams.errors.partition") == (partition % 2).to_string(), "{letter:?}");
        ensure!(!letter.header("__streams.errors.message").is_empty(), "{letter:?}");
    }
    let letters = cluster.kafka.read(&common::topics::dead_letters(RESULTS)).await?;
    ensure!(letters.len() == garbage.len(), "not one letter for each: {letters:?}");
    cluster.confirms_an_order().await
}

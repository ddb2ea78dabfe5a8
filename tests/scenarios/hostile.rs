//! Messages that can't be processed: each becomes a dead letter, and the partition goes on with the next message.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use common::topics;
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::wait::{PATIENT, until};
use uuid::Uuid;

crate::scenarios!(an_event_that_would_send_too_much_is_set_aside);

/// Numbers in an oversized event. Each takes four times its five bytes once it is parsed and written again.
const NUMBERS: usize = 190_000;

async fn an_event_that_would_send_too_much_is_set_aside(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let unknown = Uuid::new_v4().to_string();
    let numbers = vec!["1e15"; NUMBERS].join(",");
    let value = format!(r#"{{"orderId":"{unknown}","amountMinor":1,"items":[{numbers}]}}"#);
    cluster.kafka.message_bytes(topics::CREATED_ORDERS, "order.created", &unknown, value.as_bytes(), &[]).await?;
    let dlq = topics::dead_letters(topics::CREATED_ORDERS);
    let letter = until("a dead letter of the oversized event", PATIENT, || async {
        Ok(cluster.kafka.read(&dlq).await?.into_iter().find(|message| message.value == value.as_bytes()))
    })
    .await?;
    let reason = letter.header("__streams.errors.message");
    ensure!(reason.starts_with("set aside"), "{reason}");
    // Both partitions continue.
    let item = cluster.item(10).await?;
    for _ in 0..4 {
        item.order(1).place().await?.ends("confirmed").await.context("an order behind the oversized event")?;
    }
    Ok(())
}

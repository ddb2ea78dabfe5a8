//! Messages that can't be processed: each becomes a dead letter, and the partition goes on with the next message.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use common::topics;
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::wait::{PATIENT, until};
use uuid::Uuid;

crate::scenarios!(results_that_outgrow_a_record_are_set_aside);

/// Numbers in an oversized result. Each takes four times its five bytes once it is parsed and written again.
const NUMBERS: usize = 190_000;

async fn results_that_outgrow_a_record_are_set_aside(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let unknown = Uuid::new_v4().to_string();
    let numbers = vec!["1e15"; NUMBERS].join(",");
    let value = format!(r#"{{"orderId":"{unknown}","status":"approved","x":[{numbers}]}}"#);
    let partition = topics::partition_of(unknown.as_bytes(), tests::cluster::PARTITIONS);
    for _ in 0..4 {
        cluster.kafka.append(topics::PAYMENT_RESULTS, partition, value.as_bytes()).await?;
    }
    let dlq = topics::dead_letters(topics::PAYMENT_RESULTS);
    let letter = until("a dead letter of the oversized result", PATIENT, || async {
        Ok(cluster.kafka.read(&dlq).await?.into_iter().find(|message| message.value == value.as_bytes()))
    })
    .await?;
    let reason = letter.header("__streams.errors.message");
    ensure!(reason.starts_with("set aside"), "{reason}");
    // Both partitions continue: orders end whose results are behind the oversized ones.
    let item = cluster.item(10).await?;
    for _ in 0..4 {
        item.order(1).place().await?.ends("confirmed").await.context("an order behind the oversized results")?;
    }
    Ok(())
}

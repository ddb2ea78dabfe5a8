//! A reservation that expires before its order is paid.

use std::sync::Arc;

use anyhow::{Result, ensure};
use tests::broker::Broker;
use tests::cluster::Cluster;

crate::group::scenarios!(an_order_that_is_paid_too_late_is_cancelled_and_refunded);

async fn an_order_that_is_paid_too_late_is_cancelled_and_refunded(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(3).await?;
    let order = item.order(2).place().await?;
    order.payment("pending").await?;
    order.reservation("expired").await?;
    item.has_stock(3, 0).await?;
    order.is_underway().await?;
    order.result("approved").await?;
    order.ends("refunded").await?;
    order.has_reason("reservation_expired").await?;
    order.payment("refunded").await?;
    order.reservation("released").await?;
    item.has_stock(3, 0).await?;
    let moved = crate::stock::movements_match_the_stock(&cluster, &item.id).await?;
    let what: Vec<_> = moved.iter().map(|moved| moved["what"].as_str().unwrap_or_default()).collect();
    ensure!(what == ["expired", "reserved", "counted"], "{what:?}");
    Ok(())
}

//! Two instances of every service share the partitions, and one of them is killed or stopped.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use tests::broker::Broker;
use tests::checker::owners;
use tests::cluster::Cluster;
use tests::items::Item;
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{PATIENT, until};
use tokio::task::JoinSet;
use uuid::Uuid;

crate::group::scenarios!(
    both_instances_process_orders,
    one_of_two_is_killed,
    one_of_two_is_stopped_past_its_session_timeout
);

/// Waits until every journal's two partitions are owned by two instances.
async fn shared(cluster: &Arc<Cluster>) -> Result<()> {
    for name in Name::ALL {
        until(&format!("two owners of {}", name.journal()), PATIENT, || async {
            let owners = owners(cluster, name).await?;
            let different: BTreeSet<_> = owners.values().collect();
            if different.len() == 2 { Ok(Some(())) } else { Err(anyhow!("the owners are {owners:?}")) }
        })
        .await?;
    }
    Ok(())
}

/// Places orders at the given instances in turn, all at once.
async fn place(item: &Item, count: usize, via: &[usize]) -> Result<Vec<PlacedOrder>> {
    let mut placing = JoinSet::new();
    for instance in via.iter().copied().cycle().take(count) {
        let draft = item.order(1).via(instance);
        placing.spawn(async move { draft.place().await });
    }
    placing.join_all().await.into_iter().collect()
}

async fn both_instances_process_orders(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    shared(&cluster).await?;
    let item = cluster.item(100).await?;
    let orders = place(&item, 24, &[0, 1]).await?;
    let partitions: BTreeSet<_> = orders.iter().map(PlacedOrder::partition).collect();
    ensure!(partitions.len() == 2, "not on both partitions");
    for order in &orders {
        order.ends("confirmed").await?;
        order.payment("approved").await?;
    }
    item.has_stock(76, 0).await?;
    for order in &orders {
        for instance in 0..2 {
            order.via(instance).ends("confirmed").await?;
        }
    }
    Ok(())
}

async fn one_of_two_is_killed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    shared(&cluster).await?;
    let item = cluster.item(100).await?;
    let first = place(&item, 20, &[1]).await?;
    for name in Name::ALL {
        if name == Name::Orders {
            continue; // The second batch uses its first instance.
        }
        cluster.instance(name, 1)?.kill9()?;
    }
    let second = place(&item, 20, &[0]).await?;
    cluster.instance(Name::Orders, 1)?.kill9()?;
    for order in first.iter().chain(&second) {
        let order = PlacedOrder::with_id(&cluster, &order.id);
        order.ends("confirmed").await?;
        order.payment("approved").await?;
    }
    item.has_stock(60, 0).await?;
    for name in Name::ALL {
        cluster.instance(name, 1)?.restart().await?;
    }
    shared(&cluster).await
}

async fn one_of_two_is_stopped_past_its_session_timeout(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    shared(&cluster).await?;
    let item = cluster.item(100).await?;
    let customer = Uuid::new_v4().to_string();
    for name in Name::ALL {
        cluster.instance(name, 1)?.sigstop()?;
    }
    // A stopped instance owns a partition until its session expires: orders end only after the takeover, and a POST
    // whose outcome is not known in time may fail.
    let mut placing = JoinSet::new();
    for _ in 0..20 {
        let draft = item.order(1).by(&customer);
        placing.spawn(async move { draft.place().await?.ended().await });
    }
    let ended = placing.join_all().await;
    for name in Name::ALL {
        cluster.instance(name, 1)?.sigcont()?;
    }
    ensure!(ended.iter().any(Result::is_ok), "no order was accepted: {ended:?}");
    for name in Name::ALL {
        cluster.instance(name, 1)?.ready().await?;
    }
    let listed = cluster.orders(&format!("&customerId={customer}")).await?;
    ensure!(listed.len() >= ended.iter().filter(|e| e.is_ok()).count(), "an acknowledged order is not listed");
    for order in &listed {
        let order = PlacedOrder::with_id(&cluster, order["id"].as_str().unwrap_or_default());
        order.ends("confirmed").await?;
        order.payment("approved").await?;
    }
    let left = 100 - i64::try_from(listed.len())?;
    item.has_stock(left, 0).await?;
    for order in place(&item, 10, &[0, 1]).await? {
        order.ends("confirmed").await?;
    }
    item.has_stock(left - 10, 0).await
}

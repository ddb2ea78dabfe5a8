//! Two instances of every service share the work, and one of them goes away.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use tests::broker::Broker;
use tests::checker::owners;
use tests::cluster::Cluster;
use tests::process::Name;
use tests::story::{Item, Placed};
use tests::wait::{PATIENT, until};
use tokio::task::JoinSet;
use uuid::Uuid;

crate::scenarios!(share_the_work, one_of_two_is_killed, one_of_two_stands_still_past_its_session);

/// Waits until every journal's two partitions are owned by two instances.
async fn shared(cluster: &Arc<Cluster>) -> Result<()> {
    for name in Name::ALL {
        until(&format!("two owners of {}", name.journal()), PATIENT, || async {
            let owners = owners(cluster, name).await?;
            let different: BTreeSet<_> = owners.values().collect();
            if different.len() == 2 { Ok(Some(())) } else { Err(anyhow!("they are {owners:?}")) }
        })
        .await?;
    }
    Ok(())
}

/// Places orders at the given instances in turn, all at once.
async fn place(item: &Item, count: usize, via: &[usize]) -> Result<Vec<Placed>> {
    let mut placing = JoinSet::new();
    for instance in via.iter().copied().cycle().take(count) {
        let draft = item.order(1).via(instance);
        placing.spawn(async move { draft.place().await });
    }
    placing.join_all().await.into_iter().collect()
}

async fn share_the_work(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    shared(&cluster).await?;
    let item = cluster.item(100).await?;
    let orders = place(&item, 24, &[0, 1]).await?;
    let partitions: BTreeSet<_> = orders.iter().map(Placed::partition).collect();
    ensure!(partitions.len() == 2, "they lie on both partitions");
    for order in &orders {
        order.ends("confirmed").await?;
        order.payment("approved").await?;
    }
    item.stands(76, 0).await?;
    for order in &orders {
        for instance in 0..2 {
            order.seen_by(instance).ends("confirmed").await?;
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
            continue; // Its first instance is who is asked.
        }
        cluster.instance(name, 1)?.kill9()?;
    }
    let second = place(&item, 20, &[0]).await?;
    cluster.instance(Name::Orders, 1)?.kill9()?;
    for order in first.iter().chain(&second) {
        let order = Placed::known(&cluster, &order.id);
        order.ends("confirmed").await?;
        order.payment("approved").await?;
    }
    item.stands(60, 0).await?;
    for name in Name::ALL {
        cluster.instance(name, 1)?.restart().await?;
    }
    shared(&cluster).await
}

async fn one_of_two_stands_still_past_its_session(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    shared(&cluster).await?;
    let (item, customer) = (cluster.item(100).await?, Uuid::new_v4().to_string());
    for name in Name::ALL {
        cluster.instance(name, 1)?.sigstop()?;
    }
    // What stands still owns a partition until its session is over: orders end only after the take-over, and a POST
    // whose outcome was not known in time may be refused.
    let mut placing = JoinSet::new();
    for _ in 0..20 {
        let draft = item.order(1).by(&customer);
        placing.spawn(async move { draft.place().await?.ended().await });
    }
    let ended = placing.join_all().await;
    for name in Name::ALL {
        cluster.instance(name, 1)?.sigcont()?;
    }
    ensure!(ended.iter().any(Result::is_ok), "some are taken: {ended:?}");
    for name in Name::ALL {
        cluster.instance(name, 1)?.ready().await?;
    }
    let listed = cluster.orders(&format!("&customerId={customer}")).await?;
    ensure!(listed.len() >= ended.iter().filter(|e| e.is_ok()).count(), "what was acknowledged is listed");
    for order in &listed {
        let order = Placed::known(&cluster, order["id"].as_str().unwrap_or_default());
        order.ends("confirmed").await?;
        order.payment("approved").await?;
    }
    let left = 100 - i64::try_from(listed.len())?;
    item.stands(left, 0).await?;
    for order in place(&item, 10, &[0, 1]).await? {
        order.ends("confirmed").await?;
    }
    item.stands(left - 10, 0).await
}

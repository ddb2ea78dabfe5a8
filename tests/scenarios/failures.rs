//! `kill -9` of each service in the middle of a batch of orders, and of the broker; then a restart. Every order that
//! was acknowledged ends, and ends right.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use common::topics;
use serde_json::Value;
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::process::Name;
use tests::story::{Item, Placed};
use tests::wait::{PATIENT, until};
use tokio::task::JoinSet;
use uuid::Uuid;

crate::scenarios!(
    order_service_is_killed,
    inventory_service_is_killed,
    payment_service_is_killed,
    orchestrator_is_killed,
    all_services_are_killed,
    the_broker_is_killed,
    data_says_how_old_it_is,
);

const BATCH: usize = 40;

/// A batch of orders by one customer.
struct Batch {
    customer: String,
    item: Item,
    placing: JoinSet<Result<Placed>>,
    placed: Vec<Placed>,
}

impl Batch {
    /// Begins to place a batch, and comes back when a few of it are acknowledged: the rest is in the middle of things.
    async fn begin(cluster: &Arc<Cluster>) -> Result<Self> {
        let (customer, item) = (Uuid::new_v4().to_string(), cluster.item(1000).await?);
        let mut placing = JoinSet::new();
        for number in 0..BATCH {
            // Some of them are declined, so that there is something to undo.
            let amount = if number % 4 == 3 { "10.13" } else { "10.50" };
            let draft = item.order(1).by(&customer).amount(amount);
            placing.spawn(async move { draft.place().await });
        }
        let mut batch = Self { customer, item, placing, placed: Vec::new() };
        while batch.placed.len() < BATCH / 4 {
            match batch.placing.join_next().await {
                Some(placed) => batch.placed.push(placed??),
                None => break,
            }
        }
        Ok(batch)
    }

    /// All of it ended, and ended right, also what was placed without an acknowledgement.
    async fn ends(mut self, cluster: &Arc<Cluster>) -> Result<()> {
        while let Some(placed) = self.placing.join_next().await {
            // An error says that the outcome is unknown; the list tells.
            self.placed.extend(placed?.ok());
        }
        for order in &self.placed {
            order.ended().await?;
        }
        let listed = self.listed(cluster).await?;
        let mut left = 1000;
        for order in &listed {
            let order = Placed::known(cluster, order["id"].as_str().unwrap_or_default());
            let ended = order.ended().await?;
            let declined = ended["amount"].to_string().ends_with(".13");
            order.ends(if declined { "payment_not_completed" } else { "confirmed" }).await?;
            order.payment(if declined { "declined" } else { "approved" }).await?;
            left -= i64::from(!declined);
        }
        for order in &self.placed {
            ensure!(
                listed.iter().any(|l| l["id"] == order.id),
                "order {} was acknowledged, but is not listed",
                order.id
            );
        }
        self.item.stands(left, 0).await?;
        cluster.goes_on().await
    }
}

impl Batch {
    /// The orders that the API lists, once it lists all that were asked for: a request that was cut off by the kill may
    /// be on the topic nevertheless, and is carried out at its time.
    async fn listed(&self, cluster: &Arc<Cluster>) -> Result<Vec<Value>> {
        let placed = cluster.kafka.read(topics::ORDER_COMMANDS).await?;
        let mine = |text: &[u8]| {
            serde_json::from_slice::<Value>(text).is_ok_and(|placed| placed["customerId"] == self.customer.as_str())
        };
        let asked = placed.iter().filter(|m| m.kind() == "order.place" && mine(&m.value));
        let asked: BTreeSet<_> = asked.map(|m| m.subject().to_owned()).collect();
        ensure!(
            asked.len() >= self.placed.len(),
            "{} orders were placed by {} requests",
            self.placed.len(),
            asked.len()
        );
        until("all orders that were asked for", PATIENT, || async {
            let listed = cluster.orders(&format!("&customerId={}", self.customer)).await?;
            let ids: BTreeSet<_> = listed.iter().filter_map(|order| order["id"].as_str().map(str::to_owned)).collect();
            Ok(Some(listed).filter(|_| ids == asked))
        })
        .await
    }
}

async fn killed(cluster: &Arc<Cluster>, name: Name) -> Result<()> {
    let batch = Batch::begin(cluster).await?;
    cluster.service(name)?.kill9()?;
    cluster.service(name)?.restart().await?;
    batch.ends(cluster).await
}

async fn order_service_is_killed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    killed(&cluster, Name::Orders).await
}

async fn inventory_service_is_killed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    killed(&cluster, Name::Inventory).await
}

async fn payment_service_is_killed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    killed(&cluster, Name::Payments).await
}

async fn orchestrator_is_killed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    killed(&cluster, Name::Orchestrator).await
}

async fn all_services_are_killed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let batch = Batch::begin(&cluster).await?;
    for service in cluster.services() {
        service.kill9()?;
    }
    for service in cluster.services() {
        service.start()?;
    }
    for service in cluster.services() {
        service.ready().await?;
    }
    batch.ends(&cluster).await
}

async fn the_broker_is_killed(cluster: Arc<Cluster>, broker: Arc<Broker>) -> Result<()> {
    let batch = Batch::begin(&cluster).await?;
    tokio::task::spawn_blocking(move || broker.kill9().and_then(|()| broker.start_again())).await??;
    for service in cluster.services() {
        service.ready().await?;
    }
    batch.ends(&cluster).await
}

/// How old the orchestrator says its data are, in milliseconds.
async fn data_age(cluster: &Cluster) -> Result<u64> {
    let flow = cluster.get(cluster.service(Name::Orchestrator)?, "/api/flow?definition=order").await?;
    flow.and_then(|flow| flow["viewLagMs"].as_u64()).context("it does not say how old its data are")
}

async fn data_says_how_old_it_is(cluster: Arc<Cluster>, broker: Arc<Broker>) -> Result<()> {
    let age = |old: bool| {
        let cluster = &cluster;
        move || async move { Ok(Some(data_age(cluster).await?).filter(|age| (*age > 3_000) == old)) }
    };
    until("young data", PATIENT, age(false)).await?;
    let away = Arc::clone(&broker);
    tokio::task::spawn_blocking(move || away.kill9()).await??;
    until("old data, with no broker", PATIENT, age(true)).await?;
    tokio::task::spawn_blocking(move || broker.start_again()).await??;
    until("young data again", PATIENT, age(false)).await?;
    for service in cluster.services() {
        service.ready().await?;
    }
    cluster.goes_on().await
}

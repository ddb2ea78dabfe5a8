//! SIGKILL of each service and of the broker during a batch of orders, then a restart. Every acknowledged order ends
//! with the expected status.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use common::topics;
use serde_json::Value;
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::items::Item;
use tests::orders::{PlacedOrder, status_of};
use tests::process::Name;
use tests::wait::{PATIENT, until};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::events::names_of;

crate::group::scenarios!(
    order_service_is_killed,
    inventory_service_is_killed,
    payment_service_is_killed,
    orchestrator_is_killed,
    all_services_are_killed,
    the_broker_is_killed,
    the_broker_is_fenced,
    data_age_is_reported,
);

const BATCH: usize = 40;
/// A broker that does not run for so many milliseconds more than its session's timeout is fenced: its partitions have
/// no leader for a moment.
const FENCED: u64 = 6_000;

/// A batch of orders by one customer.
struct Batch {
    customer: String,
    item: Item,
    placing: JoinSet<Result<PlacedOrder>>,
    placed: Vec<PlacedOrder>,
}

impl Batch {
    /// Starts to place a batch and returns when a quarter is acknowledged, while the others are in progress.
    async fn start(cluster: &Arc<Cluster>) -> Result<Self> {
        let customer = Uuid::new_v4().to_string();
        let item = cluster.item(1000).await?;
        let mut placing = JoinSet::new();
        for number in 0..BATCH {
            // Some payments are declined, so that sagas compensate.
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

    /// Expects the right final status of all orders, including those placed without an acknowledgement.
    async fn ends(mut self, cluster: &Arc<Cluster>) -> Result<()> {
        while let Some(placed) = self.placing.join_next().await {
            // After an error the outcome is unknown; the list shows it.
            self.placed.extend(placed?.ok());
        }
        for order in &self.placed {
            order.ended().await?;
        }
        let listed = self.listed(cluster).await?;
        let mut left = 1000;
        let mut ended_orders = Vec::new();
        for order in &listed {
            let order = PlacedOrder::with_id(cluster, order["id"].as_str().unwrap_or_default());
            let ended = order.ended().await?;
            let declined = ended["amount"].to_string().ends_with(".13");
            order.ends(if declined { "payment_not_completed" } else { "confirmed" }).await?;
            if declined {
                is_not_paid(cluster, &order).await?;
            } else {
                order.payment("approved").await?;
            }
            left -= i64::from(!declined);
            ended_orders.push((order.id.clone(), !declined));
        }
        for order in &self.placed {
            ensure!(
                listed.iter().any(|l| l["id"] == order.id),
                "order {} was acknowledged, but is not listed",
                order.id
            );
        }
        are_published(cluster, &ended_orders).await?;
        self.item.has_stock(left, 0).await?;
        cluster.confirms_an_order().await
    }
}

impl Batch {
    /// The orders that the API lists, once it lists all that were created: a request interrupted by the kill may be
    /// executed nevertheless.
    async fn listed(&self, cluster: &Arc<Cluster>) -> Result<Vec<Value>> {
        until("all created orders", PATIENT, || async {
            let created = self.created(cluster).await?;
            let listed = cluster.orders(&format!("&customerId={}", self.customer)).await?;
            let ids: BTreeSet<_> = listed.iter().filter_map(|order| order["id"].as_str().map(str::to_owned)).collect();
            Ok(Some(listed).filter(|_| ids == created && created.len() >= self.placed.len()))
        })
        .await
    }

    /// The ids of the orders that were sent to the orchestrator.
    async fn created(&self, cluster: &Arc<Cluster>) -> Result<BTreeSet<String>> {
        let events = cluster.kafka.read(topics::CREATED_ORDERS).await?;
        let of_batch = |text: &[u8]| {
            serde_json::from_slice::<Value>(text).is_ok_and(|order| order["customerId"] == self.customer.as_str())
        };
        Ok(events.iter().filter(|event| of_batch(&event.value)).map(|event| event.subject().to_owned()).collect())
    }
}

/// Waits until the payment is closed. It is cancelled if a restarted payment service reads the saga's refund before the
/// provider's result: they are on two topics, which have no common order.
async fn is_not_paid(cluster: &Arc<Cluster>, order: &PlacedOrder) -> Result<()> {
    until("a payment that is not paid", PATIENT, || async {
        let status = status_of(cluster, Name::Payments, "payments", &order.id).await?;
        Ok(matches!(&*status, "declined" | "cancelled").then_some(()))
    })
    .await
}

/// Waits until every event of these orders, which ended and are paid or not, is published once and in order, apart from
/// repetitions with the same id.
async fn are_published(cluster: &Cluster, orders: &[(String, bool)]) -> Result<()> {
    let all = [topics::ORDER_EVENTS, topics::PAYMENT_EVENTS, topics::SAGA_EVENTS].map(str::to_owned);
    until("the events of the batch", PATIENT, || async {
        let read = cluster.kafka.read_topics(all.to_vec()).await?;
        for (id, is_paid) in orders {
            let names = |topic: &str| -> Result<String> {
                let messages = read.get(topic).map(Vec::as_slice).unwrap_or_default();
                Ok(names_of(messages, id)?.join(" "))
            };
            let of_order = names(topics::ORDER_EVENTS)?;
            let of_payment = names(topics::PAYMENT_EVENTS)?;
            let of_saga = names(topics::SAGA_EVENTS)?;
            let expected: &[&str] = if *is_paid {
                &["placed reserved invoiced paid confirmed"]
            } else {
                &["placed not-paid", "placed reserved invoiced not-paid"]
            };
            ensure!(expected.contains(&&*of_order), "order {id}: {of_order}");
            ensure!(!is_paid || of_payment == "requested approved", "order {id}: {of_payment}");
            ensure!(of_saga.starts_with("began ") && of_saga.ends_with(" ended"), "order {id}: {of_saga}");
        }
        Ok(Some(()))
    })
    .await
}

async fn killed(cluster: &Arc<Cluster>, name: Name) -> Result<()> {
    let batch = Batch::start(cluster).await?;
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
    let batch = Batch::start(&cluster).await?;
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
    let batch = Batch::start(&cluster).await?;
    tokio::task::spawn_blocking(move || broker.kill9().and_then(|()| broker.start_again())).await??;
    for service in cluster.services() {
        service.ready().await?;
    }
    batch.ends(&cluster).await
}

/// librdkafka stops to fetch and to send, without an error, if it reads at that moment that a partition has no leader
/// (confluentinc/librdkafka, issue 5430).
async fn the_broker_is_fenced(cluster: Arc<Cluster>, broker: Arc<Broker>) -> Result<()> {
    let item = cluster.item(100).await?;
    for _round in 0..2 {
        let batch = Batch::start(&cluster).await?;
        fence(&cluster, &broker).await?;
        let order = until("an accepted order", PATIENT, || async { Ok(Some(item.order(1).place().await?)) }).await?;
        order.ends("confirmed").await?;
        batch.ends(&cluster).await?;
    }
    Ok(())
}

/// Stops the broker for so long that it is fenced. If it sends its next heartbeat before the controller, which was
/// stopped with it, has noticed the silence, it is stopped again.
async fn fence(cluster: &Cluster, broker: &Broker) -> Result<()> {
    let fenced = || Ok::<_, anyhow::Error>(broker.log()?.matches("because its session has timed out").count());
    let before = fenced()?;
    let long = broker.session_timeout()? + FENCED;
    until("a fenced broker", 2 * PATIENT, || async {
        broker.sigstop()?;
        let silence = || async { Ok(Some(data_age(cluster).await?).filter(|age| *age > long)) };
        let silent = until("a broker that is silent", PATIENT, silence).await;
        broker.sigcont()?;
        silent?;
        let contact = || async { Ok(Some(data_age(cluster).await?).filter(|age| *age < long)) };
        until("a broker that answers", PATIENT, contact).await?;
        Ok((fenced()? > before).then_some(()))
    })
    .await
}

/// The age of the orchestrator's data, in milliseconds.
async fn data_age(cluster: &Cluster) -> Result<u64> {
    let flow = cluster.get(cluster.service(Name::Orchestrator)?, "/api/flow?definition=order").await?;
    flow.and_then(|flow| flow["viewLagMs"].as_u64()).context("no viewLagMs")
}

async fn data_age_is_reported(cluster: Arc<Cluster>, broker: Arc<Broker>) -> Result<()> {
    let age = |old: bool| {
        let cluster = &cluster;
        move || async move { Ok(Some(data_age(cluster).await?).filter(|age| (*age > 3_000) == old)) }
    };
    until("recent data", PATIENT, age(false)).await?;
    let killed = Arc::clone(&broker);
    tokio::task::spawn_blocking(move || killed.kill9()).await??;
    until("old data without a broker", PATIENT, age(true)).await?;
    tokio::task::spawn_blocking(move || broker.start_again()).await??;
    until("recent data again", PATIENT, age(false)).await?;
    for service in cluster.services() {
        service.ready().await?;
    }
    cluster.confirms_an_order().await
}

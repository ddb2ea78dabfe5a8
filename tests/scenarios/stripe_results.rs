//! Payments with Stripe whose results others publish: only Stripe's answer counts, and no other charge is touched.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use reqwest::StatusCode;
use serde_json::json;
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::process::Name;
use tests::stripe::shared;
use tests::wait::{PATIENT, SOON, until};

use crate::stripe::{charged, has_history};

crate::group::scenarios!(
    a_published_result_is_a_hint_and_stripes_answer_counts,
    a_published_reference_refunds_no_other_charge,
    a_payment_cancelled_while_its_intent_is_made_is_cancelled_at_stripe,
);

async fn a_published_result_is_a_hint_and_stripes_answer_counts(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let order = cluster.item(1).await?.order(1).amount("10.55").place().await?;
    order.payment("pending").await?;
    for (status, on_other_partition) in [("approved", false), ("declined", true), ("approved", true)] {
        match on_other_partition {
            true => order.result_on_other_partition(status).await?,
            false => order.result(status).await?,
        }
    }
    has_history(&cluster, &order.id, "a message reports it declined: the provider is asked").await?;
    cluster.confirms_an_order().await?;
    order.payment("pending").await?;
    order.is_underway().await?;
    // Whatever it reports, the hint is what makes the service ask.
    stripe.settle(&order.id);
    order.result("declined").await?;
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    charged(stripe, &order.id, 1, 1055)
}

async fn a_published_reference_refunds_no_other_charge(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let item = cluster.item(2).await?;
    let paid = item.order(1).place().await?;
    paid.ends("confirmed").await?;
    let intent = stripe.of_order(&paid.id).pop().context("no intent")?.id;
    let declined = item.order(1).amount("10.13").place().await?;
    declined.ends("payment_not_completed").await?;
    let text =
        format!(r#"{{"orderId":"{}","status":"approved","reference":"{intent}","paymentId":"{intent}"}}"#, declined.id);
    cluster.kafka.publish(tests::orders::RESULTS, None, text.as_bytes()).await?;
    has_history(&cluster, &declined.id, "a message reports it approved: the provider is asked").await?;
    cluster.confirms_an_order().await?;
    declined.payment("declined").await?;
    charged(stripe, &paid.id, 1, 1050)
}

async fn a_payment_cancelled_while_its_intent_is_made_is_cancelled_at_stripe(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let stripe = shared()?;
    let item = cluster.item(1).await?;
    stripe.answers_late(Some(1));
    let cancelled = async {
        let order = item.order(1).place().await?;
        until("an intent", SOON, || async { Ok((!stripe.of_order(&order.id).is_empty()).then_some(())) }).await?;
        let url = cluster.service(Name::Orders)?.url(&format!("/orders/{}/cancel", order.id));
        let answer = cluster.http.post(url).json(&json!({ "reason": "the wrong day" })).send().await?;
        ensure!(answer.status() == StatusCode::ACCEPTED, "{}", answer.status());
        order.ends("cancelled").await?;
        anyhow::Ok(order)
    };
    let order = cancelled.await;
    stripe.answers_late(None);
    let order = order?;
    order.payment("cancelled").await?;
    until("the intent to be cancelled at Stripe", PATIENT, || async {
        let intent = stripe.of_order(&order.id).pop().context("no intent")?;
        if intent.status == "canceled" { Ok(Some(())) } else { Err(anyhow!("{intent:?}")) }
    })
    .await?;
    charged(stripe, &order.id, 0, 0)
}

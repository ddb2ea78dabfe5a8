//! Payments through a fake Stripe server that declines, responds late, sends repeated and forged webhooks, and is
//! killed under load. The tests count its charges.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::command;
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::stripe::{Stripe, WEBHOOK_SECRET, shared};
use tests::wait::{PATIENT, SOON, until};
use tokio::task::JoinSet;
use uuid::Uuid;

/// A saga that authorizes, captures and refunds a part.
pub(crate) const DEPOSIT: &str = include_str!("stripe/deposit.toml");

crate::group::scenarios!(
    paid_by_stripe,
    declined_by_stripe,
    webhooks_are_processed_once_and_forged_ones_rejected,
    late_responses_cause_no_double_charge,
    a_part_is_refunded_by_http,
    a_deposit_is_captured_and_partly_refunded,
    a_failed_deposit_is_refunded,
    a_report_is_reconciled_with_the_ledger,
    the_service_is_killed_while_stripe_charges,
    the_provider_dies_under_load,
);

/// The payment of an order.
pub(crate) async fn payment(cluster: &Cluster, order: &str) -> Result<Value> {
    let found = cluster.get(cluster.service(Name::Payments)?, &format!("/payments/{order}")).await?;
    found.ok_or_else(|| anyhow!("there is no payment for {order}"))
}

/// Expects that Stripe has one intent for an order, with this number of charges and this amount after refunds.
pub(crate) fn charged(stripe: &Stripe, order: &str, times: u32, kept: i64) -> Result<()> {
    let intents = stripe.of_order(order);
    ensure!(intents.len() == 1, "not one intent for {order}: {intents:?}");
    let fits = intents.iter().all(|intent| intent.charges == times && intent.received - intent.refunded == kept);
    ensure!(fits, "expected {times} charges and {kept} kept: {intents:?}");
    Ok(())
}

async fn paid_by_stripe(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let order = cluster.item(1).await?.order(1).place().await?;
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    charged(stripe, &order.id, 1, 1050)?;
    let shown = payment(&cluster, &order.id).await?;
    let intent = stripe.of_order(&order.id).pop().context("no intent")?;
    ensure!(shown["reference"] == intent.id && shown["provider"] == "stripe", "{shown:#}");
    let ledger = cluster.get(cluster.service(Name::Payments)?, &format!("/ledger?orderId={}", order.id)).await?;
    let ledger = ledger.unwrap_or_default();
    ensure!(ledger["balanced"] == true && ledger["postings"].as_array().map(Vec::len) == Some(4), "{ledger:#}");
    Ok(())
}

async fn declined_by_stripe(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(1).await?;
    let order = item.order(1).amount("10.13").place().await?;
    order.ends("payment_not_completed").await?;
    order.has_reason("payment_declined").await?;
    order.payment("declined").await?;
    item.has_stock(1, 0).await?;
    charged(shared()?, &order.id, 0, 0)?;
    let history = payment(&cluster, &order.id).await?["history"].to_string();
    ensure!(history.contains("insufficient_funds"), "{history}");
    let cancelled = || async {
        let intent = shared()?.of_order(&order.id).pop().context("no intent")?;
        if intent.status == "canceled" { Ok(Some(())) } else { Err(anyhow!("{intent:?}")) }
    };
    until("the declined payment to be cancelled at Stripe", SOON, cancelled).await
}

/// Sends a webhook as Stripe does.
pub(crate) async fn webhook(cluster: &Cluster, body: &str, secret: &str) -> Result<StatusCode> {
    let time = common::time::Timestamp::now().0 / 1000;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(format!("{time}.{body}").as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let url = cluster.service(Name::Payments)?.url("/webhooks/stripe");
    let request = cluster.http.post(url).header("stripe-signature", format!("t={time},v1={signature}"));
    Ok(request.body(body.to_owned()).send().await?.status())
}

async fn webhooks_are_processed_once_and_forged_ones_rejected(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    // An amount ending in .55 stays in processing until it is settled.
    let order = cluster.item(1).await?.order(1).amount("10.55").place().await?;
    order.payment("pending").await?;
    let confirmed =
        || async { Ok(stripe.of_order(&order.id).into_iter().find(|intent| intent.status == "processing")) };
    until("the payment to be processed", SOON, confirmed).await?;
    let paid = stripe.event("payment_intent.succeeded", &order.id)?;
    ensure!(webhook(&cluster, &paid, "whsec_wrong").await? == StatusCode::BAD_REQUEST, "a forged webhook is accepted");
    order.payment("pending").await?;
    // One that does not fit the payment is accepted, recorded and not used.
    let mut unfit: Value = serde_json::from_str(&paid)?;
    unfit["id"] = json!("evt_of_another_amount");
    unfit["data"]["object"]["amount"] = json!(1);
    stripe.settle(&order.id);
    ensure!(webhook(&cluster, &unfit.to_string(), WEBHOOK_SECRET).await? == StatusCode::OK, "a webhook is rejected");
    has_history(&cluster, &order.id, "does not fit and is not used: its amount in minor units is 1, not 1055").await?;
    for _ in 0..2 {
        ensure!(webhook(&cluster, &paid, WEBHOOK_SECRET).await? == StatusCode::OK, "a webhook is rejected");
    }
    order.ends("confirmed").await?;
    // An earlier event arrives later.
    let failed = stripe.event("payment_intent.payment_failed", &order.id)?;
    ensure!(webhook(&cluster, &failed, WEBHOOK_SECRET).await? == StatusCode::OK, "a webhook is rejected");
    has_history(&cluster, &order.id, "payment_intent.payment_failed), when it was approved: nothing changes").await?;
    order.payment("approved").await?;
    let captured = payment(&cluster, &order.id).await?;
    ensure!(captured["captured"] == 10.55 && captured["refunded"] == 0.0, "{captured:#}");
    charged(stripe, &order.id, 1, 1055)
}

/// Waits for a text in the history of an order's payment.
pub(crate) async fn has_history(cluster: &Cluster, order: &str, text: &str) -> Result<()> {
    until(&format!("'{text}' in the history of {order}"), SOON, || async {
        let history = payment(cluster, order).await?["history"].to_string();
        if history.contains(text) { Ok(Some(())) } else { Err(anyhow!("{history}")) }
    })
    .await
}

async fn late_responses_cause_no_double_charge(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let item = cluster.item(100).await?;
    stripe.answers_late(Some(4));
    let placed = place_all(&item, 20, Duration::ZERO).await;
    let ended = end_all(stripe, &placed?).await;
    stripe.answers_late(None);
    ended
}

/// Places `count` orders with a pause between them. Every tenth is declined.
async fn place_all(item: &tests::items::Item, count: usize, pause: Duration) -> Result<Vec<(PlacedOrder, bool)>> {
    let mut placing = JoinSet::new();
    for number in 0..count {
        let declined = number % 10 == 9;
        let draft = item.order(1).amount(if declined { "10.13" } else { "10.50" });
        placing.spawn(async move { Ok::<_, anyhow::Error>((draft.place().await?, declined)) });
        tokio::time::sleep(pause).await;
    }
    let mut placed = Vec::with_capacity(count);
    while let Some(order) = placing.join_next().await {
        placed.push(order??);
    }
    Ok(placed)
}

/// Expects the right final status of every order, and one charge or none.
async fn end_all(stripe: &Stripe, placed: &[(PlacedOrder, bool)]) -> Result<()> {
    for (order, declined) in placed {
        order.ends(if *declined { "payment_not_completed" } else { "confirmed" }).await?;
        charged(stripe, &order.id, u32::from(!declined), if *declined { 0 } else { 1050 })?;
    }
    Ok(())
}

pub(crate) async fn refund(cluster: &Cluster, order: &str, body: Value) -> Result<(StatusCode, Value)> {
    let url = cluster.service(Name::Payments)?.url(&format!("/payments/{order}/refunds"));
    let answer = cluster.http.post(url).json(&body).send().await?;
    Ok((answer.status(), answer.json().await?))
}

async fn a_part_is_refunded_by_http(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = cluster.item(1).await?.order(1).place().await?;
    order.ends("confirmed").await?;
    let body = json!({ "id": "return-1", "amount": 3.00, "reason": "one of them was broken" });
    for expected in [StatusCode::CREATED, StatusCode::OK] {
        let (status, made) = refund(&cluster, &order.id, body.clone()).await?;
        ensure!(status == expected && made["status"] == "refunded" && made["amount"] == 3.0, "{status} {made}");
    }
    for (wrong, expected) in [
        (json!({ "id": "return-1", "amount": 4.00, "reason": "more" }), StatusCode::CONFLICT),
        (json!({ "amount": 7.51, "reason": "too much" }), StatusCode::CONFLICT),
        (json!({ "amount": -1, "reason": "less than nothing" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "amount": 1 }), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let (status, problem) = refund(&cluster, &order.id, wrong.clone()).await?;
        ensure!(status == expected, "{wrong}: {status} {problem}");
    }
    // Without an id the service makes one, and names it.
    let (status, made) = refund(&cluster, &order.id, json!({ "amount": 1, "reason": "once more" })).await?;
    let id = made["id"].as_str().unwrap_or_default().to_owned();
    ensure!(status == StatusCode::CREATED && !id.is_empty(), "{status} {made}");
    let again = json!({ "id": id, "amount": 1, "reason": "once more" });
    let (status, made) = refund(&cluster, &order.id, again).await?;
    ensure!(status == StatusCode::OK && made["id"] == id.as_str(), "{status} {made}");
    charged(shared()?, &order.id, 1, 650)?;
    order.payment("approved").await?;
    ensure!(payment(&cluster, &order.id).await?["refunded"] == 4.0, "the refund is not shown");
    Ok(())
}

/// Starts a deposit's saga and waits for its payment: status, captured and refunded amounts.
async fn deposit(cluster: &Cluster, then_fail: bool, status: &str, captured: f64, refunded: f64) -> Result<String> {
    let id = Uuid::new_v4().to_string();
    let mut deposit = json!({ "amountMinor": 1050, "currency": "BRL", "captureMinor": 800, "refundMinor": 300 });
    if let Some(deposit) = deposit.as_object_mut().filter(|_| then_fail) {
        deposit.insert("thenFail".to_owned(), true.into());
    }
    cluster.kafka.event("created-deposits", "deposit.created", &id, &deposit).await?;
    until(
        &format!("the payment of deposit {id} to be {status}, {captured} captured, {refunded} refunded"),
        PATIENT,
        || async {
            let shown = payment(cluster, &id).await?;
            let fits = shown["status"] == status && shown["captured"] == captured && shown["refunded"] == refunded;
            if fits { Ok(Some(())) } else { Err(anyhow!("{shown:#}")) }
        },
    )
    .await?;
    Ok(id)
}

async fn a_deposit_is_captured_and_partly_refunded(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = deposit(&cluster, false, "approved", 8.0, 3.0).await?;
    charged(shared()?, &id, 1, 500)?;
    until("the refund in the saga", SOON, || async {
        let saga = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas/{id}")).await?;
        let saga = saga.unwrap_or_default();
        if saga["data"]["refund"]["amountMinor"] == 300 { Ok(Some(())) } else { Err(anyhow!("{saga:#}")) }
    })
    .await
}

async fn a_failed_deposit_is_refunded(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    // No participant executes the last step: the saga compensates, and the rest is refunded.
    let id = deposit(&cluster, true, "refunded", 8.0, 8.0).await?;
    charged(shared()?, &id, 1, 0)
}

async fn a_report_is_reconciled_with_the_ledger(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = cluster.item(1).await?.order(1).place().await?;
    order.ends("confirmed").await?;
    let stripe = shared()?;
    let mut report = "id,amount,currency,status,refunded\n".to_owned();
    for payment in cluster.payments().await? {
        let Some(intent) = stripe.of_order(payment["orderId"].as_str().unwrap_or_default()).pop() else { continue };
        let amount = if intent.received > 0 { intent.received } else { intent.amount };
        let amount = common::money::Amount(amount);
        let refunded = common::money::Amount(intent.refunded);
        report.push_str(&format!("{},{amount},brl,{},{refunded}\n", intent.id, intent.status));
    }
    let directory = cluster.scratch("reports")?;
    let good = directory.join("good.csv");
    let bad = directory.join("bad.csv");
    let broken = directory.join("broken.csv");
    let id = stripe.of_order(&order.id).pop().context("no intent")?.id;
    std::fs::write(&good, &report)?;
    std::fs::write(&bad, report.replace(&format!("{id},10.50"), &format!("{id},10.49")))?;
    std::fs::write(&broken, report.replace(&format!("{id},10.50"), &format!("{id},a lot")))?;
    let url = cluster.service(Name::Payments)?.url("");
    let run = async |file: &std::path::Path| -> Result<(Option<i32>, String)> {
        let mut command = cluster.service(Name::Payments)?.command()?;
        command.arg("reconcile").arg(file).args(["--url", &url]);
        let output = command::run(command).await?;
        Ok((output.status.code(), command::text(&output)))
    };
    let (code, output) = run(&good).await?;
    ensure!(code == Some(0) && output.contains(" 0 differences"), "{code:?} {output}");
    let (code, output) = run(&bad).await?;
    ensure!(code == Some(1) && output.contains("amount is 10.49 in the report, 10.50 with us"), "{code:?} {output}");
    let line = 1 + report.lines().position(|line| line.contains(&id)).context("not in the report")?;
    let (code, output) = run(&broken).await?;
    ensure!(code == Some(2) && output.contains(&format!("broken.csv:{line}: amount")), "{code:?} {output}");
    Ok(())
}

async fn the_service_is_killed_while_stripe_charges(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let item = cluster.item(100).await?;
    let before = stripe.requests();
    let placing = tokio::spawn(async move { place_all(&item, 40, Duration::from_millis(10)).await });
    until("requests to Stripe", SOON, || async { Ok((stripe.requests() > before + 30).then_some(())) }).await?;
    let payments = cluster.service(Name::Payments)?;
    payments.kill9()?;
    payments.restart().await?;
    end_all(stripe, &placing.await??).await
}

/// The state of the provider's circuit breaker.
async fn breaker(cluster: &Cluster) -> Result<String> {
    let shown = cluster.get(cluster.service(Name::Payments)?, "/providers").await?.unwrap_or_default();
    let items = shown["items"].as_array().cloned().unwrap_or_default();
    let stripe = items.iter().find(|item| item["kind"] == "stripe").context("no stripe")?;
    Ok(stripe["breaker"]["state"].as_str().unwrap_or_default().to_owned())
}

/// Can be run longer with more load: `AWAY_SECONDS=60 ORDERS_PER_SECOND=100`.
async fn the_provider_dies_under_load(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let number = |name: &str, or: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or);
    let away = number("AWAY_SECONDS", 4);
    let rate = number("ORDERS_PER_SECOND", 20);
    let stripe = shared()?;
    let count = usize::try_from(rate * (away + 4))?;
    let item = cluster.item(1_000_000).await?;
    let placing = {
        let item = item.clone();
        tokio::spawn(async move { place_all(&item, count, Duration::from_micros(1_000_000 / rate)).await })
    };
    let before = stripe.requests();
    until("requests to Stripe", SOON, || async { Ok((stripe.requests() > before + 20).then_some(())) }).await?;
    stripe.kill();
    let died = Instant::now();
    until("the breaker to open", SOON, || async { Ok((breaker(&cluster).await? == "open").then_some(())) }).await?;
    let ready = cluster.get(cluster.service(Name::Payments)?, "/health/ready").await?.unwrap_or_default();
    ensure!(ready["checks"]["provider stripe"].as_str().is_some_and(|text| text.contains("circuit")), "{ready}");
    until("the cause on the dashboard", SOON, || async {
        let path = "/api/throughput?window=5m";
        let shown = cluster.get(cluster.service(Name::Orchestrator)?, path).await?.unwrap_or_default();
        let causes = shown["causes"].as_array().cloned().unwrap_or_default();
        let is_cause = |cause: &Value| cause["kind"] == "circuitOpen" && cause["name"] == "provider stripe";
        Ok(causes.iter().any(is_cause).then_some(()))
    })
    .await?;
    // While it is open, requests fail at once with a time to retry.
    until("a request rejected by the breaker", SOON, || async {
        let replies = cluster.kafka.read(common::topics::SAGA_REPLIES).await?;
        let rejected = |text: &str| text.contains("is not called for another") && text.contains("retryAfterMs");
        Ok(replies.iter().any(|reply| std::str::from_utf8(&reply.value).is_ok_and(rejected)).then_some(()))
    })
    .await?;
    // The load continues.
    tokio::time::sleep(Duration::from_secs(away).saturating_sub(died.elapsed())).await;
    stripe.start()?;
    let placed = placing.await??;
    end_all(stripe, &placed).await?;
    until("the breaker to close", PATIENT, || async { Ok((breaker(&cluster).await? == "closed").then_some(())) })
        .await?;
    cluster.confirms_an_order().await
}

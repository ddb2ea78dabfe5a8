//! Stripe takes the payments: a server of our own that answers as Stripe does, declines, is slow, says things twice and
//! forged, and dies under load. What it charged is counted.

use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::process::Name;
use tests::story::Placed;
use tests::stripe::{Stripe, WEBHOOK_SECRET, shared};
use tests::wait::{PATIENT, SOON, until};
use tokio::task::JoinSet;
use uuid::Uuid;

/// A saga that authorizes, captures and gives a part back.
pub(crate) const DEPOSIT: &str = include_str!("stripe/deposit.toml");

crate::scenarios!(
    paid_by_stripe,
    declined_by_stripe,
    webhooks_are_taken_once_and_forged_ones_refused,
    late_answers_charge_nobody_twice,
    a_part_is_given_back_by_http,
    a_deposit_is_captured_and_given_back_in_part,
    a_deposit_that_comes_to_nothing_is_given_back,
    a_report_is_held_against_the_ledger,
    the_service_is_killed_while_stripe_charges,
    the_provider_dies_under_load,
);

/// What the API says of an order's payment.
async fn payment(cluster: &Cluster, order: &str) -> Result<Value> {
    let found = cluster.get(cluster.service(Name::Payments)?, &format!("/payments/{order}")).await?;
    found.ok_or_else(|| anyhow!("there is no payment for {order}"))
}

/// Expects that Stripe knows one payment of an order, and took money for it so often, and so much.
fn charged(stripe: &Stripe, order: &str, times: u32, kept: i64) -> Result<()> {
    let intents = stripe.of_order(order);
    ensure!(intents.len() == 1, "one intent for {order}, not {intents:?}");
    let fits = intents.iter().all(|intent| intent.charges == times && intent.received - intent.refunded == kept);
    ensure!(fits, "charged {times} times, {kept} kept: {intents:?}");
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
    order.because("payment_declined").await?;
    order.payment("declined").await?;
    item.stands(1, 0).await?;
    charged(shared()?, &order.id, 0, 0)?;
    let history = payment(&cluster, &order.id).await?["history"].to_string();
    ensure!(history.contains("insufficient_funds"), "{history}");
    let called_off = || async {
        let intent = shared()?.of_order(&order.id).pop().context("no intent")?;
        if intent.status == "canceled" { Ok(Some(())) } else { Err(anyhow!("{intent:?}")) }
    };
    until("the declined payment to be called off at Stripe", SOON, called_off).await
}

/// Sends a webhook as Stripe does.
async fn webhook(cluster: &Cluster, body: &str, secret: &str) -> Result<StatusCode> {
    let time = common::time::Timestamp::now().0 / 1000;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(format!("{time}.{body}").as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let url = cluster.service(Name::Payments)?.url("/webhooks/stripe");
    let request = cluster.http.post(url).header("stripe-signature", format!("t={time},v1={signature}"));
    Ok(request.body(body.to_owned()).send().await?.status())
}

async fn webhooks_are_taken_once_and_forged_ones_refused(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    // Of .55 Stripe says that it is being processed, until a webhook says otherwise.
    let order = cluster.item(1).await?.order(1).amount("10.55").place().await?;
    order.payment("pending").await?;
    let confirmed =
        || async { Ok(stripe.of_order(&order.id).into_iter().find(|intent| intent.status == "processing")) };
    until("the payment to be processed", SOON, confirmed).await?;
    let paid = stripe.event("payment_intent.succeeded", &order.id)?;
    ensure!(webhook(&cluster, &paid, "whsec_wrong").await? == StatusCode::BAD_REQUEST, "forged");
    order.payment("pending").await?;
    for _ in 0..2 {
        ensure!(webhook(&cluster, &paid, WEBHOOK_SECRET).await? == StatusCode::OK, "taken");
    }
    order.ends("confirmed").await?;
    // What Stripe said earlier comes later.
    let failed = stripe.event("payment_intent.payment_failed", &order.id)?;
    ensure!(webhook(&cluster, &failed, WEBHOOK_SECRET).await? == StatusCode::OK, "taken");
    until("all of it to be noted", SOON, || async {
        let history = payment(&cluster, &order.id).await?["history"].to_string();
        let noted = history.contains("approved again") && history.contains("when it was approved: nothing changes");
        if noted { Ok(Some(())) } else { Err(anyhow!("{history}")) }
    })
    .await?;
    order.payment("approved").await?;
    let captured = payment(&cluster, &order.id).await?;
    ensure!(captured["captured"] == 10.55 && captured["refunded"] == 0.0, "{captured:#}");
    Ok(())
}

async fn late_answers_charge_nobody_twice(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let item = cluster.item(100).await?;
    stripe.answers_late(Some(4));
    let placed = place_all(&item, 20, Duration::ZERO).await;
    let ended = end_all(stripe, &placed?).await;
    stripe.answers_late(None);
    ended
}

/// Places so many orders, one every so often; every tenth of them will be declined.
async fn place_all(item: &tests::story::Item, count: usize, pause: Duration) -> Result<Vec<(Placed, bool)>> {
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

/// Every order ended right, and was charged once or not at all.
async fn end_all(stripe: &Stripe, placed: &[(Placed, bool)]) -> Result<()> {
    for (order, declined) in placed {
        order.ends(if *declined { "payment_not_completed" } else { "confirmed" }).await?;
        charged(stripe, &order.id, u32::from(!declined), if *declined { 0 } else { 1050 })?;
    }
    Ok(())
}

async fn refund(cluster: &Cluster, order: &str, body: Value) -> Result<(StatusCode, Value)> {
    let url = cluster.service(Name::Payments)?.url(&format!("/payments/{order}/refunds"));
    let answer = cluster.http.post(url).json(&body).send().await?;
    Ok((answer.status(), answer.json().await?))
}

async fn a_part_is_given_back_by_http(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
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
    charged(shared()?, &order.id, 1, 750)?;
    order.payment("approved").await?;
    ensure!(payment(&cluster, &order.id).await?["refunded"] == 3.0, "it is shown");
    Ok(())
}

/// Begins a deposit's saga and waits until its payment stands so: status, captured, refunded.
async fn deposit(cluster: &Cluster, then_fail: bool, so: (&str, f64, f64)) -> Result<String> {
    let id = Uuid::new_v4().to_string();
    let mut deposit = json!({ "amountMinor": 1050, "currency": "BRL", "captureMinor": 800, "refundMinor": 300 });
    if let Some(deposit) = deposit.as_object_mut().filter(|_| then_fail) {
        deposit.insert("thenFail".to_owned(), true.into());
    }
    cluster.kafka.event("created-deposits", "deposit.created", &id, &deposit).await?;
    until(&format!("the payment of deposit {id} to be {so:?}"), PATIENT, || async {
        let shown = payment(cluster, &id).await?;
        let fits = shown["status"] == so.0 && shown["captured"] == so.1 && shown["refunded"] == so.2;
        if fits { Ok(Some(())) } else { Err(anyhow!("{shown:#}")) }
    })
    .await?;
    Ok(id)
}

async fn a_deposit_is_captured_and_given_back_in_part(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = deposit(&cluster, false, ("approved", 8.0, 3.0)).await?;
    charged(shared()?, &id, 1, 500)?;
    until("the saga to know of it", SOON, || async {
        let saga = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas/{id}")).await?;
        let saga = saga.unwrap_or_default();
        if saga["data"]["refund"]["amountMinor"] == 300 { Ok(Some(())) } else { Err(anyhow!("{saga:#}")) }
    })
    .await
}

async fn a_deposit_that_comes_to_nothing_is_given_back(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    // Nobody carries out the last step: all is undone, also what was not given back before.
    let id = deposit(&cluster, true, ("refunded", 8.0, 8.0)).await?;
    charged(shared()?, &id, 1, 0)
}

async fn a_report_is_held_against_the_ledger(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = cluster.item(1).await?.order(1).place().await?;
    order.ends("confirmed").await?;
    let stripe = shared()?;
    let mut report = "id,amount,currency,status,refunded\n".to_owned();
    for payment in cluster.payments().await? {
        let Some(intent) = stripe.of_order(payment["orderId"].as_str().unwrap_or_default()).pop() else { continue };
        let amount = if intent.received > 0 { intent.received } else { intent.amount };
        let amount = common::money::Amount(amount);
        let refunded = common::money::Amount(intent.refunded);
        // What a webhook alone told of, Stripe itself still processes.
        let status = if intent.status == "processing" { "succeeded" } else { &intent.status };
        report.push_str(&format!("{},{amount},brl,{status},{refunded}\n", intent.id));
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
    let run = |file: &std::path::Path| -> Result<(Option<i32>, String)> {
        let mut command = cluster.service(Name::Payments)?.command()?;
        let Output { status, stdout, stderr } = command.arg("reconcile").arg(file).args(["--url", &url]).output()?;
        Ok((status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned()))
    };
    let (code, said) = run(&good)?;
    ensure!(code == Some(0) && said.contains(" 0 differences"), "{code:?} {said}");
    let (code, said) = run(&bad)?;
    ensure!(code == Some(1) && said.contains("amount is 10.49 in the report, 10.50 with us"), "{code:?} {said}");
    let line = 1 + report.lines().position(|line| line.contains(&id)).context("it is in the report")?;
    let (code, said) = run(&broken)?;
    ensure!(code == Some(2) && said.contains(&format!("broken.csv:{line}: amount")), "{code:?} {said}");
    Ok(())
}

async fn the_service_is_killed_while_stripe_charges(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let item = cluster.item(100).await?;
    let before = stripe.requests();
    let placing = tokio::spawn(async move { place_all(&item, 40, Duration::from_millis(10)).await });
    until("Stripe to be at work", SOON, || async { Ok((stripe.requests() > before + 30).then_some(())) }).await?;
    let payments = cluster.service(Name::Payments)?;
    payments.kill9()?;
    payments.restart().await?;
    end_all(stripe, &placing.await??).await
}

/// How the breaker of a cluster's provider stands.
async fn breaker(cluster: &Cluster) -> Result<String> {
    let shown = cluster.get(cluster.service(Name::Payments)?, "/providers").await?.unwrap_or_default();
    let items = shown["items"].as_array().cloned().unwrap_or_default();
    let stripe = items.iter().find(|item| item["kind"] == "stripe").context("no stripe")?;
    Ok(stripe["breaker"]["state"].as_str().unwrap_or_default().to_owned())
}

/// Longer and more by hand: `AWAY_SECONDS=60 ORDERS_PER_SECOND=100`.
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
    until("Stripe to be at work", SOON, || async { Ok((stripe.requests() > before + 20).then_some(())) }).await?;
    stripe.kill();
    let died = Instant::now();
    until("the breaker to open", SOON, || async { Ok((breaker(&cluster).await? == "open").then_some(())) }).await?;
    let ready = cluster.get(cluster.service(Name::Payments)?, "/health/ready").await?.unwrap_or_default();
    ensure!(ready["checks"]["provider stripe"].as_str().is_some_and(|seen| seen.contains("circuit")), "{ready}");
    // While it is open a request is answered without asking anybody, with when to ask again.
    until("a request to be turned away by the breaker", SOON, || async {
        let replies = cluster.kafka.read(common::topics::SAGA_REPLIES).await?;
        let told = |text: &str| text.contains("is not asked for another") && text.contains("retryAfterMs");
        Ok(replies.iter().any(|reply| std::str::from_utf8(&reply.value).is_ok_and(told)).then_some(()))
    })
    .await?;
    // The load goes on meanwhile.
    tokio::time::sleep(Duration::from_secs(away).saturating_sub(died.elapsed())).await;
    stripe.start()?;
    let placed = placing.await??;
    end_all(stripe, &placed).await?;
    until("the breaker to close", PATIENT, || async { Ok((breaker(&cluster).await? == "closed").then_some(())) })
        .await?;
    cluster.goes_on().await
}

//! What happens at Stripe after the request: 3-D Secure, Pix codes, pending and failed refunds, refunds of its
//! dashboard, and disputes.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, USER};
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::stripe::{Stripe, WEBHOOK_SECRET, shared};
use tests::wait::{PATIENT, until};

use crate::paying::{action_of, is_nowhere};
use crate::stripe::{charged, payment, refund, webhook};
use crate::tasks::{case_ends, decide, is_gone, open_task};

crate::group::scenarios!(
    an_order_with_3d_secure_is_paid_after_the_customer_confirms_it,
    an_order_whose_3d_secure_fails_is_not_paid,
    an_order_by_pix_shows_its_code_and_one_on_invoice_is_refused,
    an_order_that_stripe_rejects_ends_at_once_and_its_token_is_in_no_log,
    a_pending_refund_is_not_booked_and_one_that_fails_is_made_again,
    a_refund_that_fails_at_once_is_made_again_and_dismissed,
    a_refund_of_stripes_dashboard_is_booked,
    a_disputed_order_is_booked_until_it_is_won_or_lost,
    a_failed_refund_is_made_again_as_a_task,
    a_failed_refund_is_dismissed_as_a_task,
    a_dispute_is_answered_as_a_task,
);

/// Sends an event of Stripe.
async fn send(cluster: &Cluster, body: &str) -> Result<()> {
    let status = webhook(cluster, body, WEBHOOK_SECRET).await?;
    ensure!(status == StatusCode::OK, "the webhook is answered {status}");
    Ok(())
}

/// Waits until the payment of an order is as expected.
async fn payment_is(cluster: &Cluster, order: &str, what: &str, is: impl Fn(&Value) -> bool) -> Result<Value> {
    until(what, PATIENT, || async {
        let shown = payment(cluster, order).await?;
        if is(&shown) { Ok(Some(shown)) } else { Err(anyhow!("{shown:#}")) }
    })
    .await
}

async fn an_order_with_3d_secure_is_paid_after_the_customer_confirms_it(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let stripe = shared()?;
    let choice = json!({"payment": {"method": "card", "token": "pm_card_threeDSecureRequired"}});
    let order = cluster.item(1).await?.order(1).amount("10.33").with(choice).place().await?;
    let action = action_of(&order).await?;
    let intent = stripe.of_order(&order.id).pop().context("no intent")?;
    ensure!(action == json!({"type": "confirm", "clientSecret": intent.client_secret()}), "{action}");
    order.payment("pending").await?;
    charged(stripe, &order.id, 0, 0)?;
    stripe.act(&order.id, true);
    send(&cluster, &stripe.event("payment_intent.succeeded", &order.id)?).await?;
    order.ends("confirmed").await?;
    charged(stripe, &order.id, 1, 1033)?;
    is_nowhere(&cluster, &order.id, &[&intent.client_secret(), "pm_card_threeDSecureRequired"]).await
}

async fn an_order_whose_3d_secure_fails_is_not_paid(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let item = cluster.item(1).await?;
    let order = item.order(1).amount("10.33").place().await?;
    action_of(&order).await?;
    stripe.act(&order.id, false);
    send(&cluster, &stripe.event("payment_intent.payment_failed", &order.id)?).await?;
    order.ends("payment_not_completed").await?;
    item.has_stock(1, 0).await?;
    charged(stripe, &order.id, 0, 0)
}

async fn an_order_by_pix_shows_its_code_and_one_on_invoice_is_refused(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let stripe = shared()?;
    let item = cluster.item(2).await?;
    let order = item.order(1).with(json!({"payment": {"method": "pix"}})).place().await?;
    let action = action_of(&order).await?;
    ensure!(action["type"] == "show_code" && action["code"] == "00020126BR.GOV.BCB.PIX", "{action}");
    ensure!(action["expiresAt"] == "2100-01-01T00:00:00.000Z" && action["clientSecret"].is_null(), "{action}");
    stripe.act(&order.id, true);
    send(&cluster, &stripe.event("payment_intent.succeeded", &order.id)?).await?;
    order.ends("confirmed").await?;
    let order = item.order(1).with(json!({"payment": {"method": "invoice"}})).place().await?;
    order.ends("payment_not_completed").await?;
    order.has_reason("method_not_supported").await
}

async fn an_order_that_stripe_rejects_ends_at_once_and_its_token_is_in_no_log(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let stripe = shared()?;
    let token = format!("pm_missing_{}", uuid::Uuid::new_v4().simple());
    for (amount, choice, code) in [
        ("10.50", json!({"method": "card", "token": token}), "resource_missing"),
        ("10.66", json!({"method": "pix"}), "invalid_request_error"),
    ] {
        let item = cluster.item(1).await?;
        let order = item.order(1).amount(amount).with(json!({"payment": choice})).place().await?;
        order.ends("payment_not_completed").await?;
        // The saga's time-out would be another reason.
        order.has_reason("payment_declined").await?;
        let shown = payment_is(&cluster, &order.id, "the decline", |shown| shown["status"] == "declined").await?;
        ensure!(shown["history"].to_string().contains(code), "{shown:#}");
        item.has_stock(1, 0).await?;
        charged(stripe, &order.id, 0, 0)?;
        is_nowhere(&cluster, &order.id, &[&token]).await?;
    }
    Ok(())
}

/// A confirmed order of this amount.
async fn paid(cluster: &Arc<Cluster>, amount: &str) -> Result<PlacedOrder> {
    let order = cluster.item(1).await?.order(1).amount(amount).place().await?;
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    Ok(order)
}

/// The balance of an account in the postings of an order.
async fn balance(cluster: &Cluster, order: &str, account: &str) -> Result<f64> {
    let path = format!("/ledger?orderId={order}&limit=200");
    let ledger = cluster.get(cluster.service(Name::Payments)?, &path).await?.unwrap_or_default();
    ensure!(ledger["balanced"] == true, "{ledger:#}");
    let postings = ledger["postings"].as_array().cloned().unwrap_or_default();
    let of_account = postings.iter().filter(|posting| posting["account"] == account);
    let amount = |posting: &Value, side: &str| posting[side].as_f64().unwrap_or_default();
    Ok(of_account.map(|posting| amount(posting, "debit") - amount(posting, "credit")).sum())
}

/// A number of the metrics.
async fn metric(cluster: &Cluster, name: &str) -> Result<i64> {
    let text = crate::prometheus::scrape(cluster, Name::Payments).await?;
    let line = text.lines().find(|line| line.starts_with(name)).with_context(|| format!("{name} is in no metrics"))?;
    Ok(line.rsplit(' ').next().unwrap_or_default().parse()?)
}

async fn a_pending_refund_is_not_booked_and_one_that_fails_is_made_again(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let stripe: &Stripe = shared()?;
    let order = paid(&cluster, "10.37").await?;
    let body = json!({ "id": "r-1", "amount": 3.00, "reason": "a scratch" });
    let (status, made) = refund(&cluster, &order.id, body).await?;
    ensure!(status == StatusCode::ACCEPTED && made["status"] == "pending", "{status} {made}");
    let shown = payment(&cluster, &order.id).await?;
    ensure!(shown["refunded"] == 0.0 && shown["status"] == "approved", "{shown:#}");
    ensure!(balance(&cluster, &order.id, "refunds").await? == 0.0, "a pending refund is booked");
    ensure!(metric(&cluster, "payment_refunds{state=\"pending\"}").await? == 1, "the pending refund is not counted");

    let is = |status: &'static str| move |shown: &Value| shown["refunds"][0]["status"] == status;
    stripe.settle_refunds(&order.id, false);
    send(&cluster, &stripe.event_of("refund.failed", &order.id)?).await?;
    let shown = payment_is(&cluster, &order.id, "the failed refund", is("failed")).await?;
    ensure!(shown["refunds"][0]["detail"] == "expired_or_canceled_card" && shown["refunded"] == 0.0, "{shown:#}");
    ensure!(metric(&cluster, "payment_refunds{state=\"failed\"}").await? == 1, "the failed refund is not counted");

    let retry = cluster.service(Name::Payments)?.url(&format!("/payments/{}/refunds/r-1/retry", order.id));
    let answer = cluster.http.post(&retry).send().await?;
    ensure!(answer.status() == StatusCode::ACCEPTED, "{}", answer.text().await?);
    payment_is(&cluster, &order.id, "the second refund to be pending", is("pending")).await?;
    let again = cluster.http.post(&retry).send().await?;
    ensure!(again.status() == StatusCode::CONFLICT, "{}", again.text().await?);
    stripe.settle_refunds(&order.id, true);
    send(&cluster, &stripe.event_of("charge.refund.updated", &order.id)?).await?;
    let shown = payment_is(&cluster, &order.id, "the refund", is("refunded")).await?;
    ensure!(shown["refunded"] == 3.0 && shown["status"] == "approved", "{shown:#}");
    ensure!(balance(&cluster, &order.id, "refunds").await? == 3.0, "the refund is not booked");
    ensure!(metric(&cluster, "payment_refunds{state=\"failed\"}").await? == 0, "the refund is still counted");
    charged(stripe, &order.id, 1, 737)
}

async fn a_refund_that_fails_at_once_is_made_again_and_dismissed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let order = paid(&cluster, "10.38").await?;
    let (status, problem) =
        refund(&cluster, &order.id, json!({ "id": "whole", "amount": 3.00, "reason": "x" })).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && problem["errors"][0]["pointer"] == "#/id", "{problem}");
    let body = json!({ "id": "r-1", "amount": 3.00, "reason": "a scratch" });
    let (status, problem) = refund(&cluster, &order.id, body).await?;
    ensure!(status == StatusCode::CONFLICT, "{status} {problem}");
    ensure!(problem["detail"].to_string().contains("expired_or_canceled_card"), "{problem}");
    let is = |status: &'static str| move |shown: &Value| shown["refunds"][0]["status"] == status;
    payment_is(&cluster, &order.id, "the failed refund", is("failed")).await?;

    let of_refund = |what: &str| format!("/payments/{}/refunds/r-1/{what}", order.id);
    let payments = cluster.service(Name::Payments)?;
    let answer = cluster.http.post(payments.url(&of_refund("retry"))).send().await?;
    ensure!(answer.status() == StatusCode::ACCEPTED, "{}", answer.text().await?);
    let second = || async { Ok((stripe.refunds_of(&order.id).len() == 2).then_some(())) };
    until("the second refund at Stripe", PATIENT, second).await?;
    payment_is(&cluster, &order.id, "the refund to fail again", is("failed")).await?;

    let reason = json!({ "reason": "paid by bank transfer" });
    for _ in 0..2 {
        let answer = cluster.http.post(payments.url(&of_refund("dismiss"))).json(&reason).send().await?;
        let status = answer.status();
        let dismissed: Value = answer.json().await?;
        ensure!(status == StatusCode::OK && dismissed["status"] == "dismissed", "{status} {dismissed}");
        ensure!(dismissed["detail"] == "paid by bank transfer", "{dismissed}");
    }
    let again = cluster.http.post(payments.url(&of_refund("retry"))).send().await?;
    ensure!(again.status() == StatusCode::CONFLICT, "{}", again.text().await?);
    let shown = payment(&cluster, &order.id).await?;
    ensure!(shown["refunded"] == 0.0 && shown["status"] == "approved", "{shown:#}");
    ensure!(balance(&cluster, &order.id, "refunds").await? == 0.0, "a dismissed refund is booked");
    let answer = cluster.http.post(payments.url(&format!("/payments/{}/review", order.id))).send().await?;
    ensure!(answer.status() == StatusCode::ACCEPTED, "{}", answer.text().await?);
    charged(stripe, &order.id, 1, 1038)
}

async fn a_refund_of_stripes_dashboard_is_booked(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let order = paid(&cluster, "10.50").await?;
    stripe.refund_in_dashboard(&order.id, 250)?;
    for _ in 0..2 {
        send(&cluster, &stripe.event_of("refund.created", &order.id)?).await?;
    }
    let refunded = |shown: &Value| shown["refunded"] == 2.5;
    let shown = payment_is(&cluster, &order.id, "the refund of the dashboard", refunded).await?;
    ensure!(shown["refunds"].as_array().map(Vec::len) == Some(1), "{shown:#}");
    ensure!(balance(&cluster, &order.id, "refunds").await? == 2.5, "the refund is not booked");
    let (status, problem) = refund(&cluster, &order.id, json!({ "amount": 8.01, "reason": "too much" })).await?;
    ensure!(status == StatusCode::CONFLICT, "{status} {problem}");
    order.payment("approved").await?;
    charged(stripe, &order.id, 1, 800)
}

async fn a_disputed_order_is_booked_until_it_is_won_or_lost(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    for (end, losses) in [("won", 0.0), ("lost", 10.5)] {
        let order = paid(&cluster, "10.50").await?;
        stripe.dispute(&order.id, "needs_response")?;
        send(&cluster, &stripe.event_of("charge.dispute.created", &order.id)?).await?;
        let is = |status: &'static str| move |shown: &Value| shown["disputes"][0]["status"] == status;
        let shown = payment_is(&cluster, &order.id, "the dispute", is("open")).await?;
        ensure!(shown["disputes"][0]["reason"] == "fraudulent" && shown["disputes"][0]["amount"] == 10.5, "{shown:#}");
        ensure!(balance(&cluster, &order.id, "disputed").await? == 10.5, "the dispute is not booked");
        ensure!(metric(&cluster, "payment_disputes{status=\"open\"}").await? == 1, "the dispute is not counted");
        stripe.dispute(&order.id, end)?;
        send(&cluster, &stripe.event_of("charge.dispute.closed", &order.id)?).await?;
        payment_is(&cluster, &order.id, "the end of the dispute", is(end)).await?;
        ensure!(balance(&cluster, &order.id, "disputed").await? == 0.0, "the dispute is still booked");
        ensure!(balance(&cluster, &order.id, "dispute_losses").await? == losses, "another loss is booked");
        ensure!(metric(&cluster, "payment_disputes{status=\"open\"}").await? == 0, "the dispute is still counted");
        order.payment("approved").await?;
    }
    // An event about an intent that is not this service's.
    let other = json!({ "id": "evt_other", "type": "charge.dispute.created", "livemode": false,
        "data": { "object": { "id": "dp_other", "payment_intent": "pi_other" } } });
    send(&cluster, &other.to_string()).await
}

/// The step of the task about a refund or a dispute.
fn step_of(list: &str) -> &'static str {
    if list == "refunds" { "decide-refund" } else { "answer-dispute" }
}

/// Waits for the open case of the first refund or dispute of an order's payment other than `before`, and for its task.
async fn case_of(cluster: &Cluster, order: &str, list: &str, before: &str) -> Result<String> {
    let case = |shown: &Value| shown[list][0]["caseId"].as_str().map(str::to_owned).filter(|case| case != before);
    let shown = payment_is(cluster, order, "an open case", |shown| case(shown).is_some()).await?;
    let case = case(&shown).context("a case")?;
    let task = open_task(cluster, &format!("{case}.{}", step_of(list))).await?;
    ensure!(task["role"] == "finance" && task["dueAt"].is_string(), "{task:#}");
    ensure!(task["about"]["orderId"] == json!(order) && task["about"]["provider"] == "stripe", "{task:#}");
    Ok(case)
}

async fn a_failed_refund_is_made_again_as_a_task(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let order = paid(&cluster, "10.37").await?;
    let body = json!({ "id": "r-1", "amount": 3.00, "reason": "a scratch" });
    let (status, made) = refund(&cluster, &order.id, body).await?;
    ensure!(status == StatusCode::ACCEPTED && made["status"] == "pending", "{status} {made}");
    stripe.settle_refunds(&order.id, false);
    send(&cluster, &stripe.event_of("refund.failed", &order.id)?).await?;
    let case = case_of(&cluster, &order.id, "refunds", "").await?;
    let saga = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas/{case}")).await?;
    let about = saga.context("the saga of the case")?["data"]["refund"].clone();
    ensure!(about["refundId"] == "r-1" && about["amountMinor"] == 300 && about["provider"] == "stripe", "{about:#}");
    ensure!(about["reason"] == "expired_or_canceled_card" && about["orderId"] == json!(order.id), "{about:#}");
    decide(&cluster, &format!("{case}.decide-refund"), "retry").await?;
    case_ends(&cluster, &case, "resolved").await?;
    is_gone(&cluster, &format!("{case}.decide-refund")).await?;

    let is = |status: &'static str| move |shown: &Value| shown["refunds"][0]["status"] == status;
    let shown = payment_is(&cluster, &order.id, "the second refund to be pending", is("pending")).await?;
    ensure!(shown["history"].to_string().contains(&format!("made again by {USER}")), "{shown:#}");
    stripe.settle_refunds(&order.id, true);
    send(&cluster, &stripe.event_of("charge.refund.updated", &order.id)?).await?;
    let shown = payment_is(&cluster, &order.id, "the refund", is("refunded")).await?;
    ensure!(shown["refunds"][0]["caseId"].is_null(), "{shown:#}");
    charged(stripe, &order.id, 1, 737)
}

async fn a_failed_refund_is_dismissed_as_a_task(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let order = paid(&cluster, "10.38").await?;
    refund(&cluster, &order.id, json!({ "id": "r-1", "amount": 3.00, "reason": "a scratch" })).await?;
    let first = case_of(&cluster, &order.id, "refunds", "").await?;
    // Made again through the API, it settles its case, and opens another when it fails again.
    let path = format!("/payments/{}/refunds/r-1/retry", order.id);
    let answer = cluster.http.post(cluster.service(Name::Payments)?.url(&path)).send().await?;
    ensure!(answer.status() == StatusCode::ACCEPTED, "{}", answer.text().await?);
    let saga = case_ends(&cluster, &first, "settled").await?;
    ensure!(saga["ending"]["reason"] == "settled_elsewhere", "{saga:#}");
    is_gone(&cluster, &format!("{first}.decide-refund")).await?;
    let second = case_of(&cluster, &order.id, "refunds", &first).await?;
    decide(&cluster, &format!("{second}.decide-refund"), "dismiss").await?;
    case_ends(&cluster, &second, "resolved").await?;
    let shown = payment(&cluster, &order.id).await?;
    let dismissed = &shown["refunds"][0];
    ensure!(dismissed["status"] == "dismissed" && dismissed["dismissedBy"] == USER, "{shown:#}");
    ensure!(dismissed["detail"] == "the customer called" && dismissed["caseId"].is_null(), "{shown:#}");
    charged(stripe, &order.id, 1, 1038)
}

async fn a_dispute_is_answered_as_a_task(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let stripe = shared()?;
    let order = paid(&cluster, "10.50").await?;
    stripe.dispute(&order.id, "needs_response")?;
    send(&cluster, &stripe.event_of("charge.dispute.created", &order.id)?).await?;
    let case = case_of(&cluster, &order.id, "disputes", "").await?;
    decide(&cluster, &format!("{case}.answer-dispute"), "contest").await?;
    case_ends(&cluster, &case, "answered").await?;
    let answered = |shown: &Value| shown["disputes"][0]["answer"]["action"] == "contest";
    let shown = payment_is(&cluster, &order.id, "the answer", answered).await?;
    let dispute = &shown["disputes"][0];
    ensure!(dispute["answer"]["by"] == USER && dispute["status"] == "open", "{shown:#}");
    ensure!(dispute["caseId"].is_null(), "{shown:#}");

    // Answered in the provider's dashboard, and ended before it is answered.
    for (status, change) in [("under_review", "updated"), ("won", "closed")] {
        let order = paid(&cluster, "10.50").await?;
        stripe.dispute(&order.id, "needs_response")?;
        send(&cluster, &stripe.event_of("charge.dispute.created", &order.id)?).await?;
        let case = case_of(&cluster, &order.id, "disputes", "").await?;
        stripe.dispute(&order.id, status)?;
        send(&cluster, &stripe.event_of(&format!("charge.dispute.{change}"), &order.id)?).await?;
        case_ends(&cluster, &case, "settled").await?;
        is_gone(&cluster, &format!("{case}.answer-dispute")).await?;
    }
    Ok(())
}

//! How an order is paid with the simulated provider: the method and its token, nothing to pay, and what the customer
//! must do.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{PATIENT, SOON, until};

use crate::stripe::payment;

crate::group::scenarios!(
    a_card_number_is_refused_and_in_no_log,
    a_method_and_its_token_reach_the_payment_and_the_token_is_shown_nowhere,
    an_order_of_nothing_is_confirmed_without_a_provider,
    an_action_is_shown_streamed_and_completed,
    an_action_that_fails_ends_the_order,
);

/// Waits until an order shows what its customer must do.
pub(crate) async fn action_of(order: &PlacedOrder) -> Result<Value> {
    until("the action of the order", PATIENT, || async {
        let shown = order.get().await?;
        let action = shown["payment"]["action"].clone();
        if action.is_object() { Ok(Some(action)) } else { Err(anyhow!("{shown:#}")) }
    })
    .await
}

/// Expects that no log of a service, no saga in the API and no page of the dashboard has these texts.
pub(crate) async fn is_nowhere(cluster: &Cluster, order: &str, texts: &[&str]) -> Result<()> {
    let orchestrator = cluster.service(Name::Orchestrator)?;
    let mut all =
        vec![cluster.get(orchestrator, &format!("/api/sagas/{order}")).await?.unwrap_or_default().to_string()];
    let page = cluster.http.get(orchestrator.url(&format!("/sagas/{order}"))).send().await?;
    ensure!(page.status() == StatusCode::OK, "the saga's page: {}", page.status());
    all.push(page.text().await?);
    for service in cluster.services() {
        all.push(std::fs::read_to_string(service.log())?);
    }
    for text in texts {
        ensure!(all.iter().all(|shown| !shown.contains(text)), "'{text}' is shown");
    }
    Ok(())
}

async fn a_card_number_is_refused_and_in_no_log(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let url = cluster.service(Name::Orders)?.url("/orders");
    for (more, pointer) in [
        (json!({"payment": {"method": "card", "token": "4242 4242 4242 4242"}}), "#/payment/token"),
        (json!({"customer": {"name": "Ana 4242-4242-4242-4242", "email": "ana@example.com"}}), "#/customer/name"),
        (json!({"note": "4242424242424242"}), "#/note"),
    ] {
        let body = cluster.order().of(&uuid::Uuid::new_v4().to_string(), 1).with(more).body()?;
        let answer = cluster.http.post(&url).json(&body).send().await?;
        let kind = answer.headers().get("content-type").cloned().context("no content type")?;
        let status = answer.status();
        let problem: Value = answer.json().await?;
        ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && kind == "application/problem+json", "{status} {problem}");
        ensure!(problem["errors"][0]["pointer"] == pointer && !problem.to_string().contains("4242"), "{problem}");
    }
    for service in cluster.services() {
        let log = std::fs::read_to_string(service.log())?;
        ensure!(!log.contains("4242 4242") && !log.contains("4242-4242") && !log.contains("42424242"), "it is logged");
    }
    Ok(())
}

async fn a_method_and_its_token_reach_the_payment_and_the_token_is_shown_nowhere(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let token = format!("pm_{}", uuid::Uuid::new_v4().simple());
    let choice = json!({"payment": {"method": "wallet", "token": token}});
    let order = cluster.item(1).await?.order(1).with(choice).place().await?;
    order.ends("confirmed").await?;
    let shown = order.get().await?;
    ensure!(shown["payment"]["method"] == "wallet" && !shown.to_string().contains(&token), "{shown:#}");
    let payment = payment(&cluster, &order.id).await?;
    ensure!(payment["method"] == "wallet" && !payment.to_string().contains(&token), "{payment:#}");
    is_nowhere(&cluster, &order.id, &[&token]).await
}

async fn an_order_of_nothing_is_confirmed_without_a_provider(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = cluster.item(1).await?.order(1).amount("0.00").place().await?;
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    let shown = payment(&cluster, &order.id).await?;
    ensure!(shown["method"] == "none" && shown["amount"] == 0.0 && shown["captured"] == 0.0, "{shown:#}");
    ensure!(!shown["history"].to_string().contains("accepted by the provider"), "{shown:#}");
    let ledger = cluster.get(cluster.service(Name::Payments)?, &format!("/ledger?orderId={}", order.id)).await?;
    ensure!(ledger.unwrap_or_default()["postings"] == json!([]), "something is booked");
    let paid = || async {
        let shown = order.get().await?;
        if shown["invoice"]["status"] == "paid" { Ok(Some(())) } else { Err(anyhow!("{shown:#}")) }
    };
    until("the paid invoice", SOON, paid).await
}

/// Completes or fails the action of an order.
async fn act(cluster: &Cluster, order: &str, outcome: &str) -> Result<(StatusCode, Value)> {
    let url = cluster.service(Name::Payments)?.url(&format!("/simulated/actions/{order}"));
    let answer = cluster.http.post(url).json(&json!({ "outcome": outcome })).send().await?;
    Ok((answer.status(), answer.json().await?))
}

async fn an_action_is_shown_streamed_and_completed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = cluster.item(1).await?.order(1).amount("10.33").place().await?;
    let action = action_of(&order).await?;
    let secret = action["clientSecret"].as_str().context("no client secret")?.to_owned();
    ensure!(action["type"] == "confirm" && action["url"] == format!("/simulated/actions/{}", order.id), "{action}");
    let (status, paid) = act(&cluster, &order.id, "complete").await?;
    ensure!(status == StatusCode::OK && paid["status"] == "approved", "{status} {paid}");
    let (status, again) = act(&cluster, &order.id, "complete").await?;
    ensure!(status == StatusCode::OK && again["status"] == "approved", "{status} {again}");
    order.ends("confirmed").await?;
    let url = cluster.service(Name::Orders)?.url(&format!("/orders/{}/events", order.id));
    let stream = cluster.http.get(url).send().await?.text().await?;
    ensure!(stream.contains("event: action\n") || stream.contains("event:action\n"), "{stream}");
    let shown = order.get().await?;
    ensure!(shown["payment"]["action"].is_null() && shown["payment"]["status"] == "approved", "{shown:#}");
    let payment = payment(&cluster, &order.id).await?;
    ensure!(!payment.to_string().contains(&secret), "{payment:#}");
    is_nowhere(&cluster, &order.id, &[&secret]).await?;
    let (status, problem) = act(&cluster, &order.id, "fail").await?;
    ensure!(status == StatusCode::CONFLICT, "{status} {problem}");
    Ok(())
}

async fn an_action_that_fails_ends_the_order(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(1).await?;
    let order = item.order(1).amount("10.33").place().await?;
    action_of(&order).await?;
    let (status, declined) = act(&cluster, &order.id, "fail").await?;
    ensure!(status == StatusCode::OK && declined["status"] == "declined", "{status} {declined}");
    order.ends("payment_not_completed").await?;
    order.has_reason("payment_declined").await?;
    item.has_stock(1, 0).await
}

/// The customer is notified. A part of `endings::no_result_in_time`, whose timeout it shares.
pub(crate) async fn an_abandoned_action_times_out_and_the_customer_is_notified(cluster: &Arc<Cluster>) -> Result<()> {
    let server = tests::mail::shared()?;
    let item = cluster.item(1).await?;
    let customer = json!({"customer": {"name": "Rui", "email": "rui@example.com"}});
    let order = item.order(1).amount("10.33").with(customer).place().await?;
    let secret = action_of(&order).await?["clientSecret"].as_str().context("no client secret")?.to_owned();
    order.ends("payment_not_completed").await?;
    order.has_reason("payment_timed_out").await?;
    order.payment("cancelled").await?;
    item.has_stock(1, 0).await?;
    for subject in ["Your order needs your action", "Your order was not paid"] {
        // Quoted-printable breaks long lines (RFC 2045, 6.7).
        let unbroken = |text: &str| text.replace("=\r\n", "").replace("=\n", "");
        let of_order = |text: &str| unbroken(text).contains(&order.id) && text.contains(&format!("Subject: {subject}"));
        let received = || async { Ok(server.mails().into_iter().find(|mail| of_order(&mail.text))) };
        let mail = until(&format!("the mail '{subject}'"), PATIENT, received).await?;
        ensure!(mail.to == ["rui@example.com"] && !mail.text.contains(&secret), "{mail:?}");
    }
    let shown = order.get().await?;
    ensure!(shown["payment"]["action"].is_null(), "{shown:#}");
    Ok(())
}

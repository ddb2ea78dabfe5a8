//! Webhooks: events delivered to a receiver of the test, which fails, is away, and comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use tests::broker::Broker;
use tests::cluster::{Cluster, PASSWORD, USER};
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::receiver::{Receiver, Webhook};
use tests::wait::{PATIENT, until, until_is};

use crate::operators::send;

crate::group::scenarios!(
    events_are_delivered_signed_and_in_order,
    no_event_is_lost_while_the_receiver_is_down_and_the_orchestrator_is_killed,
    a_receiver_that_is_gone_disables_its_webhook,
    a_webhook_whose_deliveries_all_fail_is_disabled_and_replayed,
    webhooks_need_an_operator_and_a_public_address,
);

const PATH: &str = "/api/webhooks";
/// The events of a confirmed order on `order-events`.
const EVENTS: [&str; 5] = ["order.placed", "order.reserved", "order.invoiced", "order.paid", "order.confirmed"];

/// A webhook that gets no events, for metrics about webhooks.
pub(crate) async fn quiet(cluster: &Cluster) -> Result<()> {
    let url = cluster.service(Name::Orchestrator)?.url(PATH);
    let body = json!({"url": "https://shop.example/", "events": ["saga.paused"], "why": "for its metrics"});
    let request = cluster.http.post(url).json(&body).basic_auth(USER, Some(PASSWORD));
    let answer = request.header("idempotency-key", "\"a quiet webhook\"").send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    Ok(())
}

/// A webhook of a receiver.
struct Subscribed {
    cluster: Arc<Cluster>,
    id: String,
    secret: String,
}

impl Subscribed {
    async fn new(cluster: &Arc<Cluster>, receiver: &Receiver, events: &[&str]) -> Result<Self> {
        let body = json!({"url": receiver.url(), "events": events, "description": "a test", "why": "a test"});
        let (status, created) = send(cluster, Method::POST, PATH, &body, true).await?;
        ensure!(status == StatusCode::CREATED, "{status}: {created:#}");
        let text = |name: &str| created[name].as_str().map(str::to_owned).context("a text");
        Ok(Self { cluster: Arc::clone(cluster), id: text("id")?, secret: text("secret")? })
    }

    async fn get(&self) -> Result<Value> {
        let path = format!("{PATH}/{}", self.id);
        self.cluster.get(self.cluster.service(Name::Orchestrator)?, &path).await?.context("no webhook")
    }

    async fn act(&self, path: &str, body: Value) -> Result<Value> {
        let (status, answer) =
            send(&self.cluster, Method::POST, &format!("{PATH}/{}/{path}", self.id), &body, true).await?;
        ensure!(status.is_success(), "{path}: {status}: {answer:#}");
        Ok(answer)
    }

    /// Waits until a field has a value.
    async fn is(&self, field: &str, value: Value) -> Result<()> {
        until_is(field, value, PATIENT, || async { Ok(self.get().await?[field].clone()) }).await
    }

    async fn delete(&self) -> Result<()> {
        let url = self.cluster.service(Name::Orchestrator)?.url(&format!("{PATH}/{}?why=over", self.id));
        let answer = self.cluster.http.delete(url).basic_auth(USER, Some(PASSWORD)).send().await?;
        ensure!(answer.status() == StatusCode::NO_CONTENT, "{}", answer.text().await?);
        Ok(())
    }
}

/// The signature of a webhook with a secret, computed here.
fn signature(webhook: &Webhook, secret: &str) -> Result<String> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").context("a secret")?)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
    mac.update(format!("{}.{}.{}", webhook.id, webhook.timestamp, webhook.body).as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

async fn confirmed(cluster: &Arc<Cluster>, number: usize) -> Result<Vec<PlacedOrder>> {
    let item = cluster.item(1000).await?;
    let mut orders = Vec::new();
    for _ in 0..number {
        orders.push(item.order(1).place().await?);
    }
    for order in &orders {
        order.ends("confirmed").await?;
    }
    Ok(orders)
}

/// The types of the events of an order in the order in which they were accepted first. Repetitions must be alike.
fn accepted(requests: &[Webhook], order: &str) -> Result<Vec<String>> {
    let mut bodies = BTreeMap::<&str, &str>::new();
    let mut accepted = BTreeSet::new();
    let mut kinds = Vec::new();
    for request in requests {
        let event = request.event()?;
        ensure!(event["id"] == *request.id, "webhook-id is {}, the event is {event}", request.id);
        let known = *bodies.entry(&request.id).or_insert(&request.body);
        ensure!(known == request.body, "{} was repeated with another body", request.id);
        if event["subject"] == order && request.is_accepted() && accepted.insert(&request.id) {
            kinds.push(event["type"].as_str().unwrap_or_default().to_owned());
        }
    }
    Ok(kinds)
}

/// Waits until the receiver has accepted all events of the orders, those of each in order.
async fn has_all(receiver: &Receiver, orders: &[PlacedOrder]) -> Result<()> {
    for order in orders {
        until_is(&format!("the events of order {}", order.id), EVENTS.map(str::to_owned).to_vec(), PATIENT, || async {
            accepted(&receiver.requests(), &order.id)
        })
        .await?;
    }
    Ok(())
}

async fn events_are_delivered_signed_and_in_order(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    confirmed(&cluster, 1).await?;
    let receiver = Receiver::new()?;
    let webhook = Subscribed::new(&cluster, &receiver, &["order.*"]).await?;
    let orders = confirmed(&cluster, 6).await?;
    has_all(&receiver, &orders).await?;
    let requests = receiver.requests();
    let ours: BTreeSet<&str> = orders.iter().map(|order| &*order.id).collect();
    for request in &requests {
        ensure!(request.signature == signature(request, &webhook.secret)?, "{request:?}");
        ensure!(request.media_type.starts_with("application/cloudevents+json"), "{request:?}");
        let event = request.event()?;
        ensure!(event["subject"].as_str().is_some_and(|order| ours.contains(order)), "an older event: {event}");
    }
    webhook.is("accepted", json!(requests.len())).await?;
    webhook.is("pending", json!(0)).await?;

    let rotated = webhook.act("secret/rotate", json!({"why": "it leaked"})).await?;
    let new = rotated["secret"].as_str().context("a secret")?;
    let test = webhook.act("test", json!({"why": "try"})).await?;
    let request = until("the test event", PATIENT, || async {
        Ok(receiver.requests().into_iter().find(|request| test["eventId"] == *request.id))
    })
    .await?;
    let both = format!("{} {}", signature(&request, new)?, signature(&request, &webhook.secret)?);
    ensure!(request.signature == both && request.event()?["type"] == "webhook.test", "{request:?}");

    let shown = webhook.get().await?.to_string();
    let log = std::fs::read_to_string(cluster.service(Name::Orchestrator)?.log())?;
    for secret in [new, &webhook.secret] {
        ensure!(!shown.contains(secret) && !log.contains(secret), "a secret is shown");
    }
    let acts = cluster.get(cluster.service(Name::Orchestrator)?, "/api/audit").await?.context("no audit")?.to_string();
    ensure!(acts.contains(&format!("webhook/{}", webhook.id)) && acts.contains("it leaked"), "{acts}");
    webhook.delete().await
}

/// The receiver is away, the orchestrator is killed twice, and every event arrives, in order and with its own id.
async fn no_event_is_lost_while_the_receiver_is_down_and_the_orchestrator_is_killed(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let receiver = Receiver::new()?;
    let webhook = Subscribed::new(&cluster, &receiver, &["order.*"]).await?;
    let before = confirmed(&cluster, 2).await?;
    has_all(&receiver, &before).await?;
    receiver.stop();
    let orders = confirmed(&cluster, 5).await?;
    webhook.is("pending", json!(orders.len() * EVENTS.len())).await?;
    let orchestrator = cluster.service(Name::Orchestrator)?;
    orchestrator.kill9()?;
    orchestrator.restart().await?;
    webhook.is("pending", json!(orders.len() * EVENTS.len())).await?;
    receiver.start()?;
    until("an event after the outage", PATIENT, || async {
        Ok((receiver.requests().len() > before.len() * EVENTS.len()).then_some(()))
    })
    .await?;
    orchestrator.kill9()?;
    orchestrator.restart().await?;
    has_all(&receiver, &orders).await?;
    webhook.is("pending", json!(0)).await?;
    webhook.is("undelivered", json!(0)).await?;
    webhook.delete().await
}

async fn a_receiver_that_is_gone_disables_its_webhook(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let receiver = Receiver::new()?;
    receiver.answers(StatusCode::GONE);
    let webhook = Subscribed::new(&cluster, &receiver, &["order.*"]).await?;
    let orders = confirmed(&cluster, 1).await?;
    webhook.is("status", json!("disabled")).await?;
    ensure!(webhook.get().await?["disabledReason"] == "gone");
    let (status, refused) =
        send(&cluster, Method::POST, &format!("{PATH}/{}/test", webhook.id), &json!({"why": "x"}), true).await?;
    ensure!(status == StatusCode::CONFLICT, "{status}: {refused:#}");
    receiver.answers(StatusCode::OK);
    let asked = receiver.requests().len();
    // What the topic brought before the webhook was disabled waits; it may be a part of the events.
    let waiting = webhook.get().await?["pending"].as_u64().context("a number")?;
    ensure!(waiting > 0 && asked < 3, "{waiting} events wait after {asked} requests");
    webhook.act("enable", json!({"why": "it is back"})).await?;
    webhook.is("pending", json!(0)).await?;
    let kinds = accepted(&receiver.requests(), &orders[0].id)?;
    ensure!(EVENTS.iter().take(kinds.len()).eq(kinds.iter()), "{kinds:?}");
    webhook.delete().await
}

/// Redirects are failures: they are not followed.
async fn a_webhook_whose_deliveries_all_fail_is_disabled_and_replayed(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let elsewhere = Receiver::new()?;
    let receiver = Receiver::new()?;
    receiver.redirects_to(&elsewhere.url());
    let webhook = Subscribed::new(&cluster, &receiver, &["order.*"]).await?;
    let orders = confirmed(&cluster, 3).await?;
    webhook.is("disabledReason", json!("failing")).await?;
    let failed = webhook.get().await?;
    ensure!(failed["failedAttempts"].as_u64().is_some_and(|number| number > 3), "{failed:#}");
    ensure!(failed["lastError"].as_str().is_some_and(|error| error.contains("307")), "{failed:#}");
    let path = format!("{PATH}/{}/deliveries?state=undelivered", webhook.id);
    let orchestrator = cluster.service(Name::Orchestrator)?;
    let given_up = cluster.get(orchestrator, &path).await?.context("no deliveries")?;
    ensure!(given_up["items"][0]["result"] == "expired", "{given_up:#}");

    receiver.answers(StatusCode::ACCEPTED);
    webhook.act("enable", json!({"why": "mended"})).await?;
    webhook.is("pending", json!(0)).await?;
    webhook.act("replay", json!({"why": "mended"})).await?;
    webhook.is("undelivered", json!(0)).await?;
    for order in &orders {
        until_is("the events", BTreeSet::from(EVENTS.map(str::to_owned)), PATIENT, || async {
            Ok(accepted(&receiver.requests(), &order.id)?.into_iter().collect::<BTreeSet<_>>())
        })
        .await?;
    }
    ensure!(elsewhere.requests().is_empty(), "a redirect was followed");
    webhook.delete().await
}

async fn webhooks_need_an_operator_and_a_public_address(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let create = |url: &str| json!({"url": url, "events": ["*"], "why": "a test"});
    let (status, _) = send(&cluster, Method::POST, PATH, &create("https://shop.example/"), false).await?;
    ensure!(status == StatusCode::UNAUTHORIZED, "{status}");
    for url in
        ["https://10.0.0.1/", "https://169.254.169.254/latest", "https://u:p@shop.example/", "ftp://shop.example"]
    {
        let (status, problem) = send(&cluster, Method::POST, PATH, &create(url), true).await?;
        ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{url}: {status}");
        ensure!(problem["errors"][0]["pointer"] == "#/url", "{problem:#}");
    }
    let wrong = json!({"url": "https://shop.example/", "events": ["cart.*"], "secret": "whsec_short", "why": "a test"});
    let (status, problem) = send(&cluster, Method::POST, PATH, &wrong, true).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && !problem.to_string().contains("whsec_short"), "{problem:#}");

    let url = cluster.service(Name::Orchestrator)?.url(PATH);
    let request = cluster.http.post(url).json(&create("https://shop.example/")).basic_auth(USER, Some(PASSWORD));
    let request = request.header("idempotency-key", "\"one webhook\"");
    let again = request.try_clone().context("a request")?;
    let first = request.send().await?;
    ensure!(first.status() == StatusCode::CREATED, "{}", first.status());
    let first: Value = first.json().await?;
    let second = again.send().await?;
    ensure!(second.status() == StatusCode::OK, "{}", second.status());
    let second: Value = second.json().await?;
    ensure!(first["id"] == second["id"] && second["secret"].is_null() && !first["secret"].is_null(), "{second:#}");
    let id = first["id"].as_str().context("an id")?.to_owned();
    Subscribed { cluster: Arc::clone(&cluster), id, secret: String::new() }.delete().await
}

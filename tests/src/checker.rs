//! Checks the final state of a cluster: by the services' APIs, that every order ended and its payment and stock agree;
//! by all topics, that exactly the messages that the journals decided were sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Result, anyhow};
use common::contract::TOPICS;
use common::journal::{Reader, Record, Verdict};
use common::messages::header;
use common::topics::{self, is_dead_letters};
use inventory_service::messages::CARRIER_ANSWERED;
use orchestrator::messages::webhooks::WEBHOOK_ANSWERED;
use order_service::messages::MAILED;
use payment_service::messages::PROVIDER_ANSWERED;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::contract::Contract;
use crate::kafka::ConsumedMessage;
use crate::orders::status_of;
use crate::process::Name;
use crate::record;
use crate::wait::{PATIENT, until};

/// The totals of a check.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Orders by status.
    pub orders: BTreeMap<String, usize>,
    /// Claims of all journals.
    pub claims: usize,
    /// Valid entries of all journals.
    pub valid: usize,
    /// Void records of all journals.
    pub void: usize,
    /// Messages that were sent more than once.
    pub repeated: usize,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orders, claims, valid, void, repeated } = self;
        write!(
            f,
            "orders {orders:?}; {claims} claims, {valid} valid entries, {void} void; {repeated} repeated messages"
        )
    }
}

/// Checks the final state, and again until work in progress is done.
///
/// # Errors
/// All violations.
pub async fn check(cluster: &Cluster) -> Result<Totals> {
    until("a consistent final state", PATIENT, || async {
        let mut wrong = Vec::new();
        let mut totals = Totals::default();
        orders(cluster, &mut totals, &mut wrong).await?;
        let messages = messages(cluster).await?;
        topics(&messages, &mut totals, &mut wrong);
        validate(cluster, messages, &mut wrong).await?;
        if wrong.is_empty() { Ok(Some(totals)) } else { Err(anyhow!("violations:\n  {}", wrong.join("\n  "))) }
    })
    .await
}

/// The allowed payment and reservation statuses for each final order status.
const ENDS: [(&str, &[&str], &[&str]); 7] = [
    ("confirmed", &["approved"], &["confirmed"]),
    ("shipped", &["approved"], &["confirmed"]),
    ("returned", &["approved", "refunded"], &["confirmed"]),
    ("rejected", &["none"], &["refused"]),
    ("payment_not_completed", &["none", "declined", "cancelled", "refunded"], &["released"]),
    ("cancelled", &["none", "declined", "cancelled", "refunded"], &["none", "released", "refused"]),
    // Cancelled, or not delivered.
    ("refunded", &["refunded"], &["released", "confirmed"]),
];

async fn orders(cluster: &Cluster, totals: &mut Totals, wrong: &mut Vec<String>) -> Result<()> {
    let mut left = cluster.initial();
    let all = cluster.orders("").await?;
    let mut seen = BTreeMap::new();
    for order in &all {
        let id = order["id"].as_str().unwrap_or_default();
        let status = order["status"].as_str().unwrap_or_default();
        *totals.orders.entry(status.to_owned()).or_default() += 1;
        seen.insert(id.to_owned(), status.to_owned());
        let Some((_, payments, reservations)) = ENDS.iter().find(|(end, ..)| *end == status) else {
            wrong.push(format!("order {id} is {status}, which is not final"));
            continue;
        };
        let payment = status_of(cluster, Name::Payments, "payments", id).await?;
        let reservation = status_of(cluster, Name::Inventory, "reservations", id).await?;
        if !payments.contains(&payment.as_str()) || !reservations.contains(&reservation.as_str()) {
            wrong.push(format!("order {id} is {status}, its payment {payment}, its reservation {reservation}"));
        }
        let is_fulfilled = ["confirmed", "shipped", "returned"].contains(&status);
        let invoice = order["invoice"]["status"].as_str();
        let fits = match invoice {
            None => !is_fulfilled,
            Some("paid") => is_fulfilled,
            Some("void") => !is_fulfilled && status != "rejected",
            Some(_) => false,
        };
        if !fits {
            wrong.push(format!("order {id} is {status}, its invoice {invoice:?}"));
        }
        if is_fulfilled || status == "refunded" && reservation == "confirmed" {
            add_items(&mut left, order, -1);
            for returned in order["returns"].as_array().into_iter().flatten().filter(|r| r["status"] == "returned") {
                add_items(&mut left, returned, 1);
            }
        }
    }
    if seen.len() != all.len() {
        wrong.push(format!("GET /orders lists {} orders, but only {} distinct ones", all.len(), seen.len()));
    }
    for (id, expected) in cluster.placed() {
        match (seen.get(&id), expected) {
            (None, _) => wrong.push(format!("order {id} was acknowledged, but is not listed")),
            (Some(is), Some(expected)) if *is != expected => {
                wrong.push(format!("order {id} is {is}, expected {expected}"));
            }
            (Some(_), _) => {}
        }
    }
    for (item, stock) in cluster.stock().await? {
        let expected = left.get(&item).copied().unwrap_or_default();
        if stock.on_hand != expected || stock.reserved != 0 {
            wrong.push(format!("item {item}: {stock:?}, expected {expected} on hand and none reserved"));
        }
    }
    Ok(())
}

/// Adds the items' quantities, multiplied by `sign`.
fn add_items(left: &mut BTreeMap<String, i64>, of: &Value, sign: i64) {
    for item in of["items"].as_array().into_iter().flatten() {
        if let Some(left) = item["id"].as_str().and_then(|id| left.get_mut(id)) {
            *left += sign * item["quantity"].as_i64().unwrap_or_default();
        }
    }
}

/// The step of commands that a scenario sends itself instead of a saga.
pub const BY_HAND: &str = "by-hand";

/// Messages that no journal decides: requests by HTTP, and answers of external systems.
const EXTERNAL_KINDS: [&str; 23] = [
    "order.place",
    "order.cancel",
    "order.return",
    "notice.mailed",
    "stock.set",
    "stock.change",
    "shipment.event",
    "shipment.resolve",
    "shipment.carrier-answered",
    "return.received",
    "payment.provider-answered",
    "payment.provider-event",
    "payment.asked",
    "saga.action",
    "saga.start",
    "rollout.set",
    "definition.deploy",
    "definition.undeploy",
    "letter.put_back",
    "webhook.change",
    "webhook.replay",
    "webhook.send-test",
    "webhook.answered",
];

/// All messages of all topics.
async fn messages(cluster: &Cluster) -> Result<BTreeMap<String, Vec<ConsumedMessage>>> {
    let topics = cluster.kafka.topics().await?;
    cluster.kafka.read_topics(topics.into_keys().collect()).await
}

fn topics(messages: &BTreeMap<String, Vec<ConsumedMessage>>, totals: &mut Totals, wrong: &mut Vec<String>) {
    let mut decided = BTreeSet::new();
    for name in Name::ALL {
        let records = messages.get(name.journal()).map(Vec::as_slice).unwrap_or_default();
        journal(records, totals, &mut decided, wrong);
    }
    let mut sent = BTreeMap::<(String, String), &ConsumedMessage>::new();
    for (_, of_topic) in messages.iter().filter(|(topic, _)| !topic.ends_with("-journal")) {
        for message in of_topic {
            record_sent(message, &mut sent, totals, wrong);
        }
    }
    for id in decided.difference(&sent.keys().cloned().collect()) {
        wrong.push(format!("message {} of {} was decided but not sent", id.1, id.0));
    }
    for (id, message) in sent.iter().filter(|(id, _)| !decided.contains(*id)) {
        let external = EXTERNAL_KINDS.contains(&message.kind())
            || message.header("step") == BY_HAND
            || message.topic == common::topics::PAYMENT_RESULTS;
        if !external {
            wrong.push(format!("message {} ({}) of {} was sent but not decided", id.1, message.kind(), id.0));
        }
    }
}

/// Validates every message against the message contract, except dead letters' originals and messages on topics of the
/// cluster's own definitions.
///
/// # Errors
/// When the topics can't be read.
pub async fn documented(cluster: &Cluster, wrong: &mut Vec<String>) -> Result<()> {
    validate(cluster, messages(cluster).await?, wrong).await
}

async fn validate(
    cluster: &Cluster,
    messages: BTreeMap<String, Vec<ConsumedMessage>>,
    wrong: &mut Vec<String>,
) -> Result<()> {
    let contract = Contract::new()?;
    let mut all = Vec::new();
    let mut dead = BTreeSet::new();
    for (topic, messages) in messages {
        record::write(&topic, &messages)?;
        if is_dead_letters(&topic) {
            let header =
                |letter: &ConsumedMessage, name: &str| letter.header(&format!("__streams.errors.{name}")).to_owned();
            dead.extend(
                messages.iter().map(|letter| ["topic", "partition", "offset"].map(|name| header(letter, name))),
            );
        } else if !topic.ends_with("-journal") {
            all.extend(messages);
        }
    }
    // Those of the files, and those that scenarios added.
    let definitions = cluster.get(cluster.service(Name::Orchestrator)?, "/api/definitions").await?;
    let definitions = definitions.unwrap_or_default().to_string();
    let of_definition = |topic: &str| definitions.contains(&format!("\"{topic}\""));
    let mut reported = BTreeSet::new();
    for message in all {
        let ConsumedMessage { topic, partition, offset, .. } = &message;
        let is_known = TOPICS.iter().any(|known| known.name == topic);
        if dead.contains(&[topic.clone(), partition.to_string(), offset.to_string()])
            || !is_known && of_definition(topic)
        {
            continue;
        }
        if let Err(why) = contract.validate(&message)
            && reported.insert((topic.clone(), format!("{why:#}")))
        {
            wrong.push(format!("{topic} {partition}:{offset} violates the contract: {why:#}"));
        }
    }
    Ok(())
}

/// Returns true if a message that is sent again may have other content: another system was called again, and gave
/// another answer, of which the first is used.
fn may_differ(message: &ConsumedMessage) -> bool {
    let answers = [PROVIDER_ANSWERED, CARRIER_ANSWERED, WEBHOOK_ANSWERED, MAILED];
    message.topic == topics::PAYMENT_RESULTS || answers.contains(&message.kind())
}

/// Records a sent message. Two messages with the same id must be equal, unless they are answers of other systems.
fn record_sent<'m>(
    message: &'m ConsumedMessage,
    sent: &mut BTreeMap<(String, String), &'m ConsumedMessage>,
    totals: &mut Totals,
    wrong: &mut Vec<String>,
) {
    if message.id().is_empty() {
        return;
    }
    let id = (message.topic.clone(), message.id().to_owned());
    match sent.get(&id) {
        None => _ = sent.insert(id, message),
        Some(first) => {
            totals.repeated += 1;
            let is_same = first.value == message.value || may_differ(message);
            let has_same_key = first.key == message.key || message.topic == topics::PAYMENT_RESULTS;
            if !is_same || !has_same_key {
                wrong.push(format!("message {} of {} was sent twice with different content", id.1, id.0));
            }
        }
    }
}

/// Reads a journal by the validity rule and collects the decided messages: topic and id.
fn journal(
    records: &[ConsumedMessage],
    totals: &mut Totals,
    decided: &mut BTreeSet<(String, String)>,
    wrong: &mut Vec<String>,
) {
    let mut readers = BTreeMap::<i32, Reader>::new();
    for message in records {
        let record = match Record::decode(&message.value) {
            Ok(record) => record,
            Err(error) => {
                wrong.push(format!("{} {}:{}: {error}", message.topic, message.partition, message.offset));
                continue;
            }
        };
        match (readers.entry(message.partition).or_default().judge(message.offset, record.head()), record) {
            (Verdict::Claim, _) => totals.claims += 1,
            (Verdict::Valid, Record::Entry(entry)) => {
                totals.valid += 1;
                let ids = entry
                    .outbox
                    .iter()
                    .filter_map(|m| Some((m.topic.to_string(), m.headers.get(header::ID)?.to_owned())));
                decided.extend(ids);
            }
            (Verdict::Valid | Verdict::Void | Verdict::Acceptance, _) => totals.void += 1,
        }
    }
}

/// The instance of the last claim of each partition of a journal.
///
/// # Errors
/// When the journal can't be read.
pub async fn owners(cluster: &Cluster, name: Name) -> Result<BTreeMap<i32, String>> {
    let mut owners = BTreeMap::new();
    for message in cluster.kafka.read(name.journal()).await? {
        if let Ok(Record::Claim(claim)) = Record::decode(&message.value) {
            owners.insert(message.partition, claim.instance);
        }
    }
    Ok(owners)
}

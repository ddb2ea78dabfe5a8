//! The books, read when all is over: from the services' APIs that every order ended and every end is consistent, and
//! from all topics that what was said is what the journals decided.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Result, anyhow};
use common::contract::TOPICS;
use common::journal::{Reader, Record, Verdict};
use common::messages::header;
use common::topics::is_dead_letters;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::contract::Contract;
use crate::kafka::Lying;
use crate::load::timers;
use crate::process::Name;
use crate::record;
use crate::story::status_of;
use crate::wait::{SOON, until};

/// What the books hold.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Orders by status.
    pub orders: BTreeMap<String, usize>,
    /// Claims of all journals.
    pub claims: usize,
    /// Valid entries of all journals.
    pub valid: usize,
    /// Records that never happened, for anybody.
    pub void: usize,
    /// Messages that lie on their topic more than once.
    pub repeated: usize,
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orders, claims, valid, void, repeated } = self;
        write!(
            f,
            "orders {orders:?}; {claims} claims, {valid} valid entries, {void} void; {repeated} messages came again"
        )
    }
}

/// Checks the books until they are right: what is under way needs a moment.
///
/// # Errors
/// Everything that is wrong with them.
pub async fn check(cluster: &Cluster) -> Result<Books> {
    until("the books to balance", SOON, || async {
        let mut wrong = Vec::new();
        let mut books = Books::default();
        orders(cluster, &mut books, &mut wrong).await?;
        topics(cluster, &mut books, &mut wrong).await?;
        documented(cluster, &mut wrong).await?;
        if wrong.is_empty() { Ok(Some(books)) } else { Err(anyhow!("the books are wrong:\n  {}", wrong.join("\n  "))) }
    })
    .await
}

/// How payment and reservation may stand when an order ended so.
const ENDS: [(&str, &[&str], &[&str]); 7] = [
    ("confirmed", &["approved"], &["confirmed"]),
    ("shipped", &["approved"], &["confirmed"]),
    ("returned", &["approved", "refunded"], &["confirmed"]),
    ("rejected", &["none"], &["refused"]),
    ("payment_not_completed", &["declined", "cancelled", "refunded"], &["released"]),
    ("cancelled", &["none", "declined", "cancelled", "refunded"], &["none", "released", "refused"]),
    ("refunded", &["refunded"], &["released"]),
];

async fn orders(cluster: &Cluster, books: &mut Books, wrong: &mut Vec<String>) -> Result<()> {
    let mut left = cluster.initial();
    let all = cluster.orders("").await?;
    let mut seen = BTreeMap::new();
    for order in &all {
        let (id, status) = (order["id"].as_str().unwrap_or_default(), order["status"].as_str().unwrap_or_default());
        *books.orders.entry(status.to_owned()).or_default() += 1;
        seen.insert(id.to_owned(), status.to_owned());
        let Some((_, payments, reservations)) = ENDS.iter().find(|(end, ..)| *end == status) else {
            wrong.push(format!("order {id} is {status}: not an end"));
            continue;
        };
        let payment = status_of(cluster, Name::Payments, "payments", id).await?;
        let reservation = status_of(cluster, Name::Inventory, "reservations", id).await?;
        if !payments.contains(&payment.as_str()) || !reservations.contains(&reservation.as_str()) {
            wrong.push(format!("order {id} is {status}, its payment {payment}, its reservation {reservation}"));
        }
        if ["confirmed", "shipped", "returned"].contains(&status) {
            take(&mut left, order, -1);
            for returned in order["returns"].as_array().into_iter().flatten().filter(|r| r["status"] == "returned") {
                take(&mut left, returned, 1);
            }
        }
    }
    if seen.len() != all.len() {
        wrong.push(format!("GET /orders lists {} orders, but only {} different ones", all.len(), seen.len()));
    }
    for (id, expected) in cluster.placed() {
        match (seen.get(&id), expected) {
            (None, _) => wrong.push(format!("order {id} was acknowledged, but is not listed")),
            (Some(is), Some(expected)) if *is != expected => {
                wrong.push(format!("order {id} is {is} and should be {expected}"));
            }
            (Some(_), _) => {}
        }
    }
    for (item, stock) in cluster.stock().await? {
        let expected = left.get(&item).copied().unwrap_or_default();
        if stock.on_hand != expected || stock.reserved != 0 {
            wrong.push(format!(
                "item {item}: {stock:?}, but at first minus confirmed is {expected}, and none is reserved"
            ));
        }
    }
    Ok(())
}

/// So many pieces less, or more.
fn take(left: &mut BTreeMap<String, i64>, of: &Value, sign: i64) {
    for item in of["items"].as_array().into_iter().flatten() {
        if let Some(left) = item["id"].as_str().and_then(|id| left.get_mut(id)) {
            *left += sign * item["quantity"].as_i64().unwrap_or_default();
        }
    }
}

/// The step of commands that a scenario gives itself, in a saga's place.
pub const BY_HAND: &str = "by-hand";

/// What does not come from a journal: writes through HTTP and answers of the payment provider.
const FROM_OUTSIDE: [&str; 13] = [
    "order.place",
    "order.cancel",
    "order.return",
    "notice.mailed",
    "stock.set",
    "stock.change",
    "shipment.event",
    "shipment.carrier-answered",
    "return.received",
    "payment.provider-answered",
    "payment.asked",
    "saga.action",
    "rollout.set",
];

async fn topics(cluster: &Cluster, books: &mut Books, wrong: &mut Vec<String>) -> Result<()> {
    let mut decided = BTreeSet::new();
    for name in Name::ALL {
        journal(&cluster.kafka.read(name.journal()).await?, books, &mut decided, wrong);
    }
    let mut said = BTreeMap::<(String, String), Lying>::new();
    for topic in cluster.kafka.topics().await?.into_keys().filter(|t| !t.ends_with("-journal")) {
        for message in cluster.kafka.read(&topic).await? {
            note(message, &mut said, books, wrong);
        }
    }
    for id in decided.difference(&said.keys().cloned().collect()) {
        wrong.push(format!("message {} of {} was decided, but never sent", id.1, id.0));
    }
    for (id, message) in said.iter().filter(|(id, _)| !decided.contains(*id)) {
        let free = FROM_OUTSIDE.contains(&message.kind())
            || message.header("step") == BY_HAND
            || message.topic == common::topics::PAYMENT_RESULTS;
        if !free {
            wrong.push(format!("message {} ({}) of {} was sent, but never decided", id.1, message.kind(), id.0));
        }
    }
    Ok(())
}

/// Holds every message against the message contract, except those that lie among the dead letters, and those on topics
/// of the cluster's own definitions.
///
/// # Errors
/// When the topics can't be read.
pub async fn documented(cluster: &Cluster, wrong: &mut Vec<String>) -> Result<()> {
    let (contract, mut all, mut dead) = (Contract::new()?, Vec::new(), BTreeSet::new());
    for topic in cluster.kafka.topics().await?.into_keys() {
        let lying = cluster.kafka.read(&topic).await?;
        record::keep(&topic, &lying)?;
        if is_dead_letters(&topic) {
            let header = |letter: &Lying, name: &str| letter.header(&format!("__streams.errors.{name}")).to_owned();
            dead.extend(lying.iter().map(|letter| ["topic", "partition", "offset"].map(|name| header(letter, name))));
        } else if !topic.ends_with("-journal") {
            all.extend(lying);
        }
    }
    let of_definition = |topic: &str| {
        let named = format!("\"{topic}\"");
        // Those it began with, and the one that comes while it runs.
        let mut definitions = cluster.options.definitions.iter().chain([&timers::DEFINITION]);
        definitions.any(|(_, text)| text.contains(&named))
    };
    let mut told = BTreeSet::new();
    for message in all {
        let Lying { topic, partition, offset, .. } = &message;
        let is_known = TOPICS.iter().any(|known| known.name == topic);
        if dead.contains(&[topic.clone(), partition.to_string(), offset.to_string()])
            || !is_known && of_definition(topic)
        {
            continue;
        }
        if let Err(why) = contract.holds(&message)
            && told.insert((topic.clone(), format!("{why:#}")))
        {
            wrong.push(format!("{topic} {partition}:{offset} is not as documented: {why:#}"));
        }
    }
    Ok(())
}

/// Takes a message up. Two of the same id must say the same.
fn note(message: Lying, said: &mut BTreeMap<(String, String), Lying>, books: &mut Books, wrong: &mut Vec<String>) {
    if message.id().is_empty() {
        return;
    }
    let id = (message.topic.clone(), message.id().to_owned());
    match said.get(&id) {
        None => _ = said.insert(id, message),
        Some(first) => {
            books.repeated += 1;
            if (&first.value, &first.key) != (&message.value, &message.key)
                && message.topic != common::topics::PAYMENT_RESULTS
            {
                wrong.push(format!("message {} of {} came twice and says two things", id.1, id.0));
            }
        }
    }
}

/// Reads a journal by the rule, and collects what was decided to be sent: topic and id.
fn journal(records: &[Lying], books: &mut Books, decided: &mut BTreeSet<(String, String)>, wrong: &mut Vec<String>) {
    let mut readers = BTreeMap::<i32, Reader>::new();
    for lying in records {
        let record = match Record::decode(&lying.value) {
            Ok(record) => record,
            Err(error) => {
                wrong.push(format!("{} {}:{}: {error}", lying.topic, lying.partition, lying.offset));
                continue;
            }
        };
        match (readers.entry(lying.partition).or_default().judge(lying.offset, record.head()), record) {
            (Verdict::Claim, _) => books.claims += 1,
            (Verdict::Valid, Record::Entry(entry)) => {
                books.valid += 1;
                let ids = entry
                    .outbox
                    .iter()
                    .filter_map(|m| Some((m.topic.to_string(), m.headers.get(header::ID)?.to_owned())));
                decided.extend(ids);
            }
            (Verdict::Valid | Verdict::Void, _) => books.void += 1,
        }
    }
}

/// The instances that made the last claims of a journal's partitions.
///
/// # Errors
/// When the journal can't be read.
pub async fn owners(cluster: &Cluster, name: Name) -> Result<BTreeMap<i32, String>> {
    let mut owners = BTreeMap::new();
    for lying in cluster.kafka.read(name.journal()).await? {
        if let Ok(Record::Claim(claim)) = Record::decode(&lying.value) {
            owners.insert(lying.partition, claim.instance);
        }
    }
    Ok(owners)
}

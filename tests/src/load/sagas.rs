//! Measures the orchestrator's start and its answers with very many sagas. Their journal is written directly, since
//! placing a million orders would take too long; the states are computed by the real engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use common::blob::Json;
use common::journal::{Claim, Entry, LastMessages, Positions, Record, Write};
use common::time::Timestamp;
use common::topics;
use orchestrator::definitions::Definitions;
use orchestrator::entity::{Entity, saga_key};
use saga::{Action, Callback, Data, Definition, Input, Outcome, Saga};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::load::answers::{self, Answer};
use crate::machine::usage;
use crate::process::Name;
use crate::wait::{PATIENT, until};

/// Sagas per record, so that a record stays below a megabyte.
const SAGAS_PER_RECORD: usize = 200;

/// Longer than a status lasts before it is reported (`[progress] after`), in milliseconds.
const REPORTED_AFTER: i64 = 1_000;

/// Whose sagas they all are.
const CUSTOMER: &str = "e081ad0f-f83e-4f81-b2d7-23655ac04b8a";

/// The deadline for building the view from the journal.
const REBUILD_TIMEOUT: Duration = Duration::from_secs(1800);

/// The measurements.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sagas {
    /// Sagas that wait for their payment.
    pub open: u64,
    /// Sagas that have ended.
    pub closed: u64,
    /// Seconds from a start without a view until it is ready: the view is built from the journal.
    pub rebuilt: f64,
    /// Seconds from a start with its view until its first decision.
    pub first_decision: f64,
    /// The same after SIGKILL, where the group waits for the session timeout (6 s).
    pub after_kill: f64,
    /// CPU seconds in ten idle seconds.
    pub waiting: f64,
    /// Resident memory at the end, in MB.
    pub memory: f64,
    /// How long it takes to answer.
    pub answers: Vec<Answer>,
}

impl Sagas {
    /// The result to read.
    pub fn text(&self) -> String {
        let Self { open, closed, rebuilt, first_decision, after_kill, waiting, memory, answers } = self;
        let answer = |Answer { path, p50, longest }: &Answer| format!("{p50:>8.1} {longest:>8.1}  {path}");
        let answers: Vec<String> = answers.iter().map(answer).collect();
        format!(
            "orchestrator with {open} waiting and {closed} ended sagas: ready {rebuilt:.1} s after a start without its \
             view; first decision {first_decision:.1} s after SIGTERM, {after_kill:.1} s after SIGKILL; \
             {waiting:.2} CPU s in 10 s of waiting; {memory:.0} MB\nanswers: p50 and longest in ms, path\n{}",
            answers.join("\n"),
        )
    }
}

/// Writes the sagas into the orchestrator's journal and measures its starts.
///
/// # Errors
/// When it does not become ready.
pub async fn measure(cluster: &Cluster, open: u64, closed: u64) -> Result<Sagas> {
    let orchestrator = cluster.service(Name::Orchestrator)?;
    orchestrator.sigterm().await?;
    let mut writer = Writer::new(cluster).await?;
    let waiting = writer.write(open, false).await?;
    writer.write(closed, true).await?;
    writer.flush().await?;
    std::fs::remove_dir_all(orchestrator.view()).context("its view")?;
    let begin = Instant::now();
    orchestrator.start()?;
    orchestrator.ready_within(REBUILD_TIMEOUT).await?;
    let rebuilt = begin.elapsed().as_secs_f64();
    let mut ids = waiting.into_iter();
    let mut next = || ids.next().context("too few open sagas: at least three are needed");
    orchestrator.sigterm().await?;
    let begin = Instant::now();
    orchestrator.start()?;
    wait_for_decision(cluster, next()?).await?;
    let first_decision = begin.elapsed().as_secs_f64();
    orchestrator.kill9()?;
    let begin = Instant::now();
    orchestrator.start()?;
    wait_for_decision(cluster, next()?).await?;
    let after_kill = begin.elapsed().as_secs_f64();
    orchestrator.ready().await?;
    let before = usage(orchestrator.pid()?)?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let after = usage(orchestrator.pid()?)?;
    let waiting = after.cpu - before.cpu;
    let memory = after.resident;
    let answers = answers::measure(orchestrator, next()?, CUSTOMER).await?;
    Ok(Sagas { open, closed, rebuilt, first_decision, after_kill, waiting, memory, answers })
}

/// Publishes a saga's payment result and waits for the saga's next command.
async fn wait_for_decision(cluster: &Cluster, id: Uuid) -> Result<()> {
    let result = json!({"orderId": id, "status": "approved"}).to_string();
    let partition = topics::partition_of(id.to_string().as_bytes(), cluster.partitions());
    cluster.kafka.publish(topics::PAYMENT_RESULTS, Some(partition), result.as_bytes()).await?;
    until(&format!("the next command of saga {id}"), PATIENT, || async {
        let commands = cluster.kafka.about(topics::INVENTORY_COMMANDS, &id.to_string()).await?;
        Ok(commands.into_iter().find(|message| message.kind() == "inventory.confirm"))
    })
    .await
    .map(|_| ())
}

/// Writes a journal like an owner, with one claim for each partition.
struct Writer<'c> {
    cluster: &'c Cluster,
    definition: Definition,
    claims: BTreeMap<i32, (i64, u64)>,
    pending: BTreeMap<i32, Vec<Write>>,
    number: u128,
}

impl<'c> Writer<'c> {
    async fn new(cluster: &'c Cluster) -> Result<Self> {
        let definition = Definitions::load(Path::new(""))?.all().next().context("a definition")?.clone();
        let mut claims = BTreeMap::new();
        let partitions = cluster.partitions();
        for partition in 0..partitions {
            let claim: Record = Record::Claim(Claim {
                nonce: Uuid::new_v4(),
                instance: "bench".to_owned(),
                partitions: Some(partitions),
            });
            let offset = cluster.kafka.append(Name::Orchestrator.journal(), partition, &claim.encode()?).await?;
            claims.insert(partition, (offset, 0));
        }
        Ok(Self { cluster, definition, claims, pending: BTreeMap::new(), number: 0 })
    }

    /// Writes `count` sagas and returns the ids of the first few.
    async fn write(&mut self, count: u64, ended: bool) -> Result<Vec<Uuid>> {
        let mut first = Vec::new();
        for _ in 0..count {
            self.number += 1;
            // A UUIDv7 like an order's id, with a number as its time.
            let id = Uuid::from_u128((0x0190_0000_0000 + self.number) << 80 | 0x7 << 76 | 0x8 << 60 | self.number);
            if first.len() < 8 {
                first.push(id);
            }
            let saga = saga_of(&self.definition, id, ended)?;
            let state = Some(Json::of(&Entity::Saga(Box::new(saga)))?);
            let partition = topics::partition_of(id.to_string().as_bytes(), self.cluster.partitions());
            self.pending.entry(partition).or_default().push(Write { key: saga_key(id), state });
            if self.pending.get(&partition).is_some_and(|pending| pending.len() >= SAGAS_PER_RECORD) {
                self.append(partition).await?;
            }
        }
        Ok(first)
    }

    async fn flush(&mut self) -> Result<()> {
        for partition in 0..self.cluster.partitions() {
            self.append(partition).await?;
        }
        Ok(())
    }

    async fn append(&mut self, partition: i32) -> Result<()> {
        let entities = self.pending.remove(&partition).unwrap_or_default();
        let (owner, next) = self.claims.get_mut(&partition).context("a claim")?;
        let owner = *owner;
        let seq = *next;
        let outbox = common::journal::record::Messages::default();
        *next += 1;
        let entry = Entry {
            owner,
            seq,
            positions: Positions::new(),
            last: LastMessages::new(),
            delivered: 0,
            entities,
            outbox,
        };
        let record = Record::Entry(entry).encode()?;
        self.cluster.kafka.append(Name::Orchestrator.journal(), partition, &record).await?;
        Ok(())
    }
}

/// An order's saga that waits for its payment or has completed.
fn saga_of(definition: &Definition, id: Uuid, ended: bool) -> Result<Saga> {
    let order = json!({
        "orderId": id, "customerId": CUSTOMER, "amountMinor": 1050, "currency": "BRL",
        "items": [{
            "id": "3852cb18-9c19-4326-ac77-a1a0264bd98c",
            "name": "day-one",
            "amountMinor": 20000,
            "quantity": 1,
        }],
    });
    let now = saga::Timestamp(Timestamp::now().0);
    let begun = saga::Timestamp(now.0 - REPORTED_AFTER);
    let reply = |step: &str| {
        let outcome = Outcome::Ok { data: json!({"status": "reserved"}) };
        Input::Reply { step: step.to_owned(), attempt: 1, action: Action::Execute, outcome }
    };
    let source = topics::PAYMENT_RESULTS.to_owned();
    let status = "approved".to_owned();
    let payload = json!({"orderId": id, "status": "approved"});
    let approval = Input::Callback(Callback { source, id: id.to_string(), status, payload });
    let data = Data::with(&definition.start.output, order);
    let mut inputs = vec![Input::Start { id, data, traceparent: None }, reply("reserve"), reply("request-payment")];
    if ended {
        inputs.extend([approval, reply("finalize"), reply("conclude")]);
    }
    let mut saga = None;
    for input in inputs {
        saga = saga::decide(definition, saga, input, begun).saga;
    }
    // One that waits has reported its progress.
    let saga = saga::decide(definition, saga, Input::Timer, now).saga.context("a saga")?;
    ensure!(saga.is_open() != ended, "it is {}", saga.status);
    Ok(saga)
}

//! Reads the journal by the validity rule while it is written: owners, sums, and decided outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use common::journal::{Acceptance, LastMessages, Positions, Reader, Record, Verdict};
use common::messages::header;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tests::process::{Name, Service};
use tests::sums::{RESULTS, Sum};
use tests::wait::{PATIENT, until_is};

use crate::harness::PARTITIONS;

/// The state of the valid journal.
#[derive(Debug, Default)]
pub struct JournalState {
    readers: BTreeMap<i32, Reader>,
    /// Partition to the instance that claimed it last.
    pub owners: BTreeMap<i32, String>,
    /// The last state of each entity.
    pub sums: BTreeMap<String, Sum>,
    /// Partition to the next offset of the input.
    pub positions: BTreeMap<i32, Positions>,
    /// Output id to its value.
    pub decided: BTreeMap<String, Vec<u8>>,
    /// Outputs decided under an id that was decided before.
    pub decided_twice: Vec<String>,
    /// Losses that were accepted.
    pub acceptances: Vec<Acceptance>,
    pub claims: usize,
    pub valid: usize,
    pub void: usize,
}

impl JournalState {
    /// Applies the next record of a partition.
    pub fn apply(&mut self, partition: i32, offset: i64, value: &[u8]) -> Result<()> {
        let record = Record::decode(value)?;
        match (self.readers.entry(partition).or_default().judge(offset, record.head()), record) {
            (_, Record::Claim(claim)) => {
                self.claims += 1;
                self.owners.insert(partition, claim.instance);
            }
            (Verdict::Valid, Record::Entry(entry)) => {
                self.valid += 1;
                self.positions.entry(partition).or_default().extend(entry.positions);
                for write in entry.entities {
                    let state = write.state.ok_or_else(|| anyhow!("{} was removed", write.key))?;
                    let sum = serde_json::from_str(&serde_json::to_string(&state)?)?;
                    self.sums.insert(write.key, sum);
                }
                for message in entry.outbox.iter().filter(|message| message.topic == RESULTS) {
                    let id = message.headers.get(header::ID).unwrap_or_default().to_owned();
                    let value = message.value.bytes().unwrap_or_default().to_vec();
                    if self.decided.insert(id.clone(), value).is_some() {
                        self.decided_twice.push(id);
                    }
                }
            }
            (_, Record::Acceptance(acceptance)) => {
                let positions = self.positions.entry(partition).or_default();
                if acceptance.apply(positions, &mut LastMessages::new()) {
                    self.acceptances.push(acceptance);
                }
            }
            (Verdict::Void | Verdict::Claim | Verdict::Acceptance, Record::Entry(_)) => self.void += 1,
        }
        Ok(())
    }

    /// The number of commands in the sums.
    pub fn counted(&self) -> u64 {
        self.sums.values().map(|sum| sum.count).sum()
    }

    /// The process ids of the owners, once every partition has one.
    pub fn owning(&self, partitions: usize) -> BTreeSet<u32> {
        if self.owners.len() < partitions {
            return BTreeSet::new();
        }
        self.owners.values().filter_map(|name| name.rsplit('/').next()?.parse().ok()).collect()
    }
}

/// Reads the journal on a separate thread until it is dropped.
pub struct JournalWatcher {
    state: Arc<Mutex<JournalState>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl JournalWatcher {
    pub fn start(brokers: &str, partitions: i32) -> Result<Self> {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", brokers).set("group.id", "watch").set("enable.auto.commit", "false");
        let consumer: BaseConsumer =
            settings.set_log_level(RDKafkaLogLevel::Critical).create().context("the journal's reader")?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(Name::Sums.journal(), partition, Offset::Beginning)?;
        }
        consumer.assign(&list)?;
        let state = Arc::new(Mutex::new(JournalState::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&state);
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // Errors end when the broker is available again; the final check reports unreadable records.
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else { continue };
                let value = message.payload().unwrap_or_default();
                if let Err(error) = lock(&shared).apply(message.partition(), message.offset(), value) {
                    eprintln!("{}:{}: {error:#}", message.partition(), message.offset());
                }
            }
        });
        Ok(Self { state, stop, thread: Some(thread) })
    }

    /// Waits until these instances share all partitions.
    pub async fn owned_by(&self, instances: &[&Service]) -> Result<()> {
        let pids = instances.iter().map(|instance| instance.pid()).collect::<Result<BTreeSet<_>>>()?;
        let partitions = usize::try_from(PARTITIONS)?;
        until_is("the owners", pids, PATIENT, || async { Ok(self.state().owning(partitions)) }).await
    }

    pub fn state(&self) -> MutexGuard<'_, JournalState> {
        lock(&self.state)
    }

    /// Waits until so many commands are summed.
    pub async fn until_counted(&self, commands: usize) -> Result<()> {
        let counted = || async { Ok(self.state().counted()) };
        until_is("the summed commands", u64::try_from(commands)?, PATIENT, counted).await
    }
}

fn lock(state: &Mutex<JournalState>) -> MutexGuard<'_, JournalState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for JournalWatcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("the journal's reader panicked");
        }
    }
}

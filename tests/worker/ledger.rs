//! The journal as the rule has it, read while it is written: who owns what, what is summed, what was decided to be
//! sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use common::journal::{Positions, Reader, Record, Verdict};
use common::messages::header;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tests::process::Name;
use tests::sums::Sum;

/// What the valid journal says.
#[derive(Debug, Default)]
pub struct Ledger {
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
    pub claims: usize,
    pub valid: usize,
    pub void: usize,
}

impl Ledger {
    /// Takes the next record of a partition.
    pub fn take(&mut self, partition: i32, offset: i64, value: &[u8]) -> Result<()> {
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
                for message in entry.outbox.iter() {
                    let id = message.headers.get(header::ID).unwrap_or_default().to_owned();
                    let value = message.value.bytes().unwrap_or_default().to_vec();
                    if self.decided.insert(id.clone(), value).is_some() {
                        self.decided_twice.push(id);
                    }
                }
            }
            (Verdict::Void | Verdict::Claim, Record::Entry(_)) => self.void += 1,
        }
        Ok(())
    }

    /// How many messages are in the sums.
    pub fn counted(&self) -> u64 {
        self.sums.values().map(|sum| sum.count).sum()
    }

    /// The processes that own something, when every partition has an owner.
    pub fn owning(&self, partitions: usize) -> BTreeSet<u32> {
        if self.owners.len() < partitions {
            return BTreeSet::new();
        }
        self.owners.values().filter_map(|name| name.rsplit('/').next()?.parse().ok()).collect()
    }
}

/// Reads the journal in a thread of its own until it is dropped.
pub struct Watch {
    ledger: Arc<Mutex<Ledger>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
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
        let (ledger, stop) = (Arc::new(Mutex::new(Ledger::default())), Arc::new(AtomicBool::new(false)));
        let (to, stopped) = (Arc::clone(&ledger), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // Errors pass when the broker is back; a record that can't be read is found by the check at the end.
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else { continue };
                let value = message.payload().unwrap_or_default();
                if let Err(error) = lock(&to).take(message.partition(), message.offset(), value) {
                    eprintln!("{}:{}: {error:#}", message.partition(), message.offset());
                }
            }
        });
        Ok(Self { ledger, stop, thread: Some(thread) })
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("the journal's reader panicked");
        }
    }
}

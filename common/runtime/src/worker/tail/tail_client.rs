//! The tailer's client.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use vocabulary::time::Timestamp;

use crate::worker::client::ClientLog;
use crate::worker::status::Status;

/// The tailer's client, which records the last contact with the brokers that lead the journal. Empty fetches are
/// answered too, and rests are short, so the last contact is never long ago while the brokers are reachable.
pub(super) struct TailClient {
    log: ClientLog,
    journal: &'static str,
    status: Arc<Status>,
    /// The end of each partition by the last answer to a fetch.
    ends: Vec<AtomicI64>,
}

impl TailClient {
    pub(super) fn new(journal: &'static str, partitions: i32, status: Arc<Status>) -> Self {
        let ends = (0..partitions).map(|_| AtomicI64::new(0)).collect();
        Self { log: ClientLog::new("tailer"), journal, status, ends }
    }

    /// The end of a partition by the last answer to a fetch.
    pub(super) fn end(&self, partition: usize) -> i64 {
        self.ends.get(partition).map_or(0, |end| end.load(Ordering::Relaxed))
    }
}

impl ClientContext for TailClient {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        self.log.log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let Some(journal) = statistics.topics.get(self.journal) else { return };
        for (number, partition) in &journal.partitions {
            if let Some(end) = usize::try_from(*number).ok().and_then(|index| self.ends.get(index)) {
                end.store(partition.hi_offset, Ordering::Relaxed);
            }
        }
        let partitions = journal.partitions.iter().filter(|(partition, _)| **partition >= 0);
        let idle = |leader: i32| {
            let leads = statistics.brokers.values().find(|broker| broker.nodeid == leader);
            leads.map(|broker| broker.rxidle).filter(|micros| *micros >= 0)
        };
        // Of several, the one with the oldest contact; `None` if there was none with one of them.
        let idle: Option<Vec<i64>> = partitions.map(|(_, partition)| idle(partition.leader)).collect();
        if let Some(micros) = idle.and_then(|all| all.into_iter().max()) {
            self.status.last_contact.store(Timestamp::now().0.saturating_sub(micros / 1_000), Ordering::Relaxed);
        }
    }
}

impl ConsumerContext for TailClient {}

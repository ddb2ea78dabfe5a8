//! The only writer of the view.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select};
use journal::record::RawOutbox;
use journal::{Entity, Key, Record, Replay};
use rusqlite::{Connection, Transaction};
use uuid::Uuid;
use vocabulary::blob::Json;
use vocabulary::time::Timestamp;

use super::file::Identity;
use super::rows::{Row, Rows};
use super::waiters::Waiters;

/// The most records in one SQLite transaction.
const BATCH: usize = 1_000;

/// The least time between two transactions for which a request waits.
const WAITED_PACE: Duration = Duration::from_millis(5);

/// With more bytes waiting, nothing more is given to the view until it has caught up.
const QUEUE_LIMIT: usize = 128 << 20;

/// With more bytes waiting, as while the view is rebuilt, no query waits for them.
const AWAITED_LIMIT: usize = 4 << 20;

/// A record of the journal, as the tailer or its owner gives it.
#[derive(Clone, Debug)]
pub(crate) struct Tailed {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) at: Timestamp,
    pub(crate) bytes: usize,
    /// `None` for bytes that are not a record.
    pub(crate) record: Option<Record<RawOutbox>>,
}

/// The view's progress, shared with the workers and the health checks.
#[derive(Debug)]
pub(crate) struct Applied {
    next: Vec<AtomicI64>,
    /// The offset behind the last record of each partition that its owner gave to the view by its acknowledgement.
    given: Vec<AtomicI64>,
    /// Whether the owner of each partition gives the view all records.
    gives_all: Vec<AtomicBool>,
    /// The broker's time of the newest applied record.
    pub(crate) newest: AtomicI64,
    /// Bytes read and not yet applied.
    pub(crate) queued: AtomicUsize,
    pub(crate) void: AtomicUsize,
    /// Records given to the view, and those of them that it has applied.
    sent: AtomicU64,
    done: AtomicU64,
}

impl Applied {
    pub(crate) fn new(partitions: i32) -> Self {
        let next = (0..partitions).map(|_| AtomicI64::new(0)).collect();
        let given = (0..partitions).map(|_| AtomicI64::new(0)).collect();
        let gives_all = (0..partitions).map(|_| AtomicBool::new(false)).collect();
        let newest = AtomicI64::new(0);
        let queued = AtomicUsize::new(0);
        let void = AtomicUsize::new(0);
        let sent = AtomicU64::new(0);
        let done = AtomicU64::new(0);
        Self { next, given, gives_all, newest, queued, void, sent, done }
    }

    /// The next offset to apply.
    pub(crate) fn next(&self, partition: i32) -> i64 {
        of(&self.next, partition).map_or(0, |next| next.load(Ordering::Acquire))
    }

    /// Returns true if the view has room for more records.
    pub(crate) fn has_room(&self) -> bool {
        self.queued.load(Ordering::Relaxed) <= QUEUE_LIMIT
    }

    /// The number of records given to the view; `None` if so many wait that no query should wait for them.
    pub(crate) fn awaitable(&self) -> Option<u64> {
        (self.queued.load(Ordering::Relaxed) <= AWAITED_LIMIT).then(|| self.sent.load(Ordering::Acquire))
    }

    /// Returns true if the view has applied this number of records.
    pub(crate) fn has_done(&self, records: u64) -> bool {
        self.done.load(Ordering::Acquire) >= records
    }

    /// Returns true if the view has applied most of what it was given.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.queued.load(Ordering::Relaxed) <= QUEUE_LIMIT / 2
    }

    /// Gives the view the next record of a partition. `None` if the view has ended.
    pub(crate) fn send(&self, view: &Sender<Tailed>, tailed: Tailed) -> Option<()> {
        self.queued.fetch_add(tailed.bytes, Ordering::Relaxed);
        view.send(tailed).ok()?;
        self.sent.fetch_add(1, Ordering::Release);
        Some(())
    }

    /// Gives the view a record that its owner knows before it is read. All records before it were given.
    pub(crate) fn give(&self, view: &Sender<Tailed>, tailed: Tailed) {
        let partition = tailed.partition;
        let next = tailed.offset.saturating_add(1);
        // The view may have ended, and then the process ends.
        let _ = self.send(view, tailed);
        if let Some(given) = of(&self.given, partition) {
            given.store(next, Ordering::Release);
        }
        self.set_gives_all(partition, true);
    }

    /// Records whether the owner of a partition, which then knows all records so far, gives the view all further ones.
    pub(crate) fn set_gives_all(&self, partition: i32, gives_all: bool) {
        if let Some(known) = of(&self.gives_all, partition) {
            known.store(gives_all, Ordering::Release);
        }
    }

    /// The offset behind the last record that the owner of a partition gave to the view; `None` unless it gives all.
    pub(crate) fn gives_all(&self, partition: i32) -> Option<i64> {
        of(&self.gives_all, partition).filter(|gives_all| gives_all.load(Ordering::Acquire))?;
        Some(self.given(partition))
    }

    fn given(&self, partition: i32) -> i64 {
        of(&self.given, partition).map_or(0, |given| given.load(Ordering::Acquire))
    }

    /// Returns true if the view was given the record at `offset` by its owner.
    pub(crate) fn was_given(&self, partition: i32, offset: i64) -> bool {
        offset < self.given(partition)
    }

    pub(crate) fn set(&self, partition: i32, offset: i64) {
        if let Some(next) = of(&self.next, partition) {
            next.store(offset, Ordering::Release);
        }
    }
}

/// The element of a partition.
fn of<T>(all: &[T], partition: i32) -> Option<&T> {
    all.get(usize::try_from(partition).ok()?)
}

/// The writer's state of one partition.
#[derive(Debug, Default)]
struct PartitionProgress {
    replay: Replay,
    nonce: Option<Uuid>,
    next_offset: i64,
    delivered: i64,
    /// Outboxes of this batch, not yet in the file.
    outboxes: BTreeMap<i64, Json>,
    touched: bool,
}

/// The last state of an entity within a batch.
type Pending = HashMap<(i32, Key), (Option<Json>, Timestamp)>;

/// The writer.
pub(crate) struct Writer<R> {
    connection: Connection,
    partitions: HashMap<i32, PartitionProgress>,
    applied: Arc<Applied>,
    waiters: Arc<Waiters>,
    more_waiters: Receiver<()>,
    /// When the last batch was started.
    last_batch: Instant,
    rows: std::marker::PhantomData<R>,
}

impl<R: Rows> Writer<R> {
    pub(crate) fn new(
        connection: Connection,
        identities: &[Identity],
        applied: Arc<Applied>,
        (waiters, more_waiters): (Arc<Waiters>, Receiver<()>),
    ) -> anyhow::Result<Self> {
        let mut partitions = HashMap::new();
        for identity in identities {
            let (delivered, positions, last): (i64, String, String) = connection.query_row(
                "SELECT delivered, positions, last FROM partitions WHERE partition = ?",
                [identity.partition],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?;
            let replay = Replay {
                reader: identity.reader,
                positions: serde_json::from_str(&positions)?,
                last: serde_json::from_str(&last)?,
            };
            let progress = PartitionProgress {
                replay,
                nonce: identity.claim.map(|(_, nonce)| nonce),
                next_offset: identity.next_offset,
                delivered,
                ..PartitionProgress::default()
            };
            applied.set(identity.partition, identity.next_offset);
            partitions.insert(identity.partition, progress);
        }
        Ok(Self {
            connection,
            partitions,
            applied,
            waiters,
            more_waiters,
            last_batch: Instant::now(),
            rows: std::marker::PhantomData,
        })
    }

    /// Applies records until the channel closes.
    ///
    /// # Errors
    /// Of the file, and if a record is missing.
    pub(crate) fn run(mut self, records: &Receiver<Tailed>) -> anyhow::Result<()> {
        while let Ok(first) = records.recv() {
            let batch = self.gather(first, records);
            self.last_batch = Instant::now();
            self.apply(batch)?;
        }
        Ok(())
    }

    /// The view is written at most once per [`Rows::PACE`], or [`WAITED_PACE`] while a request waits: entities that
    /// change several times are then written once, and outboxes that were delivered meanwhile not at all. A claim waits
    /// for nothing, since its owner waits for it.
    fn gather(&self, first: Tailed, records: &Receiver<Tailed>) -> Vec<Tailed> {
        let mut batch = vec![first];
        let mut examined = 0;
        loop {
            batch.extend(records.try_iter().take(BATCH.saturating_sub(batch.len())));
            let has_claim = batch.iter().skip(examined).any(|tailed| matches!(tailed.record, Some(Record::Claim(_))));
            if batch.len() >= BATCH || has_claim {
                return batch;
            }
            examined = batch.len();
            let pace = if self.waiters.is_empty() { R::PACE } else { WAITED_PACE };
            let left = (self.last_batch + pace).saturating_duration_since(Instant::now());
            select! {
                recv(records) -> next => match next {
                    Ok(next) => batch.push(next),
                    Err(_) => return batch,
                },
                recv(self.more_waiters) -> _ => {}
                default(left) => return batch,
            }
        }
    }

    /// Applies a batch in one SQLite transaction, then wakes the waiters.
    pub(crate) fn apply(&mut self, batch: Vec<Tailed>) -> anyhow::Result<()> {
        let mut pending = Pending::new();
        let newest = batch.last().map(|t| t.at);
        let bytes = batch.iter().map(|t| t.bytes).sum();
        let records = batch.len() as u64;
        for tailed in batch {
            self.take(tailed, &mut pending)?;
        }
        let tx = self.connection.transaction()?;
        for ((partition, key), (state, at)) in &pending {
            write_entity::<R>(&tx, *partition, key, state.as_ref(), *at)?;
        }
        for (partition, progress) in self.partitions.iter_mut().filter(|(_, progress)| progress.touched) {
            write_progress(&tx, *partition, progress)?;
        }
        tx.commit()?;
        for (partition, progress) in &self.partitions {
            self.applied.set(*partition, progress.next_offset);
        }
        if let Some(newest) = newest {
            self.applied.newest.store(newest.0, Ordering::Relaxed);
        }
        self.applied.queued.fetch_sub(bytes, Ordering::Relaxed);
        self.applied.done.fetch_add(records, Ordering::Release);
        self.waiters.wake(pending.keys().map(|(_, key)| key.as_str()));
        Ok(())
    }

    fn take(&mut self, tailed: Tailed, pending: &mut Pending) -> anyhow::Result<()> {
        let Tailed { partition, offset, at, record, .. } = tailed;
        let progress = self.partitions.entry(partition).or_default();
        if offset < progress.next_offset {
            return Ok(());
        }
        let next = progress.next_offset;
        anyhow::ensure!(offset == next, "partition {partition}: the record at {offset} came, and {next} is the next");
        progress.next_offset = offset.saturating_add(1);
        progress.touched = true;
        let valid = record.and_then(|mut record| progress.replay.apply(offset, &mut record).then_some(record));
        match valid {
            Some(Record::Entry(entry)) => {
                for write in entry.entities {
                    pending.insert((partition, write.key), (write.state, at));
                }
                progress.delivered = progress.delivered.max(entry.delivered);
                progress.outboxes.extend(entry.outbox.map(|outbox| (offset, outbox)));
            }
            Some(Record::Claim(claim)) => progress.nonce = Some(claim.nonce),
            Some(Record::Acceptance(_)) => {}
            None => drop(self.applied.void.fetch_add(1, Ordering::Relaxed)),
        }
        Ok(())
    }
}

fn write_entity<R: Rows>(
    tx: &Transaction<'_>,
    partition: i32,
    key: &str,
    state: Option<&Json>,
    at: Timestamp,
) -> anyhow::Result<()> {
    let entity: Option<R::Entity> = state.map(Json::read).transpose()?;
    match (&entity, state) {
        (Some(entity), Some(json)) => {
            let open = entity.is_open();
            let wake = entity.wake_at().filter(|_| open).map(|at| at.0);
            let acting = open && entity.has_intents();
            tx.prepare_cached(
                "INSERT INTO entities(partition, key, state, open, wake, acting) VALUES (?, ?, ?, ?, ?, ?) \
                 ON CONFLICT(key, partition) DO UPDATE SET \
                 state = excluded.state, open = excluded.open, wake = excluded.wake, acting = excluded.acting",
            )?
            .execute((partition, key, json.text(), open, wake, acting))?;
        }
        (None, _) | (_, None) => {
            tx.prepare_cached("DELETE FROM entities WHERE key = ? AND partition = ?")?.execute((key, partition))?;
        }
    }
    Ok(R::apply(tx, &Row { partition, key, state: entity.as_ref(), at })?)
}

fn write_progress(tx: &Transaction<'_>, partition: i32, progress: &mut PartitionProgress) -> anyhow::Result<()> {
    progress.touched = false;
    tx.prepare_cached("DELETE FROM outbox WHERE partition = ? AND offset < ?")?
        .execute([i64::from(partition), progress.delivered])?;
    let mut insert =
        tx.prepare_cached("INSERT OR REPLACE INTO outbox(partition, offset, messages) VALUES (?, ?, ?)")?;
    for (offset, messages) in std::mem::take(&mut progress.outboxes) {
        if offset >= progress.delivered {
            insert.execute((partition, offset, messages.text()))?;
        }
    }
    tx.prepare_cached(
        "INSERT OR REPLACE INTO partitions(partition, next_offset, claim, nonce, next_seq, delivered, \
         positions, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute((
        partition,
        progress.next_offset,
        progress.replay.reader.claim,
        progress.nonce.map(|n| n.to_string()),
        progress.replay.reader.next_seq.cast_signed(),
        progress.delivered,
        serde_json::to_string(&progress.replay.positions)?,
        serde_json::to_string(&progress.replay.last)?,
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_gives_all_records_from_one_to_the_next_that_it_does_not_know() {
        let applied = Applied::new(2);
        let (view, _records) = crossbeam_channel::unbounded();
        let give = |offset| {
            let at = Timestamp(0);
            applied.give(&view, Tailed { partition: 1, offset, at, bytes: 1, record: None });
        };
        assert_eq!(applied.gives_all(1), None);
        give(7);
        assert_eq!((applied.gives_all(0), applied.gives_all(1)), (None, Some(8)));
        assert!(applied.was_given(1, 7) && !applied.was_given(1, 8));
        applied.set_gives_all(1, false);
        assert_eq!(applied.gives_all(1), None);
        assert!(applied.was_given(1, 7), "it is still passed over");
        give(9);
        assert_eq!(applied.gives_all(1), Some(10));
    }
}

//! The one thread that writes the view.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rusqlite::{Connection, Transaction};
use uuid::Uuid;

use super::waiters::Waiters;
use super::{Identity, Row, Rows};
use journal::record::RawOutbox;
use journal::{Entity, Key, Positions, Reader, Record, Verdict};
use vocabulary::blob::Json;
use vocabulary::time::Timestamp;

/// Records taken into one SQLite transaction at most.
const BATCH: usize = 1_000;

/// The least time between two transactions that nobody waits for.
const PACE: Duration = Duration::from_millis(20);

/// A record as the tailer read it; none for bytes that are no record.
#[derive(Clone, Debug)]
pub(crate) struct Tailed {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) at: Timestamp,
    pub(crate) bytes: usize,
    pub(crate) record: Option<Record<RawOutbox>>,
}

/// How far the view has come, for whoever waits.
#[derive(Debug)]
pub(crate) struct Applied {
    next: Vec<AtomicI64>,
    /// The broker's time of the newest applied record.
    pub(crate) newest: AtomicI64,
    /// Bytes read and not yet applied.
    pub(crate) queued: AtomicUsize,
    pub(crate) void: AtomicUsize,
}

impl Applied {
    pub(crate) fn new(partitions: i32) -> Self {
        let next = (0..partitions).map(|_| AtomicI64::new(0)).collect();
        let (newest, queued, void) = (AtomicI64::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        Self { next, newest, queued, void }
    }

    /// The next offset to be applied.
    pub(crate) fn next(&self, partition: i32) -> i64 {
        let next = usize::try_from(partition).ok().and_then(|p| self.next.get(p));
        next.map_or(0, |n| n.load(Ordering::Acquire))
    }

    pub(crate) fn set(&self, partition: i32, offset: i64) {
        if let Some(next) = usize::try_from(partition).ok().and_then(|p| self.next.get(p)) {
            next.store(offset, Ordering::Release);
        }
    }
}

/// What the writer keeps of a partition.
#[derive(Debug, Default)]
struct Place {
    reader: Reader,
    nonce: Option<Uuid>,
    next_offset: i64,
    delivered: i64,
    positions: Positions,
    /// Outboxes of this batch, not yet in the file.
    said: BTreeMap<i64, Json>,
    touched: bool,
}

/// The last state of an entity within a batch.
type Pending = HashMap<(i32, Key), (Option<Json>, Timestamp)>;

/// The writer.
pub(crate) struct Writer<R> {
    connection: Connection,
    places: HashMap<i32, Place>,
    applied: Arc<Applied>,
    waiters: Arc<Waiters>,
    /// When the last batch began to be applied.
    begun: Instant,
    rows: std::marker::PhantomData<R>,
}

impl<R: Rows> Writer<R> {
    pub(crate) fn new(
        connection: Connection,
        identities: &[Identity],
        applied: Arc<Applied>,
        waiters: Arc<Waiters>,
    ) -> anyhow::Result<Self> {
        let mut places = HashMap::new();
        for identity in identities {
            let (delivered, positions): (i64, String) = connection.query_row(
                "SELECT delivered, positions FROM partitions WHERE partition = ?",
                [identity.partition],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            let place = Place {
                reader: identity.reader,
                nonce: identity.claim.map(|(_, nonce)| nonce),
                next_offset: identity.next_offset,
                delivered,
                positions: serde_json::from_str(&positions)?,
                ..Place::default()
            };
            applied.set(identity.partition, identity.next_offset);
            places.insert(identity.partition, place);
        }
        Ok(Self { connection, places, applied, waiters, begun: Instant::now(), rows: std::marker::PhantomData })
    }

    /// Applies what comes until the channel closes.
    pub(crate) fn run(mut self, records: &Receiver<Tailed>) -> anyhow::Result<()> {
        while let Ok(first) = records.recv() {
            let batch = self.gather(first, records);
            self.begun = Instant::now();
            self.apply(batch)?;
        }
        Ok(())
    }

    /// While nobody waits for the view, it is written at most once in [`PACE`]: entities that change several times are
    /// written once then, and outboxes that were delivered meanwhile not at all.
    fn gather(&self, first: Tailed, records: &Receiver<Tailed>) -> Vec<Tailed> {
        let mut batch = vec![first];
        loop {
            batch.extend(records.try_iter().take(BATCH.saturating_sub(batch.len())));
            if batch.len() >= BATCH || !self.waiters.is_empty() {
                return batch;
            }
            match records.recv_deadline(self.begun + PACE) {
                Ok(next) => batch.push(next),
                Err(_) => return batch,
            }
        }
    }

    /// Applies a batch in one SQLite transaction, then tells.
    pub(crate) fn apply(&mut self, batch: Vec<Tailed>) -> anyhow::Result<()> {
        let mut pending = Pending::new();
        let (newest, bytes) = (batch.last().map(|t| t.at), batch.iter().map(|t| t.bytes).sum());
        for tailed in batch {
            self.take(tailed, &mut pending);
        }
        let tx = self.connection.transaction()?;
        for ((partition, key), (state, at)) in &pending {
            write_entity::<R>(&tx, *partition, key, state.as_ref(), *at)?;
        }
        for (partition, place) in self.places.iter_mut().filter(|(_, place)| place.touched) {
            write_place(&tx, *partition, place)?;
        }
        tx.commit()?;
        for (partition, place) in &self.places {
            self.applied.set(*partition, place.next_offset);
        }
        if let Some(newest) = newest {
            self.applied.newest.store(newest.0, Ordering::Relaxed);
        }
        self.applied.queued.fetch_sub(bytes, Ordering::Relaxed);
        self.waiters.wake(pending.keys().map(|(_, key)| key.as_str()));
        Ok(())
    }

    fn take(&mut self, tailed: Tailed, pending: &mut Pending) {
        let Tailed { partition, offset, at, record, .. } = tailed;
        let place = self.places.entry(partition).or_default();
        if offset < place.next_offset {
            return;
        }
        place.next_offset = offset.saturating_add(1);
        place.touched = true;
        let Some(record) = record else {
            self.applied.void.fetch_add(1, Ordering::Relaxed);
            return;
        };
        match (place.reader.judge(offset, record.head()), record) {
            (Verdict::Valid, Record::Entry(entry)) => {
                for write in entry.entities {
                    pending.insert((partition, write.key), (write.state, at));
                }
                place.positions.extend(entry.positions);
                place.delivered = place.delivered.max(entry.delivered);
                place.said.extend(entry.outbox.map(|outbox| (offset, outbox)));
            }
            (Verdict::Claim, Record::Claim(claim)) => place.nonce = Some(claim.nonce),
            (Verdict::Valid | Verdict::Claim | Verdict::Void, Record::Claim(_) | Record::Entry(_)) => {
                self.applied.void.fetch_add(1, Ordering::Relaxed);
            }
        }
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
            let (wake, acting) = (entity.wake_at().filter(|_| open).map(|at| at.0), open && entity.has_intents());
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

fn write_place(tx: &Transaction<'_>, partition: i32, place: &mut Place) -> anyhow::Result<()> {
    place.touched = false;
    tx.prepare_cached("DELETE FROM outbox WHERE partition = ? AND offset < ?")?
        .execute([i64::from(partition), place.delivered])?;
    let mut insert =
        tx.prepare_cached("INSERT OR REPLACE INTO outbox(partition, offset, messages) VALUES (?, ?, ?)")?;
    for (offset, messages) in std::mem::take(&mut place.said) {
        if offset >= place.delivered {
            insert.execute((partition, offset, messages.text()))?;
        }
    }
    tx.prepare_cached(
        "INSERT OR REPLACE INTO partitions(partition, next_offset, claim, nonce, next_seq, delivered, positions) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute((
        partition,
        place.next_offset,
        place.reader.claim,
        place.nonce.map(|n| n.to_string()),
        place.reader.next_seq.cast_signed(),
        place.delivered,
        serde_json::to_string(&place.positions)?,
    ))?;
    Ok(())
}

//! The one thread that writes the view.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use crossbeam_channel::Receiver;
use rusqlite::{Connection, Transaction};
use uuid::Uuid;

use super::waiters::Waiters;
use super::{Identity, Row, Rows};
use crate::blob::Json;
use crate::journal::{Entity, Entry, Key, Positions, Reader, Record, Verdict, record};
use crate::messages::Outgoing;
use crate::time::Timestamp;

/// Records taken into one SQLite transaction at most.
const BATCH: usize = 1_000;

/// A record as the tailer read it; none for bytes that are no record.
#[derive(Clone, Debug)]
pub(crate) struct Tailed {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) at: Timestamp,
    pub(crate) bytes: usize,
    pub(crate) record: Option<Arc<Record>>,
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
    said: BTreeMap<i64, Arc<Vec<Outgoing>>>,
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
        Ok(Self { connection, places, applied, waiters, rows: std::marker::PhantomData })
    }

    /// Applies what comes until the channel closes.
    pub(crate) fn run(mut self, records: &Receiver<Tailed>) -> anyhow::Result<()> {
        while let Ok(first) = records.recv() {
            let batch: Vec<Tailed> = std::iter::once(first).chain(records.try_iter().take(BATCH)).collect();
            self.apply(&batch)?;
        }
        Ok(())
    }

    /// Applies a batch in one SQLite transaction, then tells.
    pub(crate) fn apply(&mut self, batch: &[Tailed]) -> anyhow::Result<()> {
        let mut pending = Pending::new();
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
        if let Some(last) = batch.last() {
            self.applied.newest.store(last.at.0, Ordering::Relaxed);
        }
        self.applied.queued.fetch_sub(batch.iter().map(|t| t.bytes).sum(), Ordering::Relaxed);
        self.waiters.wake(pending.keys().map(|(_, key)| key.as_str()));
        Ok(())
    }

    fn take(&mut self, tailed: &Tailed, pending: &mut Pending) {
        let place = self.places.entry(tailed.partition).or_default();
        if tailed.offset < place.next_offset {
            return;
        }
        place.next_offset = tailed.offset.saturating_add(1);
        place.touched = true;
        let Some(record) = &tailed.record else {
            self.applied.void.fetch_add(1, Ordering::Relaxed);
            return;
        };
        match (place.reader.judge(tailed.offset, record.head()), &**record) {
            (Verdict::Valid, Record::Entry(entry)) => take_entry(place, tailed, entry, pending),
            (Verdict::Claim, Record::Claim(claim)) => place.nonce = Some(claim.nonce),
            (Verdict::Valid | Verdict::Claim | Verdict::Void, Record::Claim(_) | Record::Entry(_)) => {
                self.applied.void.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn take_entry(place: &mut Place, tailed: &Tailed, entry: &Entry, pending: &mut Pending) {
    for write in &entry.entities {
        pending.insert((tailed.partition, write.key.clone()), (write.state.clone(), tailed.at));
    }
    for (topic, next) in &entry.positions {
        place.positions.insert(topic.clone(), *next);
    }
    place.delivered = place.delivered.max(entry.delivered);
    if !entry.outbox.is_empty() {
        place.said.insert(tailed.offset, entry.outbox.clone());
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
            tx.prepare_cached(
                "INSERT INTO entities(partition, key, state, open) VALUES (?, ?, ?, ?) \
                 ON CONFLICT(key, partition) DO UPDATE SET state = excluded.state, open = excluded.open",
            )?
            .execute((partition, key, json.text(), entity.is_open()))?;
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
            insert.execute((partition, offset, record::encode_outbox(&messages)?))?;
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

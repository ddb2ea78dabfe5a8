//! An instance's view of one journal partition: the in-memory counterpart of the SQLite view. It lags behind the log,
//! serves closed entities and provides the snapshot for a claim.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::blob::Json;
use common::journal::{Entity, Entry, Key, Positions, Reader, Record, Snapshot, Store, StoreError, Verdict, Write};
use common::messages::Outgoing;

use crate::injected_bug::InjectedBug;
use crate::kafka::JournalRecord;

/// The journal up to an offset.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The next offset to be applied.
    pub applied: i64,
    reader: Reader,
    pub states: BTreeMap<Key, Json>,
    /// The entities that the last snapshot found closed, and that have not changed since.
    closed: BTreeSet<Key>,
    pub positions: Positions,
    delivered: i64,
    unsent: BTreeMap<i64, Arc<Vec<Outgoing>>>,
}

impl View {
    /// Applies the next record and returns its verdict.
    pub fn apply(&mut self, record: &JournalRecord, bug: InjectedBug) -> Verdict {
        let offset = self.applied;
        self.applied += 1;
        let verdict = self.reader.judge(offset, record.head);
        match (&record.record, verdict) {
            (Some(Record::Entry(entry)), Verdict::Valid) => self.take(offset, entry),
            (Some(Record::Entry(entry)), Verdict::Void) if bug == InjectedBug::AppliesVoid => self.take(offset, entry),
            (Some(_) | None, Verdict::Valid | Verdict::Claim | Verdict::Void | Verdict::Acceptance) => {}
        }
        verdict
    }

    /// The states of the entities that a record writes, and the positions.
    pub fn before(&self, record: &Record) -> Self {
        let Record::Entry(entry) = record else { return Self::default() };
        let known = |write: &Write| Some((write.key.clone(), self.states.get(&write.key)?.clone()));
        let states = entry.entities.iter().filter_map(known).collect();
        Self { states, positions: self.positions.clone(), ..Self::default() }
    }

    fn take(&mut self, offset: i64, entry: &Entry) {
        for write in &entry.entities {
            self.closed.remove(&write.key);
            match &write.state {
                Some(state) => self.states.insert(write.key.clone(), state.clone()),
                None => self.states.remove(&write.key),
            };
        }
        self.positions.extend(entry.positions.clone());
        self.delivered = self.delivered.max(entry.delivered);
        self.unsent.insert(offset, entry.outbox.clone());
        let delivered = self.delivered;
        self.unsent.retain(|offset, messages| *offset >= delivered && !messages.is_empty());
    }

    /// An entity's state.
    pub fn entity<E: Entity>(&self, key: &str) -> Result<Option<E>, String> {
        self.states.get(key).map(Json::read).transpose().map_err(|e| format!("the state of {key}: {e}"))
    }

    /// The snapshot for a claim. An open entity without intents contributes only its timer.
    pub fn snapshot<E: Entity>(&mut self, ends: Positions, bug: InjectedBug) -> Snapshot<E> {
        let mut snapshot = Snapshot { positions: self.positions.clone(), ..Snapshot::default() };
        for key in self.states.keys() {
            if self.closed.contains(key) {
                continue;
            }
            match self.entity::<E>(key).unwrap().filter(E::is_open) {
                Some(entity) if entity.has_intents() => snapshot.open.push((key.clone(), entity)),
                Some(entity) => snapshot.resting.extend(entity.wake_at().map(|at| (key.clone(), at))),
                None => _ = self.closed.insert(key.clone()),
            }
        }
        if bug != InjectedBug::DropsUnsent {
            snapshot.unsent = self.unsent.iter().map(|(offset, messages)| (*offset, messages.to_vec())).collect();
        }
        if bug != InjectedBug::FiresTimersFirst {
            snapshot.ends = ends;
        }
        snapshot
    }

    /// Returns true if the next owner has nothing to send again.
    pub fn all_sent(&self) -> bool {
        self.unsent.is_empty()
    }
}

impl<E: Entity> Store<E> for View {
    fn load(&self, key: &Key) -> Result<Option<E>, StoreError> {
        self.entity(key).map_err(StoreError::Unavailable)
    }

    fn with_prefix(&self, prefix: &str) -> Result<Vec<E>, StoreError> {
        let keys = self.states.keys().filter(|key| key.starts_with(prefix));
        keys.filter_map(|key| self.load(key).transpose()).collect()
    }
}

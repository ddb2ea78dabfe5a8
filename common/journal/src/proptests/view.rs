//! An instance's copy of the journal: what its view has applied, or what it has read.

use std::collections::BTreeMap;
use std::sync::Arc;

use vocabulary::blob::Json;
use vocabulary::messages::Outgoing;

use super::shop::Basket;
use crate::entity::{Entity, Key};
use crate::error::StoreError;
use crate::interface::Snapshot;
use crate::record::{Entry, Positions, Record};
use crate::rule::{Reader, Verdict};
use crate::store::Store;

/// The view's content: the journal up to an offset.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) applied: i64,
    reader: Reader,
    pub(super) states: BTreeMap<Key, Json>,
    pub(super) positions: Positions,
    pub(super) unsent: BTreeMap<i64, Arc<Vec<Outgoing>>>,
}

impl View {
    /// Applies the next record; returns the entry if it is valid.
    pub(super) fn apply(&mut self, bytes: &[u8]) -> Option<Entry> {
        let offset = self.applied;
        let record = Record::decode(bytes).ok()?;
        let verdict = self.reader.judge(offset, record.head());
        let (Record::Entry(entry), Verdict::Valid) = (record, verdict) else { return None };
        for write in &entry.entities {
            match &write.state {
                Some(state) => self.states.insert(write.key.clone(), state.clone()),
                None => self.states.remove(&write.key),
            };
        }
        self.positions.extend(entry.positions.clone());
        self.unsent.insert(offset, entry.outbox.clone());
        self.unsent.retain(|offset, messages| *offset >= entry.delivered && !messages.is_empty());
        Some(entry)
    }

    pub(super) fn catch_up(&mut self, log: &[Vec<u8>], until: usize) {
        while (self.applied as usize) < until.min(log.len()) {
            self.apply(&log[self.applied as usize]);
            self.applied += 1;
        }
    }

    pub(super) fn basket(&self, key: &str) -> Option<Basket> {
        self.states.get(key).map(|state| state.read().unwrap())
    }

    pub(super) fn snapshot(&self, ends: Positions) -> Snapshot<Basket> {
        let all = self.states.iter().map(|(key, state)| (key.clone(), state.read::<Basket>().unwrap()));
        let unsent = self.unsent.iter().map(|(offset, messages)| (*offset, messages.to_vec())).collect();
        let mut open = Vec::new();
        let mut resting = Vec::new();
        for (key, basket) in all.filter(|(_, basket)| basket.is_open()) {
            if basket.has_intents() {
                open.push((key, basket));
            } else {
                resting.extend(basket.wake_at().map(|at| (key, at)));
            }
        }
        let positions = self.positions.clone();
        Snapshot { open, resting, positions, unsent, ends, ..Snapshot::default() }
    }
}

impl Store<Basket> for View {
    fn load(&self, key: &Key) -> Result<Option<Basket>, StoreError> {
        Ok(self.basket(key))
    }

    fn with_prefix(&self, prefix: &str) -> Result<Vec<Basket>, StoreError> {
        Ok(self.states.keys().filter(|key| key.starts_with(prefix)).filter_map(|key| self.basket(key)).collect())
    }
}

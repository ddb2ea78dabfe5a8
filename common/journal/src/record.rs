//! The records of a journal, claims and entries, and their encoding. JSON, so that any Kafka tool can read the whole
//! history; states and messages that are only passed on ([`Json`]) are never parsed on the way.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocabulary::blob::Json;
use vocabulary::messages::Outgoing;
use vocabulary::time::Timestamp;

use crate::entity::Key;

/// The next offset to read of each input topic, in this worker's partition ([`position_key`]).
pub type Positions = BTreeMap<String, i64>;

/// The name of a topic's partition in [`Positions`]: the topic; and of a partition beyond the `partitions` that every
/// topic had when it was created, the topic and the partition, such as `payment-results/2`. No topic's name has a `/`.
pub fn position_key(topic: &str, partition: i32, partitions: i32) -> Cow<'_, str> {
    if partition < partitions { topic.into() } else { format!("{topic}/{partition}").into() }
}

/// The topic and the partition of a name in the [`Positions`] of the worker of partition `own`.
pub fn split_position_key(key: &str, own: i32) -> (&str, i32) {
    key.split_once('/').and_then(|(topic, added)| Some((topic, added.parse().ok()?))).unwrap_or((key, own))
}

/// Sets the value of a partition ([`position_key`]). The name is copied only if it is new.
pub fn set_of_partition<V>(all: &mut BTreeMap<String, V>, key: &str, value: V) {
    match all.get_mut(key) {
        Some(known) => *known = value,
        None => drop(all.insert(key.to_owned(), value)),
    }
}

/// The last message read of each input topic, by which a reader that continues recognises the topic.
pub type LastMessages = BTreeMap<String, LastMessage>;

/// A message of a topic: no two topics have one with this time at this offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LastMessage {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in Kafka, in milliseconds since the epoch; a producer may have set it.
    pub at: i64,
}

/// Messages to send, shared by the record and the producer.
pub type Messages = Arc<Vec<Outgoing>>;

/// The JSON text of an outbox, or `None` if it is empty. Decoded only to send it again ([`read_outbox`]).
pub type RawOutbox = Option<Json>;

/// A record of a journal, with its outbox as messages or as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[serde(bound(serialize = "O: Outbox + Serialize", deserialize = "O: Default + Deserialize<'de>"))]
pub enum Record<O = Messages> {
    /// An instance takes over the partition.
    Claim(Claim),
    /// The owner's decisions about a batch of messages.
    Entry(Entry<O>),
    /// An operator accepts the loss of messages. It ends the claim before it.
    Acceptance(Acceptance),
}

/// The forms of a record's outbox.
pub trait Outbox {
    /// Returns true if there is nothing to send; the JSON leaves the outbox out then.
    fn is_nothing(&self) -> bool;
}

impl Outbox for Messages {
    fn is_nothing(&self) -> bool {
        self.is_empty()
    }
}

impl Outbox for RawOutbox {
    fn is_nothing(&self) -> bool {
        self.is_none()
    }
}

/// The record by which an instance becomes the owner. Its offset identifies the ownership.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// Distinguishes this claim from all others.
    pub nonce: Uuid,
    /// The instance that claims, for operators who read the journal.
    pub instance: String,
    /// How many partitions every topic has by its settings: the count with which the journal is written. `None` in
    /// journals of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<i32>,
}

/// The decisions about a batch: states, messages and positions, durable together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound(serialize = "O: Outbox + Serialize", deserialize = "O: Default + Deserialize<'de>"))]
pub struct Entry<O = Messages> {
    /// Offset of the owner's claim.
    pub owner: i64,
    /// 0, 1, 2… since that claim.
    pub seq: u64,
    /// The next offsets to read, for the topics of this batch's messages.
    #[serde(default, skip_serializing_if = "Positions::is_empty")]
    pub positions: Positions,
    /// The last messages of this batch, by topic.
    #[serde(default, skip_serializing_if = "LastMessages::is_empty")]
    pub last: LastMessages,
    /// The delivered mark: all outboxes of records before this offset are delivered.
    pub delivered: i64,
    /// The changed states; each key once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Write>,
    /// The messages to send, in order.
    #[serde(default, skip_serializing_if = "Outbox::is_nothing")]
    pub outbox: O,
}

/// An operator's decision to continue an input at another position, since the messages at the position are gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Acceptance {
    /// The input's name in [`Positions`].
    pub topic: String,
    /// The position that is given up. The record counts only while this is the position.
    pub from: i64,
    /// The position to continue at.
    pub to: i64,
    /// The operator's reason.
    pub why: String,
    /// The operator.
    pub by: String,
    /// When it was decided.
    pub at: Timestamp,
}

impl Acceptance {
    /// Applies the decision to a partition's positions; returns false if it does not count.
    pub fn apply(&self, positions: &mut Positions, last: &mut LastMessages) -> bool {
        let counts = positions.get(&self.topic) == Some(&self.from);
        if counts {
            positions.insert(self.topic.clone(), self.to);
            last.remove(&self.topic);
        }
        counts
    }
}

/// The state of one entity after the batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Write {
    /// The entity.
    pub key: Key,
    /// Its state; `None` if it was removed.
    pub state: Option<Json>,
}

/// Bytes that are not a journal record.
#[derive(Debug, thiserror::Error)]
#[error("not a journal record: {0}")]
pub struct NotARecord(String);

impl<O: Outbox + Serialize> Record<O> {
    /// The bytes of the record.
    ///
    /// # Errors
    /// As `serde_json::to_vec`.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

impl Record {
    /// The record with the text of its outbox. It has the same bytes.
    ///
    /// # Errors
    /// As `serde_json::to_string`.
    pub fn with_raw_outbox(&self) -> Result<Record<RawOutbox>, serde_json::Error> {
        Ok(match self {
            Self::Claim(claim) => Record::Claim(claim.clone()),
            Self::Acceptance(acceptance) => Record::Acceptance(acceptance.clone()),
            Self::Entry(entry) => {
                let Entry { owner, seq, positions, last, delivered, entities, outbox } = entry;
                let outbox = if outbox.is_empty() { None } else { Some(Json::of(&**outbox)?) };
                let positions = positions.clone();
                let last = last.clone();
                let entities = entities.clone();
                Record::Entry(Entry {
                    owner: *owner,
                    seq: *seq,
                    positions,
                    last,
                    delivered: *delivered,
                    entities,
                    outbox,
                })
            }
        })
    }

    /// Decodes a record with its messages.
    ///
    /// # Errors
    /// [`NotARecord`] for bytes that no instance wrote: they are void for every reader.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        serde_json::from_slice(bytes).map_err(|e| NotARecord(e.to_string()))
    }
}

impl Record<RawOutbox> {
    /// Decodes a record as far as the view needs it: its outbox stays text.
    ///
    /// # Errors
    /// As [`Record::decode`].
    pub fn read(bytes: &[u8]) -> Result<Self, NotARecord> {
        serde_json::from_slice(bytes).map_err(|e| NotARecord(e.to_string()))
    }
}

impl<O> Record<O> {
    /// The part that the rule judges.
    pub fn head(&self) -> Head {
        match self {
            Self::Claim(claim) => Head::Claim { nonce: claim.nonce },
            Self::Entry(entry) => Head::Entry { owner: entry.owner, seq: entry.seq },
            Self::Acceptance(_) => Head::Acceptance,
        }
    }
}

/// The part of a record by which it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Head {
    /// A claim.
    Claim {
        /// Its nonce.
        nonce: Uuid,
    },
    /// An entry.
    Entry {
        /// Offset of its owner's claim.
        owner: i64,
        /// Its number since that claim.
        seq: u64,
    },
    /// An operator's acceptance of a loss.
    Acceptance,
    /// Bytes that are not a record.
    Garbage,
}

/// Decodes the text of an outbox ([`RawOutbox`]).
///
/// # Errors
/// As `serde_json::from_str`.
pub fn read_outbox(text: &str) -> Result<Vec<Outgoing>, serde_json::Error> {
    serde_json::from_str(text)
}

/// Estimates the bytes of an outgoing message within a record, for limits.
pub(crate) fn size_of(message: &Outgoing) -> usize {
    let headers: usize = message.headers.0.iter().map(|(n, v)| n.len() + v.0.len() + 8).sum();
    headers + message.value.bytes().map_or(0, <[u8]>::len) + message.key.as_ref().map_or(0, |k| k.0.len()) + 96
}

#[cfg(test)]
mod tests {
    use vocabulary::time::Timestamp;

    use super::*;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let out = Outgoing::event("t", "k", "a.b", "1", "s", Timestamp(5), &serde_json::json!({"x": 1}));
        let write = Write { key: "order/1".into(), state: Some(Json::of(&serde_json::json!({"n": 1.5})).unwrap()) };
        let positions = Positions::from([("t".to_owned(), 4)]);
        let last = LastMessages::from([("t".to_owned(), LastMessage { offset: 3, at: 7 })]);
        let entry = Entry {
            owner: 3,
            seq: 0,
            positions,
            last,
            delivered: 2,
            entities: vec![write],
            outbox: Arc::new(vec![out]),
        };
        let Record::Entry(read) = Record::read(&Record::Entry(entry.clone()).encode().unwrap()).unwrap() else {
            panic!()
        };
        assert_eq!(
            read_outbox(read.outbox.unwrap().text()).unwrap(),
            *entry.outbox,
            "kept as text, and decoded on request"
        );
        let record = Record::Entry(entry.clone());
        assert_eq!(record.with_raw_outbox().unwrap().encode().unwrap(), record.encode().unwrap());
        let nothing = Entry { outbox: Messages::default(), ..entry.clone() };
        let Record::Entry(read) = Record::read(&Record::Entry(nothing).encode().unwrap()).unwrap() else { panic!() };
        assert_eq!((read.outbox, read.entities), (None, entry.entities.clone()));
        let claim = Claim { nonce: Uuid::from_u128(1), instance: "a".into(), partitions: Some(2) };
        let why = "restored".to_owned();
        let acceptance = Acceptance { topic: "t".into(), from: 4, to: 9, why, by: "ops".into(), at: Timestamp(5) };
        for record in [Record::Entry(entry), Record::Claim(claim), Record::Acceptance(acceptance)] {
            assert_eq!(Record::decode(&record.encode().unwrap()).unwrap(), record);
        }
    }

    #[test]
    fn a_claim_of_an_earlier_release_names_no_partitions() {
        let text = r#"{"claim":{"nonce":"00000000-0000-0000-0000-000000000001","instance":"a"}}"#;
        let Record::Claim(claim) = Record::read(text.as_bytes()).unwrap() else { panic!() };
        assert_eq!(claim.partitions, None);
    }

    #[test]
    fn partitions_added_to_a_topic_have_positions_of_their_own() {
        for (partition, own, key) in [(1, 1, "t"), (2, 0, "t/2"), (11, 1, "t/11")] {
            assert_eq!(position_key("t", partition, 2), key);
            assert_eq!(split_position_key(key, own), ("t", partition));
        }
    }

    #[test]
    fn an_entry_of_an_earlier_release_has_no_last_messages() {
        let text = br#"{"entry":{"owner":1,"seq":0,"positions":{"t":4},"delivered":2}}"#;
        let Record::Entry(entry) = Record::read(text).unwrap() else { panic!() };
        assert_eq!((entry.positions["t"], entry.last), (4, LastMessages::new()));
    }

    #[test]
    fn an_acceptance_counts_for_the_position_that_it_gives_up() {
        let why = "restored".to_owned();
        let acceptance = Acceptance { topic: "t".into(), from: 4, to: 9, why, by: "ops".into(), at: Timestamp(5) };
        let known = LastMessages::from([("t".to_owned(), LastMessage { offset: 3, at: 7 })]);
        for (position, counts) in [(4, true), (5, false), (3, false)] {
            let mut positions = Positions::from([("t".to_owned(), position)]);
            let mut last = known.clone();
            assert_eq!(acceptance.apply(&mut positions, &mut last), counts);
            assert_eq!(positions["t"], if counts { 9 } else { position });
            assert_eq!(last.is_empty(), counts);
        }
    }

    #[test]
    fn foreign_bytes_are_not_a_record() {
        assert!(Record::decode(b"hello").is_err());
        assert!(Record::decode(br#"{"entry":{"owner":1}}"#).is_err());
    }
}

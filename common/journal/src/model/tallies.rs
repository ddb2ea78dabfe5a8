//! The rules of the explored system: a tally of the messages.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vocabulary::blob::{Json, Payload};
use vocabulary::messages::{Headers, Message, Outgoing, Unreadable};
use vocabulary::time::Timestamp;

use crate::entity::{Entity, NoSideEffect};
use crate::handler::{Handler, Trigger};
use crate::transaction::Transaction;

/// The one input topic.
pub(super) const INPUT: &str = "in";
/// The one entity.
const TALLY: &str = "tally";
/// The number of the first direct message. Those of the topic are below.
pub(super) const DIRECT: i64 = 6;

/// The messages taken: their count, and a number that depends on their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) seen: u64,
}

impl Tally {
    pub(super) fn take(&mut self, input: u64) {
        self.count += 1;
        self.seen = self.seen * 10 + input + 1;
    }
}

impl Entity for Tally {
    fn is_open(&self) -> bool {
        true
    }
}

/// Tallies each message, and sends one with its number.
pub(super) struct Tallies;

impl Handler for Tallies {
    type Entity = Tally;
    type SideEffect = NoSideEffect;

    fn decide(&self, tx: &mut Transaction<'_, Tally>, trigger: Trigger<'_>, _: Timestamp) -> Result<(), Unreadable> {
        if let Trigger::Message(message) = trigger {
            let mut tally = tx.take(TALLY).unwrap_or_default();
            tally.take(message.offset.unsigned_abs());
            tx.put(TALLY, tally);
            tx.send(output(message.offset));
        }
        Ok(())
    }
}

fn output(input: i64) -> Outgoing {
    let value = Payload::Json(Json::of(&input).unwrap());
    Outgoing { topic: "out".into(), partition: None, key: None, headers: Headers::default(), value, parent_span: None }
}

/// The number of the input that an output answers.
pub(super) fn input_of(output: &Outgoing) -> u64 {
    std::str::from_utf8(output.value.bytes().unwrap()).unwrap().parse().unwrap()
}

pub(super) fn message(offset: i64) -> Message {
    let topic = Arc::from(INPUT);
    let headers = Headers::default();
    Message { topic, partition: 0, offset, timestamp: Timestamp(0), key: None, headers, value: None }
}

//! The rules of random runs: baskets that messages change, open, close, remove and compare. Once for the journal, as a
//! [`Handler`], and once as simply as possible, over one map, as the expected result.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vocabulary::messages::{Message, Outgoing, Unreadable};
use vocabulary::time::Timestamp;

use crate::entity::{Entity, Intent, Key};
use crate::handler::{Handler, Trigger};
use crate::transaction::Transaction;

/// A message's request. `Bad` can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    Add(u8, u8),
    /// From one basket to the other: a decision about two entities.
    Move(u8, u8),
    Close(u8),
    Open(u8),
    Remove(u8),
    /// Only reads.
    See(u8),
    Wake(u8, i64),
    Want(u8, u8),
    Unwant(u8, u8),
    /// Changes nothing and is not answered.
    Nothing,
    Bad,
}

vocabulary::bounded! { Order: 1_000 }

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub(super) struct Basket {
    pub(super) items: Vec<u8>,
    pub(super) closed: bool,
    pub(super) wake: Option<Timestamp>,
    pub(super) wants: Vec<u8>,
    pub(super) woken: u32,
}

impl Entity for Basket {
    fn is_open(&self) -> bool {
        !self.closed
    }
    fn wake_at(&self) -> Option<Timestamp> {
        self.wake
    }
    fn has_intents(&self) -> bool {
        !self.wants.is_empty()
    }
}

impl Basket {
    fn change(&mut self, order: &Order, now: Timestamp) {
        match order {
            Order::Add(_, item) => self.items.push(*item),
            Order::Close(_) => *self = Self { closed: true, wake: None, wants: Vec::new(), ..self.clone() },
            Order::Open(_) => self.closed = false,
            Order::Wake(_, after) if !self.closed => self.wake = Some(Timestamp(now.0 + after)),
            Order::Want(_, act) if !self.closed && !self.wants.contains(act) => self.wants.push(*act),
            Order::Unwant(_, act) => self.wants.retain(|wanted| wanted != act),
            Order::Wake(..) | Order::Want(..) | Order::Move(..) | Order::Remove(_) | Order::See(_) => {}
            Order::Nothing | Order::Bad => {}
        }
    }

    fn fire(&mut self) {
        self.wake = None;
        self.woken += 1;
    }
}

pub(super) fn key(n: u8) -> Key {
    format!("basket/{n}")
}

pub(super) fn intents_of(key: &str, basket: &Basket) -> Vec<String> {
    basket.wants.iter().map(|act| format!("{key} {act}")).collect()
}

/// A decision's record of itself: enough to decide it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decision {
    pub(super) cause: Cause,
    pub(super) now: Timestamp,
    /// The baskets that it read, before the change.
    pub(super) saw: Vec<Option<Basket>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cause {
    Seeded,
    Message { topic: String, offset: i64, order: Order },
    Timer(Key),
}

const SEED: &str = "seed";

/// The journal's side.
pub(super) struct Shop;

impl Handler for Shop {
    type Entity = Basket;
    type SideEffect = ();

    fn decide(&self, tx: &mut Transaction<'_, Basket>, trigger: Trigger<'_>, now: Timestamp) -> Result<(), Unreadable> {
        let (cause, saw) = match trigger {
            Trigger::Claimed if tx.get(SEED).is_some() => return Ok(()),
            Trigger::Claimed => {
                tx.put(SEED, Basket { closed: true, ..Basket::default() });
                (Cause::Seeded, vec![])
            }
            Trigger::Timer(key) => {
                let saw = vec![tx.get(key).cloned()];
                tx.update(key).into_iter().for_each(Basket::fire);
                (Cause::Timer(key.clone()), saw)
            }
            Trigger::Message(message) => {
                let order: Order = message.json()?;
                if order == Order::Nothing {
                    return Ok(());
                }
                if order == Order::Bad {
                    // This message must never be sent.
                    tx.send(Outgoing::event("done", "k", "done", "half", "s", now, "half a decision"));
                }
                let saw = apply_order(tx, &order, now)?;
                (Cause::Message { topic: message.topic.to_string(), offset: message.offset, order }, saw)
            }
        };
        let id = serde_json::to_string(&cause).unwrap();
        tx.send(Outgoing::event("done", "k", "done", id, "s", now, &Decision { cause, now, saw }));
        Ok(())
    }

    fn unreadable(&self, message: &Message, _: &Unreadable) -> Option<Outgoing> {
        let cause = Cause::Message { topic: message.topic.to_string(), offset: message.offset, order: Order::Bad };
        let id = serde_json::to_string(&cause).unwrap();
        let now = Timestamp(0);
        Some(Outgoing::event("done", "k", "done", id, "s", now, &Decision { cause, now, saw: vec![] }))
    }

    fn intents(&self, key: &Key, basket: &Basket) -> Vec<Intent<()>> {
        intents_of(key, basket).into_iter().map(|id| Intent { id, due: Timestamp(0), what: () }).collect()
    }
}

fn apply_order(
    tx: &mut Transaction<'_, Basket>,
    order: &Order,
    now: Timestamp,
) -> Result<Vec<Option<Basket>>, Unreadable> {
    Ok(match order {
        Order::Bad => return Err(Unreadable::Empty),
        Order::Nothing => vec![],
        Order::See(n) => vec![tx.get(&key(*n)).cloned()],
        Order::Remove(n) => {
            let saw = tx.get(&key(*n)).cloned();
            tx.remove(&key(*n));
            vec![saw]
        }
        Order::Move(from, to) => {
            let saw = vec![tx.get(&key(*from)).cloned(), tx.get(&key(*to)).cloned()];
            let moved = tx.update(&key(*from)).map(|basket| std::mem::take(&mut basket.items)).unwrap_or_default();
            let mut to_basket = tx.take(&key(*to)).unwrap_or_default();
            to_basket.items.extend(moved);
            tx.put(key(*to), to_basket);
            saw
        }
        Order::Add(n, _)
        | Order::Close(n)
        | Order::Open(n)
        | Order::Wake(n, _)
        | Order::Want(n, _)
        | Order::Unwant(n, _) => {
            let saw = tx.get(&key(*n)).cloned();
            match tx.update(&key(*n)) {
                Some(basket) => basket.change(order, now),
                None => {
                    let mut basket = Basket::default();
                    basket.change(order, now);
                    tx.put(key(*n), basket);
                }
            }
            vec![saw]
        }
    })
}

/// The plain side: decides again over one map, and returns the baskets read.
pub(super) fn decide_plainly(all: &mut BTreeMap<Key, Basket>, decision: &Decision) -> Vec<Option<Basket>> {
    let order = match &decision.cause {
        Cause::Seeded => {
            all.insert(SEED.to_owned(), Basket { closed: true, ..Basket::default() });
            return vec![];
        }
        Cause::Timer(key) => {
            let saw = all.get(key).cloned();
            all.get_mut(key).into_iter().for_each(Basket::fire);
            return vec![saw];
        }
        Cause::Message { order, .. } => order,
    };
    match order {
        Order::Nothing | Order::Bad => vec![],
        Order::See(n) => vec![all.get(&key(*n)).cloned()],
        Order::Remove(n) => vec![all.remove(&key(*n))],
        Order::Move(from, to) => {
            let saw = vec![all.get(&key(*from)).cloned(), all.get(&key(*to)).cloned()];
            let moved = all.get_mut(&key(*from)).map(|basket| std::mem::take(&mut basket.items)).unwrap_or_default();
            all.entry(key(*to)).or_default().items.extend(moved);
            saw
        }
        Order::Add(n, _)
        | Order::Close(n)
        | Order::Open(n)
        | Order::Wake(n, _)
        | Order::Want(n, _)
        | Order::Unwant(n, _) => {
            let saw = all.get(&key(*n)).cloned();
            all.entry(key(*n)).or_default().change(order, decision.now);
            vec![saw]
        }
    }
}

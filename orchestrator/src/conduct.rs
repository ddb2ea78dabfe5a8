//! The orchestrator's rules around the engine: which message is which input of which saga, and what waits for a saga that
//! has not begun.

use std::time::Duration;

use common::ids::OrderId;
use common::journal::{Entity, Handler, Key, Nothing, Trigger, World};
use common::messages::{Message, Outgoing, Unreadable, header};
use common::time::Timestamp;
use common::topics;
use saga::{Callback, Data, Definition, Input, Outcome, Saga};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::definitions::Definitions;
use crate::perform::perform;

/// A payment result for an order that nobody knows is kept so long.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// And so many for one order; further ones repeat what is known.
const KEPT_MOST: usize = 8;

/// What the orchestrator keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// A saga.
    Saga(Box<Saga>),
    /// Callbacks that came before their saga.
    Early {
        /// Oldest first.
        callbacks: Vec<Callback>,
        /// When they are given up.
        until: Timestamp,
    },
}

impl Entity for Kept {
    fn is_open(&self) -> bool {
        match self {
            Self::Saga(saga) => saga.is_open(),
            Self::Early { .. } => true,
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Self::Saga(saga) => saga.wake_at().map(Timestamp),
            Self::Early { until, .. } => Some(*until),
        }
    }
}

/// The key of a saga.
pub fn saga_key(id: Uuid) -> Key {
    format!("saga/{id}")
}

fn early_key(id: Uuid) -> Key {
    format!("early/{id}")
}

/// The orchestrator's handler.
pub struct Conductor {
    /// The definitions it knows.
    pub definitions: Definitions,
}

impl Handler for Conductor {
    type Entity = Kept;
    type Act = Nothing;

    fn decide(&self, world: &mut World<'_, Kept>, trigger: Trigger<'_>, now: Timestamp) -> Result<(), Unreadable> {
        match trigger {
            Trigger::Claimed => Ok(()),
            Trigger::Timer(key) => {
                self.wake(world, key, now);
                Ok(())
            }
            Trigger::Message(message) => match &*message.topic {
                topics::PAYMENT_RESULTS => self.payment_result(world, message, now),
                topics::SAGA_REPLIES => self.reply(world, message, now),
                _ => self.event(world, message, now),
            },
        }
    }

    /// Payment results that can't be read are the payment service's to set aside: it reads the same topic.
    fn unreadable(&self, message: &Message, reason: &Unreadable) -> Option<Outgoing> {
        (&*message.topic != topics::PAYMENT_RESULTS).then(|| Outgoing::dead_letter(message, reason))
    }
}

/// What a person or a provider writes on `payment-results`.
#[derive(Deserialize)]
struct PaymentResult {
    #[serde(rename = "orderId")]
    order_id: OrderId,
    status: String,
}

impl Conductor {
    fn event(&self, world: &mut World<'_, Kept>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
        let kind = message.kind().ok_or_else(|| Unreadable::Header(header::TYPE, "it is missing".to_owned()))?;
        let definition = self.definitions.begun_by(&message.topic, kind);
        let definition = definition.ok_or_else(|| Unreadable::UnknownType(kind.to_owned()))?;
        let payload: Value = message.json()?;
        let id = uuid_of(header::SUBJECT, message.header(header::SUBJECT))?;
        if topics::partition_of(id.to_string().as_bytes(), world.partitions()) != world.partition() {
            let wrong = format!("partition {} is not {id}'s: write the message with the key {id}", world.partition());
            return Err(Unreadable::Header(header::SUBJECT, wrong));
        }
        let key = saga_key(id);
        let known = take_saga(world, &key);
        let new = known.is_none();
        let data = Data::with(&definition.start.output, payload);
        let traceparent = message.header(header::TRACEPARENT).map(str::to_owned);
        // A saga that exists is asked by its own definition, which may be an older version than a new one's.
        let own = known.as_ref().and_then(|saga| self.definitions.of(saga)).unwrap_or(definition);
        let mut saga = decide(world, own, known, Input::Start { id, data, traceparent }, now);
        if new && let Some(Kept::Early { callbacks, .. }) = world.take(&early_key(id)) {
            for callback in callbacks {
                saga = decide(world, own, saga, Input::Callback(callback), now);
            }
        }
        put_saga(world, key, saga);
        Ok(())
    }

    fn reply(&self, world: &mut World<'_, Kept>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
        let id = uuid_of(header::SAGA_ID, message.header(header::SAGA_ID))?;
        let text = |name| message.header(name).ok_or_else(|| Unreadable::Header(name, "it is missing".to_owned()));
        let step = text(header::STEP)?.to_owned();
        let attempt =
            text(header::ATTEMPT)?.parse().map_err(|e| Unreadable::Header(header::ATTEMPT, format!("{e}")))?;
        let action = text(header::ACTION)?.parse().map_err(|e| Unreadable::Header(header::ACTION, e))?;
        let outcome: Outcome = message.json()?;
        let key = saga_key(id);
        let Some(saga) = world.get(&key).and_then(|kept| self.own_definition(kept)) else {
            return Err(Unreadable::Header(header::SAGA_ID, format!("there is no saga {id} with a known definition")));
        };
        let (definition, known) = (saga, take_saga(world, &key));
        let saga = decide(world, definition, known, Input::Reply { step, attempt, action, outcome }, now);
        put_saga(world, key, saga);
        Ok(())
    }

    fn payment_result(&self, world: &mut World<'_, Kept>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
        let payload: Value = message.json()?;
        let PaymentResult { order_id, status } =
            serde_json::from_value(payload.clone()).map_err(|e| Unreadable::Malformed(e.to_string()))?;
        if topics::partition_of(order_id.to_string().as_bytes(), world.partitions()) != world.partition() {
            // The payment service puts it back where it belongs.
            return Ok(());
        }
        let status = status.trim().to_owned();
        let source = message.topic.to_string();
        let callback = Callback { source, id: message.id(), status, payload };
        let key = saga_key(order_id.0);
        match world.get(&key).map(|kept| self.own_definition(kept)) {
            Some(Some(definition)) => {
                let known = take_saga(world, &key);
                let saga = decide(world, definition, known, Input::Callback(callback), now);
                put_saga(world, key, saga);
            }
            Some(None) => {}
            None => keep(world, order_id.0, callback, now),
        }
        Ok(())
    }

    fn wake(&self, world: &mut World<'_, Kept>, key: &Key, now: Timestamp) {
        match world.get(key) {
            Some(Kept::Early { until, .. }) if *until <= now => world.remove(key),
            Some(Kept::Early { .. }) | None => {}
            Some(kept @ Kept::Saga(_)) => {
                let Some(definition) = self.own_definition(kept) else { return };
                let known = take_saga(world, key);
                let saga = decide(world, definition, known, Input::Timer, now);
                put_saga(world, key.clone(), saga);
            }
        }
    }

    fn own_definition(&self, kept: &Kept) -> Option<&Definition> {
        match kept {
            Kept::Saga(saga) => self.definitions.of(saga),
            Kept::Early { .. } => None,
        }
    }
}

/// One decision of the engine, its effects sent.
fn decide(
    world: &mut World<'_, Kept>,
    definition: &Definition,
    saga: Option<Saga>,
    input: Input,
    now: Timestamp,
) -> Option<Saga> {
    let decision = saga::decide(definition, saga, input, saga::Timestamp(now.0));
    if let Some(saga) = &decision.saga {
        for effect in decision.effects {
            world.send(perform(saga, effect, now));
        }
    }
    decision.saga
}

fn take_saga(world: &mut World<'_, Kept>, key: &str) -> Option<Saga> {
    match world.take(key)? {
        Kept::Saga(saga) => Some(*saga),
        Kept::Early { .. } => None,
    }
}

fn put_saga(world: &mut World<'_, Kept>, key: Key, saga: Option<Saga>) {
    if let Some(saga) = saga {
        world.put(key, Kept::Saga(Box::new(saga)));
    }
}

/// Keeps a callback for a saga that has not begun.
fn keep(world: &mut World<'_, Kept>, id: Uuid, callback: Callback, now: Timestamp) {
    let key = early_key(id);
    match world.update(&key) {
        Some(Kept::Early { callbacks, .. }) => {
            if callbacks.len() < KEPT_MOST && !callbacks.iter().any(|c| c.id == callback.id) {
                callbacks.push(callback);
            }
        }
        Some(Kept::Saga(_)) => {}
        None => world.put(key, Kept::Early { callbacks: vec![callback], until: now.plus(KEPT) }),
    }
}

fn uuid_of(name: &'static str, text: Option<&str>) -> Result<Uuid, Unreadable> {
    let text = text.ok_or_else(|| Unreadable::Header(name, "it is missing".to_owned()))?;
    Uuid::parse_str(text).map_err(|e| Unreadable::Header(name, format!("'{text}' is not an id: {e}")))
}

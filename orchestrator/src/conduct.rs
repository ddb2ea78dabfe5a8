//! The orchestrator's rules around the engine: which message is which input of which saga. What comes from outside is in
//! `callbacks`, what people ask for in `operators`, which definition a saga runs on in `versions`.

mod callbacks;
mod operators;
#[cfg(test)]
mod tests;
mod versions;

use std::collections::BTreeSet;

use common::journal::{Entity, Handler, Key, NoSideEffect, Store, StoreError, Transaction, Trigger};
use common::messages::{Message, Outgoing, Unreadable, header};
use common::time::Timestamp;
use common::topics;
use saga::{Callback, CancelEvent, Data, Definition, Input, Operate, Operation, Outcome, Saga};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use self::operators::{SAGA_ACTION, SagaAction};
use self::versions::Versions;
pub use self::versions::{ROLLOUT_SET, Rollout, SetRollout, Stored, rollout_key};
use crate::definitions::Definitions;
use crate::letters::PutBack;
use crate::perform::perform;

/// What the orchestrator keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// A saga.
    Saga(Box<Saga>),
    /// What came before its saga.
    Early {
        /// Callbacks, oldest first.
        callbacks: Vec<Callback>,
        /// The wish to take the saga back: a repetition after a failure may put it before the event that begins the saga.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cancel: Option<Operation>,
        /// When they are given up.
        until: Timestamp,
    },
    /// A definition as it was when sagas began on it.
    Definition(Stored),
    /// Which version new sagas begin on.
    Rollout(Rollout),
    /// A dead letter that was put back.
    Letter(PutBack),
}

impl Entity for Kept {
    fn is_open(&self) -> bool {
        match self {
            Self::Saga(saga) => saga.is_open(),
            // Asked for at every start: it stays in memory.
            Self::Early { .. } | Self::Rollout(_) => true,
            Self::Definition(_) | Self::Letter(_) => false,
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Self::Saga(saga) => saga.wake_at().map(Timestamp),
            Self::Early { until, .. } => Some(*until),
            Self::Definition(_) | Self::Rollout(_) | Self::Letter(_) => None,
        }
    }
}

impl Kept {
    fn saga(&self) -> Option<&Saga> {
        match self {
            Self::Saga(saga) => Some(saga),
            Self::Early { .. } | Self::Definition(_) | Self::Rollout(_) | Self::Letter(_) => None,
        }
    }
}

/// What an event says that calls a saga off; further fields are its sender's own.
#[derive(Debug, Deserialize)]
struct CancelRequested {
    by: String,
    why: String,
}

/// The key of a saga.
pub fn saga_key(id: Uuid) -> Key {
    format!("saga/{id}")
}

/// The orchestrator's handler.
pub struct Conductor {
    versions: Versions,
}

impl Conductor {
    /// With the definitions it knows.
    pub fn new(definitions: Definitions) -> Self {
        Self { versions: Versions::new(definitions) }
    }

    /// The definitions it knows.
    pub const fn definitions(&self) -> &Definitions {
        self.versions.known()
    }
}

impl Handler for Conductor {
    type Entity = Kept;
    type SideEffect = NoSideEffect;

    fn decide(&self, tx: &mut Transaction<'_, Kept>, trigger: Trigger<'_>, now: Timestamp) -> Result<(), Unreadable> {
        match trigger {
            Trigger::Claimed => {
                self.versions.store(tx);
                Ok(())
            }
            Trigger::Timer(key) => {
                self.wake(tx, key, now);
                Ok(())
            }
            Trigger::Message(message) => match &*message.topic {
                topics::SAGA_REPLIES => self.reply(tx, message, now),
                topics::SAGA_COMMANDS => self.operators(tx, message, now),
                topic => match self.versions.receives(topic) {
                    None if topic != topics::PAYMENT_RESULTS => self.event(tx, message, now),
                    receives => self.callback(tx, message, receives.as_deref().unwrap_or_default(), now),
                },
            },
        }
    }

    /// Sagas of a definition whose file is gone still wait for their callbacks.
    fn more_inputs(&self, kept: &dyn Store<Kept>) -> Result<BTreeSet<String>, StoreError> {
        self.versions.remember(kept)
    }

    /// Payment results that can't be read are the payment service's to set aside: it reads the same topic.
    fn unreadable(&self, message: &Message, reason: &Unreadable) -> Option<Outgoing> {
        (&*message.topic != topics::PAYMENT_RESULTS).then(|| Outgoing::dead_letter(message, reason))
    }
}

impl Conductor {
    fn event(&self, tx: &mut Transaction<'_, Kept>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
        let kind = message.kind().ok_or_else(|| Unreadable::Header(header::TYPE, "it is missing".to_owned()))?;
        if let Some(cancel) = self.definitions().cancelled_by(&message.topic, kind) {
            return self.cancelled(tx, message, cancel, now);
        }
        let begun = self.definitions().begun_by(&message.topic, kind);
        if begun.is_empty() {
            return Err(Unreadable::UnknownType(kind.to_owned()));
        }
        let payload: Value = message.json()?;
        let id = uuid_of(header::SUBJECT, message.header(header::SUBJECT))?;
        tx.check_home("saga", &id.to_string())?;
        let key = saga_key(id);
        // A saga that exists is asked by its own definition, which may be another version than a new one's.
        let own = self.versions.of(tx, &key).or_else(|| versions::choose(tx, &begun, id));
        let own = own.ok_or_else(|| Unreadable::UnknownType(kind.to_owned()))?;
        let known = take_saga(tx, &key);
        let new = known.is_none();
        let data = Data::with(&own.start.output, payload);
        let traceparent = message.header(header::TRACEPARENT).map(str::to_owned);
        let mut saga = decide(tx, &own, known, Input::Start { id, data, traceparent }, now);
        if new {
            for early in callbacks::take_early(tx, id) {
                saga = decide(tx, &own, saga, early, now);
            }
        }
        put_saga(tx, key, saga);
        Ok(())
    }

    /// Whoever began the saga takes it back.
    fn cancelled(
        &self,
        tx: &mut Transaction<'_, Kept>,
        message: &Message,
        cancel: &CancelEvent,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        let CancelRequested { by, why } = message.json()?;
        let id = uuid_of(header::SUBJECT, message.header(header::SUBJECT))?;
        tx.check_home("saga", &id.to_string())?;
        let what = Operate::Cancel { reason: Some(cancel.reason.clone()) };
        let operation = Operation { id: message.id(), by, why, what };
        if tx.get(&saga_key(id)).is_none() {
            callbacks::keep_cancel(tx, id, operation, now);
        } else if !self.input(tx, id, Input::Operator(operation), now) {
            return Err(Unreadable::Header(header::SUBJECT, format!("the definition of saga {id} can't be read")));
        }
        Ok(())
    }

    fn reply(&self, tx: &mut Transaction<'_, Kept>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
        let id = uuid_of(header::SAGA_ID, message.header(header::SAGA_ID))?;
        let text = |name| message.header(name).ok_or_else(|| Unreadable::Header(name, "it is missing".to_owned()));
        let step = text(header::STEP)?.to_owned();
        let attempt =
            text(header::ATTEMPT)?.parse().map_err(|e| Unreadable::Header(header::ATTEMPT, format!("{e}")))?;
        let action = text(header::ACTION)?.parse().map_err(|e| Unreadable::Header(header::ACTION, e))?;
        let outcome: Outcome = message.json()?;
        if self.input(tx, id, Input::Reply { step, attempt, action, outcome }, now) {
            Ok(())
        } else {
            Err(Unreadable::Header(header::SAGA_ID, format!("there is no saga {id} with a known definition")))
        }
    }

    /// Gives an input to a saga; whether there is one, and its definition is known.
    fn input(&self, tx: &mut Transaction<'_, Kept>, id: Uuid, input: Input, now: Timestamp) -> bool {
        let key = saga_key(id);
        let Some(definition) = self.versions.of(tx, &key) else { return false };
        let known = take_saga(tx, &key);
        let saga = decide(tx, &definition, known, input, now);
        put_saga(tx, key, saga);
        true
    }

    fn wake(&self, tx: &mut Transaction<'_, Kept>, key: &Key, now: Timestamp) {
        match tx.get(key) {
            Some(Kept::Early { until, .. }) if *until <= now => tx.remove(key),
            Some(Kept::Early { .. } | Kept::Definition(_) | Kept::Rollout(_) | Kept::Letter(_)) | None => {}
            Some(Kept::Saga(saga)) => {
                let id = saga.id;
                self.input(tx, id, Input::Timer, now);
            }
        }
    }
}

/// One decision of the engine, its effects sent.
fn decide(
    tx: &mut Transaction<'_, Kept>,
    definition: &Definition,
    saga: Option<Saga>,
    input: Input,
    now: Timestamp,
) -> Option<Saga> {
    let decision = saga::decide(definition, saga, input, saga::Timestamp(now.0));
    if let Some(saga) = &decision.saga {
        for note in &decision.notes {
            tracing::info!(saga_id = %saga.id, "{note}");
        }
        for effect in decision.effects {
            tx.send(perform(saga, effect, now));
        }
    }
    decision.saga
}

fn take_saga(tx: &mut Transaction<'_, Kept>, key: &str) -> Option<Saga> {
    match tx.take(key)? {
        Kept::Saga(saga) => Some(*saga),
        Kept::Early { .. } | Kept::Definition(_) | Kept::Rollout(_) | Kept::Letter(_) => None,
    }
}

fn put_saga(tx: &mut Transaction<'_, Kept>, key: Key, saga: Option<Saga>) {
    if let Some(saga) = saga {
        tx.put(key, Kept::Saga(Box::new(saga)));
    }
}

fn uuid_of(name: &'static str, text: Option<&str>) -> Result<Uuid, Unreadable> {
    let text = text.ok_or_else(|| Unreadable::Header(name, "it is missing".to_owned()))?;
    Uuid::parse_str(text).map_err(|e| Unreadable::Header(name, format!("'{text}' is not an id: {e}")))
}

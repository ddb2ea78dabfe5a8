//! Messages from outside that sagas wait for: which saga one is for, and keeping one whose saga has not begun.

use std::time::Duration;

use common::journal::{Key, Transaction};
use common::messages::{Message, Outgoing, Unreadable};
use common::time::Timestamp;
use common::topics;
use saga::{Callback, Input, Operation, Receive};
use serde_json::Value;
use uuid::Uuid;

use super::{Conductor, Kept, saga_key};

/// A callback for a saga that nobody knows is kept so long.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// And so many for one saga; further ones repeat what is known.
const KEPT_MOST: usize = 8;

impl Conductor {
    /// A message on a topic that sagas wait on.
    pub(super) fn callback(
        &self,
        tx: &mut Transaction<'_, Kept>,
        message: &Message,
        receives: &[Receive],
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        let payload: Value = message.json()?;
        let (id, status) = addressed(receives, &payload)?;
        let home = tx.home_of(&id.to_string());
        if home != tx.partition() {
            // What lies wrong on payment-results is put back by the payment service, which reads it too.
            if &*message.topic != topics::PAYMENT_RESULTS {
                tx.send(Outgoing::put_back(message, &id.to_string(), home));
            }
            return Ok(());
        }
        let callback = Callback { source: message.topic.to_string(), id: message.id(), status, payload };
        if tx.get(&saga_key(id)).is_some() {
            self.input(tx, id, Input::Callback(callback), now);
        } else {
            keep(tx, id, callback, now);
        }
        Ok(())
    }
}

/// The saga's id and what the message says, as the definitions that wait on this topic say where to look.
fn addressed(receives: &[Receive], payload: &Value) -> Result<(Uuid, String), Unreadable> {
    let mut wrong = None;
    for receive in receives {
        let text = |path: &saga::Path| {
            let value = path.find(payload).and_then(Value::as_str);
            value.ok_or_else(|| Unreadable::Malformed(format!("there is no text at '{path}'")))
        };
        let read = || {
            let id = text(&receive.correlation)?;
            let not_an_id = |e| Unreadable::Malformed(format!("{} '{id}' is not an id: {e}", receive.correlation));
            Ok((Uuid::parse_str(id).map_err(not_an_id)?, text(&receive.status)?.trim().to_owned()))
        };
        match read() {
            Ok(addressed) => return Ok(addressed),
            Err(error) => _ = wrong.get_or_insert(error),
        }
    }
    Err(wrong.unwrap_or_else(|| Unreadable::Malformed("no saga waits on this topic".to_owned())))
}

fn early_key(id: Uuid) -> Key {
    format!("early/{id}")
}

/// What came before this saga, as its first inputs.
pub(super) fn take_early(tx: &mut Transaction<'_, Kept>, id: Uuid) -> Vec<Input> {
    match tx.take(&early_key(id)) {
        Some(Kept::Early { callbacks, cancel, .. }) => {
            callbacks.into_iter().map(Input::Callback).chain(cancel.map(Input::Operator)).collect()
        }
        Some(Kept::Saga(_) | Kept::Definition(_) | Kept::Rollout(_) | Kept::Letter(_)) | None => Vec::new(),
    }
}

/// Keeps a callback for a saga that has not begun.
fn keep(tx: &mut Transaction<'_, Kept>, id: Uuid, callback: Callback, now: Timestamp) {
    let key = early_key(id);
    match tx.update(&key) {
        Some(Kept::Early { callbacks, .. }) => {
            if callbacks.len() < KEPT_MOST && !callbacks.iter().any(|c| c.id == callback.id) {
                callbacks.push(callback);
            }
        }
        Some(Kept::Saga(_) | Kept::Definition(_) | Kept::Rollout(_) | Kept::Letter(_)) => {}
        None => tx.put(key, Kept::Early { callbacks: vec![callback], cancel: None, until: now.plus(KEPT) }),
    }
}

/// Keeps the wish to take a saga back that has not begun.
pub(super) fn keep_cancel(tx: &mut Transaction<'_, Kept>, id: Uuid, operation: Operation, now: Timestamp) {
    let key = early_key(id);
    match tx.update(&key) {
        Some(Kept::Early { cancel, .. }) => _ = cancel.get_or_insert(operation),
        Some(Kept::Saga(_) | Kept::Definition(_) | Kept::Rollout(_) | Kept::Letter(_)) => {}
        None => tx.put(key, Kept::Early { callbacks: Vec::new(), cancel: Some(operation), until: now.plus(KEPT) }),
    }
}

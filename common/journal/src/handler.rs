//! The rules of a service, as the journal calls them. Separate from the protocol, which runs with any rules.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;

use vocabulary::messages::{Message, Outgoing, Unreadable};
use vocabulary::time::Timestamp;

use crate::entity::{Entity, Intent, Key};
use crate::error::StoreError;
use crate::store::Store;
use crate::transaction::Transaction;

/// What a decision is about.
#[derive(Clone, Copy, Debug)]
pub enum Trigger<'a> {
    /// The partition was claimed: the time to create what must exist (such as seeded stock). Comes once after each
    /// claim.
    Claimed,
    /// A message of an input topic.
    Message(&'a Message),
    /// The entity's [`Entity::wake_at`] has come. The decision must change the entity so that it returns another time.
    Timer(&'a Key),
}

/// A service's rules. Pure: the same states, trigger and time give the same decision, and nothing else is read.
pub trait Handler: Send + Sync + 'static {
    /// The service's state.
    type Entity: Entity;
    /// The service's side effects, or [`NoSideEffect`](crate::NoSideEffect).
    type SideEffect: Clone + Debug + PartialEq + Eq + Hash + Send + 'static;

    /// Decides. The changed states and the messages become durable together, or not at all.
    ///
    /// # Errors
    /// [`Unreadable`] for a message that can't be read. No state may be changed then; [`Handler::unreadable`] decides
    /// what happens to the message.
    fn decide(
        &self,
        tx: &mut Transaction<'_, Self::Entity>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable>;

    /// What to send for a message that can't be read: by default a copy to its topic's `.dlq`. A service that is not
    /// in charge of a topic's dead letters returns `None`.
    fn unreadable(&self, message: &Message, reason: &Unreadable) -> Option<Outgoing> {
        Some(Outgoing::dead_letter(message, reason))
    }

    /// What to send for a message whose decision ended a claim ([`Failure::Panicked`](crate::Failure::Panicked),
    /// [`Failure::RecordTooLong`](crate::Failure::RecordTooLong) and so on): a copy to its topic's `.dlq`. Every reader
    /// of a topic is in charge of the messages that it sets aside itself.
    fn set_aside(&self, message: &Message, reason: &Unreadable) -> Outgoing {
        Outgoing::dead_letter(message, reason)
    }

    /// Topics to read besides the service's fixed inputs, because of this partition's states. Called after a claim;
    /// topics that no longer exist are skipped.
    ///
    /// # Errors
    /// As [`Store`]'s; the worker then steps down.
    fn more_inputs(&self, _store: &dyn Store<Self::Entity>) -> Result<BTreeSet<String>, StoreError> {
        Ok(BTreeSet::new())
    }

    /// The side effects that the entity wants. Called when its state is durable, and after a claim. If there are any,
    /// [`Entity::has_intents`] must be true.
    fn intents(&self, _key: &Key, _entity: &Self::Entity) -> Vec<Intent<Self::SideEffect>> {
        Vec::new()
    }
}

/// Decides a trigger. A message is checked first against the bounds of all messages ([`Message::check`]), and a
/// CloudEvent in structured mode is decided as one in binary mode ([`Message::in_binary_mode`]).
///
/// # Errors
/// [`Unreadable`], of the check, the conversion or [`Handler::decide`].
pub fn decide_checked<H: Handler>(
    handler: &H,
    tx: &mut Transaction<'_, H::Entity>,
    trigger: Trigger<'_>,
    now: Timestamp,
) -> Result<(), Unreadable> {
    let Trigger::Message(message) = trigger else { return handler.decide(tx, trigger, now) };
    message.check()?;
    match message.in_binary_mode()? {
        Cow::Borrowed(message) => handler.decide(tx, Trigger::Message(message), now),
        Cow::Owned(message) => {
            message.check()?;
            handler.decide(tx, Trigger::Message(&message), now)
        }
    }
}

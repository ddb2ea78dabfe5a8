//! The unit of a service's state, and the side effects that a state asks for.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use vocabulary::time::Timestamp;

/// The name of an entity within its partition, such as `order/018f…`.
pub type Key = String;

/// State that a service keeps under one key.
pub trait Entity: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Returns true if the entity may still change by itself. Open entities stay in their worker's memory, as far as
    /// there is room; a closed one is read from the view when a message refers to it.
    fn is_open(&self) -> bool;

    /// When to wake the entity ([`Trigger::Timer`](crate::Trigger::Timer)) if no message comes before. Only open
    /// entities are woken.
    fn wake_at(&self) -> Option<Timestamp> {
        None
    }

    /// The W3C trace context that the decisions of its timer continue, if there is one.
    fn traceparent(&self) -> Option<&str> {
        None
    }

    /// Returns true if [`Handler::intents`](crate::Handler::intents) returns any for this state. Such entities are
    /// loaded after a claim, so that their side effects continue. All others stay in the view until a message or their
    /// timer needs them, so that a claim takes no longer for them.
    fn has_intents(&self) -> bool {
        false
    }
}

/// A side effect (such as a call to a payment provider), wanted for as long as the entity's state asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Intent<A> {
    /// Idempotency key: the same intent has the same id after a restart.
    pub id: String,
    /// Not before this time.
    pub due: Timestamp,
    /// The side effect.
    pub what: A,
}

/// The side effect of services that have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoSideEffect {}

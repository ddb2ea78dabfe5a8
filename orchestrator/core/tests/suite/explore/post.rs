//! Two models of message delivery. **At any time**: every message sent may be received at any later time, in any order,
//! any number of times. That is weaker than any broker, and includes every crash: a service that crashes between two
//! durable writes looks like one that sends later, or again. **As Kafka carries them**: the messages of a decision are
//! written with it, sent one after the other, read in the order of their topic, and a crash sends the last ones again.

use super::messages::{Call, Command, Message};

/// The services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    Orchestrator,
    Inventory,
    Payment,
    Order,
}

impl Service {
    pub const ALL: [Self; 4] = [Self::Orchestrator, Self::Inventory, Self::Payment, Self::Order];

    /// The service that reads the topic of a message.
    const fn reading(message: &Message) -> Self {
        match message {
            Message::Command(_, Command::Reserve | Command::Release | Command::Confirm) => Self::Inventory,
            Message::Command(_, Command::Request | Command::Refund) | Message::Provider(..) => Self::Payment,
            Message::Command(_, Command::Conclude(_)) => Self::Order,
            Message::Reply(..) => Self::Orchestrator,
        }
    }
}

/// The maximum number of messages that a service sends again after a crash.
const AGAIN: usize = 2;

/// The messages of one order that can still be received.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Post {
    /// All messages sent, sorted; none is removed.
    AtAnyTime(Vec<Message>),
    AsKafkaCarries(Box<Carried>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Carried {
    /// The unread messages of each service, oldest first.
    topics: [Vec<Message>; 4],
    /// The unsent messages of each service.
    outboxes: [Vec<Message>; 4],
    /// The messages that each service sent last.
    sent: [Vec<Message>; 4],
    /// The call that the provider has answered. After a crash the call is repeated.
    answered: Option<Call>,
    crashes_left: u8,
}

impl Post {
    pub fn new(crashes: Option<u8>) -> Self {
        match crashes {
            None => Self::AtAnyTime(Vec::new()),
            Some(crashes_left) => Self::AsKafkaCarries(Box::new(Carried { crashes_left, ..Carried::default() })),
        }
    }

    /// The messages that may be received next, newest first.
    pub fn deliverable(&self) -> impl Iterator<Item = Message> {
        let (any, carried) = match self {
            Self::AtAnyTime(said) => (Some(said), None),
            Self::AsKafkaCarries(carried) => (None, Some(carried)),
        };
        let heads = carried.into_iter().flat_map(|carried| carried.topics.iter().filter_map(|topic| topic.first()));
        any.into_iter().flatten().rev().chain(heads).copied()
    }

    /// Returns true if sending the message would change nothing.
    pub fn knows(&self, message: Message) -> bool {
        match self {
            Self::AtAnyTime(said) => said.binary_search(&message).is_ok(),
            Self::AsKafkaCarries(carried) => {
                matches!(message, Message::Provider(call, _) if carried.answered == Some(call))
            }
        }
    }

    /// Adds a message to the outbox. A provider's answer is sent at once.
    pub fn enqueue(&mut self, by: Service, message: Message) {
        match self {
            Self::AtAnyTime(said) => {
                if let Err(place) = said.binary_search(&message) {
                    said.insert(place, message);
                }
            }
            Self::AsKafkaCarries(carried) => match message {
                Message::Provider(call, _) => {
                    carried.answered = Some(call);
                    carried.topics[Service::Payment as usize].push(message);
                }
                Message::Command(..) | Message::Reply(..) => carried.outboxes[by as usize].push(message),
            },
        }
    }

    /// Returns true if a message is removed when it is read.
    pub fn takes(&self) -> bool {
        matches!(self, Self::AsKafkaCarries(_))
    }

    /// Removes a message that was read.
    pub fn take(&mut self, message: Message) {
        if let Self::AsKafkaCarries(carried) = self {
            let taken = carried.topics[Service::reading(&message) as usize].remove(0);
            assert_eq!(taken, message);
        }
    }

    /// Sends the oldest message of an outbox.
    pub fn send(&mut self, by: Service) -> bool {
        let Self::AsKafkaCarries(carried) = self else { return false };
        let outbox = &mut carried.outboxes[by as usize];
        if outbox.is_empty() {
            return false;
        }
        let message = outbox.remove(0);
        carried.topics[Service::reading(&message) as usize].push(message);
        if carried.crashes_left > 0 {
            let sent = &mut carried.sent[by as usize];
            sent.push(message);
            sent.drain(..sent.len().saturating_sub(AGAIN));
        }
        true
    }

    /// Crashes a service: this many of its last messages are sent again, then its outbox.
    pub fn crash(&mut self, by: Service, again: u8) -> bool {
        let Self::AsKafkaCarries(carried) = self else { return false };
        let sent = &mut carried.sent[by as usize];
        let outbox = &mut carried.outboxes[by as usize];
        let forgets = by == Service::Payment && carried.answered.is_some();
        let Some(kept) = sent.len().checked_sub(again.into()) else { return false };
        if carried.crashes_left == 0 || again == 0 && !forgets {
            return false;
        }
        outbox.splice(0..0, sent.drain(kept..));
        carried.crashes_left -= 1;
        if forgets {
            carried.answered = None;
        }
        if carried.crashes_left == 0 {
            carried.sent = Default::default();
        }
        true
    }

    /// All possible crashes.
    pub fn crashes() -> impl Iterator<Item = (Service, u8)> {
        let most = u8::try_from(AGAIN).unwrap();
        Service::ALL.into_iter().flat_map(move |service| (0..=most).map(move |again| (service, again)))
    }
}

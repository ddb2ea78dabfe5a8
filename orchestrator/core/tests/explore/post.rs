//! How messages travel, in two ways. **At any time**: what was said once may be heard at any later time, in any order,
//! as often as you like. That is more than any broker does, and it holds every crash: to the others, a service that
//! ends between two durable writes is one that speaks later, or again. **As Kafka carries them**: a decision's messages
//! are written with it, sent one after the other, read in the order of their topic, and a crash sends the last ones
//! again.

use super::messages::{Call, Command, Message};

/// Who sends and reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    Orchestrator,
    Inventory,
    Payment,
    Order,
}

impl Service {
    pub const ALL: [Self; 4] = [Self::Orchestrator, Self::Inventory, Self::Payment, Self::Order];

    /// Whose topic a message lies on.
    const fn reading(message: &Message) -> Self {
        match message {
            Message::Command(_, Command::Reserve | Command::Release | Command::Confirm) => Self::Inventory,
            Message::Command(_, Command::Request | Command::Refund) | Message::Provider(..) => Self::Payment,
            Message::Command(_, Command::Conclude(_)) => Self::Order,
            Message::Reply(..) => Self::Orchestrator,
        }
    }
}

/// How many of its last messages a service may send again after a crash.
const AGAIN: usize = 2;

/// The messages of one order that can still be heard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Post {
    /// All that was said, sorted; nothing is taken away.
    AtAnyTime(Vec<Message>),
    AsKafkaCarries(Box<Carried>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Carried {
    /// What each service has not read yet, oldest first.
    topics: [Vec<Message>; 4],
    /// What each service has decided and not sent yet.
    outboxes: [Vec<Message>; 4],
    /// What each service has sent last.
    sent: [Vec<Message>; 4],
    /// The call that the provider has answered; a crash forgets it, and the provider is asked again.
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

    /// What may be heard next, the newest first where there is a choice.
    pub fn deliverable(&self) -> impl Iterator<Item = Message> {
        let (any, carried) = match self {
            Self::AtAnyTime(said) => (Some(said), None),
            Self::AsKafkaCarries(carried) => (None, Some(carried)),
        };
        let heads = carried.into_iter().flat_map(|carried| carried.topics.iter().filter_map(|topic| topic.first()));
        any.into_iter().flatten().rev().chain(heads).copied()
    }

    /// Whether saying it would say nothing new.
    pub fn knows(&self, message: Message) -> bool {
        match self {
            Self::AtAnyTime(said) => said.binary_search(&message).is_ok(),
            Self::AsKafkaCarries(carried) => {
                matches!(message, Message::Provider(call, _) if carried.answered == Some(call))
            }
        }
    }

    /// A decision's message. A provider's answer does not follow from a decision, so it is sent at once.
    pub fn say(&mut self, by: Service, message: Message) {
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

    /// Whether reading a message uses it up.
    pub fn takes(&self) -> bool {
        matches!(self, Self::AsKafkaCarries(_))
    }

    /// A message was read. What it led to is written with that.
    pub fn take(&mut self, message: Message) {
        if let Self::AsKafkaCarries(carried) = self {
            let taken = carried.topics[Service::reading(&message) as usize].remove(0);
            assert_eq!(taken, message);
        }
    }

    /// The oldest message of an outbox is sent.
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

    /// A service crashes: so many of the messages that it sent last are sent again, and then what it had not sent.
    pub fn crash(&mut self, by: Service, again: u8) -> bool {
        let Self::AsKafkaCarries(carried) = self else { return false };
        let (sent, outbox) = (&mut carried.sent[by as usize], &mut carried.outboxes[by as usize]);
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

    /// The crashes that are possible at most.
    pub fn crashes() -> impl Iterator<Item = (Service, u8)> {
        let most = u8::try_from(AGAIN).unwrap();
        Service::ALL.into_iter().flat_map(move |service| (0..=most).map(move |again| (service, again)))
    }
}

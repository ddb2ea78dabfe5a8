//! Messages between the saga and its participants, reduced to the parts that decisions depend on.

use saga::Action;

/// An attempt of a step, which the reply returns. A step is known by its index in the definition; the conclusion comes
/// after the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ask {
    pub step: u8,
    pub undo: bool,
    pub attempt: u8,
}

impl Ask {
    pub const fn action(self) -> Action {
        if self.undo { Action::Compensate } else { Action::Execute }
    }
}

/// A command to a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Command {
    Reserve,
    Release,
    Confirm,
    Request,
    Refund,
    /// The order ends with this status.
    Conclude(&'static str),
}

/// A participant's answer, with the reason of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    Ok,
    Refused(&'static str),
    Failed,
}

/// A call of the payment service to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    Request(u8),
    Refund(u8),
}

/// A message between services, or a provider's answer to the payment service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    Command(Ask, Command),
    Reply(Ask, Answer),
    Provider(Call, bool),
}

/// A payment result, as in the topic `payment-results`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Verdict {
    pub approved: bool,
    /// The message's id.
    pub message: u8,
    /// The provider's id of the payment; `None` for a manual result.
    pub payment: Option<u8>,
}

/// An operation of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    Cancel,
    Pause,
    Resume,
    Retry,
    /// The stuck step did not happen.
    Deny,
}

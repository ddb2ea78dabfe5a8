//! What is said between the saga and its participants, as small as it can be: only what somebody decides by.

use saga::Action;

/// Which attempt of which step is asked for, and comes back with the answer. A step is known by its place in the
/// definition; the telling of the ending comes after the last one.
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

/// What a participant is asked to do.
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

/// What a provider is asked by the payment service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    Request(u8),
    Refund(u8),
}

/// What goes from one service to another, or, for the provider's answers, to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    Command(Ask, Command),
    Reply(Ask, Answer),
    Provider(Call, bool),
}

/// How a payment ended, as it lies on `payment-results`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Verdict {
    pub approved: bool,
    /// The same id is the same message.
    pub message: u8,
    /// What it calls the payment; a person leaves it out.
    pub payment: Option<u8>,
}

/// What an operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    Cancel,
    Pause,
    Resume,
    Retry,
    /// What stands in the way did not happen.
    Deny,
}

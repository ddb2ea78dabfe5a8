//! The topics and messages between the worker test and its service `sums`.

use serde::{Deserialize, Serialize};

/// The topic of [`Command`]s.
pub const COMMANDS: &str = "sums-commands";
/// The topic of [`Summed`] events.
pub const RESULTS: &str = "sums-results";

/// Adds `n` to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The account, which is also the message's key.
    pub account: String,
    /// The amount to add.
    pub n: i64,
    /// A command that may come twice: the second is recognised by its id, and changes nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
}

common::bounded! { Command: 1_000 }

/// A command with this amount makes the handler panic.
pub const PANICS: i64 = i64::MIN;
/// A command with this amount makes the handler send more than a topic takes.
pub const SENDS_TOO_MUCH: i64 = i64::MAX;

impl Command {
    /// Returns true for a command that can't be processed.
    pub fn is_poison(&self) -> bool {
        [PANICS, SENDS_TOO_MUCH].contains(&self.n)
    }

    /// The event after the addition.
    pub fn result(&self, after: Sum) -> Summed {
        Summed { account: self.account.clone(), n: self.n, sum: after.sum, count: after.count }
    }
}

/// The state of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// The sum.
    pub sum: i64,
    /// The number of commands in the sum.
    pub count: u64,
}

impl Sum {
    /// The state after adding `n`.
    #[must_use]
    pub fn plus(self, n: i64) -> Self {
        Self { sum: self.sum.saturating_add(n), count: self.count.saturating_add(1) }
    }
}

/// The sum after a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summed {
    /// The account.
    pub account: String,
    /// The added amount.
    pub n: i64,
    /// The sum after the addition.
    pub sum: i64,
    /// The number of commands in the sum.
    pub count: u64,
}

/// The entity key of the mark that a command with this id was summed.
pub fn once_key(id: &str) -> String {
    format!("once/{id}")
}

/// The entity key of an account.
pub fn key(account: &str) -> String {
    format!("sum/{account}")
}

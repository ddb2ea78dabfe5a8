//! What the worker test and its service `sums` tell each other: topics and messages.

use serde::{Deserialize, Serialize};

/// What is to be added.
pub const COMMANDS: &str = "sums-commands";
/// What the sum is then.
pub const RESULTS: &str = "sums-results";

/// Adds `n` to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The account, which is also the message's key.
    pub account: String,
    /// How much.
    pub n: i64,
}

impl Command {
    /// What is told once it was added.
    pub fn result(&self, after: Sum) -> Summed {
        Summed { account: self.account.clone(), n: self.n, sum: after.sum, count: after.count }
    }
}

/// The state of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// All that was added.
    pub sum: i64,
    /// How often.
    pub count: u64,
}

impl Sum {
    /// With `n` more.
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
    /// What was added.
    pub n: i64,
    /// The sum with it.
    pub sum: i64,
    /// How many commands are in the sum.
    pub count: u64,
}

/// The entity of an account.
pub fn key(account: &str) -> String {
    format!("sum/{account}")
}

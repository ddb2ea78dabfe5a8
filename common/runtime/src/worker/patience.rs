//! How long a client is waited for before it is replaced.

use std::time::Duration;

/// A time that doubles after each replacement in vain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    usual: Duration,
    longest: Duration,
    now: Duration,
}

impl Patience {
    pub(super) const fn new(usual: Duration, longest: Duration) -> Self {
        Self { usual, longest, now: usual }
    }

    pub(super) const fn get(self) -> Duration {
        self.now
    }

    /// What was waited for has come.
    pub(super) const fn reset(&mut self) {
        self.now = self.usual;
    }

    /// It has not: the next wait is twice as long.
    pub(super) fn double(&mut self) {
        self.now = (self.now * 2).min(self.longest);
    }
}

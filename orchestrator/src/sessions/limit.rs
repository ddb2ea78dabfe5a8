//! Limits password guessing: after a few wrong passwords for a name, the next attempt has to wait, longer each time.
//! Unknown names share one counter, so that the limit does not reveal which names exist.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Wrong attempts without a wait.
const FREE_ATTEMPTS: u32 = 5;
/// The longest wait: an attacker locks a user out for at most this time after the last attempt.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// A counter is dropped after this time without a wrong attempt.
const RETENTION: Duration = Duration::from_secs(15 * 60);

#[derive(Debug)]
struct Attempts {
    wrong: u32,
    last: Instant,
}

/// The wrong attempts by name.
#[derive(Debug, Default)]
pub(super) struct Limit(HashMap<String, Attempts>);

impl Limit {
    /// The wait before the next attempt with this name.
    pub(super) fn wait(&self, name: &str, now: Instant) -> Option<Duration> {
        let Attempts { wrong, last } = self.0.get(name)?;
        let beyond = wrong.checked_sub(FREE_ATTEMPTS)?;
        let pause = Duration::from_secs(1_u64 << beyond.min(6)).min(MAX_WAIT);
        pause.checked_sub(now.duration_since(*last)).filter(|wait| !wait.is_zero())
    }

    /// Records a wrong attempt.
    pub(super) fn wrong(&mut self, name: &str, now: Instant) {
        self.0.retain(|_, attempts| now.duration_since(attempts.last) < RETENTION);
        let attempts = self.0.entry(name.to_owned()).or_insert(Attempts { wrong: 0, last: now });
        attempts.wrong = attempts.wrong.saturating_add(1);
        attempts.last = now;
    }

    /// Records a right attempt.
    pub(super) fn right(&mut self, name: &str) {
        self.0.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_and_ends() {
        let mut limit = Limit::default();
        let start = Instant::now();
        for _ in 0..4 {
            limit.wrong("a", start);
        }
        assert_eq!(limit.wait("a", start), None);
        limit.wrong("a", start);
        assert_eq!(limit.wait("a", start), Some(Duration::from_secs(1)));
        limit.wrong("a", start);
        assert_eq!(limit.wait("a", start), Some(Duration::from_secs(2)));
        assert_eq!(limit.wait("a", start + Duration::from_secs(2)), None);
        for _ in 0..100 {
            limit.wrong("a", start);
        }
        assert_eq!(limit.wait("a", start), Some(MAX_WAIT));
        assert_eq!(limit.wait("b", start), None, "other names do not wait");
        limit.right("a");
        assert_eq!(limit.wait("a", start), None);
        limit.wrong("a", start);
        limit.wrong("b", start + RETENTION);
        assert_eq!(limit.0.len(), 1);
    }
}

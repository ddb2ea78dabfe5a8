//! How long to pause before an attempt. The jitter comes from the command's id, so a replay pauses as long.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

/// What follows a failure or a timeout: how often to try, and the growing pauses between.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retry {
    /// How many attempts in all; `None`: until it works.
    #[serde(serialize_with = "attempts")]
    pub attempts: Option<u32>,
    /// The pause before the second attempt.
    #[serde(serialize_with = "super::duration::as_text")]
    pub first: Duration,
    /// How much longer each pause is than the one before, 1 or more.
    pub factor: f64,
    /// The longest pause, before jitter.
    #[serde(serialize_with = "super::duration::as_text")]
    pub max: Duration,
    /// A pause is made longer by up to this share of it, 0 to 1, so that many sagas do not retry at the same moment.
    pub jitter: f64,
}

/// What holds where a definition says nothing: 5 attempts, 200 ms doubling up to 10 s, a fifth of jitter.
impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: Some(5),
            first: Duration::from_millis(200),
            factor: 2.0,
            max: Duration::from_secs(10),
            jitter: 0.2,
        }
    }
}

impl Retry {
    /// Whether an attempt of this number is the last.
    #[must_use]
    pub fn is_last(&self, attempt: u32) -> bool {
        attempt == u32::MAX || self.attempts.is_some_and(|attempts| attempt >= attempts)
    }

    /// The pause between an attempt (from 1) of this command and the next one.
    #[must_use]
    pub fn pause(&self, attempt: u32, command: Uuid) -> Duration {
        let longest = self.max.as_secs_f64();
        let mut pause = self.first.as_secs_f64().min(longest);
        // Multiplied step by step (not `powi`): the same bits on every machine. 64 doublings reach any `max`.
        for _ in 1..attempt.min(64) {
            pause = (pause * self.factor).min(longest);
        }
        let (high, _) = command.as_u64_pair();
        let share = f64::from(u32::try_from(high >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        let jittered = pause * (1.0 + self.jitter * share);
        Duration::try_from_secs_f64(jittered).unwrap_or(self.max)
    }
}

fn attempts<S: serde::Serializer>(attempts: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    match attempts {
        Some(attempts) => serializer.serialize_u32(*attempts),
        None => serializer.serialize_str("unlimited"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(jitter: f64) -> Retry {
        Retry { jitter, max: Duration::from_secs(1), ..Retry::default() }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<u128> = (1..=5).map(|n| retry(0.0).pause(n, Uuid::nil()).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1000, 1000]);
        assert_eq!(retry(0.0).pause(u32::MAX, Uuid::nil()).as_millis(), 1000);
    }

    #[test]
    fn jitter_lengthens_by_at_most_its_share_and_always_the_same() {
        for n in 0..200_u128 {
            let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &n.to_be_bytes());
            let pause = retry(0.5).pause(1, id);
            assert!((200..=300).contains(&pause.as_millis()), "{pause:?}");
            assert_eq!(pause, retry(0.5).pause(1, id));
        }
    }

    #[test]
    fn the_last_attempt_is_known() {
        assert!(!retry(0.0).is_last(4));
        assert!(retry(0.0).is_last(5));
        assert!(!Retry { attempts: None, ..retry(0.0) }.is_last(1_000_000));
    }
}

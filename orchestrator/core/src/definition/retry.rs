//! Retries with exponential backoff. The jitter is derived from the command's id, so a replay gives the same pauses.

use std::time::Duration;

use serde::{Serialize, Serializer};
use uuid::Uuid;

/// The total number of attempts of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptLimit {
    /// At most this many, at least 1.
    AtMost(u32),
    /// As many as needed.
    Unlimited,
}

/// The retries after a failure or a timeout.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retry {
    /// The total number of attempts.
    pub attempts: AttemptLimit,
    /// The pause before the second attempt.
    #[serde(serialize_with = "super::duration::as_text")]
    pub first: Duration,
    /// The factor between a pause and the next, at least 1.
    pub factor: f64,
    /// The longest pause, before jitter.
    #[serde(serialize_with = "super::duration::as_text")]
    pub max: Duration,
    /// The maximum share by which a pause is lengthened, 0 to 1, so that sagas do not retry at the same moment.
    pub jitter: f64,
}

/// 5 attempts, 200 ms doubling up to 10 s, 20 % jitter.
impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: AttemptLimit::AtMost(5),
            first: Duration::from_millis(200),
            factor: 2.0,
            max: Duration::from_secs(10),
            jitter: 0.2,
        }
    }
}

impl Retry {
    /// Returns true if the attempt with this number is the last.
    #[must_use]
    pub fn is_last(&self, attempt: u32) -> bool {
        match self.attempts {
            AttemptLimit::AtMost(attempts) => attempt >= attempts,
            AttemptLimit::Unlimited => attempt == u32::MAX,
        }
    }

    /// The pause between an attempt (numbered from 1) of this command and the next one.
    #[must_use]
    pub fn pause(&self, attempt: u32, command: Uuid) -> Duration {
        let longest = self.max.as_secs_f64();
        let mut pause = self.first.as_secs_f64().min(longest);
        // Repeated multiplication, not `powi`: the same bits on every platform. 64 doublings reach any `max`.
        for _ in 1..attempt.min(64) {
            pause = (pause * self.factor).min(longest);
        }
        let (high, _) = command.as_u64_pair();
        let share = f64::from(u32::try_from(high >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        let jittered = pause * (1.0 + self.jitter * share);
        Duration::try_from_secs_f64(jittered).unwrap_or(self.max)
    }
}

/// A number, or `"unlimited"`.
impl Serialize for AttemptLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AtMost(attempts) => serializer.serialize_u32(*attempts),
            Self::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(jitter: f64) -> Retry {
        Retry { jitter, max: Duration::from_secs(1), ..Retry::default() }
    }

    #[test]
    fn pauses_double_up_to_the_maximum() {
        let pauses: Vec<u128> = (1..=5).map(|n| retry(0.0).pause(n, Uuid::nil()).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1000, 1000]);
        assert_eq!(retry(0.0).pause(u32::MAX, Uuid::nil()).as_millis(), 1000);
    }

    #[test]
    fn jitter_lengthens_a_pause_by_at_most_its_share_and_is_deterministic() {
        for n in 0..200_u128 {
            let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &n.to_be_bytes());
            let pause = retry(0.5).pause(1, id);
            assert!((200..=300).contains(&pause.as_millis()), "{pause:?}");
            assert_eq!(pause, retry(0.5).pause(1, id));
        }
    }

    #[test]
    fn the_last_attempt_is_recognized() {
        assert!(!retry(0.0).is_last(4));
        assert!(retry(0.0).is_last(5));
        assert!(!Retry { attempts: AttemptLimit::Unlimited, ..retry(0.0) }.is_last(1_000_000));
    }
}

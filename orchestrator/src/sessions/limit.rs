//! Guessing is made slow: after a few wrong passwords for a name, the next try for it has to wait, longer each time.
//! Wrong names count as well, all together, so that it can't be told which ones there are.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Wrong tries that cost nothing.
const FREE: u32 = 5;
/// The longest wait; nobody can keep somebody out for longer than this after the last try.
const LONGEST: Duration = Duration::from_secs(60);
/// After so long without a wrong try all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);

/// Wrong tries by name.
#[derive(Debug, Default)]
pub(super) struct Limit(HashMap<String, (u32, Instant)>);

impl Limit {
    /// How long the next try for this name has to wait.
    pub(super) fn wait(&self, name: &str, now: Instant) -> Option<Duration> {
        let (wrong, last) = self.0.get(name)?;
        let beyond = wrong.checked_sub(FREE)?;
        let pause = Duration::from_secs(1_u64 << beyond.min(6)).min(LONGEST);
        pause.checked_sub(now.duration_since(*last)).filter(|wait| !wait.is_zero())
    }

    /// A try for this name was wrong.
    pub(super) fn wrong(&mut self, name: &str, now: Instant) {
        self.0.retain(|_, (_, last)| now.duration_since(*last) < FORGOTTEN);
        let (wrong, last) = self.0.entry(name.to_owned()).or_insert((0, now));
        (*wrong, *last) = (wrong.saturating_add(1), now);
    }

    /// A try for this name was right.
    pub(super) fn right(&mut self, name: &str) {
        self.0.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_and_is_forgotten() {
        let (mut limit, start) = (Limit::default(), Instant::now());
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
        assert_eq!(limit.wait("a", start), Some(LONGEST));
        assert_eq!(limit.wait("b", start), None, "others are not held up");
        limit.right("a");
        assert_eq!(limit.wait("a", start), None);
        limit.wrong("a", start);
        limit.wrong("b", start + FORGOTTEN);
        assert_eq!(limit.0.len(), 1);
    }
}

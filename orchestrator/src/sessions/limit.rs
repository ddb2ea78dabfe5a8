//! Limits password guessing: after a few wrong passwords for a name from an address, the next attempt from there has to
//! wait, longer each time. Other addresses do not wait, so that no attacker locks a user out from elsewhere. All
//! attempts of an address are counted too, so that many names do not give many attempts.
//!
//! Known and unknown names are counted alike, so that the limit does not reveal which names exist.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Wrong attempts of an address with one name without a wait.
const FREE_WITH_NAME: u32 = 5;
/// Wrong attempts of an address with all names without a wait.
const FREE_OF_ADDRESS: u32 = 20;
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// A counter is dropped after this time without a wrong attempt.
const RETENTION: Duration = Duration::from_secs(15 * 60);
/// The maximum number of counters; beyond it, the one that is unchanged for longest is dropped.
const MAX_COUNTERS: usize = 4_000;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Subject {
    /// An address, with a keyed hash of the name, which may be long.
    Name(IpAddr, u64),
    Address(IpAddr),
}

#[derive(Debug)]
struct Attempts {
    wrong: u32,
    last: Instant,
}

/// The wrong attempts.
#[derive(Debug, Default)]
pub(super) struct Limit {
    keys: RandomState,
    counters: HashMap<Subject, Attempts>,
}

impl Limit {
    /// The wait before the next attempt from this address with this name.
    pub(super) fn wait(&self, address: IpAddr, name: &str, now: Instant) -> Option<Duration> {
        let of_name = self.rest(self.of_name(address, name), FREE_WITH_NAME, now);
        let of_address = self.rest(Subject::Address(address), FREE_OF_ADDRESS, now);
        of_name.max(of_address)
    }

    /// Records a wrong attempt.
    pub(super) fn wrong(&mut self, address: IpAddr, name: &str, now: Instant) {
        self.counters.retain(|_, attempts| now.duration_since(attempts.last) < RETENTION);
        for subject in [self.of_name(address, name), Subject::Address(address)] {
            self.make_room(subject);
            let attempts = self.counters.entry(subject).or_insert(Attempts { wrong: 0, last: now });
            attempts.wrong = attempts.wrong.saturating_add(1);
            attempts.last = now;
        }
    }

    /// Records a right attempt.
    pub(super) fn right(&mut self, address: IpAddr, name: &str) {
        self.counters.remove(&self.of_name(address, name));
        self.counters.remove(&Subject::Address(address));
    }

    fn of_name(&self, address: IpAddr, name: &str) -> Subject {
        Subject::Name(address, self.keys.hash_one(name))
    }

    fn rest(&self, subject: Subject, free: u32, now: Instant) -> Option<Duration> {
        let Attempts { wrong, last } = self.counters.get(&subject)?;
        let beyond = wrong.checked_sub(free)?;
        let pause = Duration::from_secs(1_u64 << beyond.min(6)).min(MAX_WAIT);
        pause.checked_sub(now.duration_since(*last)).filter(|wait| !wait.is_zero())
    }

    fn make_room(&mut self, subject: Subject) {
        if self.counters.len() >= MAX_COUNTERS
            && !self.counters.contains_key(&subject)
            && let Some(oldest) = self.counters.iter().min_by_key(|(_, attempts)| attempts.last).map(|(of, _)| *of)
        {
            self.counters.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn the_wait_grows_and_ends() {
        let mut limit = Limit::default();
        let start = Instant::now();
        for _ in 0..4 {
            limit.wrong(HERE, "a", start);
        }
        assert_eq!(limit.wait(HERE, "a", start), None);
        limit.wrong(HERE, "a", start);
        assert_eq!(limit.wait(HERE, "a", start), Some(Duration::from_secs(1)));
        limit.wrong(HERE, "a", start);
        assert_eq!(limit.wait(HERE, "a", start), Some(Duration::from_secs(2)));
        assert_eq!(limit.wait(HERE, "a", start + Duration::from_secs(2)), None);
        assert_eq!(limit.wait(HERE, "b", start), None, "other names do not wait");
        for _ in 0..100 {
            limit.wrong(HERE, "a", start);
        }
        assert_eq!(limit.wait(HERE, "a", start), Some(MAX_WAIT));
        assert_eq!(limit.wait(ELSEWHERE, "a", start), None, "other addresses do not wait");
        limit.right(HERE, "a");
        assert_eq!(limit.wait(HERE, "a", start), None);
        limit.wrong(HERE, "a", start);
        limit.wrong(HERE, "b", start + RETENTION);
        assert_eq!(limit.counters.len(), 2, "the address and b");
    }

    #[test]
    fn many_names_do_not_give_an_address_many_attempts() {
        let mut limit = Limit::default();
        let start = Instant::now();
        let free = (0..1_000).take_while(|n| {
            let name = n.to_string();
            let is_free = limit.wait(HERE, &name, start).is_none();
            limit.wrong(HERE, &name, start);
            is_free
        });
        assert_eq!(free.count(), 20);
        assert_eq!(limit.wait(ELSEWHERE, "0", start), None);
    }

    #[test]
    fn the_counters_are_bounded() {
        let mut limit = Limit::default();
        let start = Instant::now();
        for n in 0..3_000 {
            limit.wrong(Ipv4Addr::from_bits(n).into(), "a", start + Duration::from_millis(n.into()));
        }
        assert!(limit.counters.len() <= MAX_COUNTERS, "{}", limit.counters.len());
        let last = start + Duration::from_millis(2_999);
        for _ in 0..5 {
            limit.wrong(Ipv4Addr::from_bits(2_999).into(), "a", last);
        }
        assert!(limit.wait(Ipv4Addr::from_bits(2_999).into(), "a", last).is_some(), "the newest stay");
    }
}

//! How many mails one address gets within an hour. A customer who enters another's address can't flood it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);
/// Beyond so many addresses, those without a mail in the last hour are removed.
const ADDRESSES: usize = 10_000;

/// The mails of the last hour, by address.
#[derive(Debug)]
pub struct MailLimit {
    most: u32,
    sent: Mutex<Sent>,
}

#[derive(Debug)]
struct Sent {
    /// Oldest first.
    times: HashMap<String, VecDeque<Timestamp>>,
    /// The number of addresses at which old ones are removed.
    clean_at: usize,
}

impl MailLimit {
    /// At most `most` mails an hour to one address; 0: any number.
    pub fn new(most: u32) -> Self {
        Self { most, sent: Mutex::new(Sent { times: HashMap::new(), clean_at: ADDRESSES }) }
    }

    /// The limit.
    pub(super) fn most(&self) -> u32 {
        self.most
    }

    /// Counts a mail to the address.
    ///
    /// # Errors
    /// When the next mail may be sent, if the address got as many as it gets.
    pub(super) fn take(&self, address: &str, now: Timestamp) -> Result<(), Timestamp> {
        if self.most == 0 {
            return Ok(());
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.times.len() >= sent.clean_at {
            sent.times.retain(|_, times| times.back().is_some_and(|at| at.plus(HOUR) > now));
            sent.clean_at = ADDRESSES.max(sent.times.len().saturating_mul(2));
        }
        let times = sent.times.entry(one_spelling(address)).or_default();
        while times.front().is_some_and(|at| at.plus(HOUR) <= now) {
            times.pop_front();
        }
        match times.front() {
            Some(oldest) if times.len() >= usize::try_from(self.most).unwrap_or(usize::MAX) => Err(oldest.plus(HOUR)),
            Some(_) | None => {
                times.push_back(now);
                Ok(())
            }
        }
    }

    /// Uncounts a mail that was not sent.
    pub(super) fn give_back(&self, address: &str, taken_at: Timestamp) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(times) = sent.times.get_mut(&one_spelling(address))
            && let Some(index) = times.iter().rposition(|at| *at == taken_at)
        {
            times.remove(index);
        }
    }
}

/// Most servers ignore the case of the local part, and the tag after a plus sign.
fn one_spelling(address: &str) -> String {
    let lower = address.trim().to_lowercase();
    let Some((local, domain)) = lower.rsplit_once('@') else { return lower };
    let (name, _) = local.split_once('+').unwrap_or((local, ""));
    format!("{name}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: &str = "ana@example.com";

    fn minute(n: u64) -> Timestamp {
        Timestamp(0).plus(Duration::from_secs(n * 60))
    }

    #[test]
    fn an_address_gets_so_many_mails_within_any_hour() {
        let limit = MailLimit::new(3);
        for n in [0, 10, 50] {
            assert_eq!(limit.take(ANA, minute(n)), Ok(()));
        }
        assert_eq!(limit.take("ANA+tag@Example.com", minute(59)), Err(minute(60)), "in any spelling");
        assert_eq!(limit.take("bia@example.com", minute(59)), Ok(()), "others are counted separately");
        assert_eq!(limit.take(ANA, minute(60)), Ok(()));
        assert_eq!(limit.take(ANA, minute(60)), Err(minute(70)));
    }

    #[test]
    fn a_mail_that_was_not_sent_is_not_counted() {
        let limit = MailLimit::new(1);
        assert_eq!(limit.take(ANA, minute(0)), Ok(()));
        limit.give_back(ANA, minute(0));
        assert_eq!(limit.take(ANA, minute(1)), Ok(()));
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let limit = MailLimit::new(0);
        for _ in 0..100 {
            assert_eq!(limit.take(ANA, minute(0)), Ok(()));
        }
        assert!(limit.sent.lock().unwrap().times.is_empty());
    }

    #[test]
    fn addresses_without_mails_are_forgotten() {
        let limit = MailLimit::new(1);
        for n in 0..=ADDRESSES {
            assert_eq!(limit.take(&format!("{n}@example.com"), minute(n as u64)), Ok(()));
        }
        assert!(limit.sent.lock().unwrap().times.len() <= 61);
    }
}

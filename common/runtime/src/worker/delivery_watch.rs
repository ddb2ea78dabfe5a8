//! Notices a producer that no longer sends, although the brokers would take its messages. A producer without a time
//! limit would keep them for ever: librdkafka may miss that a partition has a leader again (confluentinc/librdkafka,
//! issue 5430).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use vocabulary::messages::Outgoing;

use super::client::{self, Requests};
use super::config::Config;
use super::patience::Patience;

/// How long an append or a message usually takes at most, with all retries of a client that is connected. Doubled after
/// each claim that ended in vain, up to [`LONGEST`].
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(600);
/// A connected client knows a new leader after so long.
const GRACE: Duration = Duration::from_secs(5);
/// How long a broker may take to name the leaders.
const ANSWER: Duration = Duration::from_secs(5);

/// What is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unacknowledged {
    /// The append with this number.
    Append(u64),
    /// A message of the outbox of the record at this offset.
    Outbox(i64),
}

/// The outbox of a record, as far as it is not acknowledged.
struct Outbox {
    messages: Arc<Vec<Outgoing>>,
    missing: usize,
    sent: Instant,
}

/// The appends and messages of a claim that are not acknowledged.
pub(super) struct DeliveryWatch {
    with_appends: Patience,
    with_outboxes: Patience,
    /// The number of the next append.
    next: u64,
    appends: VecDeque<(u64, Instant)>,
    outboxes: BTreeMap<i64, Outbox>,
    /// The brokers are being asked for the leaders.
    asking: bool,
}

impl DeliveryWatch {
    pub(super) fn new() -> Self {
        Self {
            with_appends: Patience::new(PATIENCE, LONGEST),
            with_outboxes: Patience::new(PATIENCE, LONGEST),
            next: 0,
            appends: VecDeque::new(),
            outboxes: BTreeMap::new(),
            asking: false,
        }
    }

    /// A claim begins or ends: its producers hold nothing.
    pub(super) fn reset(&mut self) {
        self.appends.clear();
        self.outboxes.clear();
        self.asking = false;
    }

    pub(super) fn appended(&mut self, at: Instant) {
        self.appends.push_back((self.next, at));
        self.next += 1;
    }

    /// The oldest append is acknowledged.
    pub(super) fn acknowledged(&mut self) {
        self.appends.pop_front();
        self.with_appends.reset();
    }

    pub(super) fn sent(&mut self, offset: i64, messages: &Arc<Vec<Outgoing>>, at: Instant) {
        let outbox = Outbox { messages: Arc::clone(messages), missing: messages.len(), sent: at };
        self.outboxes.insert(offset, outbox);
    }

    /// A message of the outbox of the record at `offset` is acknowledged.
    pub(super) fn delivered(&mut self, offset: i64) {
        let Some(outbox) = self.outboxes.get_mut(&offset) else { return };
        outbox.missing = outbox.missing.saturating_sub(1);
        if outbox.missing == 0 {
            self.outboxes.remove(&offset);
            self.with_outboxes.reset();
        }
    }

    fn oldest(&self) -> Option<(Unacknowledged, Instant)> {
        let append = self.appends.front().map(|(number, at)| (Unacknowledged::Append(*number), *at));
        let outbox = self.outboxes.first_key_value().map(|(offset, of)| (Unacknowledged::Outbox(*offset), of.sent));
        append.into_iter().chain(outbox).min_by_key(|(_, at)| *at)
    }

    const fn patience(&mut self, with: Unacknowledged) -> &mut Patience {
        match with {
            Unacknowledged::Append(_) => &mut self.with_appends,
            Unacknowledged::Outbox(_) => &mut self.with_outboxes,
        }
    }

    /// What is not acknowledged for longer than usual: the brokers are to be asked for the leaders. `None` while they
    /// are being asked.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<Unacknowledged> {
        let (oldest, at) = self.oldest().filter(|_| !self.asking)?;
        if now.saturating_duration_since(at) < self.patience(oldest).get() {
            return None;
        }
        self.asking = true;
        Some(oldest)
    }

    /// The partitions that something goes to; `journal` is that of the appends.
    pub(super) fn partitions_of(
        &self,
        what: Unacknowledged,
        journal: (&str, i32),
        partitions: i32,
    ) -> BTreeSet<(String, i32)> {
        match what {
            Unacknowledged::Append(_) => BTreeSet::from([(journal.0.to_owned(), journal.1)]),
            Unacknowledged::Outbox(offset) => {
                let messages = self.outboxes.get(&offset).into_iter().flat_map(|outbox| &*outbox.messages);
                messages.map(|message| (message.topic.to_string(), message.partition_of(partitions))).collect()
            }
        }
    }

    /// The brokers have answered: `led` is true if all partitions have leaders. Returns true if the producer must be
    /// replaced, since what was overdue still is.
    pub(super) fn answered(&mut self, what: Unacknowledged, led: bool) -> bool {
        self.asking = false;
        let is_stuck = led && self.oldest().is_some_and(|(oldest, _)| oldest == what);
        if is_stuck {
            self.patience(what).double();
        }
        is_stuck
    }
}

/// Asks the brokers twice, with a pause, whether all these partitions have leaders. Blocks.
pub(super) fn all_are_led(config: &Config, partitions: &BTreeSet<(String, i32)>) -> bool {
    let Ok(requests) = Requests::new(&client::consumer(config), "leaders") else { return false };
    let is_led = |(topic, partition): &(String, i32)| {
        let metadata = requests.consumer().fetch_metadata(Some(topic), ANSWER).ok();
        let metadata = metadata.as_ref();
        let mut all = metadata.into_iter().flat_map(|metadata| metadata.topics()).flat_map(|topic| topic.partitions());
        all.any(|found| found.id() == *partition && found.leader() >= 0)
    };
    let are_led = || partitions.iter().all(is_led);
    are_led() && {
        std::thread::sleep(GRACE);
        are_led()
    }
}

#[cfg(test)]
mod tests {
    use vocabulary::time::Timestamp;

    use super::*;

    fn outbox(topics: &[&str]) -> Arc<Vec<Outgoing>> {
        let message =
            |topic: &&str| Outgoing::event((*topic).to_owned(), "k", "t", "id".to_owned(), "s", Timestamp(1), &1);
        Arc::new(topics.iter().map(message).collect())
    }

    #[test]
    fn an_append_that_waits_although_its_partition_has_a_leader_ends_the_claim() {
        let mut watch = DeliveryWatch::new();
        let begin = Instant::now();
        watch.appended(begin);
        assert_eq!(watch.overdue(begin), None);
        let late = begin + PATIENCE;
        let waiting = watch.overdue(late).unwrap();
        assert_eq!(waiting, Unacknowledged::Append(0));
        assert_eq!(watch.overdue(late), None, "the brokers are being asked");
        assert_eq!(watch.partitions_of(waiting, ("journal", 3), 4), BTreeSet::from([("journal".to_owned(), 3)]));
        assert!(!watch.answered(waiting, false), "without a leader it waits");
        assert_eq!(watch.overdue(late), Some(waiting));
        assert!(watch.answered(waiting, true));
    }

    #[test]
    fn what_is_acknowledged_meanwhile_is_no_reason() {
        let mut watch = DeliveryWatch::new();
        let begin = Instant::now();
        watch.appended(begin);
        let waiting = watch.overdue(begin + PATIENCE).unwrap();
        watch.acknowledged();
        watch.appended(begin + PATIENCE);
        assert!(!watch.answered(waiting, true));
        assert_eq!(watch.overdue(begin + PATIENCE), None, "the next append is new");
    }

    #[test]
    fn all_messages_of_an_outbox_must_be_acknowledged() {
        let mut watch = DeliveryWatch::new();
        let begin = Instant::now();
        watch.sent(7, &outbox(&["a", "b"]), begin);
        watch.sent(8, &outbox(&["a"]), begin + PATIENCE);
        watch.delivered(7);
        let waiting = watch.overdue(begin + PATIENCE).unwrap();
        assert_eq!(waiting, Unacknowledged::Outbox(7));
        let topics = watch.partitions_of(waiting, ("journal", 0), 1);
        assert_eq!(topics, BTreeSet::from([("a".to_owned(), 0), ("b".to_owned(), 0)]));
        watch.delivered(7);
        assert!(!watch.answered(waiting, true));
        watch.delivered(8);
        assert_eq!(watch.overdue(begin + 9 * PATIENCE), None, "nothing is in flight");
    }

    #[test]
    fn each_claim_in_vain_doubles_the_patience_until_an_append_succeeds() {
        let mut watch = DeliveryWatch::new();
        let begin = Instant::now();
        for times in [1, 2, 4] {
            watch.reset();
            watch.appended(begin);
            assert_eq!(watch.overdue(begin + PATIENCE * times - Duration::from_millis(1)), None);
            let waiting = watch.overdue(begin + PATIENCE * times).unwrap();
            assert!(watch.answered(waiting, true));
        }
        watch.reset();
        watch.appended(begin);
        watch.acknowledged();
        watch.appended(begin);
        assert!(watch.overdue(begin + PATIENCE).is_some());
    }
}

//! The topics, their Kafka settings, and the partitioner. All topic names are defined here.

use std::time::Duration;

/// Commands for order-service: key order id.
pub const ORDER_COMMANDS: &str = "order-commands";
/// Events of new orders: key order id.
pub const CREATED_ORDERS: &str = "created-orders";
/// Commands for inventory-service: key warehouse.
pub const INVENTORY_COMMANDS: &str = "inventory-commands";
/// Commands for payment-service: key order id.
pub const PAYMENT_COMMANDS: &str = "payment-commands";
/// The participants' replies to the orchestrator: key saga id.
pub const SAGA_REPLIES: &str = "saga-replies";
/// Operators' commands for the orchestrator: key saga id.
pub const SAGA_COMMANDS: &str = "saga-commands";
/// Results of payments: any key, usually the order id.
pub const PAYMENT_RESULTS: &str = "payment-results";
/// Results of returns.
pub const GOODS_RECEIVED: &str = "goods-received";
/// Parcels that did not arrive, failed refunds and disputes, which start and settle sagas: key case id.
pub const CASES: &str = "cases";
/// Decisions about cases: any key, usually the case id.
pub const CASE_DECISIONS: &str = "case-decisions";
/// Events of the stock.
pub const STOCK_EVENTS: &str = "stock-events";
/// Notifications for customers.
pub const NOTIFICATIONS: &str = "notifications";
/// Events of orders, for external systems: key order id.
pub const ORDER_EVENTS: &str = "order-events";
/// Events of payments, for external systems: key order id.
pub const PAYMENT_EVENTS: &str = "payment-events";
/// Events of shipments, for external systems: key order id.
pub const SHIPMENT_EVENTS: &str = "shipment-events";
/// Events of sagas, for external systems: key saga id.
pub const SAGA_EVENTS: &str = "saga-events";

/// Returns true for the topics of events and notices for external systems: no saga waits for them, so that they may be
/// sent a moment later, many at once.
pub fn may_wait(topic: &str) -> bool {
    [ORDER_EVENTS, PAYMENT_EVENTS, SHIPMENT_EVENTS, SAGA_EVENTS, STOCK_EVENTS, NOTIFICATIONS].contains(&topic)
}

/// Messages of the input topics are at most this long.
pub const INPUT_MAX_BYTES: usize = 1024 * 1024;
/// Records of journals and dead-letter topics are at most this long: a bad message wrapped with its reason still fits.
pub const JOURNAL_MAX_BYTES: usize = 8 * 1024 * 1024;
/// A batch is closed at this size of its record at the latest: beside it and another one of that size, the largest
/// decision fits into a record.
pub const BATCH_MAX_BYTES: usize = 1024 * 1024;

/// The longest message that a topic takes: an input topic, a dead-letter topic.
pub fn max_bytes(topic: &str) -> usize {
    if is_dead_letters(topic) { JOURNAL_MAX_BYTES } else { INPUT_MAX_BYTES }
}

/// The topic's dead-letter topic.
pub fn dead_letters(topic: &str) -> String {
    format!("{topic}.dlq")
}

/// Returns true for a dead-letter topic.
pub fn is_dead_letters(topic: &str) -> bool {
    topic.ends_with(".dlq")
}

/// A topic and its Kafka settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// `retention.ms`; `None` keeps all messages.
    pub retention: Option<Duration>,
    /// `max.message.bytes`.
    pub max_bytes: usize,
    /// True for a journal: zstd and the broker's timestamps.
    pub journal: bool,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Topic {
    /// A topic of commands, replies or events.
    pub fn input(name: &str) -> Self {
        Self { name: name.to_owned(), retention: Some(7 * DAY), max_bytes: INPUT_MAX_BYTES, journal: false }
    }

    /// A dead-letter topic for `name`.
    pub fn dead_letters_of(name: &str) -> Self {
        Self { name: dead_letters(name), retention: Some(30 * DAY), max_bytes: JOURNAL_MAX_BYTES, journal: false }
    }

    /// A service's journal, which is kept whole.
    pub fn journal(name: &str) -> Self {
        Self { name: name.to_owned(), retention: None, max_bytes: JOURNAL_MAX_BYTES, journal: true }
    }

    /// The topic-level settings, as Kafka names them.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let retention = self.retention.map_or_else(|| "-1".to_owned(), |d| d.as_millis().to_string());
        let mut all = vec![
            ("cleanup.policy", "delete".to_owned()),
            ("retention.ms", retention),
            ("max.message.bytes", self.max_bytes.to_string()),
        ];
        if self.journal {
            all.push(("retention.bytes", "-1".to_owned()));
            all.push(("compression.type", "zstd".to_owned()));
            all.push(("message.timestamp.type", "LogAppendTime".to_owned()));
        }
        all
    }
}

/// The partition of `key` among `count`, as Kafka's Java clients choose it: murmur2 of the key, sign bit off, modulo
/// (`BuiltInPartitioner.partitionForKey`; librdkafka's `murmur2`).
pub fn partition_of(key: &[u8], count: i32) -> i32 {
    let positive = i32::try_from(murmur2(key) & 0x7fff_ffff).unwrap_or(0);
    positive.checked_rem(count).unwrap_or(0)
}

/// Kafka's murmur2 (`org.apache.kafka.common.utils.Utils.murmur2`): 32 bit, seed 0x9747b28c.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut h: u32 = 0x9747_b28c ^ length;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_that_a_saga_waits_for_may_wait() {
        for topic in [ORDER_COMMANDS, CREATED_ORDERS, INVENTORY_COMMANDS, PAYMENT_COMMANDS, SAGA_REPLIES, SAGA_COMMANDS]
        {
            assert!(!may_wait(topic), "{topic}");
        }
        assert!(!may_wait(PAYMENT_RESULTS) && !may_wait(GOODS_RECEIVED) && !may_wait("gift-card-commands"));
        assert!(!may_wait(CASES) && !may_wait(CASE_DECISIONS));
        assert!(may_wait(ORDER_EVENTS) && may_wait(SAGA_EVENTS));
    }

    #[test]
    fn keys_have_the_partitions_of_java_clients() {
        // The pairs of Kafka's own UtilsTest.testMurmur2.
        let known: [(&str, i32); 7] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
            ("", 275_646_681),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn journals_are_kept_whole() {
        let settings = Topic::journal("x-journal").settings();
        assert!(settings.contains(&("retention.ms", "-1".to_owned())));
        assert!(settings.contains(&("message.timestamp.type", "LogAppendTime".to_owned())));
    }
}

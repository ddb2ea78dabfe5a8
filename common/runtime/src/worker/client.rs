//! The settings of all librdkafka clients, on which the protocol depends, and their log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use journal::TopicRange;
use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use vocabulary::topics::JOURNAL_MAX_BYTES;

use super::config::Config;
use super::input_lag::InputLag;

/// The first pause between two lines about an unreachable broker; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// The pauses between the attempts of a request to the broker, and how long it is retried.
const RETRY_FIRST_PAUSE: Duration = Duration::from_millis(20);
const RETRY_LAST_PAUSE: Duration = Duration::from_secs(2);
const RETRY_LIMIT: Duration = Duration::from_secs(60);
/// How long the broker may take to answer one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a Kafka record beyond its value.
const OVERHEAD: usize = 64 * 1024;

/// Settings of every client.
pub(super) fn base(config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    for (name, value) in &config.client {
        client.set(name, value);
    }
    client
        .set("bootstrap.servers", &config.brokers)
        .set("socket.nagle.disable", "true")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "2000")
        .set("topic.metadata.refresh.interval.ms", "60000")
        .set_log_level(RDKafkaLogLevel::Warning);
    client
}

/// Settings of every consumer: librdkafka commits and resets nothing by itself.
pub(super) fn consumer(config: &Config) -> ClientConfig {
    let mut client = base(config);
    let longest = JOURNAL_MAX_BYTES + OVERHEAD;
    client
        // A damaged byte is found before it is decided on.
        .set("check.crcs", "true")
        .set("group.id", &config.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "500")
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.error.backoff.ms", "50")
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.message.max.bytes", longest.to_string())
        .set("fetch.max.bytes", (2 * longest).to_string())
        // librdkafka decompresses a batch of zstd up to this size.
        .set("receive.message.max.bytes", (8 * longest).to_string());
    client
}

/// Settings of a consumer that reports the end of a partition at once.
pub(super) fn end_settings(config: &Config) -> ClientConfig {
    let mut settings = consumer(config);
    // The end is reported by an empty fetch, which must not wait for messages.
    settings.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "10");
    settings
}

/// A consumer that reports the end of a partition at once.
pub(super) fn end_reader(config: &Config) -> KafkaResult<BaseConsumer<ClientLog>> {
    BaseConsumer::from_config_and_context(&end_settings(config), ClientLog::new("inputs"))
}

/// Settings of every producer: idempotent, acknowledged by all in-sync replicas, never reordered (KIP-98).
pub(super) fn producer(config: &Config, timeout: Duration) -> ClientConfig {
    let mut client = base(config);
    client
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.timeout.ms", timeout.as_millis().to_string())
        .set("message.max.bytes", (JOURNAL_MAX_BYTES + OVERHEAD).to_string())
        .set("linger.ms", "0")
        .set("queue.buffering.max.messages", "1000000");
    client
}

/// Writes a client's events to the log. An unreachable broker is logged with growing pauses.
#[derive(Debug)]
pub(super) struct ClientLog {
    name: &'static str,
    last: Mutex<Option<(Instant, Duration)>>,
    suppressed: AtomicU64,
    unauthenticated: Mutex<Option<String>>,
    /// Gets the ends of the topics that a consumer knows, as often as `statistics.interval.ms`.
    lag: Option<Arc<InputLag>>,
}

impl ClientLog {
    pub(super) fn new(name: &'static str) -> Self {
        Self::with_lag(name, None)
    }

    /// Also records the ends of the topics.
    pub(super) fn with_lag(name: &'static str, lag: Option<Arc<InputLag>>) -> Self {
        let suppressed = AtomicU64::new(0);
        Self { name, last: Mutex::new(None), suppressed, unauthenticated: Mutex::new(None), lag }
    }

    /// Why the broker did not accept the client's credentials, if so.
    pub(super) fn unauthenticated(&self) -> Option<String> {
        self.unauthenticated.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn unreachable(&self, reason: &str) {
        let Ok(mut last) = self.last.lock() else { return };
        let now = Instant::now();
        let pause = match *last {
            Some((at, pause)) if now.duration_since(at) < pause => {
                self.suppressed.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Some((at, pause)) if now.duration_since(at) < 2 * LAST_PAUSE => (pause * 2).min(LAST_PAUSE),
            Some(_) | None => FIRST_PAUSE,
        };
        *last = Some((now, pause));
        let suppressed = self.suppressed.swap(0, Ordering::Relaxed);
        tracing::warn!(client = self.name, suppressed, next_line_in = ?pause, "waiting for Kafka: {reason}");
    }
}

impl ClientContext for ClientLog {
    fn stats(&self, statistics: Statistics) {
        if let Some(lag) = &self.lag {
            lag.set_ends(&statistics);
        }
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        match level {
            // Failed connections are logged once, by `error`.
            _ if matches!(facility, "FAIL" | "ERROR" | "CONNFAIL") => tracing::debug!(client = self.name, "{line}"),
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::error!(client = self.name, facility, "{line}");
            }
            RDKafkaLogLevel::Warning => tracing::warn!(client = self.name, facility, "{line}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(client = self.name, facility, "{line}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code().is_some_and(is_unauthenticated) {
            *self.unauthenticated.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
        match error.rdkafka_error_code() {
            // The end of a partition is reported as an error.
            Some(RDKafkaErrorCode::PartitionEOF) => {}
            Some(code) if is_transient(code) => self.unreachable(reason),
            // The reader names the topic, the partition and the offsets.
            Some(code) if is_damage(code) => tracing::warn!(client = self.name, "{reason}"),
            Some(_) | None => tracing::error!(client = self.name, "{error}: {reason}"),
        }
    }
}

impl ConsumerContext for ClientLog {}

/// Sends a request to the broker until it answers: transient errors are retried.
pub(super) fn until_answered<T>(what: &str, mut request: impl FnMut() -> Result<T, KafkaError>) -> anyhow::Result<T> {
    let mut pause = RETRY_FIRST_PAUSE;
    let started = Instant::now();
    loop {
        match request() {
            Ok(answer) => return Ok(answer),
            Err(error) if error.rdkafka_error_code().is_some_and(is_transient) && started.elapsed() < RETRY_LIMIT => {
                tracing::debug!(next_try_in = ?pause, "{what}: {error}");
                std::thread::sleep(pause);
                pause = (pause * 2).min(RETRY_LAST_PAUSE);
            }
            Err(error) => return Err(anyhow::Error::new(error).context(what.to_owned())),
        }
    }
}

/// A consumer for requests about topics. It is never assigned a partition: on a consumer that reads, a request waits
/// behind the outstanding fetch.
pub(super) struct Requests(BaseConsumer<ClientLog>);

impl Requests {
    pub(super) fn new(settings: &ClientConfig, name: &'static str) -> KafkaResult<Self> {
        Ok(Self(BaseConsumer::from_config_and_context(settings, ClientLog::new(name))?))
    }

    /// The consumer, whose events, such as a lost connection, are taken first.
    pub(super) fn consumer(&self) -> &BaseConsumer<ClientLog> {
        while self.0.poll(Duration::ZERO).is_some() {}
        &self.0
    }
}

/// The offsets of a topic's partition, as soon as the brokers answer.
pub(super) fn range<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
) -> anyhow::Result<TopicRange> {
    let what = format!("the ends of {topic}-{partition} can't be read");
    until_answered(&what, || range_within(consumer, topic, partition, PATIENCE))
}

/// The offsets of a topic's partition, by one request.
pub(super) fn range_within<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    patience: Duration,
) -> KafkaResult<TopicRange> {
    let (begins, ends) = consumer.fetch_watermarks(topic, partition, patience)?;
    Ok(TopicRange { begins, ends })
}

/// Returns true for errors of an unreachable broker or network, or while a leader is elected: a later attempt succeeds.
pub(super) fn is_transient(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::MessageTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::NetworkException
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::ReplicaNotAvailable
            | RDKafkaErrorCode::BrokerNotAvailable
            | RDKafkaErrorCode::CoordinatorLoadInProgress
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::NotCoordinator
            | RDKafkaErrorCode::WaitingForCoordinator
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::OffsetNotAvailable
            | RDKafkaErrorCode::KafkaStorageError
            | RDKafkaErrorCode::FencedLeaderEpoch
            | RDKafkaErrorCode::UnknownLeaderEpoch
            | RDKafkaErrorCode::WaitCache
    )
}

/// Returns true for errors of bytes that a consumer can't read. Reading them again gives the same error.
pub(super) fn is_damage(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BadMessage
            | RDKafkaErrorCode::BadCompression
            | RDKafkaErrorCode::NotImplemented
            | RDKafkaErrorCode::Underflow
            | RDKafkaErrorCode::CriticalSystemResource
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::UnsupportedForMessageFormat
            | RDKafkaErrorCode::UnsupportedCompressionType
    )
}

/// Returns true if the client can't be used any more: it must be replaced (KIP-98, librdkafka's `ERR__FATAL`).
pub(super) fn is_fatal(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}

/// Returns true if the topic does not exist at present: it may be made anew.
pub(super) fn is_missing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
        )
    )
}

/// Returns true if the broker has not stored a message and would refuse it again.
pub(super) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::UnknownTopic
    )
}

/// Returns true if the client's principal lacks an ACL.
pub(super) fn is_denied(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
    )
}

/// Returns true if the broker does not accept the client's credentials.
fn is_unauthenticated(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed)
}

/// Returns true if the offset to read from is out of range.
pub(super) fn is_out_of_range(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange))
}

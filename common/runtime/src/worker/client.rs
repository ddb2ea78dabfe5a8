//! How librdkafka clients are set up: one place for the settings that the protocol rests on, and for what their log lines
//! become.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::Config;
use vocabulary::topics::JOURNAL_MAX_BYTES;

/// The first pause between two lines about a broker that is away; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// The pauses between two tries of a question to the broker, and how long it is tried.
const ASK_FIRST_PAUSE: Duration = Duration::from_millis(20);
const ASK_LAST_PAUSE: Duration = Duration::from_secs(2);
const ASK_MOST: Duration = Duration::from_secs(60);

/// Bytes that a Kafka record may have beyond its value.
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

/// Settings of every consumer: nothing is committed or reset behind our back.
pub(super) fn consumer(config: &Config) -> ClientConfig {
    let mut client = base(config);
    let most = JOURNAL_MAX_BYTES + OVERHEAD;
    client
        .set("group.id", &config.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "500")
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.error.backoff.ms", "50")
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.message.max.bytes", most.to_string())
        .set("fetch.max.bytes", (2 * most).to_string())
        .set("receive.message.max.bytes", (3 * most).to_string());
    client
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

/// Turns librdkafka's words into ours: a broker that is away is waited for and said so with growing pauses.
#[derive(Debug)]
pub(super) struct Quiet {
    name: &'static str,
    last: Mutex<Option<(Instant, Duration)>>,
    hushed: AtomicU64,
}

impl Quiet {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, last: Mutex::new(None), hushed: AtomicU64::new(0) }
    }

    fn away(&self, why: &str) {
        let Ok(mut last) = self.last.lock() else { return };
        let now = Instant::now();
        let pause = match *last {
            Some((at, pause)) if now.duration_since(at) < pause => {
                self.hushed.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Some((at, pause)) if now.duration_since(at) < 2 * LAST_PAUSE => (pause * 2).min(LAST_PAUSE),
            Some(_) | None => FIRST_PAUSE,
        };
        *last = Some((now, pause));
        let hushed = self.hushed.swap(0, Ordering::Relaxed);
        tracing::warn!(client = self.name, hushed, next_line_in = ?pause, "waiting for Kafka: {why}");
    }
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        match level {
            // Connections that come and go are told once, by `error`.
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
        if error.rdkafka_error_code().is_some_and(is_passing) {
            self.away(reason);
        } else {
            tracing::error!(client = self.name, "{error}: {reason}");
        }
    }
}

impl ConsumerContext for Quiet {}

/// Asks the broker until it answers: what a broker that is away, or a leader that is being chosen, explains is waited out.
pub(super) fn ask<T>(what: &str, mut question: impl FnMut() -> Result<T, KafkaError>) -> anyhow::Result<T> {
    let mut pause = ASK_FIRST_PAUSE;
    let begun = Instant::now();
    loop {
        match question() {
            Ok(answer) => return Ok(answer),
            Err(error) if error.rdkafka_error_code().is_some_and(is_passing) && begun.elapsed() < ASK_MOST => {
                tracing::debug!(next_try_in = ?pause, "{what}: {error}");
                std::thread::sleep(pause);
                pause = (pause * 2).min(ASK_LAST_PAUSE);
            }
            Err(error) => return Err(anyhow::Error::new(error).context(what.to_owned())),
        }
    }
}

/// Errors that a broker or network that is away explains: to be waited out.
pub(super) fn is_passing(code: RDKafkaErrorCode) -> bool {
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

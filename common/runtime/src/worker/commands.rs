//! Messages from outside the journal: the commands of HTTP requests, and the answers of external systems. Both carry
//! ids by which a repetition is recognised. They go to the worker of their partition if it is in this process, and
//! otherwise over their topic.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use tokio::sync::oneshot;
use traces::Tracer;
use vocabulary::messages::Outgoing;
use vocabulary::retry::Retryable;
use vocabulary::topics;

use super::client::{self, ClientLog};
use super::config::Config;
use super::decision_spans::span_of_message;
use super::direct::Direct;
use super::kafka_tools::KafkaTools;
use super::polled::PolledProducer;
use super::producer::fill;
use super::threads::drop_apart;

/// A message was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It was not confirmed in time. It may have arrived.
    #[error("the message is not confirmed: {0}. It may or may not be executed")]
    Unknown(String),
    /// It can't be sent.
    #[error("the message can't be sent: {0}")]
    Refused(String),
}

impl Retryable for SendError {
    fn is_retryable(&self) -> bool {
        true
    }
}

/// So many messages in a row that time out show that a producer may not send any more, although the brokers answer
/// (confluentinc/librdkafka, issue 5430). A new one costs little.
const TIMEOUTS: u32 = 2;

/// Resolves the sends, and records that the producer can't be used any more.
struct Reports {
    log: ClientLog,
    failed: AtomicBool,
    /// Messages in a row that timed out.
    timeouts: AtomicU32,
}

impl Reports {
    fn record(&self, result: Result<(), &KafkaError>) {
        let code = result.err().and_then(KafkaError::rdkafka_error_code);
        if code == Some(RDKafkaErrorCode::MessageTimedOut) {
            self.timeouts.fetch_add(1, Ordering::Relaxed);
        } else {
            self.timeouts.store(0, Ordering::Relaxed);
        }
    }

    fn must_be_replaced(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.timeouts.load(Ordering::Relaxed) >= TIMEOUTS
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.log.log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        if client::is_fatal(&error) {
            self.failed.store(true, Ordering::Relaxed);
        }
        self.log.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<oneshot::Sender<Result<(), KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Self::DeliveryOpaque) {
        self.record(result.as_ref().map(|_| ()).map_err(|(error, _)| error));
        // The caller may no longer wait.
        let _ = report.send(result.as_ref().map(|_| ()).map_err(|(error, _)| error.clone()));
    }
}

/// A producer with a finite timeout, which is replaced after a fatal error, or when its messages time out again and
/// again. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    settings: Arc<ClientConfig>,
    producer: Arc<RwLock<Arc<PolledProducer<Reports>>>>,
    source: &'static str,
    partitions: i32,
    tools: KafkaTools,
    direct: Direct,
    timeout: Duration,
    tracer: Tracer,
}

fn producer(settings: &ClientConfig) -> Result<Arc<PolledProducer<Reports>>, KafkaError> {
    let log = ClientLog::new("commands");
    let reports = Reports { log, failed: AtomicBool::new(false), timeouts: AtomicU32::new(0) };
    Ok(Arc::new(PolledProducer::new(settings, reports)?))
}

fn has_failed(producer: &PolledProducer<Reports>) -> bool {
    producer.context().must_be_replaced()
}

impl Commands {
    /// Takes the spans of what is sent.
    pub(super) const fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    pub(super) fn new(config: &Config, source: &'static str, direct: Direct) -> anyhow::Result<Self> {
        let timeout = config.command_timeout;
        let settings = client::producer(config, timeout);
        let producer = Arc::new(RwLock::new(producer(&settings)?));
        let tools = KafkaTools::new(config);
        Ok(Self {
            settings: Arc::new(settings),
            producer,
            source,
            partitions: config.partitions,
            tools,
            direct,
            timeout,
            tracer: config.tracer.clone(),
        })
    }

    /// The producer; a new one in place of one that can't be used any more.
    fn usable(&self) -> Result<Arc<PolledProducer<Reports>>, KafkaError> {
        let known = Arc::clone(&self.producer.read().unwrap_or_else(PoisonError::into_inner));
        if !has_failed(&known) {
            return Ok(known);
        }
        let mut current = self.producer.write().unwrap_or_else(PoisonError::into_inner);
        if has_failed(&current) {
            let failed = std::mem::replace(&mut *current, producer(&self.settings)?);
            drop_apart((failed, known));
        }
        Ok(Arc::clone(&current))
    }

    /// Sends a message; resolves when it can't be lost: the journal has its decision, or the broker has stored it.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, message: &Outgoing) -> Result<(), SendError> {
        let span = span_of_message(&self.tracer, message);
        let sent = self.hand_over_or_publish(message).await;
        if let Some(span) = span {
            let error = sent.as_ref().err().map(ToString::to_string);
            self.tracer.record(span.until(SystemTime::now()).failed(error));
        }
        sent
    }

    async fn hand_over_or_publish(&self, message: &Outgoing) -> Result<(), SendError> {
        if let Some(accepted) = self.direct.hand_over(message, self.source) {
            match tokio::time::timeout(self.timeout, accepted).await {
                Ok(Ok(())) => return Ok(()),
                // Declined, or the worker lost its partition.
                Ok(Err(_)) => {}
                Err(_) => return Err(SendError::Unknown("its decision is not in the journal yet".to_owned())),
            }
        }
        self.publish(message).await
    }

    /// Sends a message to its topic; resolves when the broker has stored it.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn publish(&self, message: &Outgoing) -> Result<(), SendError> {
        let (report, reported) = oneshot::channel();
        let record = BaseRecord::with_opaque_to(&message.topic, Box::new(report));
        let producer = self.usable().map_err(|error| SendError::Refused(error.to_string()))?;
        let sent = producer.send(fill(record, message, self.source, self.partitions));
        sent.map_err(|(error, _)| SendError::Refused(error.to_string()))?;
        let limit = topics::max_bytes(&message.topic);
        match reported.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.rdkafka_error_code().is_some_and(client::is_denied) => {
                // The caller is not to learn the principal's name.
                tracing::error!("{}", self.tools.explain(&message.topic, limit, &error));
                Err(SendError::Refused(error.to_string()))
            }
            Ok(Err(error)) if error.rdkafka_error_code().is_some_and(client::is_refusal) => {
                Err(SendError::Refused(self.tools.explain(&message.topic, limit, &error)))
            }
            Ok(Err(error)) => Err(SendError::Unknown(self.tools.explain(&message.topic, limit, &error))),
            Err(_) => Err(SendError::Unknown("the producer is closed".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producer_with_a_fatal_error_is_replaced() {
        let commands = Commands::new(&Config::for_tests(), "tests", Direct::new("commands", &[])).unwrap();
        let first = commands.usable().unwrap();
        first.context().error(KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure), "disconnected");
        assert!(Arc::ptr_eq(&first, &commands.usable().unwrap()));
        first.context().error(KafkaError::Global(RDKafkaErrorCode::Fatal), "out of sequence");
        let second = commands.usable().unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&second, &commands.usable().unwrap()));
    }

    #[test]
    fn a_producer_whose_messages_time_out_again_and_again_is_replaced() {
        let commands = Commands::new(&Config::for_tests(), "tests", Direct::new("commands", &[])).unwrap();
        let first = commands.usable().unwrap();
        let timed_out = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
        let reports = first.context();
        reports.record(Err(&timed_out));
        reports.record(Ok(()));
        reports.record(Err(&timed_out));
        assert!(Arc::ptr_eq(&first, &commands.usable().unwrap()), "not in a row");
        reports.record(Err(&timed_out));
        let second = commands.usable().unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&second, &commands.usable().unwrap()), "the new one begins anew");
    }
}

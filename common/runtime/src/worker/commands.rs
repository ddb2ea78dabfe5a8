//! Messages from outside the journal: the commands of HTTP requests, and the answers of external systems. Both carry
//! ids by which a repetition is recognised.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use tokio::sync::oneshot;
use vocabulary::messages::Outgoing;
use vocabulary::retry::Retryable;
use vocabulary::topics;

use super::client::{self, ClientLog};
use super::config::Config;
use super::kafka_tools::KafkaTools;
use super::producer::fill;

/// A message was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Kafka did not confirm it in time. It may have arrived.
    #[error("Kafka has not confirmed the message: {0}. It may or may not be executed")]
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

struct Reports(ClientLog);

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.0.log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<oneshot::Sender<Result<(), KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Self::DeliveryOpaque) {
        // The caller may no longer wait.
        let _ = report.send(result.as_ref().map(|_| ()).map_err(|(error, _)| error.clone()));
    }
}

/// A producer with a finite timeout. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    producer: Arc<ThreadedProducer<Reports>>,
    source: &'static str,
    partitions: i32,
    tools: KafkaTools,
}

impl Commands {
    pub(super) fn new(config: &Config, source: &'static str, timeout: Duration) -> anyhow::Result<Self> {
        let settings = client::producer(config, timeout);
        let producer = ThreadedProducer::from_config_and_context(&settings, Reports(ClientLog::new("commands")))?;
        let tools = KafkaTools::new(config);
        Ok(Self { producer: Arc::new(producer), source, partitions: config.partitions, tools })
    }

    /// Sends a message; resolves when the broker has stored it.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, message: &Outgoing) -> Result<(), SendError> {
        let (report, reported) = oneshot::channel();
        let record = BaseRecord::with_opaque_to(&message.topic, Box::new(report));
        let sent = self.producer.send(fill(record, message, self.source, self.partitions));
        sent.map_err(|(error, _)| SendError::Refused(error.to_string()))?;
        let limit = topics::max_bytes(&message.topic);
        match reported.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(SendError::Unknown(self.tools.explain(&message.topic, limit, &error))),
            Err(_) => Err(SendError::Unknown("the producer is closed".to_owned())),
        }
    }
}

//! A producer whose delivery reports a thread takes.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{BaseProducer, ProducerContext};

/// rdkafka's `poll` waits whole milliseconds, and spends the rest of its time, up to one millisecond, without a pause.
/// Its `ThreadedProducer` polls for 100 ms at a time, so that each one takes 1 % of a processor, idle or not.
const POLL: Duration = Duration::from_secs(1);

/// A [`BaseProducer`] that a thread polls. After its drop the thread keeps the client for up to [`POLL`]: purge what
/// must not be sent any more.
pub(super) struct PolledProducer<C: ProducerContext + 'static> {
    producer: Arc<BaseProducer<C>>,
    is_dropped: Arc<AtomicBool>,
}

impl<C: ProducerContext + 'static> PolledProducer<C> {
    pub(super) fn new(settings: &ClientConfig, context: C) -> KafkaResult<Self> {
        let producer = Arc::new(BaseProducer::from_config_and_context(settings, context)?);
        let is_dropped = Arc::new(AtomicBool::new(false));
        let polled = producer.clone();
        let stop = is_dropped.clone();
        let thread = std::thread::Builder::new().name("reports".to_owned()).spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                polled.poll(POLL);
            }
        });
        thread.map_err(|error| KafkaError::ClientCreation(format!("its thread can't be started: {error}")))?;
        Ok(Self { producer, is_dropped })
    }
}

impl<C: ProducerContext + 'static> Deref for PolledProducer<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &BaseProducer<C> {
        &self.producer
    }
}

impl<C: ProducerContext + 'static> Drop for PolledProducer<C> {
    fn drop(&mut self) {
        self.is_dropped.store(true, Ordering::Relaxed);
    }
}

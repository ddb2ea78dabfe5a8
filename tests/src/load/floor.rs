//! The floor under an order's time: plain messages that pass over as many hops as an order waits for, each produced to
//! a topic, consumed, and produced to the next. Nothing is decided, stored or answered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use hdrhistogram::Histogram;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::Kafka;
use crate::topics::Topics;

/// The hops between an order's POST and its end, one after the other: eight messages (order.created, inventory.reserve
/// and its reply, payment.request, the result, inventory.confirm and its reply, order.conclude), and ten records that
/// are read back (of order-service at the POST and the end, four of the orchestrator, two of inventory-service, and two
/// of payment-service).
pub const HOPS: usize = 18;
/// Bytes of a message.
const BYTES: usize = 1_000;
const POLL: Duration = Duration::from_millis(100);
/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The times of whole chains, in microseconds.
///
/// # Errors
/// When the broker does not create the topics, or a message is lost.
pub async fn measure(brokers: &str, rate: u32, warm_up: Duration, length: Duration) -> Result<Histogram<u64>> {
    let names: Vec<String> = (0..HOPS).map(|hop| format!("floor-{hop}")).collect();
    let topics = Topics::new(&Kafka::new(brokers)?)?;
    for name in &names {
        topics.create(name, 1, &[]).await?;
    }
    let brokers = brokers.to_owned();
    tokio::task::spawn_blocking(move || Chain::start(&brokers, &names)?.drive(rate, warm_up, length)).await?
}

type Producer = ThreadedProducer<DefaultProducerContext>;

/// The hops, each with a thread, a consumer and a producer of its own, as the services' partitions have them.
struct Chain {
    first: Producer,
    topic: String,
    arrived: Receiver<u32>,
    stop: Arc<AtomicBool>,
}

impl Chain {
    fn start(brokers: &str, topics: &[String]) -> Result<Self> {
        let (to, arrived) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        for (hop, topic) in topics.iter().enumerate() {
            let consumer = consumer(brokers, topic)?;
            let next = match topics.get(hop + 1) {
                Some(next) => Next::Topic(producer(brokers)?, next.clone()),
                None => Next::End(to.clone()),
            };
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || pass(&consumer, &next, &stop));
        }
        let topic = topics.first().context("no hop")?.clone();
        Ok(Self { first: producer(brokers)?, topic, arrived, stop })
    }

    /// Sends messages by a fixed schedule.
    fn drive(self, rate: u32, warm_up: Duration, length: Duration) -> Result<Histogram<u64>> {
        let sent = Arc::new(Mutex::new(HashMap::new()));
        let begin = Instant::now();
        let schedule = move |n: u32| begin + Duration::from_secs(1) * n / rate;
        let count = u32::try_from((warm_up + length).as_millis() * u128::from(rate) / 1_000)?;
        let known = Arc::clone(&sent);
        let Self { first, topic, arrived, stop } = self;
        let sender = std::thread::spawn(move || {
            for number in 0..count {
                std::thread::sleep(schedule(number).saturating_duration_since(Instant::now()));
                known.lock().unwrap_or_else(PoisonError::into_inner).insert(number, schedule(number));
                send(&first, &topic, number)?;
            }
            anyhow::Ok(first)
        });
        let mut times = Histogram::new(3)?;
        for _ in 0..count {
            let number = arrived.recv_timeout(PATIENCE).context("a message is lost")?;
            let at = sent.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
            let at = at.with_context(|| format!("message {number} arrived twice"))?;
            if at >= begin + warm_up {
                times.record(u64::try_from(at.elapsed().as_micros())?)?;
            }
        }
        drop(sender.join().map_err(|_| anyhow!("the sender panicked"))??);
        stop.store(true, Ordering::Relaxed);
        Ok(times)
    }
}

/// Where a hop leads.
enum Next {
    Topic(Producer, String),
    End(Sender<u32>),
}

fn pass(consumer: &BaseConsumer, next: &Next, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Some(Ok(message)) = consumer.poll(POLL) else { continue };
        let number = message.payload().and_then(|bytes| Some(u32::from_be_bytes(*bytes.first_chunk()?)));
        let Some(number) = number else { continue };
        // An error shows as a lost message.
        match next {
            Next::Topic(producer, topic) => _ = send(producer, topic, number),
            Next::End(arrived) => _ = arrived.send(number),
        }
    }
}

fn send(producer: &Producer, topic: &str, number: u32) -> Result<()> {
    let mut value = number.to_be_bytes().to_vec();
    value.resize(BYTES, b'x');
    let record = BaseRecord::<[u8], [u8]>::to(topic).payload(&value).partition(0);
    producer.send(record).map_err(|(error, _)| anyhow!("{topic}: {error}"))
}

/// A producer with the services' settings.
fn producer(brokers: &str) -> Result<Producer> {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", brokers).set("enable.idempotence", "true").set("acks", "all");
    settings.set("linger.ms", "0").set("socket.nagle.disable", "true").create().context("a producer")
}

/// A consumer with the services' settings.
fn consumer(brokers: &str, topic: &str) -> Result<BaseConsumer> {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", brokers).set("group.id", "floor").set("enable.auto.commit", "false");
    settings.set("fetch.wait.max.ms", "500").set("socket.nagle.disable", "true");
    let consumer: BaseConsumer = settings.create().context("a consumer")?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&list)?;
    Ok(consumer)
}

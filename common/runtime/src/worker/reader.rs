//! A consumer of partitions of several topics that gets past bytes that librdkafka can't read.
//!
//! librdkafka reports such bytes without topic and offset, and then either reads the same bytes again without end
//! (a compressed batch that can't be decompressed), continues at an arbitrary place (a failed CRC), or reports nothing
//! at all (a malformed record). So the consumer is replaced after such an error, and every topic is examined at its
//! next offset ([`super::damage`]).
//!
//! It may also stop to fetch from a partition whose leader was unknown for a while (confluentinc/librdkafka, issue
//! 5430): so a consumer is also replaced if it receives nothing although there is a message to read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::TopicRange;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::client::{self, ClientLog, Requests, is_damage, is_missing, is_out_of_range, is_transient};
use super::damage::{Found, PartitionRef, examine};
use super::input_lag::InputLag;
use super::patience::Patience;
use super::received::Received;
use super::threads::drop_apart;

const POLL: Duration = Duration::from_millis(100);
/// How long the broker may take to answer about a silent topic.
const PATIENCE: Duration = Duration::from_secs(10);
/// A topic from which nothing was received for so long, although it is not read to its end, is examined.
const SILENCE: Duration = Duration::from_secs(10);
/// The same for a reader to which the end of a topic is reported at once.
const SILENCE_TO_END: Duration = Duration::from_secs(3);

/// After each replacement that did not help the next check comes after twice the time, up to this.
const LONGEST_SILENCE: Duration = Duration::from_secs(300);

/// What is at the next offset of a source.
enum Next {
    /// No message.
    Nothing,
    /// A message that can be read.
    Message,
    Damaged(Box<Received>),
}

/// The result of a poll.
pub(super) enum Polled {
    /// No message for a while.
    Nothing,
    /// A message, or damaged offsets.
    Received(Box<Received>),
    /// The end of a topic; only with `enable.partition.eof`.
    End,
    /// The next offset of a topic, or the topic, does not exist.
    OutOfRange(KafkaError),
    /// Another error.
    Failed(anyhow::Error),
}

/// A partition that is read.
struct Source {
    topic: Arc<str>,
    partition: i32,
    /// The next offset; `None` for the beginning, until the first message.
    next: Option<i64>,
    /// `next` when the topic was last examined.
    examined: Option<i64>,
    /// The topic's end beyond `next` if no message is between them.
    end: i64,
}

/// Reads partitions of several topics.
pub(super) struct Reader {
    settings: ClientConfig,
    name: &'static str,
    lag: Option<Arc<InputLag>>,
    consumer: BaseConsumer<ClientLog>,
    requests: Requests,
    sources: Vec<Source>,
    damaged: VecDeque<Received>,
    last_check: Instant,
    /// The time between two checks for silent topics.
    silence: Patience,
}

impl Reader {
    /// A reader without topics.
    pub(super) fn new(settings: ClientConfig, name: &'static str) -> anyhow::Result<Self> {
        Self::with_lag(settings, name, None)
    }

    /// A reader that also records the ends of the topics.
    pub(super) fn with_lag(
        settings: ClientConfig,
        name: &'static str,
        lag: Option<Arc<InputLag>>,
    ) -> anyhow::Result<Self> {
        let consumer = BaseConsumer::from_config_and_context(&settings, ClientLog::with_lag(name, lag.clone()))?;
        let reports_ends = settings.get("enable.partition.eof") == Some("true");
        let silence = Patience::new(if reports_ends { SILENCE_TO_END } else { SILENCE }, LONGEST_SILENCE);
        let requests = Requests::new(&settings, name)?;
        let damaged = VecDeque::new();
        let sources = Vec::new();
        let last_check = Instant::now();
        Ok(Self { settings, name, lag, consumer, requests, sources, damaged, last_check, silence })
    }

    /// Replaces the consumer: the state of the old one is not known.
    fn replace_consumer(&mut self) -> anyhow::Result<()> {
        let log = ClientLog::with_lag(self.name, self.lag.clone());
        let new = BaseConsumer::from_config_and_context(&self.settings, log)?;
        drop_apart(std::mem::replace(&mut self.consumer, new));
        Ok(())
    }

    /// For requests about the topics.
    pub(super) fn requests(&self) -> &BaseConsumer<ClientLog> {
        self.requests.consumer()
    }

    /// Reads these partitions of topics from these offsets; `None` is the beginning.
    pub(super) fn assign<'a>(
        &mut self,
        partitions: impl IntoIterator<Item = (&'a str, i32, Option<i64>)>,
    ) -> anyhow::Result<()> {
        let source = |(topic, partition, next): (&str, i32, _)| {
            let topic = topic.into();
            Source { topic, partition, next, examined: None, end: 0 }
        };
        self.sources = partitions.into_iter().map(source).collect();
        self.damaged.clear();
        self.last_check = Instant::now();
        self.assign_sources()
    }

    fn assign_sources(&self) -> anyhow::Result<()> {
        let mut list = TopicPartitionList::new();
        for source in &self.sources {
            let offset = source.next.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(&source.topic, source.partition, offset)?;
        }
        Ok(self.consumer.assign(&list)?)
    }

    /// Waits up to a tenth of a second for the next message. An examination takes longer.
    pub(super) fn poll(&mut self) -> Polled {
        if let Some(damaged) = self.damaged.pop_front() {
            return Polled::Received(Box::new(damaged));
        }
        if self.last_check.elapsed() > self.silence.get() {
            match self.check_silent() {
                Ok(Some(damaged)) => return Polled::Received(Box::new(damaged)),
                Ok(None) => {}
                Err(error) => return Polled::Failed(error),
            }
        }
        let error = match self.consumer.poll(POLL) {
            None => return Polled::Nothing,
            Some(Ok(message)) => {
                let is_from =
                    |source: &&mut Source| &*source.topic == message.topic() && source.partition == message.partition();
                let source = self.sources.iter_mut().find(is_from);
                let Some(source) = source else { return Polled::Nothing };
                self.silence.reset();
                source.next = Some(message.offset().saturating_add(1));
                return Polled::Received(Box::new(Received::copy(&message, source.topic.clone())));
            }
            Some(Err(error)) => error,
        };
        if matches!(error, KafkaError::PartitionEOF(_)) {
            return Polled::End;
        }
        match error.rdkafka_error_code() {
            _ if is_out_of_range(&error) || is_missing(&error) => Polled::OutOfRange(error),
            Some(code) if is_transient(code) => Polled::Nothing,
            Some(code) if is_damage(code) => match self.get_past(error) {
                Ok(damaged) => Polled::Received(Box::new(damaged)),
                Err(error) => Polled::Failed(error),
            },
            Some(_) | None => Polled::Failed(error.into()),
        }
    }

    /// Finds the damaged offsets after an error, and continues behind them with a new consumer.
    fn get_past(&mut self, error: KafkaError) -> anyhow::Result<Received> {
        self.replace_consumer()?;
        for index in 0..self.sources.len() {
            let Some(source) = self.sources.get(index) else { continue };
            let range = client::range(self.requests(), &source.topic, source.partition)?;
            if let Next::Damaged(damaged) = self.examine(index, range)? {
                self.damaged.push_back(*damaged);
            }
        }
        self.assign_sources()?;
        let first = self.damaged.pop_front();
        first
            .ok_or_else(|| anyhow::Error::new(error).context("bytes can't be read, but no topic's next message is bad"))
    }

    /// Examines the topics from which nothing was received since the last check. A broker that does not answer is no
    /// reason to end the claim: the next check comes.
    fn check_silent(&mut self) -> anyhow::Result<Option<Received>> {
        self.last_check = Instant::now();
        let mut stuck = None;
        for index in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(index) else { continue };
            let silent = source.next == source.examined;
            source.examined = source.next;
            if !silent {
                continue;
            }
            let topic = Arc::clone(&source.topic);
            let requests = self.requests.consumer();
            let Ok(range) = client::range_within(requests, &topic, source.partition, PATIENCE) else { continue };
            match self.examine(index, range) {
                Ok(Next::Nothing) => {}
                Ok(Next::Message) => stuck = Some(topic),
                Ok(Next::Damaged(damaged)) => {
                    self.replace_consumer()?;
                    self.assign_sources()?;
                    return Ok(Some(*damaged));
                }
                Err(error) => tracing::warn!(client = self.name, "a silent input can't be examined: {error:#}"),
            }
        }
        if let Some(topic) = stuck {
            let for_at_least = self.silence.get();
            tracing::warn!(
                client = self.name,
                topic = &*topic,
                ?for_at_least,
                "nothing is received although there are messages: the client is replaced"
            );
            self.silence.double();
            self.replace_consumer()?;
            self.assign_sources()?;
        }
        Ok(None)
    }

    /// Examines a topic at its next offset, and moves it behind damaged ones.
    fn examine(&mut self, index: usize, range: TopicRange) -> anyhow::Result<Next> {
        let Some(source) = self.sources.get_mut(index) else { return Ok(Next::Nothing) };
        let partition = source.partition;
        let TopicRange { begins, ends } = range;
        let next = source.next.unwrap_or(begins);
        if next < begins || next >= ends || source.end == ends {
            return Ok(Next::Nothing);
        }
        let place = PartitionRef { settings: &self.settings, topic: &source.topic, partition };
        match examine(&place, next, ends)? {
            Found::Readable => Ok(Next::Message),
            Found::NoMessage => {
                source.end = ends;
                Ok(Next::Nothing)
            }
            Found::Damage(damage) => {
                source.next = Some(damage.last.saturating_add(1));
                Ok(Next::Damaged(Box::new(Received::nothing(source.topic.clone(), partition, damage))))
            }
        }
    }
}

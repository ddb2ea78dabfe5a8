//! Reads the cluster's state for operators: the system's consumer groups, their members and lag, and dead letters. It
//! changes nothing, commits nothing, and joins no group.

mod assignment;
mod dead_letter;
mod stalled;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use journal::TopicRange;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

pub use self::dead_letter::{DeadLetter, PutBackError};
use self::stalled::{Behind, Stalled};
use vocabulary::retry::Retryable;
use vocabulary::time::Timestamp;
use vocabulary::topics;

use super::client::{self, ClientLog};
use super::config::Config;
use super::reader::{Polled, Reader};

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The cluster's state could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The client's error.
    #[error("Kafka does not answer: {0}")]
    Kafka(#[from] KafkaError),
    /// The reader's error.
    #[error("the dead letters can't be read: {0}")]
    Reading(String),
    /// The process is stopping.
    #[error("the service is stopping")]
    Stopping,
}

impl Retryable for WatchError {
    fn is_retryable(&self) -> bool {
        true
    }
}

/// A consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Such as `Stable`, or `Empty` if it has no members.
    pub state: String,
    /// Its members.
    pub members: Vec<Member>,
    /// Its lag by topic, for the topics it has committed.
    pub lag: BTreeMap<String, i64>,
    /// When the oldest message that it has not processed was sent, if it makes no progress.
    pub since: Option<Timestamp>,
}

/// The end of the client id of an instance that any caller may use.
const EXPOSED: &str = "!exposed";

/// The client id of an instance as a member of its group.
pub(super) fn client_id(instance: &str, is_exposed: bool) -> String {
    if is_exposed { format!("{instance}{EXPOSED}") } else { instance.to_owned() }
}

/// A member of a group: an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its client id: the service, the host, the process.
    pub client: String,
    /// True if other machines may reach it, and any caller may act.
    pub is_exposed: bool,
    /// Its host.
    pub host: String,
    /// Its assigned partitions.
    pub partitions: Vec<i32>,
}

/// A dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterTopic {
    /// Its name.
    pub topic: String,
    /// How many messages it holds.
    pub count: i64,
}

/// How far a group is behind.
#[derive(Default)]
struct Lag {
    /// By topic, for the topics it has committed.
    lag: BTreeMap<String, i64>,
    /// The partitions with messages that it has not processed.
    partitions: Vec<Behind>,
}

/// A handle for reading the cluster's state. Cheap to clone; connects when it is first used.
#[derive(Clone)]
pub struct Watch {
    config: Arc<Config>,
    /// A consumer per group, which is how a group's positions are read; `""` for all other requests.
    clients: Arc<Mutex<HashMap<String, Arc<BaseConsumer<ClientLog>>>>>,
    stalled: Arc<Mutex<Stalled>>,
}

impl Watch {
    pub(super) fn new(config: &Config) -> Self {
        Self { config: Arc::new(config.clone()), clients: Arc::default(), stalled: Arc::default() }
    }

    /// The service's own consumer group and `others`, as far as they exist. No other groups of the cluster are read.
    ///
    /// # Errors
    /// [`WatchError`].
    pub async fn groups(&self, others: &[String]) -> Result<Vec<Group>, WatchError> {
        let mut names: BTreeSet<String> = others.iter().cloned().collect();
        names.insert(self.config.group.clone());
        self.blocking(move |watch| watch.read_groups(&names)).await
    }

    /// All dead-letter topics.
    ///
    /// # Errors
    /// [`WatchError`].
    pub async fn dead_letter_topics(&self) -> Result<Vec<DeadLetterTopic>, WatchError> {
        self.blocking(Self::read_dead_topics).await
    }

    /// The newest messages of a dead-letter topic, newest first; no messages of any other topic.
    ///
    /// # Errors
    /// [`WatchError`].
    pub async fn dead_letters(&self, topic: &str, most: usize) -> Result<Vec<DeadLetter>, WatchError> {
        let topic = topic.to_owned();
        self.blocking(move |watch| {
            let mut all = Vec::new();
            for partition in watch.partitions(&topic)? {
                let range = watch.range(&topic, partition)?;
                let newest = range.ends.saturating_sub(i64::try_from(most).unwrap_or(i64::MAX));
                all.extend(watch.read(&topic, partition, newest.max(range.begins)..range.ends)?);
            }
            all.sort_by_key(|letter| std::cmp::Reverse((letter.at, letter.partition, letter.offset)));
            all.truncate(most);
            Ok(all)
        })
        .await
    }

    /// One message of a dead-letter topic.
    ///
    /// # Errors
    /// [`WatchError`].
    pub async fn dead_letter(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<Option<DeadLetter>, WatchError> {
        let topic = topic.to_owned();
        self.blocking(move |watch| {
            if !watch.partitions(&topic)?.contains(&partition) {
                return Ok(None);
            }
            let range = watch.range(&topic, partition)?;
            if !(range.begins..range.ends).contains(&offset) {
                return Ok(None);
            }
            let found = watch.read(&topic, partition, offset..offset + 1)?;
            Ok(found.into_iter().find(|letter| letter.offset == offset))
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        request: impl FnOnce(&Self) -> Result<T, WatchError> + Send + 'static,
    ) -> Result<T, WatchError> {
        let watch = self.clone();
        tokio::task::spawn_blocking(move || request(&watch)).await.map_err(|_| WatchError::Stopping)?
    }

    fn client(&self, group: &str) -> Result<Arc<BaseConsumer<ClientLog>>, WatchError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(group) {
            return Ok(known.clone());
        }
        let mut settings = client::consumer(&self.config);
        if !group.is_empty() {
            settings.set("group.id", group);
        }
        let made = Arc::new(BaseConsumer::from_config_and_context(&settings, ClientLog::new("watch"))?);
        clients.insert(group.to_owned(), made.clone());
        Ok(made)
    }

    fn range(&self, topic: &str, partition: i32) -> Result<TopicRange, WatchError> {
        Ok(client::range_within(&*self.client("")?, topic, partition, PATIENCE)?)
    }

    fn read_groups(&self, names: &BTreeSet<String>) -> Result<Vec<Group>, WatchError> {
        let topics = self.topics()?;
        let mut ends = HashMap::new();
        let mut groups = Vec::new();
        for name in names {
            groups.extend(self.read_group(name, &topics, &mut ends)?);
        }
        Ok(groups)
    }

    /// A group; `None` if it does not exist.
    fn read_group(
        &self,
        name: &str,
        topics: &[(String, usize)],
        ends: &mut HashMap<(String, i32), i64>,
    ) -> Result<Option<Group>, WatchError> {
        let list = self.client("")?.fetch_group_list(Some(name), PATIENCE)?;
        let Some(found) = list.groups().iter().find(|found| found.name() == name) else { return Ok(None) };
        let members = found.members().iter().map(|member| {
            let id = member.client_id();
            let exposed = id.strip_suffix(EXPOSED);
            Member {
                client: exposed.unwrap_or(id).to_owned(),
                is_exposed: exposed.is_some(),
                host: member.client_host().trim_start_matches('/').to_owned(),
                partitions: assignment::partitions(member.assignment().unwrap_or_default()),
            }
        });
        let behind = self.behind(name, topics, ends)?;
        let mut group = Group {
            name: name.to_owned(),
            state: found.state().to_owned(),
            members: members.collect(),
            lag: behind.lag,
            since: None,
        };
        group.since = self.since(name, &behind.partitions, !group.members.is_empty());
        group.members.sort_by(|a, b| a.client.cmp(&b.client));
        Ok(Some(group))
    }

    /// How far a group is behind.
    fn behind(
        &self,
        group: &str,
        topics: &[(String, usize)],
        ends: &mut HashMap<(String, i32), i64>,
    ) -> Result<Lag, WatchError> {
        let mut requested = TopicPartitionList::new();
        for (topic, partitions) in topics.iter().filter(|(topic, _)| !topics::is_dead_letters(topic)) {
            for partition in 0..i32::try_from(*partitions).unwrap_or(0) {
                requested.add_partition(topic, partition);
            }
        }
        let mut all = Lag::default();
        for committed in self.client(group)?.committed_offsets(requested, PATIENCE)?.elements() {
            let Offset::Offset(position) = committed.offset() else { continue };
            let partition = (committed.topic().to_owned(), committed.partition());
            let end = match ends.get(&partition) {
                Some(end) => *end,
                None => {
                    let end = self.range(&partition.0, partition.1)?.ends;
                    ends.insert(partition.clone(), end);
                    end
                }
            };
            let (topic, partition) = partition;
            *all.lag.entry(topic.clone()).or_default() += (end - position).max(0);
            if end > position {
                all.partitions.push(Behind { topic, partition, position, end });
            }
        }
        Ok(all)
    }

    /// When the oldest message that a group has not processed was sent, if it makes no progress. A message that can't
    /// be read is left out.
    fn since(&self, group: &str, behind: &[Behind], has_members: bool) -> Option<Timestamp> {
        let stalled = || self.stalled.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = stalled().look(group, behind, has_members);
        for one in wanted {
            if let Ok(Some(oldest)) = self.first(&one.topic, one.partition, one.position..one.end) {
                stalled().learn(group, &one, oldest.at);
            }
        }
        stalled().since(group)
    }

    /// The topics of this cluster, and how many partitions each has.
    fn topics(&self) -> Result<Vec<(String, usize)>, WatchError> {
        let metadata = self.client("")?.fetch_metadata(None, PATIENCE)?;
        let own = metadata.topics().iter().filter(|topic| !topic.name().starts_with("__"));
        Ok(own.map(|topic| (topic.name().to_owned(), topic.partitions().len())).collect())
    }

    fn read_dead_topics(&self) -> Result<Vec<DeadLetterTopic>, WatchError> {
        let mut all = Vec::new();
        for (topic, partitions) in self.topics()?.into_iter().filter(|(topic, _)| topics::is_dead_letters(topic)) {
            let mut count = 0;
            for partition in 0..i32::try_from(partitions).unwrap_or(0) {
                let range = self.range(&topic, partition)?;
                count += range.ends - range.begins;
            }
            all.push(DeadLetterTopic { topic, count });
        }
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.topic.cmp(&b.topic)));
        Ok(all)
    }

    /// The partitions of a dead-letter topic; no partitions of any other topic.
    fn partitions(&self, topic: &str) -> Result<Vec<i32>, WatchError> {
        if !topics::is_dead_letters(topic) {
            return Ok(Vec::new());
        }
        let known = self.topics()?;
        let count = known.iter().find(|(name, _)| name == topic).map_or(0, |(_, partitions)| *partitions);
        Ok((0..i32::try_from(count).unwrap_or(0)).collect())
    }

    /// The first message between two offsets.
    fn first(
        &self,
        topic: &str,
        partition: i32,
        range: std::ops::Range<i64>,
    ) -> Result<Option<DeadLetter>, WatchError> {
        Ok(self.read_most(topic, partition, range, 1)?.pop())
    }

    /// The messages between two offsets.
    fn read(&self, topic: &str, partition: i32, range: std::ops::Range<i64>) -> Result<Vec<DeadLetter>, WatchError> {
        self.read_most(topic, partition, range, usize::MAX)
    }

    /// At most `most` messages between two offsets, by a new consumer, whose assignment no other request shares.
    fn read_most(
        &self,
        topic: &str,
        partition: i32,
        range: std::ops::Range<i64>,
        most: usize,
    ) -> Result<Vec<DeadLetter>, WatchError> {
        let mut letters = Vec::new();
        if range.is_empty() {
            return Ok(letters);
        }
        let mut settings = client::end_settings(&self.config);
        settings.set("auto.offset.reset", "earliest");
        let reading = |error: anyhow::Error| WatchError::Reading(format!("{error:#}"));
        let mut reader = Reader::new(settings, "watch").map_err(reading)?;
        reader.assign([(topic, partition, Some(range.start))]).map_err(reading)?;
        let deadline = Instant::now() + PATIENCE;
        while letters.len() < most && Instant::now() < deadline {
            match reader.poll() {
                Polled::Nothing => {}
                Polled::End => break,
                Polled::Received(received) if received.message.offset >= range.end => break,
                Polled::Received(received) => {
                    let offset = received.message.offset;
                    letters.push(DeadLetter::from(*received));
                    if offset.saturating_add(1) >= range.end {
                        break;
                    }
                }
                Polled::OutOfRange(error) => return Err(error.into()),
                Polled::Failed(error) => return Err(reading(error)),
            }
        }
        Ok(letters)
    }
}

//! Checks on the brokers that the inputs can be read on from their positions.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use journal::{Failure, LastMessages, Positions, TopicRange};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::access;
use super::client::{self, ClientLog, is_damage, is_out_of_range, is_transient};
use super::config::Config;
use super::damage::{self, PartitionRef};
use super::sources::Source;

const POLL: Duration = Duration::from_millis(100);
/// The pause before an offset is read again.
const AGAIN: Duration = Duration::from_millis(250);
/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A message that is not received for so long is examined: librdkafka reports no error about some damaged bytes.
const SILENCE: Duration = Duration::from_secs(3);
/// An offset must hold no message for so long before it counts as gone: a broker that has just started may not yet know
/// how far its log reaches.
const CONFIRMATION: Duration = Duration::from_secs(10);

/// From where the inputs of a partition are read on.
#[derive(Clone, Debug, Default)]
pub(super) struct Continued {
    /// The next offset of each input that was read.
    pub(super) positions: Positions,
    /// The last message of each.
    pub(super) last: LastMessages,
}

/// Checks every input that was read before.
///
/// # Errors
/// [`Failure::PositionGone`], or [`Failure::Load`] if the brokers do not answer.
pub(super) fn verify(config: &Config, sources: &[Source], read: &Continued) -> Result<(), Failure> {
    let kafka = |error: anyhow::Error| Failure::Load(format!("{error:#}"));
    let consumer = client::end_reader(config).map_err(|error| kafka(error.into()))?;
    for Source { topic, partition, key } in sources {
        let partition = *partition;
        let Some(position) = read.positions.get(key).copied() else { continue };
        let last = read.last.get(key).copied();
        let refused = |error| Failure::Load(access::explain(config, &error, || vec![access::read_on_topic(topic)]));
        let range = client::range(&consumer, topic, partition).map_err(kafka)?;
        let found = match range.proof(last) {
            Some(offset) => match found_at(config, &consumer, topic, partition, offset).map_err(refused)? {
                Found::Message(at) => Some(at),
                Found::Nothing => None,
                // The bytes behind it are damaged: nothing is proven, and nothing refuted.
                Found::Unreadable => last.map(|last| last.at),
            },
            None => None,
        };
        let gone = |fault| Failure::PositionGone { topic: topic.clone(), partition, position, fault };
        range.check(position, last, found).map_err(gone)?;
    }
    Ok(())
}

/// What is at an offset.
enum Found {
    /// A message with this timestamp.
    Message(i64),
    Nothing,
    Unreadable,
}

/// A consumer that reads from an offset. After an error the old one is not used any more: librdkafka may repeat an "out
/// of range" of a broker that had just started.
fn reader_at(config: &Config, topic: &str, partition: i32, offset: i64) -> anyhow::Result<BaseConsumer<ClientLog>> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    let consumer = client::end_reader(config)?;
    consumer.assign(&list)?;
    Ok(consumer)
}

/// Reads what is at an offset.
///
/// # Errors
/// The broker does not answer in time, or contradicts itself.
fn found_at(
    config: &Config,
    requests: &BaseConsumer<ClientLog>,
    topic: &str,
    partition: i32,
    offset: i64,
) -> anyhow::Result<Found> {
    let again = || {
        std::thread::sleep(AGAIN);
        reader_at(config, topic, partition, offset)
    };
    let mut consumer = reader_at(config, topic, partition, offset)?;
    let settings = client::end_settings(config);
    let place = PartitionRef { settings: &settings, topic, partition };
    let started = Instant::now();
    let deadline = started + 3 * PATIENCE;
    let mut probe_at = started + SILENCE;
    while Instant::now() < deadline {
        match consumer.poll(POLL) {
            None if Instant::now() > probe_at => {
                let ends = client::range(requests, topic, partition)?.ends;
                if offset < ends && matches!(damage::at(&place, offset, ends)?, damage::Found::Damage(_)) {
                    return Ok(Found::Unreadable);
                }
                probe_at = Instant::now() + SILENCE;
            }
            None => {}
            Some(Ok(message)) => {
                let is_there = message.topic() == topic && message.offset() == offset;
                let at = message.timestamp().to_millis().unwrap_or_default();
                if is_there {
                    return Ok(Found::Message(at));
                }
                if started.elapsed() > CONFIRMATION {
                    return Ok(Found::Nothing);
                }
                consumer = again()?;
            }
            Some(Err(error)) if matches!(error, KafkaError::PartitionEOF(_)) || is_out_of_range(&error) => {
                if started.elapsed() > CONFIRMATION {
                    let TopicRange { begins, ends } = client::range(requests, topic, partition)?;
                    let is_within = (begins..ends).contains(&offset);
                    ensure!(
                        !is_within,
                        "{topic}-{partition} has offsets from {begins} to {ends}, but {offset} can't be read: {error}"
                    );
                    return Ok(Found::Nothing);
                }
                consumer = again()?;
            }
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_damage) => return Ok(Found::Unreadable),
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_transient) => {}
            Some(Err(error)) => return Err(error).with_context(|| format!("{topic}-{partition} can't be read")),
        }
    }
    bail!("{topic}-{partition} can't be read at {offset}: the broker did not answer in time")
}

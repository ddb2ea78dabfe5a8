//! Reading single records of a journal, before its tailer starts: a claim, and the first record.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use journal::{Claim, Record};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::client::is_transient;

const POLL: Duration = Duration::from_millis(100);
/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The claim at an offset, which must exist; `None` if another record is there.
pub(super) fn claim_at<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    journal: &str,
    partition: i32,
    offset: i64,
) -> anyhow::Result<Option<Claim>> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(journal, partition, Offset::Offset(offset))?;
    consumer.assign(&list)?;
    let deadline = Instant::now() + 3 * PATIENCE;
    while Instant::now() < deadline {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                let claim = match message.payload().map(Record::read) {
                    Some(Ok(Record::Claim(claim))) if message.offset() == offset => Some(claim),
                    Some(Ok(Record::Claim(_) | Record::Entry(_) | Record::Acceptance(_)) | Err(_)) | None => None,
                };
                drop(message);
                consumer.unassign()?;
                return Ok(claim);
            }
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_transient) => {}
            Some(Err(error)) => {
                return Err(error).with_context(|| format!("{journal}-{partition} can't be read at {offset}"));
            }
        }
    }
    bail!("{journal}-{partition} can't be read at {offset}: the broker did not answer in time")
}

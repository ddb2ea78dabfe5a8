//! Partitions of the journal from which nothing is read although they have records.

use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::rest::Rest;
use super::tail_client::TailClient;
use super::{Tailer, damaged};
use crate::worker::client::{self, Requests};
use crate::worker::damage::{self, Found};
use crate::worker::threads::drop_apart;

/// How long the broker may take to answer about such a partition.
const PATIENCE: Duration = Duration::from_secs(2);

impl Tailer {
    /// Examines the partitions from which nothing was read since the last check. The client may read the same bytes
    /// again without end, without an error; or have stopped to fetch from a partition whose leader was unknown for a
    /// while (confluentinc/librdkafka, issue 5430): then it is replaced.
    ///
    /// # Errors
    /// The sentence for damage.
    pub(super) fn check_silence(&mut self) -> Result<(), String> {
        self.last_check = Instant::now();
        let in_contact = self.status.is_reading();
        let mut is_stuck = false;
        for (index, partition) in (0..self.partitions.len()).zip(0..) {
            let end = self.consumer.context().end(index);
            let Some(progress) = self.partitions.get_mut(index) else { continue };
            if progress.rest.is_resting() {
                progress.checked = None;
                continue;
            }
            let next = progress.next;
            if !progress.is_silent(end, in_contact) {
                continue;
            }
            match self.examine_silent(partition, next) {
                Ok(Some(Found::Damage(damage))) => return Err(damaged(self.journal, partition, &damage)),
                Ok(Some(Found::Readable)) => is_stuck = true,
                Ok(Some(Found::NoMessage) | None) => is_stuck |= !in_contact,
                Err(error) if in_contact => {
                    tracing::warn!(partition, "the silent journal can't be examined: {error:#}");
                }
                // The brokers can't be reached.
                Err(_) => break,
            }
        }
        if is_stuck {
            let journal = self.journal;
            tracing::warn!(journal, "nothing is read although the brokers answer: the client is replaced");
            self.silence.double();
            if let Err(error) = self.replace_consumer() {
                tracing::error!("the journal's client can't be replaced: {error:#}");
            }
        }
        Ok(())
    }

    /// Reads on with a new consumer.
    fn replace_consumer(&mut self) -> anyhow::Result<()> {
        let context = TailClient::new(self.journal, self.config.partitions, self.status.clone());
        let new: BaseConsumer<TailClient> = BaseConsumer::from_config_and_context(&self.settings, context)?;
        let mut list = TopicPartitionList::new();
        for (partition, progress) in (0..).zip(&self.partitions) {
            list.add_partition_offset(self.journal, partition, Offset::Offset(progress.next))?;
        }
        new.assign(&list)?;
        drop_apart(std::mem::replace(&mut self.consumer, new));
        // The new client has paused nothing.
        self.partitions.iter_mut().for_each(|progress| progress.rest = Rest::default());
        Ok(())
    }

    /// Only the first offset is examined: the others may take longer than a heartbeat, and the remedy is the same.
    /// `None` if the partition ends there.
    fn examine_silent(&self, partition: i32, next: i64) -> anyhow::Result<Option<Found>> {
        let requests = Requests::new(&self.settings, "tailer")?;
        let range = client::range_within(requests.consumer(), self.journal, partition, PATIENCE)?;
        if next >= range.ends {
            return Ok(None);
        }
        damage::at(&self.place(partition), next, range.ends).map(Some)
    }
}

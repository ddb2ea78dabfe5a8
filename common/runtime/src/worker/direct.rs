//! Hands a service's own commands to the worker that owns their partition, if it is in this process. The topic between
//! them costs a message and several wake-ups; the journal makes the decision durable in any case.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Sender;
use tokio::sync::oneshot;
use vocabulary::messages::Outgoing;
use vocabulary::time::Timestamp;

use super::event::{DirectMessage, Event};

/// The offset of messages that come from no topic.
const NO_OFFSET: i64 = -1;

/// The workers of this process, and which of them own their partitions. Cheap to clone.
#[derive(Clone)]
pub(super) struct Direct {
    /// The topic whose messages only this service reads.
    topic: &'static str,
    workers: Arc<[Target]>,
}

struct Target {
    events: Sender<Event>,
    is_owner: AtomicBool,
}

impl Direct {
    pub(super) fn new(topic: &'static str, workers: &[Sender<Event>]) -> Self {
        let target = |events: &Sender<Event>| Target { events: events.clone(), is_owner: AtomicBool::new(false) };
        Self { topic, workers: workers.iter().map(target).collect() }
    }

    /// Records whether the worker of a partition owns it.
    pub(super) fn set_owner(&self, partition: i32, is_owner: bool) {
        if let Some(target) = usize::try_from(partition).ok().and_then(|partition| self.workers.get(partition)) {
            target.is_owner.store(is_owner, Ordering::Relaxed);
        }
    }

    /// Hands the message to the owner of its partition. Returns what resolves when its decision is durable, or fails
    /// when the message must be sent over its topic; `None` if there is no owner in this process.
    pub(super) fn hand_over(&self, message: &Outgoing, source: &'static str) -> Option<oneshot::Receiver<()>> {
        if message.topic != self.topic {
            return None;
        }
        let partition = message.partition_of(i32::try_from(self.workers.len()).ok()?);
        let target = self.workers.get(usize::try_from(partition).ok()?)?;
        if !target.is_owner.load(Ordering::Relaxed) {
            return None;
        }
        let (accepted, result) = oneshot::channel();
        let message = message.clone().received(source, partition, NO_OFFSET, Timestamp::now());
        target.events.send(Event::Direct(Box::new(DirectMessage { message, accepted }))).ok()?;
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;
    use vocabulary::messages::header;

    use super::*;

    fn command(key: &str) -> Outgoing {
        Outgoing::event("commands", key, "add", "id-1", key, Timestamp(0), &7)
    }

    #[test]
    fn a_command_reaches_the_owner_of_its_partition_as_its_topic_would_bring_it() {
        let (to, events): (Vec<_>, Vec<_>) = (0..2).map(|_| unbounded()).unzip();
        let direct = Direct::new("commands", &to);
        let command = command("key");
        let partition = command.partition_of(2);
        direct.set_owner(partition, true);
        assert!(direct.hand_over(&command, "tests").is_some());
        let event = events[usize::try_from(partition).unwrap()].try_recv().unwrap();
        let Event::Direct(direct) = event else { panic!("{event:?}") };
        let message = direct.message;
        assert_eq!((&*message.topic, message.partition, message.offset), ("commands", partition, NO_OFFSET));
        assert_eq!((&*message.id(), message.header(header::SOURCE)), ("id-1", Some("tests")));
        assert_eq!((message.key, message.value.as_deref()), (command.key, Some(b"7".as_slice())));
    }

    #[test]
    fn a_command_of_a_partition_without_owner_here_and_a_message_of_another_topic_go_over_their_topics() {
        let (to, _events) = unbounded();
        let direct = Direct::new("commands", &[to]);
        assert!(direct.hand_over(&command("key"), "tests").is_none());
        direct.set_owner(0, true);
        let mut event = command("key");
        event.topic = "events".into();
        assert!(direct.hand_over(&event, "tests").is_none());
        direct.set_owner(0, false);
        assert!(direct.hand_over(&command("key"), "tests").is_none());
    }
}

//! Which settings, replicas and partitions a topic must have, and what follows if it has others. `docs/operations.md`
//! has the same table.

use std::collections::BTreeMap;

use vocabulary::topics::{JOURNAL_MAX_BYTES, Topic};

/// A topic that the service uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsedTopic {
    pub(crate) topic: Topic,
    /// True for an input.
    pub(crate) is_read: bool,
}

/// A topic as the brokers describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicState {
    pub(crate) partitions: i32,
    /// The replicas of the partition that has the fewest.
    pub(crate) replicas: i32,
    /// The settings in effect, or why they can't be read.
    pub(crate) settings: Result<BTreeMap<String, String>, String>,
}

/// What follows from a deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// The service works; the operator should know.
    Warns,
    /// The service does not start; one that runs is not ready.
    Stops,
}

/// How a deviation is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mend {
    /// By giving the topic's setting this value.
    Setting(&'static str, String),
    /// By adding partitions, up to this count.
    Partitions(i32),
    /// As the text of the deviation describes.
    Described,
}

/// A difference between a topic and its requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deviation {
    pub(crate) effect: Effect,
    pub(crate) text: String,
    pub(crate) mend: Mend,
}

/// When the partitions of a topic are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// At the first start of a service, whose journal is empty and whose existing topics all have other counts.
    FirstStart,
    /// At a start.
    Start,
    /// While the service runs, which reads the partitions that there were at its start.
    Running {
        /// How many these were.
        at_start: i32,
    },
}

/// Compares a topic's settings and replicas with its requirements.
pub(crate) fn check_settings(topic: &Topic, state: &TopicState, replication: i32) -> Vec<Deviation> {
    let mut all = Vec::new();
    match &state.settings {
        Ok(settings) => {
            let found = Found { settings, all: &mut all };
            found.check(topic, state.replicas);
        }
        Err(reason) => all.push(Deviation {
            effect: Effect::Warns,
            text: format!(
                "its settings are not checked: {reason} (reading them needs the ACL operation DescribeConfigs)"
            ),
            mend: Mend::Described,
        }),
    }
    if state.replicas < replication {
        let text = format!(
            "it has {} replicas, kafka.replication is {replication}: change it with kafka-reassign-partitions.sh",
            state.replicas
        );
        all.push(Deviation { effect: Effect::Warns, text, mend: Mend::Described });
    }
    all
}

/// The settings found.
struct Found<'a> {
    settings: &'a BTreeMap<String, String>,
    all: &'a mut Vec<Deviation>,
}

impl Found<'_> {
    fn check(mut self, topic: &Topic, replicas: i32) {
        let lost = "compaction deletes messages, and the broker rejects those without a key";
        let is_compacted = self.text("cleanup.policy").is_some_and(|policy| policy.contains("compact"));
        self.require(!is_compacted, Effect::Stops, "cleanup.policy", "delete", lost);

        let needed = topic.retention.map_or(-1, |retention| i64::try_from(retention.as_millis()).unwrap_or(i64::MAX));
        let kept = self.number("retention.ms").is_none_or(|found| found < 0 || (needed >= 0 && found >= needed));
        let (effect, lost) = if topic.journal {
            (Effect::Stops, "the journal is the service's database, and a message deleted from it is lost")
        } else {
            (Effect::Warns, "messages that a stopped service has not read are deleted earlier than documented")
        };
        self.require(kept, effect, "retention.ms", &needed.to_string(), lost);
        let kept = self.number("retention.bytes").is_none_or(|found| found < 0);
        self.require(kept, effect, "retention.bytes", "-1", lost);

        let needed = i64::try_from(topic.max_bytes).unwrap_or(i64::MAX);
        let found = self.number("max.message.bytes").unwrap_or(needed);
        let rejected = "the service's longest messages are rejected";
        self.require(found >= needed, Effect::Stops, "max.message.bytes", &needed.to_string(), rejected);
        let readable = i64::try_from(JOURNAL_MAX_BYTES).unwrap_or(i64::MAX);
        let unread = "longer messages than 8 MiB are not read";
        self.require(
            topic.journal || found <= readable,
            Effect::Warns,
            "max.message.bytes",
            &needed.to_string(),
            unread,
        );

        if topic.journal {
            let stamped = self.text("message.timestamp.type").is_none_or(|found| found == "LogAppendTime");
            let clocks = "the times of all changes, and the view's lag, are the broker's";
            self.require(stamped, Effect::Stops, "message.timestamp.type", "LogAppendTime", clocks);
        }
        self.check_in_sync(replicas);
    }

    /// Of one replica, one must be in sync; of more at least two, and not all.
    fn check_in_sync(&mut self, replicas: i32) {
        let replicas = i64::from(replicas);
        let Some(found) = self.number("min.insync.replicas") else { return };
        let name = "min.insync.replicas";
        let needed = replicas.clamp(1, 2).to_string();
        let rejected = "the topic has fewer replicas, and the broker rejects every message";
        self.require(found <= replicas, Effect::Stops, name, &needed, rejected);
        let lost = "acknowledged messages are lost with one broker";
        self.require(found >= replicas.min(2), Effect::Warns, name, &needed, lost);
        let waits = "without one of the brokers every message waits";
        self.require(found != replicas || replicas <= 2, Effect::Warns, name, &needed, waits);
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    fn require(&mut self, is_met: bool, effect: Effect, name: &'static str, needed: &str, reason: &str) {
        if !is_met {
            let found = self.text(name).unwrap_or_default();
            let text = format!("{name} is {found}, needed: {needed} ({reason})");
            self.all.push(Deviation { effect, text, mend: Mend::Setting(name, needed.to_owned()) });
        }
    }
}

/// Compares a topic's partitions with the `expected` count, which every topic had when it was created.
pub(crate) fn check_partitions(used: &UsedTopic, count: i32, expected: i32, moment: Moment) -> Option<Deviation> {
    let counts = format!("it has {count} partitions, kafka.partitions is {expected}");
    let known = match moment {
        Moment::FirstStart if count != expected => return Some(first_count(&counts, count, expected)),
        Moment::FirstStart | Moment::Start => count,
        Moment::Running { at_start } => at_start,
    };
    if count < expected {
        let text = format!("{counts}: messages for the others can't be sent");
        return Some(Deviation { effect: Effect::Stops, text, mend: Mend::Partitions(expected) });
    }
    if count == expected {
        return None;
    }
    let (effect, text) = if !used.is_read {
        (Effect::Warns, format!("{counts}: the service writes to the first {expected} only"))
    } else if count > known {
        let text = format!("{counts}; those from {known} on are not read yet: restart the service, which reads them");
        (Effect::Stops, text)
    } else {
        let text = format!("{counts}: the others are read too, each by the worker of its number modulo {expected}");
        (Effect::Warns, text)
    };
    let text = format!("{text}. Keep kafka.partitions = {expected}: with another value keys belong elsewhere");
    Some(Deviation { effect, text, mend: Mend::Described })
}

/// At the first start only the operator knows which count is the right one.
fn first_count(counts: &str, count: i32, expected: i32) -> Deviation {
    let text = format!(
        "{counts}. All services and topics have the same count from the first start on: set kafka.partitions = \
         {count}, if the other services run with it"
    );
    let (text, mend) = if count < expected {
        (format!("{text}; if none has run yet, add partitions"), Mend::Partitions(expected))
    } else {
        (format!("{text} or none has run yet; if they run with {expected}, delete this topic first"), Mend::Described)
    };
    Deviation { effect: Effect::Stops, text, mend }
}

#[cfg(test)]
mod tests;

//! The deviations of all topics of a service, as its log and its readiness report them.

use std::collections::BTreeMap;

use super::requirements::{Deviation, Effect, Mend, Moment, TopicState, UsedTopic, check_partitions, check_settings};
use crate::worker::kafka_tools::KafkaTools;

/// The deviations of one topic, and the commands that mend them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) effect: Effect,
    pub(crate) text: String,
}

/// The findings by topic; topics without deviations are absent.
pub(crate) type Findings = BTreeMap<String, Finding>;

/// What all topics are compared with.
pub(crate) struct Expected<'a> {
    /// `kafka.partitions`.
    pub(crate) partitions: i32,
    /// `kafka.replication`.
    pub(crate) replication: i32,
    pub(crate) tools: &'a KafkaTools,
}

impl Expected<'_> {
    /// Compares a topic with its requirements.
    pub(crate) fn compare(&self, used: &UsedTopic, state: &TopicState, moment: Moment) -> Option<Finding> {
        let topic = &used.topic;
        let mut all = check_settings(topic, state, self.replication);
        all.extend(check_partitions(used, state.partitions, self.partitions, moment));
        let effect = all.iter().map(|deviation| deviation.effect).max()?;
        let texts: Vec<&str> = all.iter().map(|deviation| deviation.text.as_str()).collect();
        let commands = self.commands(&topic.name, &all);
        let mend = if commands.is_empty() { String::new() } else { format!(". Mend it with: {}", commands.join("; ")) };
        Some(Finding { effect, text: format!("{}{mend}", texts.join("; ")) })
    }

    fn commands(&self, topic: &str, deviations: &[Deviation]) -> Vec<String> {
        let mut settings = Vec::new();
        let mut commands = Vec::new();
        for deviation in deviations {
            match &deviation.mend {
                Mend::Setting(name, value) => settings.push(format!("{name}={value}")),
                Mend::Partitions(count) => commands.push(self.tools.add_partitions(topic, *count)),
                Mend::Described => {}
            }
        }
        settings.dedup();
        if !settings.is_empty() {
            commands.insert(0, self.tools.alter(topic, &settings.join(",")));
        }
        commands
    }
}

/// Logs what is new or has changed since `before`, and what is mended.
pub(crate) fn log_changes(before: &Findings, now: &Findings) {
    for (topic, finding) in now.iter().filter(|(topic, finding)| before.get(*topic) != Some(*finding)) {
        match finding.effect {
            Effect::Stops => tracing::error!("topic {topic} is not as it must be: {}", finding.text),
            Effect::Warns => tracing::warn!("topic {topic}: {}", finding.text),
        }
    }
    for topic in before.keys().filter(|topic| !now.contains_key(*topic)) {
        tracing::info!("topic {topic} is as it must be again");
    }
}

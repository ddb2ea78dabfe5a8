//! The topics that a service requires: compared with the existing ones, and created.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::bail;
use vocabulary::topics::{Topic, is_dead_letters};

use super::cluster::Cluster;
use super::findings::{Expected, Findings};
use super::requirements::{Effect, Moment, TopicState, UsedTopic};
use crate::worker::config::Config;

/// How long a broker may not know a topic that was just created.
const PROPAGATION: Duration = Duration::from_secs(60);
/// The pause before it is asked again.
const PAUSE: Duration = Duration::from_millis(250);

/// Creates the topics that are not in `states`, and returns theirs.
pub(super) fn create_missing(
    cluster: &Cluster,
    config: &Config,
    used: &[UsedTopic],
    states: &BTreeMap<String, TopicState>,
    operations: &BTreeMap<String, &'static str>,
) -> anyhow::Result<BTreeMap<String, TopicState>> {
    let missing: Vec<_> = used.iter().map(|used| &used.topic).filter(|t| !states.contains_key(&t.name)).collect();
    if missing.is_empty() {
        return Ok(BTreeMap::new());
    }
    cluster.create(&missing, config, operations)?;
    let names: Vec<&str> = missing.iter().map(|topic| topic.name.as_str()).collect();
    until_known(cluster, &names)
}

/// The topics that a service uses with these inputs and outputs, without its journal.
pub(crate) fn used_topics(inputs: &[String], outputs: &[String]) -> Vec<UsedTopic> {
    let mut all = Vec::new();
    for name in inputs {
        all.push(UsedTopic { topic: Topic::input(name), is_read: true });
        all.push(UsedTopic { topic: Topic::dead_letters_of(name), is_read: false });
    }
    for name in outputs {
        let topic = if is_dead_letters(name) { continue } else { Topic::input(name) };
        if all.iter().all(|used| used.topic != topic) {
            all.push(UsedTopic { topic, is_read: false });
        }
    }
    all
}

/// Compares the topics in `states`; refuses those that can't be used.
pub(super) fn compare(
    expected: &Expected<'_>,
    used: &[UsedTopic],
    states: &BTreeMap<String, TopicState>,
    moment: Moment,
) -> anyhow::Result<Findings> {
    let finding = |used: &UsedTopic| {
        let name = &used.topic.name;
        Some((name.clone(), expected.compare(used, states.get(name)?, moment)?))
    };
    let findings: Findings = used.iter().filter_map(finding).collect();
    let unusable = findings.iter().filter(|(_, finding)| finding.effect == Effect::Stops);
    let unusable: Vec<String> = unusable.map(|(name, finding)| format!("topic {name}: {}", finding.text)).collect();
    if !unusable.is_empty() {
        bail!(
            "{} as the service needs: {}",
            if unusable.len() == 1 { "a topic is not" } else { "topics are not" },
            unusable.join("\n")
        );
    }
    Ok(findings)
}

/// The states of topics that were just created: a broker may not know them yet.
fn until_known(cluster: &Cluster, names: &[&str]) -> anyhow::Result<BTreeMap<String, TopicState>> {
    let deadline = Instant::now() + PROPAGATION;
    loop {
        let states = cluster.states(names)?;
        if states.len() == names.len() {
            return Ok(states);
        }
        if Instant::now() > deadline {
            let unknown: Vec<_> = names.iter().filter(|name| !states.contains_key(**name)).copied().collect();
            bail!("created topics that the brokers do not describe: {} (docs/security.md)", unknown.join(", "));
        }
        std::thread::sleep(PAUSE);
    }
}

//! Compares the topics with their requirements while the service runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::findings::{Expected, Finding, Findings, log_changes};
use super::further::FurtherInputs;
use super::required::used_topics;
use super::requirements::{Effect, Moment, UsedTopic};
use crate::worker::config::Config;
use crate::worker::kafka_tools::KafkaTools;
use crate::worker::status::Status;

/// The pause between two looks at the clock.
const ROUND: Duration = Duration::from_millis(100);

/// The thread that watches the topics.
pub(crate) struct Monitor {
    cluster: Cluster,
    used: Vec<UsedTopic>,
    /// The partition counts at the start, which the service reads.
    counts: Arc<BTreeMap<String, i32>>,
    further: Arc<FurtherInputs>,
    findings: Findings,
}

impl Monitor {
    pub(crate) fn new(
        cluster: Cluster,
        used: Vec<UsedTopic>,
        counts: Arc<BTreeMap<String, i32>>,
        findings: Findings,
    ) -> Self {
        Self { cluster, used, counts, further: Arc::default(), findings }
    }

    /// The partition counts at the start.
    pub(crate) fn counts(&self) -> Arc<BTreeMap<String, i32>> {
        self.counts.clone()
    }

    /// The inputs that are added while the service runs.
    pub(crate) fn further(&self) -> Arc<FurtherInputs> {
        self.further.clone()
    }

    /// Compares every `topic_check` until the instance stops. `idle` is called in between.
    pub(crate) fn run(mut self, config: &Config, status: &Status, mut idle: impl FnMut()) {
        let tools = KafkaTools::new(config);
        let expected = Expected { partitions: config.partitions, replication: config.replication, tools: &tools };
        status.set_topics(results(&self.findings));
        let mut checked = Instant::now();
        while !status.is_stopping() {
            // No heartbeat: while no broker answers, a comparison takes a minute.
            std::thread::sleep(ROUND);
            idle();
            if checked.elapsed() < config.topic_check {
                continue;
            }
            match self.compare(&expected) {
                Ok(findings) => {
                    log_changes(&self.findings, &findings);
                    status.set_topics(results(&findings));
                    self.findings = findings;
                }
                // The other clients report an unreachable broker.
                Err(error) => tracing::debug!("the topics were not checked: {error:#}"),
            }
            checked = Instant::now();
        }
    }

    fn compare(&self, expected: &Expected<'_>) -> anyhow::Result<Findings> {
        let further = self.further.all();
        let names: Vec<String> = further.keys().cloned().collect();
        let added = used_topics(&names, &[]);
        let is_new = |added: &&UsedTopic| self.used.iter().all(|used| used.topic.name != added.topic.name);
        let all: Vec<&UsedTopic> = self.used.iter().chain(added.iter().filter(is_new)).collect();
        let names: Vec<&str> = all.iter().map(|used| used.topic.name.as_str()).collect();
        self.cluster.drain_events();
        let states = self.cluster.states(&names)?;
        let finding = |used: &&UsedTopic| {
            let name = &used.topic.name;
            let at_start = self.counts.get(name).or_else(|| further.get(name)).copied().unwrap_or(expected.partitions);
            let found = match states.get(name) {
                Some(state) => expected.compare(used, state, Moment::Running { at_start }),
                None => Some(Finding { effect: Effect::Stops, text: "it no longer exists".to_owned() }),
            };
            Some((name.clone(), found?))
        };
        Ok(all.iter().filter_map(finding).collect())
    }
}

/// The findings as health checks.
fn results(findings: &Findings) -> BTreeMap<String, Result<String, String>> {
    let result = |finding: &Finding| match finding.effect {
        Effect::Stops => Err(finding.text.clone()),
        Effect::Warns => Ok(finding.text.clone()),
    };
    findings.iter().map(|(topic, finding)| (topic.clone(), result(finding))).collect()
}

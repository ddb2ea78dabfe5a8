//! The causes of waiting that the state of the cluster shows: services without an instance or without progress, dead
//! letters, errors of attempts. Pure, so that each case is a test.

use serde::Serialize;

/// A group without progress is reported once its oldest message has waited for this long, in milliseconds.
const STALLED: i64 = 30_000;

/// A consumer group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupState {
    /// Its name.
    pub name: String,
    /// The number of its instances.
    pub instances: usize,
    /// The messages that it has not processed, by topic.
    pub behind: Vec<(String, u64)>,
    /// When the oldest of them was sent, if it makes no progress, in milliseconds since 1970.
    pub since: Option<i64>,
}

/// The dead letters of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    /// The topic.
    pub topic: String,
    /// Those that were not put back.
    pub open: u64,
}

/// A circuit breaker that is not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenCircuit {
    /// Where its instance is: host and port.
    pub instance: String,
    /// The external system that is not called.
    pub name: String,
    /// True while one call is tried.
    pub is_trying: bool,
    /// When it entered this state, in milliseconds since 1970; `None` if unknown.
    pub since: Option<i64>,
    /// The last failure.
    pub error: Option<String>,
}

/// The step that needs attention most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepContext {
    /// The topics that its messages take.
    pub topics: Vec<String>,
    /// The most frequent error of its failing attempts and incidents.
    pub error: Option<String>,
}

/// A cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Cause {
    /// No instance of a service is in its consumer group.
    NoInstance {
        /// The group.
        group: String,
        /// The messages that it has not processed.
        behind: u64,
        /// When the oldest of them was sent, in milliseconds since 1970.
        since: Option<i64>,
    },
    /// The instances of a service make no progress.
    NoProgress {
        /// The group.
        group: String,
        /// The messages that it has not processed.
        behind: u64,
        /// When the oldest of them was sent, in milliseconds since 1970.
        since: i64,
    },
    /// An instance does not call an external system that failed.
    CircuitOpen {
        /// Where the instance is: host and port.
        instance: String,
        /// The external system.
        name: String,
        /// True while one call is tried.
        trying: bool,
        /// Since when, in milliseconds since 1970; `None` if unknown.
        since: Option<i64>,
        /// The last failure.
        error: Option<String>,
    },
    /// Messages of the step could not be processed.
    DeadLetters {
        /// The dead-letter topic.
        topic: String,
        /// Those that were not put back.
        open: u64,
    },
    /// Attempts of the step fail.
    Error {
        /// The most frequent error.
        error: String,
    },
}

impl Cause {
    /// The consumer group, if it is about one.
    pub fn group(&self) -> Option<&str> {
        match self {
            Self::NoInstance { group, .. } | Self::NoProgress { group, .. } => Some(group),
            Self::CircuitOpen { .. } | Self::DeadLetters { .. } | Self::Error { .. } => None,
        }
    }
}

/// The causes: first those of the step that needs attention most, then the other groups without an instance or without
/// progress, the one furthest behind first, then the circuit breakers. `now` is in milliseconds since 1970.
pub fn causes(
    groups: &[GroupState],
    circuits: &[BrokenCircuit],
    dead: &[DeadLetters],
    step: Option<&StepContext>,
    now: i64,
) -> Vec<Cause> {
    let is_of_step = |topic: &str| step.is_some_and(|step| step.topics.iter().any(|own| own == topic));
    let mut of_groups: Vec<(bool, u64, Cause)> = Vec::new();
    for group in groups {
        let behind = group.behind.iter().map(|(_, count)| count).sum();
        let of_step = group.behind.iter().any(|(topic, count)| *count > 0 && is_of_step(topic));
        let name = group.name.clone();
        if group.instances == 0 {
            of_groups.push((of_step, behind, Cause::NoInstance { group: name, behind, since: group.since }));
        } else if let Some(since) = group.since.filter(|since| now.saturating_sub(*since) >= STALLED) {
            of_groups.push((of_step, behind, Cause::NoProgress { group: name, behind, since }));
        }
    }
    of_groups.sort_by(|(a_own, a, _), (b_own, b, _)| b_own.cmp(a_own).then(b.cmp(a)));
    let mut all: Vec<Cause> = of_groups.into_iter().map(|(_, _, cause)| cause).collect();
    all.extend(circuits.iter().cloned().map(|circuit| {
        let BrokenCircuit { instance, name, is_trying, since, error } = circuit;
        Cause::CircuitOpen { instance, name, trying: is_trying, since, error }
    }));
    let Some(step) = step else { return all };
    let of_step = |dead: &&DeadLetters| dead.open > 0 && dead.topic.strip_suffix(".dlq").is_some_and(is_of_step);
    all.extend(
        dead.iter().filter(of_step).map(|dead| Cause::DeadLetters { topic: dead.topic.clone(), open: dead.open }),
    );
    all.extend(step.error.clone().map(|error| Cause::Error { error }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn group(name: &str, instances: usize, topic: &str, behind: u64, ago: Option<i64>) -> GroupState {
        let since = ago.map(|ago| NOW - ago);
        GroupState { name: name.to_owned(), instances, behind: vec![(topic.to_owned(), behind)], since }
    }

    fn payment() -> StepContext {
        let topics = vec!["payment-results".to_owned(), "payment-commands".to_owned()];
        StepContext { topics, error: None }
    }

    #[test]
    fn a_service_without_an_instance_is_the_cause() {
        let groups = [
            group("inventory-service", 1, "inventory-commands", 0, None),
            group("order-service", 0, "order-commands", 900, None),
            group("payment-service", 0, "payment-commands", 155, Some(720_000)),
        ];
        let found = causes(&groups, &[], &[], Some(&payment()), NOW);
        let since = Some(NOW - 720_000);
        let first = Cause::NoInstance { group: "payment-service".to_owned(), behind: 155, since };
        assert_eq!(found.first(), Some(&first), "the step's own comes first: {found:?}");
        assert_eq!(found.len(), 2, "every service without an instance is named: {found:?}");
    }

    #[test]
    fn a_service_without_progress_is_a_cause_once_its_messages_wait() {
        let stalled = |ago| [group("payment-service", 2, "payment-commands", 3, ago)];
        assert_eq!(causes(&stalled(None), &[], &[], Some(&payment()), NOW), [], "it makes progress");
        assert_eq!(causes(&stalled(Some(5_000)), &[], &[], Some(&payment()), NOW), [], "it has just stopped");
        let found = causes(&stalled(Some(60_000)), &[], &[], None, NOW);
        assert_eq!(found[0].group(), Some("payment-service"), "also while no step needs attention: {found:?}");
    }

    #[test]
    fn dead_letters_and_errors_are_causes_for_their_step_only() {
        let dead = |topic: &str, open| DeadLetters { topic: topic.to_owned(), open };
        let dead = [dead("payment-commands.dlq", 2), dead("payment-results.dlq", 0), dead("order-commands.dlq", 5)];
        assert_eq!(causes(&[], &[], &dead, None, NOW), []);
        let step = StepContext { error: Some("the provider is away".to_owned()), ..payment() };
        let letters = Cause::DeadLetters { topic: "payment-commands.dlq".to_owned(), open: 2 };
        let error = Cause::Error { error: "the provider is away".to_owned() };
        assert_eq!(causes(&[], &[], &dead, Some(&step), NOW), [letters, error]);
    }

    #[test]
    fn a_circuit_breaker_that_is_not_closed_is_a_cause_after_the_groups() {
        let circuit = BrokenCircuit {
            instance: "payment-service:8082".to_owned(),
            name: "provider stripe".to_owned(),
            is_trying: false,
            since: Some(NOW - 5_000),
            error: Some("no answer within 5 s".to_owned()),
        };
        let groups = [group("order-service", 0, "order-commands", 900, None)];
        let found = causes(&groups, &[circuit], &[], Some(&payment()), NOW);
        let names: Vec<Option<&str>> = found.iter().map(Cause::group).collect();
        assert_eq!(names, [Some("order-service"), None]);
        let json = serde_json::to_value(&found[1]).unwrap();
        assert_eq!(json["kind"], "circuitOpen");
        assert_eq!(json["name"], "provider stripe");
    }
}

//! The coverage of a definition's edges by the cases of a script: each outcome that each step can have, and each kind
//! of ending.

use std::fmt;

use saga::{AttemptLimit, Call, Definition, Operate, Saga, Step, StepStatus, What, Work};

use super::play::{Event, Run};

/// A way in which a step can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Done,
    Refused,
    Failed,
    TimedOut,
    Compensated,
    /// The condition of the step did not hold.
    Skipped,
    /// An incident: the step can't be given up.
    Stuck,
}

impl Edge {
    const ALL: [Self; 7] =
        [Self::Done, Self::Refused, Self::Failed, Self::TimedOut, Self::Compensated, Self::Skipped, Self::Stuck];
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Compensated => "compensated",
            Self::Skipped => "skipped",
            Self::Stuck => "stuck",
        })
    }
}

/// The number of cases that cover each edge.
pub(super) struct Coverage {
    steps: Vec<(String, Vec<(Edge, usize)>)>,
    endings: Vec<(&'static str, usize)>,
}

impl Coverage {
    /// The edges of a definition, none of them covered.
    pub(super) fn new(definition: &Definition) -> Self {
        let uncovered = |edge| (edge, 0);
        let edges = |step: &Step| edges(definition, step).into_iter().map(uncovered).collect();
        let steps = definition.steps.iter().map(|step| (step.name.clone(), edges(step))).collect();
        let mut endings = vec![("completed", 0)];
        if definition.start.cancel.is_some() || definition.endings.cancelled.is_some() {
            endings.push(("cancelled", 0));
        }
        if definition.deadline.is_some() {
            endings.push(("deadline", 0));
        }
        Self { steps, endings }
    }

    /// Counts the edges of a case.
    pub(super) fn add(&mut self, run: &Run) {
        let Some(saga) = &run.saga else { return };
        for (name, edges) in &mut self.steps {
            for (edge, count) in edges {
                if is_covered(saga, run, name, *edge) {
                    *count += 1;
                }
            }
        }
        for (ending, count) in &mut self.endings {
            if Some(*ending) == kind_of_ending(saga) {
                *count += 1;
            }
        }
    }

    /// The edges that no case covers.
    pub(super) fn uncovered(&self) -> Vec<String> {
        let steps = self.steps.iter().flat_map(|(name, edges)| {
            edges.iter().filter(|(_, count)| *count == 0).map(move |(edge, _)| format!("{name} {edge}"))
        });
        let endings = self.endings.iter().filter(|(_, count)| *count == 0);
        steps.chain(endings.map(|(ending, _)| format!("ending {ending}"))).collect()
    }

    /// The number of cases for each step and edge; `-` if the step has no such edge.
    pub(super) fn table(&self) -> String {
        let width = self.steps.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("step".len());
        let mut text = format!("\n{:width$}", "step");
        for edge in Edge::ALL {
            text.push_str(&format!("  {edge:>11}"));
        }
        text.push('\n');
        for (name, edges) in &self.steps {
            text.push_str(&format!("{name:width$}"));
            for edge in Edge::ALL {
                let count = edges.iter().find(|(known, _)| *known == edge).map(|(_, count)| count.to_string());
                text.push_str(&format!("  {:>11}", count.as_deref().unwrap_or("-")));
            }
            text.push('\n');
        }
        let endings: Vec<String> = self.endings.iter().map(|(ending, count)| format!("{ending} {count}")).collect();
        text.push_str(&format!("endings: {}\n", endings.join(", ")));
        let uncovered = self.uncovered();
        let all = self.steps.iter().map(|(_, edges)| edges.len()).sum::<usize>() + self.endings.len();
        text.push_str(&format!("{} of {all} edges covered", all - uncovered.len()));
        if !uncovered.is_empty() {
            text.push_str(&format!("; not covered: {}", uncovered.join(", ")));
        }
        text.push('\n');
        text
    }
}

/// The edges that a step can have.
fn edges(definition: &Definition, step: &Step) -> Vec<Edge> {
    let after_pivot = definition.steps.iter().any(|other| other.pivot && comes_after(definition, step, other));
    let limited = |call: &Call| call.retry.attempts != AttemptLimit::Unlimited;
    let (may_refuse, failures) = match &step.work {
        Work::Check(_) => (true, Vec::new()),
        Work::Receive(receive) => (!receive.no.is_empty(), vec![Edge::TimedOut]),
        Work::Execute(call) if limited(call) => (true, vec![Edge::Failed, Edge::TimedOut]),
        Work::Execute(_) => (true, Vec::new()),
    };
    let irreversible = step.pivot && step.compensate.is_none();
    let mut edges = vec![Edge::Done];
    if may_refuse && !after_pivot {
        edges.push(Edge::Refused);
    }
    if after_pivot && (may_refuse || !failures.is_empty()) || irreversible && !failures.is_empty() {
        edges.push(Edge::Stuck);
    } else {
        edges.extend(failures);
    }
    if step.compensate.is_some() {
        edges.push(Edge::Compensated);
    }
    if step.when.is_some() {
        edges.push(Edge::Skipped);
    }
    edges
}

/// Returns true if `step` begins only after `earlier`, directly or not.
fn comes_after(definition: &Definition, step: &Step, earlier: &Step) -> bool {
    step.after.iter().any(|name| {
        *name == earlier.name || definition.step(name).is_some_and(|before| comes_after(definition, before, earlier))
    })
}

fn is_covered(saga: &Saga, run: &Run, name: &str, edge: Edge) -> bool {
    let outcome = saga.step(name).and_then(|step| step.outcome()).map(|(status, _)| status);
    let happened = |what: What| {
        run.timeline.iter().any(|event| match event {
            Event::Entry { entry, .. } => entry.step == name && entry.what == what,
            Event::Progress { .. } | Event::Unreadable { .. } => false,
        })
    };
    match edge {
        Edge::Done => outcome == Some(StepStatus::Done),
        Edge::Refused => outcome == Some(StepStatus::Refused),
        Edge::Failed => outcome == Some(StepStatus::Failed),
        Edge::TimedOut => outcome == Some(StepStatus::TimedOut),
        Edge::Compensated => run.compensated.iter().any(|step| step == name),
        Edge::Skipped => happened(What::Skipped),
        Edge::Stuck => happened(What::Incident),
    }
}

/// The ending that concerns no step.
fn kind_of_ending(saga: &Saga) -> Option<&'static str> {
    let ending = saga.ending.as_ref()?;
    let cancel = Operate::Cancel { reason: None };
    let was_cancelled = || saga.operations.iter().any(|done| done.action == cancel.as_str() && done.refused.is_none());
    match (&ending.step, ending.cancelled) {
        (Some(_), _) => None,
        (None, false) => Some("completed"),
        (None, true) => Some(if was_cancelled() { "cancelled" } else { "deadline" }),
    }
}

//! The meaning of the labels and descriptions of a diagram. Drawings of definitions (`draw::flowzap`) have more than
//! FlowZap has notation for: a name in parentheses behind the label of a step, and clauses in its description.

use std::time::Duration;

use super::parse::{Diagram, Lane, Node, Shape};
use crate::import::draft::DraftRule;
use crate::import::names::{is_name, words};

/// The words of an answer or outcome that is a failure.
const NEGATIVE: [&str; 26] = [
    "no",
    "not",
    "fail",
    "fails",
    "failed",
    "failure",
    "error",
    "errors",
    "declined",
    "rejected",
    "refused",
    "denied",
    "invalid",
    "timeout",
    "timed",
    "compensate",
    "compensation",
    "rollback",
    "undo",
    "abort",
    "aborted",
    "cancel",
    "cancelled",
    "unavailable",
    "false",
    "insufficient",
];
/// The words of a step that follows a failure.
const FAILING: [&str; 13] = [
    "reject",
    "cancel",
    "abort",
    "fail",
    "failed",
    "failure",
    "error",
    "deny",
    "decline",
    "refund",
    "rollback",
    "compensate",
    "compensations",
];
/// The words of a lane that coordinates the others.
const COORDINATOR: [&str; 5] = ["orchestrator", "coordinator", "saga", "orchestration", "coordination"];

/// Returns true for the label of an edge that is taken on a failure.
pub(super) fn is_negative(label: &str) -> bool {
    words(label).iter().any(|word| NEGATIVE.contains(&word.as_str()))
}

/// Returns true for the label of a node that follows a failure.
pub(super) fn is_failing(label: &str) -> bool {
    words(label).iter().any(|word| FAILING.contains(&word.as_str()))
}

/// Returns true for a lane that coordinates the others: its rectangles are no steps.
pub(super) fn is_coordinator(lane: &Lane) -> bool {
    let label = lane.label.as_deref().unwrap_or_default();
    words(&lane.id).iter().chain(&words(label)).any(|word| COORDINATOR.contains(&word.as_str()))
}

/// Returns true for a node that does work. In the lane of a coordinator only a taskbox does.
pub(super) fn is_work(diagram: &Diagram, node: &Node) -> bool {
    let is_box = match node.shape {
        Shape::Taskbox => true,
        Shape::Rectangle => !diagram.lanes.get(node.lane).is_some_and(is_coordinator),
        Shape::Circle | Shape::Diamond => false,
    };
    is_box && drawn_name(node) != Some("conclude")
}

/// The label of a node, or what stands for it.
pub(super) fn title(node: &Node) -> &str {
    let title = if drawn_name(node).is_some() { split(&node.label).0 } else { node.label.trim() };
    let others = [node.description.as_deref(), node.system.as_deref()];
    Some(title).filter(|title| !title.is_empty()).or_else(|| others.into_iter().flatten().next()).unwrap_or(&node.id)
}

/// The name in parentheses behind the label of a taskbox: `Reserve the stock (reserve)`.
pub(super) fn drawn_name(node: &Node) -> Option<&str> {
    split(&node.label).1.filter(|_| node.shape == Shape::Taskbox && node.system.is_some())
}

fn split(label: &str) -> (&str, Option<&str>) {
    let parts = label.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    match parts {
        Some((title, name)) if is_name(name) => (title.trim(), Some(name)),
        Some(_) | None => (label.trim(), None),
    }
}

/// The clauses of a description.
#[derive(Debug, Default)]
pub(super) struct Clauses {
    pub waits_for: Vec<String>,
    pub refuses: Vec<String>,
    pub correlation: Option<String>,
    pub status: Option<String>,
    pub within: Option<Duration>,
    pub kept_as: Option<String>,
    pub undoes: Option<String>,
    pub rules: Vec<DraftRule>,
    pub is_pivot: bool,
}

/// Reads the clauses of a drawing's description; other texts have none.
pub(super) fn clauses(node: &Node) -> Clauses {
    let mut clauses = Clauses::default();
    for clause in node.description.as_deref().unwrap_or_default().split("; ") {
        let clause = clause.trim();
        let texts = |list: &str| list.split(", ").map(str::to_owned).collect::<Vec<_>>();
        if let Some(list) = clause.strip_prefix("waits for ") {
            clauses.waits_for = texts(list);
        } else if let Some(list) = clause.strip_prefix("refused by ") {
            clauses.refuses = texts(list);
        } else if let Some(path) = clause.strip_prefix("correlated by ") {
            clauses.correlation = Some(path.to_owned());
        } else if let Some(path) = clause.strip_prefix("status in ") {
            clauses.status = Some(path.to_owned());
        } else if let Some(time) = clause.strip_prefix("within ") {
            clauses.within = humantime::parse_duration(time).ok().filter(|time| !time.is_zero());
        } else if let Some(path) = clause.strip_prefix("kept as ") {
            clauses.kept_as = Some(path.to_owned());
        } else if let Some(step) = clause.strip_prefix("undoes ") {
            clauses.undoes = Some(step.to_owned());
        } else if let Some((must, reason)) =
            clause.strip_prefix("requires ").and_then(|rule| rule.rsplit_once(" else "))
        {
            clauses.rules.push(DraftRule { must: must.to_owned(), reason: reason.to_owned() });
        } else if clause == "point of no return" {
            clauses.is_pivot = true;
        }
    }
    clauses
}

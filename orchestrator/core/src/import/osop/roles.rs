//! What each node of an OSOP document is for a saga.

use std::collections::BTreeSet;

use super::read::{Document, Edge, Mode, Node};
use crate::import::graph::reachable;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// Does work, or waits.
    Step,
    /// Does no work: the start, a decision, a merge, the report of the ending.
    Pass,
    /// Undoes a step that names it.
    Compensation,
    /// Is reached by failures only.
    Handler,
    /// Waits without a limit for an event (its name) after everything else.
    Later(String),
}

pub(super) struct Roles {
    /// The role of each node.
    pub roles: Vec<Role>,
    /// The edges by which the process goes forward, by their indices.
    pub forward: Vec<usize>,
}

impl Roles {
    pub(super) fn of(document: &Document) -> Self {
        let undoing = compensations(document);
        let between = |edge: &Edge| !undoing.contains(&edge.from) && !undoing.contains(&edge.to);
        let is_entered =
            |node: usize| document.edges.iter().any(|edge| edge.to == node && edge.from != node && between(edge));
        let count = document.nodes.len();
        let roots: Vec<usize> = (0..count).filter(|node| !undoing.contains(node) && !is_entered(*node)).collect();
        // Without a root all nodes are on cycles, which the order reports.
        let roots = if roots.is_empty() { (0..count).collect() } else { roots };
        let forward = forward(document, &between);
        let pairs: Vec<(usize, usize)> = forward.iter().filter_map(|edge| ends(document, *edge)).collect();
        let reached = reachable(roots, &pairs);
        let role = |(index, node): (usize, &Node)| {
            if undoing.contains(&index) {
                Role::Compensation
            } else if !reached.contains(&index) {
                Role::Handler
            } else if is_pass(node) {
                Role::Pass
            } else {
                later(document, index, node, &forward).map_or(Role::Step, Role::Later)
            }
        };
        let roles = document.nodes.iter().enumerate().map(role).collect();
        Self { roles, forward }
    }

    pub(super) fn is_step(&self, node: usize) -> bool {
        self.roles.get(node) == Some(&Role::Step)
    }

    pub(super) fn has_step(&self) -> bool {
        self.roles.contains(&Role::Step)
    }

    /// Returns true if the node is part of the graph of the steps.
    pub(super) fn is_inside(&self, node: usize) -> bool {
        matches!(self.roles.get(node), Some(Role::Step | Role::Pass))
    }
}

fn ends(document: &Document, edge: usize) -> Option<(usize, usize)> {
    document.edges.get(edge).map(|edge| (edge.from, edge.to))
}

/// The nodes that other nodes name as their compensation.
fn compensations(document: &Document) -> BTreeSet<usize> {
    let commands: BTreeSet<&str> =
        document.nodes.iter().filter_map(|node| Some(node.compensate.as_ref()?.command.as_str())).collect();
    (0..).zip(&document.nodes).filter(|(_, node)| commands.contains(node.id.as_str())).map(|(i, _)| i).collect()
}

/// The edges that are not taken on failures. A loop that leads back is none of them.
fn forward(document: &Document, between: &dyn Fn(&Edge) -> bool) -> Vec<usize> {
    let all = || (0..).zip(&document.edges).filter(|(_, edge)| !edge.mode.is_failure() && between(edge));
    let plain: Vec<(usize, usize)> =
        all().filter(|(_, edge)| edge.mode != Mode::Loop).map(|(_, edge)| (edge.from, edge.to)).collect();
    let leads_back = |from: usize, to: usize| reachable([to], &plain).contains(&from);
    all().filter(|(_, edge)| edge.mode != Mode::Loop || !leads_back(edge.from, edge.to)).map(|(i, _)| i).collect()
}

/// Returns true for the nodes by which a drawing shows its start, its decisions and its report.
fn is_pass(node: &Node) -> bool {
    let is_gateway = node.kind == "system" && matches!(node.subtype.as_deref(), Some("start" | "decision" | "merge"));
    is_gateway || node.is_conclude()
}

/// The event for which a last node waits without a limit.
fn later(document: &Document, index: usize, node: &Node, forward: &[usize]) -> Option<String> {
    let edges = || forward.iter().filter_map(|edge| document.edges.get(*edge));
    let has_limit = node.timeout.is_some() || node.subtype.as_deref() == Some("event");
    if has_limit || edges().any(|edge| edge.from == index) {
        return None;
    }
    let mut incoming = edges().filter(|edge| edge.to == index).peekable();
    let event = incoming.peek()?.when.clone()?;
    incoming.all(|edge| edge.mode == Mode::Event).then_some(event)
}

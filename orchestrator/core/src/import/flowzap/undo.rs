//! Which step each compensation of a diagram undoes: the one that it names, or the one whose label shares its words.

use std::collections::BTreeSet;

use super::flow::Flow;
use super::labels::{clauses, is_coordinator, is_work, title};
use super::parse::{Diagram, Node, Shape};
use crate::import::names::words;

/// Words that name nothing.
const EMPTY_WORDS: [&str; 12] = ["the", "a", "an", "of", "and", "to", "for", "in", "on", "by", "with", "service"];

/// A compensation and its step, by their nodes.
#[derive(Debug)]
pub(super) struct Undo {
    pub node: usize,
    pub step: usize,
    /// True if the diagram names the step.
    pub is_named: bool,
}

/// The compensations, and the nodes of the other side that do work but undo no step.
pub(super) struct Undos {
    pub undos: Vec<Undo>,
    pub unmatched: Vec<usize>,
    /// The nodes that only lead to the compensations.
    pub reports: Vec<usize>,
}

/// Matches the compensations of a diagram with its steps, which are in order. `name` is the name of a step.
pub(super) fn undos(diagram: &Diagram, flow: &Flow, steps: &[usize], name: &dyn Fn(usize) -> String) -> Undos {
    let chain = chain(diagram, flow);
    let mut found = Undos { undos: Vec::new(), unmatched: Vec::new(), reports: Vec::new() };
    let node_of = |index: usize| diagram.nodes.get(index);
    for &node in &chain {
        let Some(undo) = node_of(node) else { continue };
        let is_free = |step: &&usize| !found.undos.iter().any(|other| other.step == **step);
        let named = clauses(undo).undoes;
        let step = match &named {
            Some(wanted) => steps.iter().filter(is_free).find(|step| name(**step) == *wanted).copied(),
            None => best(diagram, undo, &steps.iter().filter(is_free).copied().collect::<Vec<_>>()),
        };
        match step {
            Some(step) => found.undos.push(Undo { node, step, is_named: named.is_some() }),
            None => found.unmatched.push(node),
        }
    }
    let is_other = |node: &usize| !flow.forward.contains(node) && !chain.contains(node);
    let works = |node: &usize| node_of(*node).is_some_and(|node| is_work(diagram, node));
    found.reports = (0..diagram.nodes.len()).filter(is_other).filter(works).collect();
    found
}

/// The working nodes of the other side in the order in which they are reached: behind those of a coordinator, if there
/// are any, because what is before them only reports the failure.
fn chain(diagram: &Diagram, flow: &Flow) -> Vec<usize> {
    let other_side = |node: &usize| !flow.forward.contains(node);
    let node_of = |index: usize| diagram.nodes.get(index);
    let coordinates = |node: &usize| {
        node_of(*node).is_some_and(|node| {
            let is_box = node.shape == Shape::Rectangle && !is_work(diagram, node);
            is_box && diagram.lanes.get(node.lane).is_some_and(is_coordinator)
        })
    };
    let all: Vec<usize> = (0..diagram.nodes.len()).filter(other_side).collect();
    let triggers: Vec<usize> = all.iter().copied().filter(coordinates).collect();
    let entered = |node: &usize| diagram.edges.iter().any(|edge| edge.to == *node && flow.forward.contains(&edge.from));
    let first = if triggers.is_empty() { all.iter().copied().filter(entered).collect() } else { triggers };
    let mut reached: Vec<usize> = Vec::new();
    let mut seen: BTreeSet<usize> = first.iter().copied().collect();
    let mut open = first;
    while !open.is_empty() {
        reached.extend(&open);
        let next = diagram.edges.iter().filter(|edge| open.contains(&edge.from)).map(|edge| edge.to);
        open = next.filter(|node| other_side(node) && seen.insert(*node)).collect();
    }
    reached.retain(|node| node_of(*node).is_some_and(|node| is_work(diagram, node)));
    reached
}

/// The step that shares the most words with a compensation; among equals one of its lane, then the latest.
fn best(diagram: &Diagram, undo: &Node, steps: &[usize]) -> Option<usize> {
    let meaningful = |node: &Node| -> BTreeSet<String> {
        words(title(node)).into_iter().filter(|word| !EMPTY_WORDS.contains(&word.as_str())).collect()
    };
    let mine = meaningful(undo);
    let score = |position: usize, step: usize| {
        let node = diagram.nodes.get(step)?;
        let shared = meaningful(node).intersection(&mine).count();
        (shared > 0).then_some((shared, node.lane == undo.lane, position, step))
    };
    let scores = steps.iter().enumerate().filter_map(|(position, step)| score(position, *step));
    scores.max().map(|(_, _, _, step)| step)
}

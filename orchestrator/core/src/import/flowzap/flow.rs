//! The way through a diagram on which all goes well, and the conditions on it. What is reached by failures only is the
//! other side: its steps undo.

use std::collections::BTreeSet;

use super::labels::{is_failing, is_negative, is_work};
use super::parse::{Diagram, Edge, Shape};
use crate::import::graph::reachable;
use crate::import::write::{decide, display_text};

/// The way of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// On the way on which all goes well.
    Forward,
    /// The other answer of a decision, also on that way: an alternative or a bypass.
    Otherwise,
    /// Back to an earlier node after a failure.
    Retry,
    /// To the other side.
    Failure,
}

pub(super) struct Flow {
    /// The way of each edge.
    pub ways: Vec<Way>,
    /// The nodes on the way on which all goes well.
    pub forward: BTreeSet<usize>,
    pub notes: Vec<String>,
}

impl Flow {
    pub(super) fn of(diagram: &Diagram) -> Self {
        let roots = roots(diagram);
        let positive = |edge: &Edge| if fails(diagram, edge) { Way::Failure } else { Way::Forward };
        let mut ways: Vec<Way> = diagram.edges.iter().map(positive).collect();
        loop {
            let known = Known::of(diagram, &roots, &ways);
            let next: Vec<Way> = diagram
                .edges
                .iter()
                .zip(&ways)
                .map(|(edge, known_way)| way(diagram, &known, *known_way, edge))
                .collect();
            if next == ways {
                let forward = known.forward;
                let notes = notes(diagram, &ways, &forward);
                return Self { ways, forward, notes };
            }
            ways = next;
        }
    }

    /// The edges on the way on which all goes well, by their indices.
    pub(super) fn edges<'f>(&'f self, diagram: &'f Diagram) -> impl Iterator<Item = (&'f Edge, Way)> {
        let inside = |edge: &Edge| self.forward.contains(&edge.from) && self.forward.contains(&edge.to);
        diagram.edges.iter().zip(self.ways.iter().copied()).filter(move |(edge, way)| match way {
            Way::Forward | Way::Otherwise => inside(edge),
            Way::Retry | Way::Failure => false,
        })
    }
}

/// The circles at which nothing arrives, or the first nodes.
fn roots(diagram: &Diagram) -> Vec<usize> {
    let is_entered = |node: usize| diagram.edges.iter().any(|edge| edge.to == node);
    let first = || (0..).zip(&diagram.nodes).filter(|(i, _)| !is_entered(*i));
    let leaves = |node: usize| diagram.edges.iter().any(|edge| edge.from == node);
    let circles: Vec<usize> =
        first().filter(|(i, node)| node.shape == Shape::Circle && leaves(*i)).map(|(i, _)| i).collect();
    let all: Vec<usize> = first().map(|(i, _)| i).collect();
    if !circles.is_empty() {
        circles
    } else if !all.is_empty() {
        all
    } else {
        vec![0]
    }
}

/// Returns true for an edge whose label is a failure. Of the two answers of a decision it is the one that leads to a
/// step such as `Reject the order`, whatever the answers are.
fn fails(diagram: &Diagram, edge: &Edge) -> bool {
    let is_diamond = |node: usize| diagram.nodes.get(node).is_some_and(|node| node.shape == Shape::Diamond);
    let leads_to_failure = |edge: &Edge| diagram.nodes.get(edge.to).is_some_and(|node| is_failing(&node.label));
    let negative = is_negative(&edge.label);
    let others = || diagram.edges.iter().filter(|other| other.from == edge.from && !std::ptr::eq(*other, edge));
    let mut siblings = others();
    let (Some(sibling), None) = (siblings.next(), siblings.next()) else { return negative };
    let is_question = is_diamond(edge.from) && negative != is_negative(&sibling.label);
    if is_question && leads_to_failure(edge) != leads_to_failure(sibling) { leads_to_failure(edge) } else { negative }
}

fn pairs(diagram: &Diagram, ways: &[Way]) -> Vec<(usize, usize)> {
    let is_forward = |way: &Way| match way {
        Way::Forward | Way::Otherwise => true,
        Way::Retry | Way::Failure => false,
    };
    diagram.edges.iter().zip(ways).filter(|(_, way)| is_forward(way)).map(|(edge, _)| (edge.from, edge.to)).collect()
}

/// The nodes and edges on the way on which all goes well, as far as it is known.
struct Known {
    pairs: Vec<(usize, usize)>,
    forward: BTreeSet<usize>,
    /// The nodes from which that way leads to work.
    leads_to_work: BTreeSet<usize>,
}

impl Known {
    fn of(diagram: &Diagram, roots: &[usize], ways: &[Way]) -> Self {
        let pairs = pairs(diagram, ways);
        let forward = reachable(roots.iter().copied(), &pairs);
        let backward: Vec<(usize, usize)> = pairs.iter().map(|(from, to)| (*to, *from)).collect();
        let works = (0..).zip(&diagram.nodes).filter(|(_, node)| is_work(diagram, node)).map(|(i, _)| i);
        let leads_to_work = reachable(works, &backward);
        Self { pairs, forward, leads_to_work }
    }
}

/// The way of an edge, by those of the others.
fn way(diagram: &Diagram, known: &Known, known_way: Way, edge: &Edge) -> Way {
    let Known { pairs, forward, leads_to_work } = known;
    if known_way != Way::Failure || !forward.contains(&edge.from) {
        return known_way;
    }
    let target = reachable([edge.to], pairs);
    if target.contains(&edge.from) {
        return Way::Retry;
    }
    let goes_on = |node: &usize| forward.contains(node) && leads_to_work.contains(node);
    let is_decision = diagram.nodes.get(edge.from).is_some_and(|node| node.shape == Shape::Diamond);
    if is_decision && target.iter().any(goes_on) || is_bypass_to_end(diagram, pairs, forward, edge) {
        Way::Otherwise
    } else {
        Way::Failure
    }
}

/// Returns true for the answer of a decision that skips the last steps: both answers lead to the same node.
fn is_bypass_to_end(diagram: &Diagram, pairs: &[(usize, usize)], forward: &BTreeSet<usize>, edge: &Edge) -> bool {
    let is_decision = diagram.nodes.get(edge.from).is_some_and(|node| node.shape == Shape::Diamond);
    let is_merge = |node: usize| diagram.nodes.get(node).is_some_and(|node| node.shape == Shape::Circle);
    let leaves = pairs.iter().any(|(from, _)| *from == edge.to);
    is_decision && forward.contains(&edge.to) && is_merge(edge.to) && leaves
}

fn notes(diagram: &Diagram, ways: &[Way], forward: &BTreeSet<usize>) -> Vec<String> {
    let mut notes = Vec::new();
    for (edge, way) in diagram.edges.iter().zip(ways) {
        if *way == Way::Retry && forward.contains(&edge.from) {
            let label = display_text(&edge.label);
            notes.push(decide(format!(
                "the edge \"{label}\" in line {} leads back. A saga repeats a step that fails by its retry; a refusal \
                 is not repeated.",
                edge.line
            )));
        }
    }
    for repeat in &diagram.loops {
        notes.push(decide(format!(
            "the loop \"{}\" in line {}: the retry of its steps repeats attempts that fail.",
            display_text(&repeat.condition),
            repeat.line
        )));
    }
    notes
}

//! The order of the steps: nodes without work of their own are bypassed, and what leads through them becomes the
//! predecessors and the condition of the steps behind them.

use std::collections::BTreeSet;

use super::formula::Formula;

/// An edge between two nodes, by their indices.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub from: usize,
    pub to: usize,
    pub condition: Formula,
}

/// A step in its place.
#[derive(Debug)]
pub(super) struct Placed {
    /// The index of its node.
    pub node: usize,
    /// The nodes of the steps directly before it.
    pub after: Vec<usize>,
    /// The condition under which it is reached.
    pub when: Formula,
}

/// A graph that is no order of steps.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OrderError {
    /// These nodes lead back to themselves.
    Cycle(Vec<usize>),
    /// The condition of this node is too large.
    Condition(usize),
}

/// What is known of a node once all nodes before it are placed.
#[derive(Clone)]
struct Reached {
    after: BTreeSet<usize>,
    ancestors: BTreeSet<usize>,
    when: Formula,
}

/// The steps in an order in which each comes after its predecessors; among those that may come next, the order of the
/// nodes. `is_step` is true for the nodes that do work.
///
/// # Errors
/// The nodes on a cycle, or a condition that is too large.
pub(super) fn order(is_step: &[bool], edges: &[Edge]) -> Result<Vec<Placed>, OrderError> {
    let count = is_step.len();
    let mut reached: Vec<Option<Reached>> = vec![None; count];
    let mut placed = Vec::new();
    for _ in 0..count {
        let is_next = |node: &usize| {
            let known = |from: usize| reached.get(from).is_some_and(Option::is_some);
            !known(*node) && edges.iter().filter(|edge| edge.to == *node).all(|edge| known(edge.from))
        };
        let Some(node) = (0..count).find(is_next) else { return Err(OrderError::Cycle(on_cycles(count, edges))) };
        let mine = reach(node, is_step, edges, &reached)?;
        if is_step.get(node) == Some(&true) {
            let is_implied = |earlier: &&usize| {
                let others = mine.after.iter().filter(|other| other != earlier);
                others.filter_map(|other| reached.get(*other)?.as_ref()).any(|other| other.ancestors.contains(*earlier))
            };
            let after = mine.after.iter().filter(|earlier| !is_implied(earlier)).copied().collect();
            placed.push(Placed { node, after, when: mine.when.clone() });
        }
        if let Some(slot) = reached.get_mut(node) {
            *slot = Some(mine);
        }
    }
    Ok(placed)
}

fn reach(node: usize, is_step: &[bool], edges: &[Edge], reached: &[Option<Reached>]) -> Result<Reached, OrderError> {
    let too_large = || OrderError::Condition(node);
    let mut incoming = edges.iter().filter(|edge| edge.to == node).peekable();
    let is_first = incoming.peek().is_none();
    let when = if is_first { Formula::always() } else { Formula::never() };
    let mut mine = Reached { after: BTreeSet::new(), ancestors: BTreeSet::new(), when };
    for edge in incoming {
        let Some(before) = reached.get(edge.from).and_then(Option::as_ref) else { continue };
        let through = edge.condition.and(&before.when).ok_or_else(too_large)?;
        mine.when = mine.when.or(&through).ok_or_else(too_large)?;
        mine.ancestors.extend(&before.ancestors);
        if is_step.get(edge.from) == Some(&true) {
            mine.after.insert(edge.from);
            mine.ancestors.insert(edge.from);
        } else {
            mine.after.extend(&before.after);
        }
    }
    Ok(mine)
}

/// The nodes on cycles: those that remain when nodes without predecessors or successors are removed.
fn on_cycles(count: usize, edges: &[Edge]) -> Vec<usize> {
    let mut left: BTreeSet<usize> = (0..count).collect();
    loop {
        let has = |node: usize, end: fn(&Edge) -> (usize, usize)| {
            edges.iter().map(end).any(|(mine, other)| mine == node && left.contains(&other))
        };
        let inner = |node: &usize| has(*node, |edge| (edge.to, edge.from)) && has(*node, |edge| (edge.from, edge.to));
        let remaining: BTreeSet<usize> = left.iter().copied().filter(inner).collect();
        if remaining.len() == left.len() {
            return remaining.into_iter().collect();
        }
        left = remaining;
    }
}

/// The nodes that these nodes lead to, with themselves.
pub(super) fn reachable(from: impl IntoIterator<Item = usize>, edges: &[(usize, usize)]) -> BTreeSet<usize> {
    let mut found: BTreeSet<usize> = BTreeSet::new();
    let mut open: Vec<usize> = from.into_iter().collect();
    while let Some(node) = open.pop() {
        if found.insert(node) {
            open.extend(edges.iter().filter(|(from, _)| *from == node).map(|(_, to)| *to));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: usize, to: usize) -> Edge {
        Edge { from, to, condition: Formula::always() }
    }

    fn when(from: usize, to: usize, text: &str) -> Edge {
        Edge { from, to, condition: Formula::of(text) }
    }

    fn shown(is_step: &[bool], edges: &[Edge]) -> Vec<(usize, Vec<usize>, Option<String>)> {
        let steps = order(is_step, edges).unwrap();
        steps.into_iter().map(|step| (step.node, step.after, step.when.text())).collect()
    }

    #[test]
    fn a_skipped_step_is_followed_by_the_next() {
        // step 0, decision 1, step 2, merge 3, decision 4, step 5, merge 6, step 7
        let is_step = [true, false, true, false, false, true, false, true];
        let edges = [
            edge(0, 1),
            when(1, 2, "a"),
            when(1, 3, "!(a)"),
            edge(2, 3),
            edge(3, 4),
            when(4, 5, "a"),
            when(4, 6, "!(a)"),
            edge(5, 6),
            edge(6, 7),
        ];
        let a = Some("a".to_owned());
        let expected = vec![(0, vec![], None), (2, vec![0], a.clone()), (5, vec![2], a), (7, vec![5], None)];
        assert_eq!(shown(&is_step, &edges), expected);
    }

    #[test]
    fn a_branch_without_a_bypass_passes_its_condition_on() {
        let edges = [when(0, 1, "a"), edge(1, 2)];
        let expected = vec![(0, vec![], None), (1, vec![0], Some("a".to_owned())), (2, vec![1], Some("a".to_owned()))];
        assert_eq!(shown(&[true; 3], &edges), expected);
    }

    #[test]
    fn implied_predecessors_are_left_out() {
        let edges = [edge(0, 1), edge(1, 2), edge(0, 2), edge(0, 3), edge(3, 2)];
        assert_eq!(shown(&[true; 4], &edges)[3], (2, vec![1, 3], None));
    }

    #[test]
    fn a_cycle_is_named() {
        let edges = [edge(0, 1), edge(1, 2), edge(2, 1), edge(2, 3)];
        assert_eq!(order(&[true; 4], &edges).unwrap_err(), OrderError::Cycle(vec![1, 2]));
    }
}

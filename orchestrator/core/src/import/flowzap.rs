//! Imports FlowZap Code (<https://flowzap.xyz/flowzap-code>): lanes, nodes and arrows, without types. Rectangles become
//! commands to the participant of their lane, decisions their refusals or conditions, and what is reached by failures
//! only becomes compensations.

mod flow;
mod labels;
mod parse;
mod steps;
mod undo;

use std::collections::BTreeSet;

use self::flow::{Flow, Way};
use self::labels::{drawn_name, is_work, title};
use self::parse::{Diagram, Edge as Arrow, Shape};
use self::steps::Steps;
use self::undo::{Undos, undos};
use super::atoms::Atoms;
use super::draft::{Draft, DraftConclude, DraftLabel, DraftStart};
use super::formula::Formula;
use super::graph::{Edge, OrderError, Placed, order};
use super::names::{name, title as readable, topic, topic_name};
use super::report::Report;
use super::write::{decide, display_text};

/// Reads a diagram; `stem` is the file's name without its extensions. `None` after an error.
pub(super) fn read(text: &str, stem: &str, report: &Report<'_>) -> Option<Draft> {
    let diagram = parse::parse(text, report);
    if !report.is_empty() {
        return None;
    }
    let flow = Flow::of(&diagram);
    let works = |node: &usize| diagram.nodes.get(*node).is_some_and(|node| is_work(&diagram, node));
    let is_step: Vec<bool> = (0..diagram.nodes.len()).map(|i| flow.forward.contains(&i) && works(&i)).collect();
    if !is_step.contains(&true) {
        report.error(None, "no node is a step", "write rectangles in the lanes of the services that do the work");
        return None;
    }
    let saga = Some(name(stem)).filter(|name| !name.is_empty()).unwrap_or_else(|| "imported".to_owned());
    let start = start(&diagram, &saga);
    let steps = Steps::of(&diagram, &is_step);
    let outputs: BTreeSet<String> = steps.outputs();
    let output = start.output.clone();
    let atoms = Atoms::new(&output, &outputs, &|_| None);
    let edges = edges(&diagram, &flow, &atoms);
    let placed = order(&is_step, &edges).map_err(|error| report_order(&error, &diagram, report)).ok()?;
    let in_order: Vec<usize> = placed.iter().map(|placed| placed.node).filter(|node| steps.is_command(*node)).collect();
    let undos = undos(&diagram, &flow, &in_order, &|node| steps.name(node));
    let mut draft = Draft {
        label: DraftLabel { english: readable(&saga), original: None },
        name: saga,
        version: 1,
        about: None,
        format: "FlowZap Code",
        notes: notes(&diagram, &flow, &undos),
        start,
        deadline: None,
        steps: Vec::new(),
        conclude: conclude(&diagram),
    };
    draft.notes.extend(atoms.take_notes());
    let of = |placed: &Placed| steps.draft(&diagram, placed, &undos.undos, &atoms);
    draft.steps = placed.iter().filter_map(of).collect();
    draft.notes.extend(atoms.take_notes());
    Some(draft)
}

/// The starting event: that of a drawing, whose first circle names it.
fn start(diagram: &Diagram, saga: &str) -> DraftStart {
    let circles = diagram.nodes.iter().filter(|node| node.shape == Shape::Circle && !node.label.is_empty());
    let drawn = circles.filter_map(|node| Some((node, node.system.as_ref()?))).next();
    let Some((node, source)) = drawn else {
        let notes = vec![decide("which event starts a saga, on which topic.")];
        let event = format!("{saga}.requested");
        return DraftStart { topic: topic(saga, "requests"), event, output: "request".to_owned(), notes };
    };
    let output = labels::clauses(node).kept_as.filter(|path| crate::data::Path::parse(path).is_some());
    DraftStart {
        topic: topic_name(source),
        event: node.label.clone(),
        output: output.unwrap_or_else(|| "request".to_owned()),
        notes: Vec::new(),
    }
}

/// The edges between the nodes on the way on which all goes well, with their conditions.
fn edges(diagram: &Diagram, flow: &Flow, atoms: &Atoms<'_>) -> Vec<Edge> {
    let of = |(arrow, way): (&Arrow, Way)| Edge {
        from: arrow.from,
        to: arrow.to,
        condition: condition(diagram, flow, atoms, arrow, way),
    };
    flow.edges(diagram).map(of).collect()
}

/// The condition of an edge: an answer to the question of its diamond, if both answers go on.
fn condition(diagram: &Diagram, flow: &Flow, atoms: &Atoms<'_>, arrow: &Arrow, way: Way) -> Formula {
    let Some(question) = diagram.nodes.get(arrow.from).filter(|node| node.shape == Shape::Diamond) else {
        return Formula::always();
    };
    let others = || flow.edges(diagram).filter(|(other, _)| other.from == arrow.from);
    let answers: BTreeSet<&str> =
        others().filter(|(_, way)| *way == Way::Forward).map(|(other, _)| other.label.as_str()).collect();
    let has_otherwise = others().any(|(_, way)| way == Way::Otherwise);
    if answers.len() > 1 {
        let answer = if arrow.label.is_empty() { "yes" } else { &arrow.label };
        return atoms.answer(title(question), answer);
    }
    if !has_otherwise {
        return Formula::always();
    }
    let yes = atoms.formula(title(question));
    if way == Way::Forward { yes } else { yes.text().map_or_else(Formula::never, |text| Formula::not(&text)) }
}

fn report_order(error: &OrderError, diagram: &Diagram, report: &Report<'_>) {
    let node_of = |node: &usize| diagram.nodes.get(*node);
    match error {
        OrderError::Cycle(nodes) => {
            let ids: Vec<&str> = nodes.iter().filter_map(node_of).map(|node| node.id.as_str()).collect();
            let line = nodes.iter().filter_map(node_of).map(|node| node.line).min();
            let problem = format!("these nodes lead back to themselves: {}", ids.join(", "));
            let write =
                "write edges that form no cycle, or a label such as \"No\" or \"Failed\" at the one that leads back";
            report.error(line, problem, write);
        }
        OrderError::Condition(node) => {
            let line = node_of(node).map(|node| node.line);
            report.error(line, "too many decisions lead to this node", "write fewer decisions before it");
        }
    }
}

/// The command that reports the ending, if the diagram is a drawing.
fn conclude(diagram: &Diagram) -> Option<DraftConclude> {
    let node = diagram.nodes.iter().find(|node| drawn_name(node) == Some("conclude"))?;
    Some(DraftConclude { participant: steps::participant(diagram, node), command: node.system.clone()? })
}

/// Notes on the nodes that are no steps.
fn notes(diagram: &Diagram, flow: &Flow, undos: &Undos) -> Vec<String> {
    let mut notes = Vec::new();
    let named = |node: &parse::Node| format!("{} \"{}\" (line {})", node.id, display_text(title(node)), node.line);
    let is_own = |node: &&parse::Node| node.shape == Shape::Rectangle && !is_work(diagram, node);
    let own: Vec<String> = diagram.nodes.iter().filter(is_own).map(named).collect();
    if !own.is_empty() {
        notes.push(format!("The orchestrator itself does this, so it is no step: {}.", own.join(", ")));
    }
    let all = |nodes: &[usize]| nodes.iter().filter_map(|node| diagram.nodes.get(*node)).map(named).collect::<Vec<_>>();
    let reports = all(&undos.reports);
    if !reports.is_empty() {
        notes.push(format!(
            "These report a failure; a participant does so by its reply, so they are no steps: {}.",
            reports.join(", ")
        ));
    }
    for node in all(&undos.unmatched) {
        notes.push(decide(format!(
            "{node} is reached only by failures, and its words are those of no step. If it undoes a step, write it as \
             [steps.compensate] of that step."
        )));
    }
    notes.extend(flow.notes.iter().cloned());
    notes
}

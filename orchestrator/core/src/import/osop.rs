//! Imports OSOP 1.0 (<https://github.com/Archie0125/osop-spec>): a graph of typed nodes. Sequential, parallel and
//! conditional edges become the order and the conditions of the steps. Edges of failure need no counterpart: the
//! orchestrator compensates by itself. An `event` edge becomes a step that waits for a message.

mod policy;
mod read;
mod roles;
mod steps;

use std::collections::BTreeSet;

use self::read::{Document, Mode};
use self::roles::{Role, Roles};
use self::steps::Steps;
use super::atoms::Atoms;
use super::draft::{Draft, DraftConclude, DraftLabel, DraftStart, DraftStep};
use super::formula::Formula;
use super::graph::{Edge, OrderError, Placed, order};
use super::names::{name, topic, topic_name};
use super::report::Report;
use super::write::{decide, display_text};
use super::yaml;

/// Reads a document. `None` after an error.
pub(super) fn read(text: &str, report: &Report<'_>) -> Option<Draft> {
    let root = yaml::parse(text, report)?;
    let document = read::document(&root, report);
    if !report.is_empty() {
        return None;
    }
    let roles = Roles::of(&document);
    if !roles.has_step() {
        report.error(
            Some(root.line),
            "no node is a step",
            "write at least one node that is not reached by failures only",
        );
        return None;
    }
    let saga_name = Some(name(&document.id)).filter(|name| !name.is_empty()).unwrap_or_else(|| "imported".to_owned());
    let start = start(&document, &saga_name);
    let output = start.output.clone();
    let steps = Steps::of(&document, &roles, &output);
    let names = |path: &[String]| steps.translate(&output, path);
    let outputs: BTreeSet<String> = steps.outputs();
    let atoms = Atoms::new(&output, &outputs, &names);
    let edges = edges(&document, &roles, &steps, &atoms);
    let placed = order(&steps.is_step, &edges).map_err(|error| report_order(&error, &steps, report)).ok()?;
    let mut draft = Draft {
        label: DraftLabel::of(document.name.as_deref(), &document.id),
        name: saga_name,
        version: document.version,
        about: document.description.clone(),
        format: "OSOP 1.0",
        notes: Vec::new(),
        start,
        deadline: document.timeout,
        steps: Vec::new(),
        conclude: conclude(&document),
    };
    let of = |placed: &Placed| steps.draft(&document, placed, &atoms, report);
    draft.steps = placed.iter().filter_map(of).collect();
    draft.notes = notes(&document, &roles, &draft.steps);
    draft.notes.extend(atoms.take_notes());
    report.is_empty().then_some(draft)
}

fn start(document: &Document, saga: &str) -> DraftStart {
    let mut notes = Vec::new();
    let Some(trigger) = &document.event else {
        notes.push(decide("which event starts a saga, on which topic."));
        for other in &document.other_triggers {
            notes.push(decide(format!(
                "the file's trigger {:?}: what publishes the event for it?",
                display_text(other)
            )));
        }
        let event = format!("{saga}.requested");
        return DraftStart { topic: topic(saga, "requests"), event, output: "request".to_owned(), notes };
    };
    let known = |path: &String| crate::data::Path::parse(path).is_some();
    let output = trigger.output.clone().filter(known);
    let topic = match &trigger.topic {
        Some(name) => topic_name(name),
        None => {
            notes.push(decide("the topic of the event that starts a saga."));
            topic(saga, "requests")
        }
    };
    DraftStart { topic, event: trigger.event.clone(), output: output.unwrap_or_else(|| "request".to_owned()), notes }
}

/// The edges between the nodes of the graph. An event in front of a node that works is a node of its own.
fn edges(document: &Document, roles: &Roles, steps: &Steps, atoms: &Atoms<'_>) -> Vec<Edge> {
    let mut edges = Vec::new();
    for &index in &roles.forward {
        let Some(edge) = document.edges.get(index) else { continue };
        let [Some(from), Some(to)] = [steps.index(edge.from), steps.index(edge.to)] else { continue };
        let condition = match (edge.mode, &edge.when) {
            (Mode::Conditional, Some(when)) => atoms.formula(when),
            (_, _) => Formula::always(),
        };
        match steps.wait_before(edge) {
            Some(wait) => {
                edges.push(Edge { from, to: wait, condition });
                edges.push(Edge { from: wait, to, condition: Formula::always() });
            }
            None => edges.push(Edge { from, to, condition }),
        }
    }
    edges
}

fn report_order(error: &OrderError, steps: &Steps, report: &Report<'_>) {
    match error {
        OrderError::Cycle(nodes) => {
            let ids: Vec<String> = nodes.iter().map(|node| steps.id(*node)).collect();
            let line = nodes.iter().filter_map(|node| steps.line(*node)).min();
            let problem = format!("these nodes lead back to themselves: {}", ids.join(", "));
            report.error(line, problem, "write edges that form no cycle; a saga repeats a step by its retry_policy");
        }
        OrderError::Condition(node) => {
            let problem = format!("the conditions that lead to {} are too many", steps.id(*node));
            report.error(steps.line(*node), problem, "write fewer conditional edges before it");
        }
    }
}

/// The command that reports the ending, if the document has the node that a drawing has.
fn conclude(document: &Document) -> Option<DraftConclude> {
    let node = document.nodes.iter().find(|node| node.is_conclude())?;
    Some(DraftConclude { participant: node.provider.clone()?, command: node.action.clone()? })
}

/// Notes on the nodes and edges that are no steps.
fn notes(document: &Document, roles: &Roles, steps: &[DraftStep]) -> Vec<String> {
    let undoes = |id: &str| steps.iter().filter_map(|step| step.compensate.as_ref()).any(|undo| undo.command == id);
    let mut notes = Vec::new();
    if document.timeout.is_some() {
        notes.push(decide(
            "the file's time limit for the whole process is the deadline: a saga that is not done by then compensates.",
        ));
    }
    for (node, role) in document.nodes.iter().zip(&roles.roles) {
        let id = display_text(&node.id);
        match role {
            Role::Handler if undoes(&node.id) => {}
            Role::Handler => notes.push(format!(
                "{id} (line {}) is reached only when a step fails. It is no step: the orchestrator itself compensates \
                 the steps that were done, in reverse order.",
                node.line
            )),
            Role::Later(event) => notes.push(decide(format!(
                "{id} (line {}) waits for the event \"{}\" without a time limit, after everything else. A saga would \
                 never end, so it is left out: write a saga of its own that this event starts (as \
                 orchestrator/sagas/return.toml), or a step with receive and a timeout.",
                node.line,
                display_text(event)
            ))),
            Role::Step | Role::Pass | Role::Compensation => {}
        }
    }
    for edge in &document.edges {
        if let Mode::Loop | Mode::Spawn = edge.mode {
            notes.push(decide(format!(
                "the edge in line {} repeats or multiplies its target. A saga does each step once (retry repeats a \
                 failed attempt).",
                edge.line
            )));
        } else if edge.is_early_join {
            notes.push(decide(format!(
                "the join in line {} does not wait for all branches; a step of a saga does.",
                edge.line
            )));
        } else if edge.mode == Mode::Fallback && roles.is_step(edge.to) {
            notes.push(decide(format!(
                "the fallback in line {} leads to a step. A saga has no alternative to a step: it retries, then it \
                 compensates.",
                edge.line
            )));
        }
    }
    notes
}

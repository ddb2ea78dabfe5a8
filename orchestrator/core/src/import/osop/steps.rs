//! The steps of an OSOP document: their names, their outputs and their work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::read::{Document, Edge, Mode, Node};
use super::roles::Roles;
use crate::import::atoms::Atoms;
use crate::import::draft::{DraftCommand, DraftCompensation, DraftLabel, DraftRule, DraftStep, DraftWait, DraftWork};
use crate::import::graph::Placed;
use crate::import::names::{Taken, identifier, name, topic, topic_name};
use crate::import::report::Report;
use crate::import::write::{decide, display_text};

/// The limit of a wait that has none in the file.
const WAIT: Duration = Duration::from_secs(24 * 3600);

/// The nodes of the graph: those of the document that are steps or lead to them, then the events in front of nodes that
/// work.
pub(super) struct Steps {
    nodes: Vec<GraphNode>,
    pub is_step: Vec<bool>,
}

struct GraphNode {
    id: String,
    line: usize,
    name: String,
    output: Option<String>,
    source: Source,
}

enum Source {
    /// A node of the document.
    Node(usize),
    /// An event in front of a node.
    Event { before: usize, event: String },
}

impl Steps {
    pub(super) fn of(document: &Document, roles: &Roles, start: &str) -> Self {
        let mut names = Taken::with(&["conclude"]);
        let mut outputs = Taken::with(&["saga", "ending", "progress", start.split('.').next().unwrap_or_default()]);
        let mut steps = Self { nodes: Vec::new(), is_step: Vec::new() };
        for (index, node) in document.nodes.iter().enumerate().filter(|(index, _)| roles.is_inside(*index)) {
            let is_step = roles.is_step(index);
            let wanted = Some(name(&node.id)).filter(|name| !name.is_empty()).unwrap_or_else(|| "step".to_owned());
            // A drawing names the outputs of its steps; other documents name none.
            let names_output = is_drawn(node) || !is_step || !node.rules.is_empty();
            let output = if names_output { node.output.clone() } else { Some(identifier(&node.id)) };
            steps.nodes.push(GraphNode {
                id: node.id.clone(),
                line: node.line,
                name: if is_step { names.take(wanted, '-') } else { wanted },
                output: output.map(|output| outputs.take(output, '_')),
                source: Source::Node(index),
            });
            steps.is_step.push(is_step);
        }
        for edge in roles.forward.iter().filter_map(|edge| document.edges.get(*edge)) {
            let Some(event) = event_before(document, roles, edge) else { continue };
            if steps.wait_before(edge).is_none() {
                let wanted = Some(name(event)).filter(|name| !name.is_empty()).unwrap_or_else(|| "event".to_owned());
                steps.nodes.push(GraphNode {
                    id: event.to_owned(),
                    line: edge.line,
                    name: names.take(wanted, '-'),
                    output: Some(outputs.take(identifier(event), '_')),
                    source: Source::Event { before: edge.to, event: event.to_owned() },
                });
                steps.is_step.push(true);
            }
        }
        steps
    }

    /// The index of a node of the document in the graph.
    pub(super) fn index(&self, node: usize) -> Option<usize> {
        self.nodes.iter().position(|other| matches!(other.source, Source::Node(index) if index == node))
    }

    /// The index of the event that an edge waits for, if it is a node of its own.
    pub(super) fn wait_before(&self, edge: &Edge) -> Option<usize> {
        let when = edge.when.as_deref().filter(|_| edge.mode == Mode::Event)?;
        let is_it = |node: &GraphNode| match &node.source {
            Source::Event { before, event } => *before == edge.to && event == when,
            Source::Node(_) => false,
        };
        self.nodes.iter().position(is_it)
    }

    pub(super) fn id(&self, node: usize) -> String {
        self.nodes.get(node).map_or_else(String::new, |node| display_text(&node.id))
    }

    pub(super) fn line(&self, node: usize) -> Option<usize> {
        self.nodes.get(node).map(|node| node.line)
    }

    pub(super) fn outputs(&self) -> BTreeSet<String> {
        self.nodes.iter().filter_map(|node| node.output.clone()).collect()
    }

    /// The path in the saga's data for a path of OSOP: `inputs...` or `outputs.NODE...`.
    pub(super) fn translate(&self, start: &str, path: &[String]) -> Option<Vec<String>> {
        let (root, rest) = path.split_first()?;
        let (output, rest) = match root.as_str() {
            "inputs" => (start, rest),
            "outputs" => {
                let (id, rest) = rest.split_first()?;
                (self.nodes.iter().find(|node| node.id == *id)?.output.as_deref()?, rest)
            }
            _ => return None,
        };
        Some(output.split('.').map(str::to_owned).chain(rest.iter().cloned()).collect())
    }

    /// The step in its place.
    pub(super) fn draft(
        &self,
        document: &Document,
        placed: &Placed,
        atoms: &Atoms<'_>,
        report: &Report<'_>,
    ) -> Option<DraftStep> {
        let name_of = |node: &usize| self.nodes.get(*node).map(|node| node.name.clone());
        let after: Vec<String> = placed.after.iter().filter_map(name_of).collect();
        let graph_node = self.nodes.get(placed.node)?;
        let step = match &graph_node.source {
            Source::Node(index) => self.of_node(document, document.nodes.get(*index)?, graph_node, atoms, report),
            Source::Event { event, .. } => of_event(event, graph_node),
        };
        Some(DraftStep { after, when: placed.when.text(), ..step })
    }

    fn of_node(
        &self,
        document: &Document,
        node: &Node,
        graph_node: &GraphNode,
        atoms: &Atoms<'_>,
        report: &Report<'_>,
    ) -> DraftStep {
        let mut notes = Vec::new();
        if let Some(description) = node.description.as_ref().filter(|_| !is_drawn(node)) {
            notes.push(display_text(description));
        }
        let work = if !node.rules.is_empty() {
            DraftWork::Rules(rules(node, atoms, report))
        } else if is_wait(node) {
            DraftWork::Wait(wait(document, node, graph_node, &mut notes))
        } else {
            DraftWork::Command(self.command(document, node, atoms, &mut notes))
        };
        let is_rule = matches!(work, DraftWork::Rules(_));
        let label = DraftLabel::of(node.name.as_deref(), &node.id);
        DraftStep {
            name: graph_node.name.clone(),
            label,
            origin: format!("{}, line {}.", display_text(&node.id), node.line),
            after: Vec::new(),
            when: None,
            pivot: node.pivot,
            output: graph_node.output.clone().filter(|_| !is_rule),
            compensate: compensation(document, node, &work),
            work,
            notes,
        }
    }

    fn command(&self, document: &Document, node: &Node, atoms: &Atoms<'_>, notes: &mut Vec<String>) -> DraftCommand {
        if let Some(url) = &node.url {
            notes.push(decide(format!(
                "the participant calls {}; the orchestrator sends it a command.",
                display_text(url)
            )));
        }
        if node.provider.is_none() && node.kind == "cli" {
            notes.push(decide(
                "if it only checks the starting event, write rules = [{ must = \"...\", reason = \"...\" }] instead \
                 of a command.",
            ));
        }
        if node.timeout.is_some() && !is_drawn(node) {
            notes.push(decide(
                "the file's time limit holds here for the answer to each attempt. If it means how long the result is \
                 valid (such as a reservation), it is the participant's, and timeout is shorter.",
            ));
        }
        DraftCommand {
            participant: provider(node),
            command: command_of(node),
            input: self.input(document, node, atoms.start),
            timeout: node.timeout,
            retry: node.retry.clone().or_else(|| document.retry.clone()),
        }
    }

    /// The declared inputs: what a step before it declares as an output, otherwise a field of the starting event.
    fn input(&self, document: &Document, node: &Node, start: &str) -> Vec<(String, String)> {
        let mut input = BTreeMap::new();
        for field in &node.inputs {
            let field = identifier(field);
            let earlier = document.nodes.iter().take_while(|other| other.id != node.id);
            let producer =
                earlier.filter(|other| other.outputs.iter().any(|output| identifier(output) == field)).last();
            let output = producer.and_then(|other| self.nodes.iter().find(|node| node.id == other.id)?.output.clone());
            let path = format!("{}.{field}", output.as_deref().unwrap_or(start));
            input.insert(field, path);
        }
        input.into_iter().collect()
    }
}

/// The event that is a node of its own: the edge leads to a node that works.
fn event_before<'d>(document: &'d Document, roles: &Roles, edge: &'d Edge) -> Option<&'d str> {
    let node = document.nodes.get(edge.to)?;
    let is_own = edge.mode == Mode::Event && roles.is_step(edge.to) && roles.is_inside(edge.from) && !is_wait(node);
    edge.when.as_deref().filter(|_| is_own)
}

/// Returns true for a node that stands for a wait: a task of a human, or a wait of a drawing.
fn is_wait(node: &Node) -> bool {
    node.kind == "human" || node.subtype.as_deref() == Some("event")
}

/// Returns true for a step of a drawing, which has all parts of a definition's step.
fn is_drawn(node: &Node) -> bool {
    matches!(node.subtype.as_deref(), Some("command" | "event"))
}

fn provider(node: &Node) -> String {
    let named = node.provider.clone().filter(|provider| !provider.trim().is_empty());
    named
        .unwrap_or_else(|| Some(name(&node.id)).filter(|name| !name.is_empty()).unwrap_or_else(|| "service".to_owned()))
}

fn command_of(node: &Node) -> String {
    node.action.clone().filter(|_| is_drawn(node)).unwrap_or_else(|| node.id.clone())
}

fn of_event(event: &str, node: &GraphNode) -> DraftStep {
    let wait = DraftWait {
        topic: topic(&node.name, "events"),
        correlation: None,
        status: None,
        yes: vec!["done".to_owned()],
        no: vec!["refused".to_owned()],
        timeout: WAIT,
    };
    DraftStep {
        name: node.name.clone(),
        label: DraftLabel::of(None, event),
        origin: format!("The event {}, line {}.", display_text(event), node.line),
        after: Vec::new(),
        when: None,
        pivot: false,
        output: node.output.clone(),
        work: DraftWork::Wait(wait),
        compensate: None,
        notes: vec![decide(
            "the topic of the event, its results, and how long to wait. The message has the saga's id at sagaId and \
             its result at status.",
        )],
    }
}

fn wait(document: &Document, node: &Node, graph_node: &GraphNode, notes: &mut Vec<String>) -> DraftWait {
    let given = &node.wait;
    if given.topic.is_none() || given.yes.is_empty() || node.timeout.is_none() {
        notes.push(decide(
            "the topic on which the result arrives, its results, and how long to wait. The message has the saga's id \
             at sagaId and its result at status.",
        ));
    }
    let events = document.edges.iter().filter(|edge| edge.mode == Mode::Event);
    let event = events
        .filter(|edge| document.nodes.get(edge.to).is_some_and(|to| to.id == node.id))
        .find_map(|e| e.when.clone());
    let default = || topic(&event.map(|event| name(&event)).unwrap_or_else(|| graph_node.name.clone()), "events");
    let path = |path: &Option<String>| path.clone().filter(|path| crate::data::Path::parse(path).is_some());
    let yes = if given.yes.is_empty() { vec!["done".to_owned()] } else { given.yes.clone() };
    let no = if given.yes.is_empty() && given.no.is_empty() { vec!["refused".to_owned()] } else { given.no.clone() };
    DraftWait {
        topic: given.topic.as_deref().map_or_else(default, topic_name),
        correlation: path(&given.correlation),
        status: path(&given.status),
        yes,
        no,
        timeout: node.timeout.unwrap_or(WAIT),
    }
}

fn rules(node: &Node, atoms: &Atoms<'_>, report: &Report<'_>) -> Vec<DraftRule> {
    let one = |rule: &DraftRule| match atoms.formula(&rule.must).text() {
        Some(must) => DraftRule { must, reason: rule.reason.clone() },
        None => {
            report.error(
                Some(node.line),
                format!("the rule {:?} always holds", display_text(&rule.must)),
                "write a condition",
            );
            rule.clone()
        }
    };
    node.rules.iter().map(one).collect()
}

/// The compensation that the node names, or the only node to which an error of it leads.
fn compensation(document: &Document, node: &Node, work: &DraftWork) -> Option<DraftCompensation> {
    let DraftWork::Command(command) = work else { return None };
    let other = |provider: Option<String>| provider.filter(|provider| *provider != command.participant);
    if let Some(undo) = &node.compensate {
        let named = document.nodes.iter().find(|other| other.id == undo.command);
        let provider = undo.provider.clone().or_else(|| named.and_then(|named| named.provider.clone()));
        return Some(DraftCompensation {
            participant: other(provider),
            command: undo.command.clone(),
            notes: Vec::new(),
        });
    }
    let index = document.nodes.iter().position(|other| other.id == node.id)?;
    let errors = || document.edges.iter().filter(|edge| edge.mode == Mode::Error);
    let target = errors().find(|edge| edge.from == index)?.to;
    let handler = document.nodes.get(target)?;
    let is_entered = |edge: &Edge| edge.to == target && edge.from != index;
    if document.edges.iter().any(is_entered) || handler.subtype.as_deref() == Some("compensation") {
        return None;
    }
    let note = decide(format!(
        "the file does {} when this step fails. Here that undoes the step: it is sent whenever the step may have \
         happened and the saga stops, also because of a later step.",
        display_text(&handler.id)
    ));
    let participant = other(handler.provider.clone());
    Some(DraftCompensation { participant, command: handler.id.clone(), notes: vec![note] })
}

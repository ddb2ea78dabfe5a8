//! Writes the flow as FlowZap Code (<https://flowzap.xyz/flowzap-code>): a lane for the orchestrator, for each
//! participant and for each topic of a callback. Behind the label of a step stands its name, and its description has
//! the clauses that the import reads.

use std::fmt::Write as _;

use super::flow::{Flow, may_abort_at, statuses};
use super::labels::{clean, conclude_label, duration};
use crate::definition::{Call, Receive, Rule, Step, Work};

/// The lane of the orchestrator.
const ORCHESTRATOR: usize = 0;

/// Writes the diagram.
pub(super) fn write(flow: &Flow<'_>) -> String {
    let mut diagram = Diagram { lanes: Vec::new(), nodes: Vec::new(), edges: Vec::new() };
    let label = clean(flow.definition.label.get(flow.language));
    diagram.lanes.push(Lane { id: "orchestrator".to_owned(), label });
    diagram.fill(flow);
    diagram.text()
}

struct Lane {
    id: String,
    label: String,
}

struct Node {
    lane: usize,
    shape: &'static str,
    label: String,
    attributes: Vec<(&'static str, String)>,
}

struct Edge {
    from: usize,
    to: usize,
    label: String,
}

struct Diagram {
    lanes: Vec<Lane>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// The nodes at which a step is entered and left.
#[derive(Clone, Copy)]
struct Ends {
    entry: usize,
    exit: usize,
}

impl Diagram {
    fn fill(&mut self, flow: &Flow<'_>) {
        let definition = flow.definition;
        let start = &definition.start;
        let attributes = vec![("description", format!("kept as {}", start.output)), ("system", start.topic.clone())];
        let first = self.node(ORCHESTRATOR, "circle", &start.event, attributes);
        let mut cells: Vec<Ends> = Vec::new();
        let mut failures = Vec::new();
        for (cell, step) in definition.steps.iter().enumerate() {
            let (ends, failing) = self.step(step, flow.language, may_abort_at(definition, cell));
            cells.push(ends);
            failures.extend(failing);
        }
        cells.push(Ends { entry: first, exit: first });
        let conclude = self.conclude(flow, &definition.endings.completed.status);
        cells.push(Ends { entry: conclude, exit: conclude });
        for (from, to) in &flow.edges {
            if let (Some(from), Some(to)) = (cells.get(*from), cells.get(*to)) {
                let is_decision = self.nodes.get(from.exit).is_some_and(|node| node.shape == "diamond");
                self.edge(from.exit, to.entry, if is_decision { "Yes" } else { "" });
            }
        }
        let mut last = self.node(ORCHESTRATOR, "rectangle", "Compensate", Vec::new());
        for failing in failures {
            self.edge(failing, last, "No");
        }
        for step in definition.steps.iter().rev() {
            if let Some(undo) = &step.compensate {
                let lane = self.lane(&undo.participant);
                let label = format!("{} (undo-{})", undo.command, step.name);
                let description = format!("undoes {}", step.name);
                let undo = self.node(
                    lane,
                    "taskbox",
                    &label,
                    vec![("description", description), ("system", undo.command.clone())],
                );
                self.edge(last, undo, "Undo");
                last = undo;
            }
        }
        let endings = &definition.endings;
        let of_steps = endings.steps.values().flat_map(|step| [&step.refused, &step.failed, &step.timed_out]);
        let others = of_steps.chain([&endings.cancelled, &endings.deadline]).flatten();
        let conclude = self.conclude(flow, &statuses(others.chain([&endings.default])));
        self.edge(last, conclude, "Undone");
    }

    /// Adds a lane for a participant or a topic, once.
    fn lane(&mut self, name: &str) -> usize {
        let label = clean(name);
        if let Some(known) = self.lanes.iter().skip(1).position(|lane| lane.label == label) {
            return known + 1;
        }
        let good = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let id: String = name.chars().map(good).collect();
        let id = if id.starts_with(|c: char| c.is_ascii_alphabetic()) { id } else { format!("lane_{id}") };
        let is_taken = self.lanes.iter().any(|lane| lane.id == id) || id == "loop";
        let id = if is_taken { format!("{id}_{}", self.lanes.len()) } else { id };
        self.lanes.push(Lane { id, label });
        self.lanes.len() - 1
    }

    fn node(
        &mut self,
        lane: usize,
        shape: &'static str,
        label: &str,
        attributes: Vec<(&'static str, String)>,
    ) -> usize {
        self.nodes.push(Node { lane, shape, label: label.to_owned(), attributes });
        self.nodes.len() - 1
    }

    fn edge(&mut self, from: usize, to: usize, label: &str) {
        self.edges.push(Edge { from, to, label: label.to_owned() });
    }

    /// Adds a step; also returns the decision at which the saga stops if the step fails.
    fn step(&mut self, step: &Step, language: &str, may_abort: bool) -> (Ends, Option<usize>) {
        let (lane, mut clauses, system) = match &step.work {
            Work::Execute(call) => (self.lane(&call.participant), Vec::new(), call.command.clone()),
            Work::Receive(receive) => (self.lane(&receive.topic), wait(receive), receive.topic.clone()),
            Work::Check(rules) => (ORCHESTRATOR, rules.iter().map(rule).collect(), "rules".to_owned()),
        };
        clauses.extend(step.output.as_ref().map(|output| format!("kept as {output}")));
        clauses.extend(step.pivot.then(|| "point of no return".to_owned()));
        let label = format!("{} ({})", step.label.get(language), step.name);
        let mut attributes = Vec::new();
        if !clauses.is_empty() {
            attributes.push(("description", clauses.join("; ")));
        }
        attributes.push(("system", system));
        let task = self.node(lane, "taskbox", &label, attributes);
        let mut ends = Ends { entry: task, exit: task };
        let mut failing = None;
        if may_abort {
            let done = self.node(lane, "diamond", &format!("Is {} done?", step.name), Vec::new());
            self.edge(task, done, "");
            ends.exit = done;
            failing = Some(done);
        }
        if let Some(when) = &step.when {
            let choice = self.node(ORCHESTRATOR, "diamond", when.as_str(), Vec::new());
            let merge = self.node(ORCHESTRATOR, "circle", &format!("After: {label}"), Vec::new());
            self.edge(choice, task, "Yes");
            self.edge(ends.exit, merge, if may_abort { "Yes" } else { "" });
            self.edge(choice, merge, "No");
            ends = Ends { entry: choice, exit: merge };
        }
        (ends, failing)
    }

    /// Adds the report of an ending, and its end.
    fn conclude(&mut self, flow: &Flow<'_>, statuses: &str) -> usize {
        let Call { participant, command, .. } = &flow.definition.conclude;
        let lane = self.lane(participant);
        let label = format!("{} (conclude)", conclude_label(flow.language));
        let conclude = self.node(lane, "taskbox", &label, vec![("system", command.clone())]);
        let end = self.node(ORCHESTRATOR, "circle", statuses, Vec::new());
        self.edge(conclude, end, "");
        conclude
    }

    /// The text: lane by lane, the nodes numbered from 1 without gaps.
    fn text(&self) -> String {
        let mut numbers = vec![0; self.nodes.len()];
        let mut number = 0;
        for lane in 0..self.lanes.len() {
            for (_, slot) in self.nodes.iter().zip(&mut numbers).filter(|(node, _)| node.lane == lane) {
                number += 1;
                *slot = number;
            }
        }
        let mut text = String::new();
        for (i, lane) in self.lanes.iter().enumerate() {
            // Writing to a `String` never fails.
            _ = writeln!(text, "{} {{ # {}", lane.id, lane.label);
            for (node, number) in self.nodes.iter().zip(&numbers).filter(|(node, _)| node.lane == i) {
                _ = writeln!(text, "n{number}: {}{}", node.shape, attributes(node));
            }
            let lane_of = |node: usize| self.nodes.get(node).map_or(i, |node| node.lane);
            for edge in self.edges.iter().filter(|edge| lane_of(edge.from) == i) {
                let number = |node: usize| numbers.get(node).copied().unwrap_or_default();
                _ = writeln!(text, "{}", self.arrow(edge, i, lane_of(edge.to), [number(edge.from), number(edge.to)]));
            }
            text.push_str("}\n");
        }
        text
    }

    fn arrow(&self, edge: &Edge, lane: usize, target: usize, [from, to]: [usize; 2]) -> String {
        let (out, into) = match lane.cmp(&target) {
            std::cmp::Ordering::Equal => ("right", "left"),
            std::cmp::Ordering::Less => ("bottom", "top"),
            std::cmp::Ordering::Greater => ("top", "bottom"),
        };
        let other = self.lanes.get(target).filter(|_| target != lane).map(|lane| format!("{}.", lane.id));
        let other = other.unwrap_or_default();
        let label =
            if edge.label.is_empty() { String::new() } else { format!(" [label=\"{}\"]", quotable(&edge.label)) };
        format!("n{from}.handle({out}) -> {other}n{to}.handle({into}){label}")
    }
}

fn attributes(node: &Node) -> String {
    let label = std::iter::once(("label", &node.label));
    let all = label.chain(node.attributes.iter().map(|(key, value)| (*key, value)));
    all.map(|(key, value)| format!(" {key}:\"{}\"", quotable(value))).collect()
}

fn wait(receive: &Receive) -> Vec<String> {
    let mut clauses = vec![format!("waits for {}", receive.yes.join(", "))];
    if !receive.no.is_empty() {
        clauses.push(format!("refused by {}", receive.no.join(", ")));
    }
    clauses.push(format!("correlated by {}", receive.correlation));
    clauses.push(format!("status in {}", receive.status));
    clauses.push(format!("within {}", duration(receive.timeout)));
    clauses
}

fn rule(rule: &Rule) -> String {
    format!("requires {} else {}", rule.must, rule.reason)
}

/// A text for quotes. FlowZap has no escapes, and allows neither emojis nor what is not printable.
fn quotable(text: &str) -> String {
    let emojis = ['\u{1F000}'..='\u{1FAFF}', '\u{2600}'..='\u{27BF}', '\u{FE00}'..='\u{FE0F}', '\u{200B}'..='\u{200F}'];
    let is_emoji = |c: char| emojis.iter().any(|range| range.contains(&c));
    let kept: String = text.chars().filter(|c| !is_emoji(*c)).map(|c| if c == '"' { '\'' } else { c }).collect();
    clean(&kept)
}

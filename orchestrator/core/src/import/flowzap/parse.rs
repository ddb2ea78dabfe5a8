//! Parses FlowZap Code (<https://flowzap.xyz/flowzap-code>). Its grammar, a statement on each line:
//!
//! ```text
//! diagram   = { lane | loop }
//! lane      = identifier "{" [ "#" label ] newline { node | edge | loop } "}"
//! node      = id ":" shape { key ":" text }
//! edge      = end "->" [ identifier "." ] end [ "[" "label" "=" text "]" ]
//! end       = id "." "handle" "(" direction ")"
//! loop      = "loop" "[" condition "]" id id { id }
//! id        = "n" digit { digit }                        unique in the diagram
//! shape     = "circle" | "rectangle" | "diamond" | "taskbox"
//! direction = "left" | "right" | "top" | "bottom"
//! key       = "label" | "owner" | "description" | "system"
//! text      = '"' { any character but '"' } '"'
//! ```
//!
//! Empty lines and lines that begin with `//` are ignored. An edge stands in the lane of its source; the lane of a
//! target in another lane is written before it.

use crate::import::report::Report;

/// The most lanes, nodes, and edges with loops of a diagram.
const MAX_LANES: usize = 64;
const MAX_NODES: usize = 256;
const MAX_EDGES: usize = 1_024;
/// The most characters of a line.
const MAX_LINE: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Diagram {
    pub lanes: Vec<Lane>,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    pub loops: Vec<Loop>,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub id: String,
    pub label: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    Rectangle,
    Diamond,
    Taskbox,
}

#[derive(Debug)]
pub(super) struct Node {
    pub id: String,
    pub line: usize,
    pub lane: usize,
    pub shape: Shape,
    pub label: String,
    pub description: Option<String>,
    pub system: Option<String>,
}

#[derive(Debug)]
pub(super) struct Edge {
    pub line: usize,
    pub from: usize,
    pub to: usize,
    pub label: String,
}

#[derive(Debug)]
pub(super) struct Loop {
    pub line: usize,
    pub condition: String,
    pub nodes: Vec<usize>,
}

/// An edge or a loop whose nodes are not looked up yet: they may follow.
enum Pending<'t> {
    Edge { line: usize, lane: usize, from: &'t str, to_lane: Option<&'t str>, to: &'t str, label: &'t str },
    Loop { line: usize, condition: &'t str, nodes: Vec<&'t str> },
}

const NODE: &str = "write a node such as n1: rectangle label:\"Reserve the stock\"";
const EDGE: &str = "write an edge such as n1.handle(right) -> n2.handle(left) [label=\"Yes\"]";
const LOOP: &str = "write a loop such as: loop [up to 3 times] n1 n2";

/// Parses a diagram. What is wrong is reported, by line.
pub(super) fn parse(text: &str, report: &Report<'_>) -> Diagram {
    let mut parser = Parser { diagram: Diagram::default(), pending: Vec::new(), lane: None, report };
    let mut last = 0;
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        last = index + 1;
        if line.len() > MAX_LINE {
            report.error(Some(last), format!("the line is longer than {MAX_LINE} bytes"), "write shorter texts");
        } else {
            parser.line(last, line.trim());
        }
        let lanes = parser.diagram.lanes.len();
        if lanes > MAX_LANES || parser.diagram.nodes.len() > MAX_NODES || parser.pending.len() > MAX_EDGES {
            let write = format!("write at most {MAX_LANES} lanes, {MAX_NODES} nodes, {MAX_EDGES} edges and loops");
            report.error(Some(last), "the diagram is too large", write);
            break;
        }
    }
    if let Some(lane) = parser.lane.and_then(|lane| parser.diagram.lanes.get(lane)) {
        report.error(Some(last), format!("the lane {:?} is not closed", lane.id), "write } in a line of its own");
    }
    parser.resolve();
    if parser.diagram.nodes.is_empty() && report.is_empty() {
        report.error(None, "the diagram has no node", NODE);
    }
    parser.diagram
}

struct Parser<'t> {
    diagram: Diagram,
    pending: Vec<Pending<'t>>,
    /// The open lane.
    lane: Option<usize>,
    report: &'t Report<'t>,
}

impl<'t> Parser<'t> {
    fn error(&self, line: usize, problem: impl Into<String>, write: &str) {
        self.report.error(Some(line), problem, write);
    }

    fn line(&mut self, line: usize, text: &'t str) {
        if text.is_empty() || text.starts_with("//") {
            return;
        }
        let first = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
        let rest = text.get(first.len()..).unwrap_or_default().trim_start();
        if text == "}" {
            if self.lane.take().is_none() {
                self.error(line, "} closes no lane", "write a lane such as sales { # Sales team");
            }
        } else if rest.starts_with('{') {
            self.open(line, first, rest);
        } else if first == "loop" {
            self.repeat(line, rest);
        } else if let Some(lane) = self.lane {
            if text.contains("->") && !rest.starts_with(':') {
                self.edge(line, lane, text);
            } else {
                self.node(line, lane, first, rest);
            }
        } else {
            self.error(line, "the line is in no lane", "write a lane such as sales { # Sales team, and } after it");
        }
    }

    fn open(&mut self, line: usize, id: &str, rest: &str) {
        let label = rest.trim_start_matches('{').trim();
        let comment = label.strip_prefix('#').map(str::trim);
        if !label.is_empty() && comment.is_none() || id.is_empty() {
            self.error(line, "the lane is not written as a lane", "write a lane such as sales { # Sales team");
        }
        if self.lane.is_some() {
            self.error(line, format!("the lane {id:?} begins inside of another"), "write } before it");
        }
        if self.diagram.lanes.iter().any(|lane| lane.id == id) {
            self.error(line, format!("there are two lanes {id:?}"), "write each lane once");
        }
        let label = comment.filter(|label| !label.is_empty()).map(str::to_owned);
        self.diagram.lanes.push(Lane { id: id.to_owned(), label });
        self.lane = Some(self.diagram.lanes.len() - 1);
    }

    fn node(&mut self, line: usize, lane: usize, id: &str, rest: &str) {
        let Some(rest) = rest.strip_prefix(':').filter(|_| is_id(id)) else {
            return self.error(line, "the line is neither a node nor an edge", NODE);
        };
        if let Some(other) = self.diagram.nodes.iter().find(|node| node.id == id) {
            let problem = format!("the id {id} is that of the node in line {}", other.line);
            self.error(line, problem, "write another id; ids are unique in the diagram");
        }
        let rest = rest.trim_start();
        let word = rest.split_whitespace().next().unwrap_or_default();
        let shape = match word {
            "circle" => Shape::Circle,
            "rectangle" => Shape::Rectangle,
            "diamond" => Shape::Diamond,
            "taskbox" => Shape::Taskbox,
            _ => {
                let problem = format!("{id} has the shape {word:?}");
                return self.error(line, problem, "write circle, rectangle, diamond or taskbox");
            }
        };
        let mut node =
            Node { id: id.to_owned(), line, lane, shape, label: String::new(), description: None, system: None };
        self.attributes(&mut node, rest.get(word.len()..).unwrap_or_default());
        self.diagram.nodes.push(node);
    }

    fn attributes(&self, node: &mut Node, mut rest: &str) {
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return;
            }
            let attribute =
                rest.split_once(':').and_then(|(key, after)| Some((key.trim(), quoted(after.trim_start())?)));
            let Some((key, (value, after))) = attribute else {
                let equals = rest.contains("=\"");
                let problem = format!("{} has an attribute that is not written as one", node.id);
                let write = if equals { "write label:\"...\" with a colon; = is for edges" } else { NODE };
                return self.error(node.line, problem, write);
            };
            match key {
                "label" => value.clone_into(&mut node.label),
                "description" => node.description = Some(value.to_owned()),
                "system" => node.system = Some(value.to_owned()),
                "owner" => {}
                _ => {
                    let problem = format!("{} has the attribute {key:?}", node.id);
                    self.error(node.line, problem, "write label, owner, description or system");
                }
            }
            rest = after;
        }
    }

    fn edge(&mut self, line: usize, lane: usize, text: &'t str) {
        let Some(parts) = edge_parts(text) else { return self.error(line, "the edge is not written as an edge", EDGE) };
        let EdgeParts { from, to_lane, to, label } = parts;
        self.pending.push(Pending::Edge { line, lane, from, to_lane, to, label });
    }

    fn repeat(&mut self, line: usize, rest: &'t str) {
        let parts = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let nodes: Vec<&str> = parts.map(|(_, nodes)| nodes.split_whitespace().collect()).unwrap_or_default();
        match parts {
            Some((condition, _)) if nodes.len() > 1 => {
                self.pending.push(Pending::Loop { line, condition: condition.trim(), nodes });
            }
            Some(_) | None => self.error(line, "the loop is not written as a loop of two or more nodes", LOOP),
        }
    }

    /// Looks up the nodes of edges and loops.
    fn resolve(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Edge { line, lane, from, to_lane, to, label } => {
                    let ends = [self.find(line, from), self.find(line, to)];
                    let [Some(from), Some(to)] = ends else { continue };
                    self.lanes_of(line, lane, [from, to], to_lane);
                    self.diagram.edges.push(Edge { line, from, to, label: label.trim().to_owned() });
                }
                Pending::Loop { line, condition, nodes } => {
                    let nodes = nodes.iter().filter_map(|id| self.find(line, id)).collect();
                    self.diagram.loops.push(Loop { line, condition: condition.to_owned(), nodes });
                }
            }
        }
    }

    fn find(&self, line: usize, id: &str) -> Option<usize> {
        let found = self.diagram.nodes.iter().position(|node| node.id == id);
        if found.is_none() {
            self.error(line, format!("{id} is no node"), "write the id of a node of the diagram");
        }
        found
    }

    /// Checks the lanes of an edge.
    fn lanes_of(&self, line: usize, lane: usize, [from, to]: [usize; 2], written: Option<&str>) {
        let lane_of = |node: usize| self.diagram.nodes.get(node).map(|node| node.lane);
        if lane_of(from) != Some(lane) {
            self.error(line, "the edge begins in another lane", "write it in the lane of its source");
        }
        let of_target = lane_of(to).and_then(|lane| self.diagram.lanes.get(lane));
        let target = of_target.map_or("", |lane| lane.id.as_str());
        let is_right = written.map_or(lane_of(to) == Some(lane), |written| written == target);
        if !is_right {
            self.error(line, "the edge leads to another lane", &format!("write {target}. before its target"));
        }
    }
}

struct EdgeParts<'t> {
    from: &'t str,
    to_lane: Option<&'t str>,
    to: &'t str,
    label: &'t str,
}

fn edge_parts(text: &str) -> Option<EdgeParts<'_>> {
    let (from, rest) = text.split_once("->")?;
    let (target, label) = match rest.split_once('[') {
        Some((target, label)) => {
            let label = label.trim().strip_suffix(']')?.trim();
            let value = label.strip_prefix("label")?.trim_start().strip_prefix('=')?.trim_start();
            let (label, after) = quoted(value)?;
            (target, Some(label).filter(|_| after.trim().is_empty())?)
        }
        None => (rest, ""),
    };
    let from = end(from.trim())?;
    let target = target.trim();
    let (to_lane, to) = match target.split_once('.') {
        Some((lane, rest)) if !rest.starts_with("handle(") => (Some(lane), end(rest)?),
        Some(_) | None => (None, end(target)?),
    };
    Some(EdgeParts { from, to_lane, to, label })
}

/// The node of `n1.handle(right)`.
fn end(text: &str) -> Option<&str> {
    let (id, handle) = text.split_once('.')?;
    let direction = handle.strip_prefix("handle(")?.strip_suffix(')')?;
    (is_id(id) && matches!(direction, "left" | "right" | "top" | "bottom")).then_some(id)
}

fn is_id(text: &str) -> bool {
    text.strip_prefix('n').is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// A text in quotes at the beginning, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('"')?.split_once('"')
}

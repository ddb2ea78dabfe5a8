//! Reads the parts of an OSOP document: its nodes, edges, trigger and policies.

use std::time::Duration;

use super::policy::{retry, timeout};
use crate::import::draft::{DraftRetry, DraftRule};
use crate::import::report::Report;
use crate::import::yaml::Yaml;

/// The most nodes, and the most edges, of a document.
const MAX_NODES: usize = 256;
const MAX_EDGES: usize = 1_024;
/// The most characters of an identifier.
const MAX_ID: usize = 128;

/// The types of nodes of OSOP 1.0.
const TYPES: [&str; 12] =
    ["human", "agent", "api", "cli", "db", "git", "docker", "cicd", "mcp", "system", "infra", "data"];

pub(super) struct Document {
    pub id: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub version: u32,
    pub event: Option<EventTrigger>,
    /// Triggers that no event of Kafka stands for, such as `webhook`.
    pub other_triggers: Vec<String>,
    pub timeout: Option<Duration>,
    pub retry: Option<DraftRetry>,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

/// A trigger of the type `event`.
pub(super) struct EventTrigger {
    pub event: String,
    pub topic: Option<String>,
    pub output: Option<String>,
}

pub(super) struct Node {
    pub id: String,
    pub line: usize,
    pub kind: String,
    pub subtype: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    /// The service that carries the node out.
    pub provider: Option<String>,
    /// The command, if it is not the id.
    pub action: Option<String>,
    pub compensate: Option<Compensate>,
    pub timeout: Option<Duration>,
    pub retry: Option<DraftRetry>,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub pivot: bool,
    pub rules: Vec<DraftRule>,
    pub wait: Wait,
    /// The path at which the reply is kept.
    pub output: Option<String>,
    /// The address that the node calls, for a note.
    pub url: Option<String>,
}

impl Node {
    /// Returns true for the node of a drawing that reports the ending.
    pub(super) fn is_conclude(&self) -> bool {
        self.subtype.as_deref() == Some("conclude") && self.provider.is_some() && self.action.is_some()
    }
}

pub(super) struct Compensate {
    pub command: String,
    pub provider: Option<String>,
}

/// The message that a node waits for.
#[derive(Default)]
pub(super) struct Wait {
    pub topic: Option<String>,
    pub correlation: Option<String>,
    pub status: Option<String>,
    pub yes: Vec<String>,
    pub no: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Sequential,
    Conditional,
    Parallel,
    Loop,
    Event,
    Fallback,
    Error,
    Timeout,
    Spawn,
}

pub(super) struct Edge {
    pub line: usize,
    pub from: usize,
    pub to: usize,
    pub mode: Mode,
    pub when: Option<String>,
    /// A join that does not wait for all branches.
    pub is_early_join: bool,
}

impl Mode {
    const ALL: [(&'static str, Self); 9] = [
        ("sequential", Self::Sequential),
        ("conditional", Self::Conditional),
        ("parallel", Self::Parallel),
        ("loop", Self::Loop),
        ("event", Self::Event),
        ("fallback", Self::Fallback),
        ("error", Self::Error),
        ("timeout", Self::Timeout),
        ("spawn", Self::Spawn),
    ];

    /// Returns true if the edge is taken when its source fails.
    pub(super) const fn is_failure(self) -> bool {
        match self {
            Self::Fallback | Self::Error | Self::Timeout => true,
            Self::Sequential | Self::Conditional | Self::Parallel | Self::Loop | Self::Event | Self::Spawn => false,
        }
    }
}

/// Reads a document. What is wrong is reported; the rest is read as far as possible.
pub(super) fn document(root: &Yaml, report: &Report<'_>) -> Document {
    version_of_format(root, report);
    let setting = |key: &str| root.get(key);
    let nodes = nodes(root, report);
    let edges = edges(root, &nodes, report);
    let (event, other_triggers) = triggers(root);
    Document {
        id: required(root, "id", "the file", report).unwrap_or_default(),
        name: text(root, "name"),
        description: text(root, "description"),
        version: text(root, "version").map_or(1, |version| major(&version)),
        event,
        other_triggers,
        timeout: timeout(&setting, report),
        retry: retry(&setting, report),
        nodes,
        edges,
    }
}

fn version_of_format(root: &Yaml, report: &Report<'_>) {
    let Some(version) = root.get("osop_version") else {
        report.error(Some(root.line), "osop_version is missing", "write osop_version: \"1.0\"");
        return;
    };
    let known = version.text().is_some_and(|text| text == "1.0" || text.starts_with("1.0."));
    if !known {
        let problem = format!("osop_version is {}", version.display_text());
        report.error(Some(version.line), problem, "write \"1.0\", the version that can be imported");
    }
}

/// The first number of a version such as `2.1.0`, at least 1.
fn major(version: &str) -> u32 {
    version.split('.').next().and_then(|first| first.trim().parse().ok()).filter(|major| *major > 0).unwrap_or(1)
}

fn text(map: &Yaml, key: &str) -> Option<String> {
    map.get(key).and_then(Yaml::text).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn required(map: &Yaml, key: &str, place: &str, report: &Report<'_>) -> Option<String> {
    let found = text(map, key);
    match &found {
        Some(found) if found.chars().count() > MAX_ID => {
            let problem = format!("{key} of {place} is longer than {MAX_ID} characters");
            report.error(Some(map.line), problem, "write a shorter one");
        }
        Some(_) => {}
        None => report.error(Some(map.line), format!("{key} is missing in {place}"), format!("write {key}: a text")),
    }
    found
}

/// The texts of a list, of a single text, or the names of a list of maps.
fn texts(value: Option<&Yaml>) -> Vec<String> {
    let Some(value) = value else { return Vec::new() };
    let one = |item: &Yaml| item.text().map(str::to_owned).or_else(|| text(item, "name"));
    value.items().map_or_else(|| one(value).into_iter().collect(), |items| items.iter().filter_map(one).collect())
}

/// The event that starts the process, and the types of other triggers.
fn triggers(root: &Yaml) -> (Option<EventTrigger>, Vec<String>) {
    let mut event = None;
    let mut others = Vec::new();
    for trigger in root.get("triggers").and_then(Yaml::items).unwrap_or_default() {
        let kind = text(trigger, "type").unwrap_or_default();
        let config = |key: &str| trigger.get("config").and_then(|config| text(config, key));
        match config("event").filter(|_| kind == "event" && event.is_none()) {
            Some(name) => {
                let topic = config("topic").or_else(|| config("source"));
                event = Some(EventTrigger { event: name, topic, output: config("output") });
            }
            None => others.push(kind),
        }
    }
    (event, others)
}

fn list<'y>(root: &'y Yaml, key: &str, most: usize, report: &Report<'_>) -> &'y [Yaml] {
    let Some(value) = root.get(key) else {
        report.error(Some(root.line), format!("{key} is missing"), format!("write {key}: a list"));
        return &[];
    };
    let Some(items) = value.items() else {
        report.error(Some(value.line), format!("{key} is {}", value.display_text()), "write a list of maps");
        return &[];
    };
    if items.len() > most {
        let problem = format!("there are {} {key}", items.len());
        report.error(Some(value.line), problem, format!("write at most {most}"));
        return &[];
    }
    items
}

fn nodes(root: &Yaml, report: &Report<'_>) -> Vec<Node> {
    let items = list(root, "nodes", MAX_NODES, report);
    if items.is_empty() && report.is_empty() {
        report.error(Some(root.line), "nodes is empty", "write at least one node");
    }
    let mut nodes: Vec<Node> = Vec::new();
    for item in items {
        let Some(node) = node(item, report) else { continue };
        if let Some(other) = nodes.iter().find(|other| other.id == node.id) {
            let problem = format!("the id {:?} is that of the node in line {}", node.id, other.line);
            report.error(Some(node.line), problem, "write another id");
        }
        nodes.push(node);
    }
    nodes
}

fn node(item: &Yaml, report: &Report<'_>) -> Option<Node> {
    let id = required(item, "id", "a node", report)?;
    let kind = required(item, "type", &format!("the node {id:?}"), report)?;
    if !TYPES.contains(&kind.as_str()) {
        let problem = format!("the node {id:?} has the type {kind:?}");
        report.error(item.get("type").map(|value| value.line), problem, format!("write one of: {}", TYPES.join(", ")));
    }
    let of = |part: &str, key: &str| item.get(part).and_then(|part| part.get(key));
    let setting = |key: &str| item.get(key).or_else(|| of("runtime", key)).or_else(|| of("config", key));
    let named = |key: &str| setting(key).and_then(Yaml::text).map(str::to_owned);
    let wait = Wait {
        topic: named("topic"),
        correlation: named("correlation"),
        status: named("status"),
        yes: texts(setting("yes")),
        no: texts(setting("no")),
    };
    Some(Node {
        line: item.line,
        subtype: text(item, "subtype"),
        name: text(item, "name"),
        description: text(item, "description").or_else(|| text(item, "purpose")),
        provider: named("provider").or_else(|| named("owner")).or_else(|| named("role")),
        action: named("action"),
        compensate: setting("compensate").and_then(|value| compensate(&id, value, report)),
        timeout: timeout(&setting, report),
        retry: retry(&setting, report),
        inputs: texts(item.get("inputs")),
        outputs: texts(item.get("outputs")),
        pivot: named("pivot").is_some_and(|pivot| pivot == "true"),
        rules: rules(setting("rules")),
        wait,
        output: named("output"),
        url: named("url"),
        id,
        kind,
    })
}

/// `compensate: COMMAND`, or `{ action, provider }`.
fn compensate(id: &str, value: &Yaml, report: &Report<'_>) -> Option<Compensate> {
    let command = value.text().map(str::to_owned).or_else(|| text(value, "action"));
    if command.is_none() {
        let problem = format!("compensate of the node {id:?} is {}", value.display_text());
        report.error(Some(value.line), problem, "write the name of the compensation, or { action, provider }");
    }
    Some(Compensate { command: command?, provider: text(value, "provider") })
}

fn rules(value: Option<&Yaml>) -> Vec<DraftRule> {
    let rule = |item: &Yaml| Some(DraftRule { must: text(item, "must")?, reason: text(item, "reason")? });
    value.and_then(Yaml::items).unwrap_or_default().iter().filter_map(rule).collect()
}

fn edges(root: &Yaml, nodes: &[Node], report: &Report<'_>) -> Vec<Edge> {
    let is_single = nodes.len() == 1 && root.get("edges").is_none();
    let items = if is_single { &[] } else { list(root, "edges", MAX_EDGES, report) };
    items.iter().filter_map(|item| edge(item, nodes, report)).collect()
}

fn edge(item: &Yaml, nodes: &[Node], report: &Report<'_>) -> Option<Edge> {
    let end = |key: &str| {
        let id = required(item, key, "an edge", report)?;
        let found = nodes.iter().position(|node| node.id == id);
        if found.is_none() {
            let line = item.get(key).map(|value| value.line);
            report.error(line, format!("{key} of an edge is {id:?}, which is no node"), "write the id of a node");
        }
        found
    };
    let from = end("from");
    let to = end("to");
    let mode = mode(item, report)?;
    let when = text(item, "when").or_else(|| text(item, "condition"));
    if when.is_none() && matches!(mode, Mode::Conditional | Mode::Event) {
        let problem = "the edge has no when";
        report.error(Some(item.line), problem, "write when: the condition, or the name of the event");
    }
    let is_early_join = text(item, "join_mode").is_some_and(|mode| mode != "wait_all");
    Some(Edge { line: item.line, from: from?, to: to?, mode, when, is_early_join })
}

fn mode(item: &Yaml, report: &Report<'_>) -> Option<Mode> {
    let Some(value) = item.get("mode") else { return Some(Mode::Sequential) };
    let found = Mode::ALL.iter().find(|(name, _)| value.text() == Some(*name)).map(|(_, mode)| *mode);
    if found.is_none() {
        let known: Vec<&str> = Mode::ALL.iter().map(|(name, _)| *name).collect();
        let since =
            if value.text() == Some("switch") { " (switch is of OSOP 1.1: write conditional edges)" } else { "" };
        let problem = format!("the mode of an edge is {}", value.display_text());
        report.error(Some(value.line), problem, format!("write one of: {}{since}", known.join(", ")));
    }
    found
}

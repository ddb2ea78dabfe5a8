//! Writes the flow as an OSOP 1.0 document (<https://github.com/Archie0125/osop-spec>). It is for exchange, not for
//! execution: `runtime` names the participant and the command of each step, as the import reads them.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::flow::{Flow, NodeKind, abort_causes, may_abort_at, statuses};
use super::labels::{clean, conclude_label};
use crate::condition::replace_paths;
use crate::definition::{AttemptLimit, Call, Definition, Receive, Retry, Rule, Step, Work};

/// The nodes beside the steps. Names of steps have no underscore.
const START: &str = "saga_start";
const HANDLER: &str = "compensation_handler";
const CONCLUDE: &str = "saga_conclude";

/// Writes the document.
pub(super) fn write(flow: &Flow<'_>) -> String {
    let definition = flow.definition;
    let mut yaml = Yaml { text: String::new() };
    yaml.head(flow);
    yaml.line(0, "nodes:");
    let start = &definition.start;
    yaml.node(START, "system", "start", &start.event, &about(flow, &|kind| matches!(kind, NodeKind::Start)));
    for step in &definition.steps {
        yaml.step(flow, step);
    }
    let compensates = about(flow, &|kind| matches!(kind, NodeKind::Compensate));
    yaml.node(HANDLER, "system", "compensation", "Compensate", &compensates);
    let concludes = about(flow, &|kind| matches!(kind, NodeKind::Conclude));
    yaml.node(CONCLUDE, "api", "conclude", conclude_label(flow.language), &concludes);
    yaml.runtime(&command(&definition.conclude));
    yaml.policies(&definition.conclude);
    yaml.line(0, "edges:");
    yaml.edges(flow);
    yaml.text
}

/// The description of the first node of a kind.
fn about(flow: &Flow<'_>, is_it: &dyn Fn(NodeKind<'_>) -> bool) -> String {
    flow.nodes.iter().find(|node| is_it(node.kind)).map_or_else(String::new, |node| node.about.clone())
}

/// A condition in OSOP's names: `inputs` is the starting event, `outputs.STEP` the reply of a step.
fn expression(definition: &Definition, text: &str) -> String {
    let names = |names: &[String]| {
        let inside = |output: &str| {
            let output: Vec<&str> = output.split('.').collect();
            let is_prefix = output.len() <= names.len() && output.iter().zip(names).all(|(a, b)| *a == b);
            is_prefix.then(|| names.get(output.len()..).unwrap_or_default().to_vec())
        };
        let of_step = |step: &Step| {
            let rest = inside(step.output.as_ref()?.as_str())?;
            Some(["outputs".to_owned(), step.name.clone()].into_iter().chain(rest).collect::<Vec<_>>())
        };
        let of_start =
            || Some(std::iter::once("inputs".to_owned()).chain(inside(definition.start.output.as_str())?).collect());
        definition.steps.iter().find_map(of_step).or_else(of_start)
    };
    replace_paths(text, &names)
}

fn command(call: &Call) -> Vec<(&'static str, Value)> {
    vec![("provider", json!(call.participant)), ("action", json!(call.command))]
}

fn message(receive: &Receive) -> Vec<(&'static str, Value)> {
    let mut keys = vec![
        ("topic", json!(receive.topic)),
        ("correlation", json!(receive.correlation)),
        ("status", json!(receive.status)),
        ("yes", json!(receive.yes)),
    ];
    if !receive.no.is_empty() {
        keys.push(("no", json!(receive.no)));
    }
    keys
}

struct Yaml {
    text: String,
}

impl Yaml {
    fn line(&mut self, indent: usize, text: &str) {
        // Writing to a `String` never fails.
        _ = writeln!(self.text, "{:indent$}{text}", "");
    }

    /// A key with a value in the notation of JSON, which is YAML, too.
    fn pair(&mut self, indent: usize, key: &str, value: &Value) {
        self.line(indent, &format!("{key}: {value}"));
    }

    fn text(&mut self, indent: usize, key: &str, text: &str) {
        self.pair(indent, key, &json!(clean(text)));
    }

    fn head(&mut self, flow: &Flow<'_>) {
        let definition = flow.definition;
        let begins_well = definition.name.starts_with(|c: char| c.is_ascii_lowercase());
        let id = if begins_well { definition.name.clone() } else { format!("saga-{}", definition.name) };
        self.text(0, "osop_version", "1.0");
        self.text(0, "id", &id);
        self.text(0, "name", definition.label.get(flow.language));
        self.text(0, "version", &format!("{}.0.0", definition.version));
        self.pair(0, "tags", &json!(["saga"]));
        if let Some(deadline) = definition.deadline {
            self.pair(0, "timeout_sec", &seconds(deadline));
        }
        let start = &definition.start;
        self.line(0, "triggers:");
        self.text(2, "- type", "event");
        let config = json!({"topic": start.topic, "event": start.event, "output": start.output});
        self.pair(4, "config", &config);
    }

    fn node(&mut self, id: &str, kind: &str, subtype: &str, name: &str, purpose: &str) {
        self.text(2, "- id", id);
        self.text(4, "type", kind);
        self.text(4, "subtype", subtype);
        let name = clean(name);
        self.text(4, "name", if name.is_empty() { id } else { &name });
        let purpose = clean(purpose);
        self.text(4, "purpose", if purpose.is_empty() { id } else { &purpose });
    }

    fn runtime(&mut self, keys: &[(&str, Value)]) {
        self.line(4, "runtime:");
        for (key, value) in keys {
            self.pair(6, key, value);
        }
    }

    fn step(&mut self, flow: &Flow<'_>, step: &Step) {
        let definition = flow.definition;
        if let Some(when) = &step.when {
            let purpose = format!("{} is done only if this holds: {when}", step.name);
            self.node(&choice(step), "system", "decision", when.as_str(), &purpose);
        }
        let id = format!("step_{}", step.name);
        let purpose = flow.nodes.iter().find(|node| node.id == id).map_or("", |node| node.about.as_str());
        let (kind, subtype, mut keys) = match &step.work {
            Work::Execute(call) => ("api", "command", command(call)),
            Work::Receive(receive) => ("api", "event", message(receive)),
            Work::Check(checks) => ("data", "validate", vec![("rules", rules(definition, checks))]),
        };
        self.node(&step.name, kind, subtype, step.label.get(flow.language), purpose);
        keys.extend(step.output.as_ref().map(|output| ("output", json!(output))));
        keys.extend(step.pivot.then_some(("pivot", json!(true))));
        keys.extend(compensation(step).map(|undo| ("compensate", undo)));
        self.runtime(&keys);
        match &step.work {
            Work::Execute(call) => {
                let inputs: Vec<&String> = call.input.keys().collect();
                self.pair(4, "inputs", &json!(inputs));
                self.policies(call);
            }
            Work::Receive(receive) => self.pair(4, "timeout_sec", &seconds(receive.timeout)),
            Work::Check(_) => {}
        }
        if step.when.is_some() {
            let purpose = format!("{} is done or skipped.", step.name);
            self.node(&merge(step), "system", "merge", &purpose, &purpose);
        }
    }

    fn policies(&mut self, call: &Call) {
        let Retry { attempts, first, factor, .. } = &call.retry;
        let strategy = if *factor > 1.0 { "exponential_backoff" } else { "fixed" };
        let mut policy = vec![("strategy", json!(strategy)), ("backoff_sec", seconds(*first))];
        policy.push(match attempts {
            AttemptLimit::AtMost(attempts) => ("max_retries", json!(attempts.saturating_sub(1))),
            AttemptLimit::Unlimited => ("x-attempts", json!("unlimited")),
        });
        self.line(4, "retry_policy:");
        for (key, value) in policy {
            self.pair(6, key, &value);
        }
        self.pair(4, "timeout_sec", &seconds(call.timeout));
    }

    fn edge(&mut self, from: &str, to: &str, mode: &str, more: &[(&str, String)]) {
        self.text(2, "- from", from);
        self.text(4, "to", to);
        self.text(4, "mode", mode);
        for (key, value) in more.iter().filter(|(_, value)| !value.is_empty()) {
            self.pair(4, key, &json!(value));
        }
    }

    fn edges(&mut self, flow: &Flow<'_>) {
        let definition = flow.definition;
        for (from, to) in &flow.edges {
            let source = definition.steps.get(*from);
            let exit = source.map_or_else(|| START.to_owned(), exit);
            let target = definition.steps.get(*to);
            let is_fork = flow.edges.iter().filter(|(other, _)| other == from).count() > 1;
            let event = target.filter(|step| step.when.is_none()).and_then(|step| topic(step));
            let mode = if is_fork { "parallel" } else { "sequential" };
            let entry = target.map_or_else(|| CONCLUDE.to_owned(), entry);
            match event {
                Some(topic) => self.edge(&exit, &entry, "event", &[("when", topic.to_owned())]),
                None => self.edge(&exit, &entry, mode, &[]),
            }
        }
        for (cell, step) in definition.steps.iter().enumerate() {
            if let Some(when) = &step.when {
                let when = expression(definition, when.as_str());
                let otherwise = format!("!({when})");
                self.edge(&choice(step), &step.name, "conditional", &[("when", when)]);
                let label = "otherwise".to_owned();
                self.edge(&choice(step), &merge(step), "conditional", &[("when", otherwise), ("label", label)]);
                self.edge(&step.name, &merge(step), "sequential", &[]);
            }
            if may_abort_at(definition, cell) {
                self.failures(definition, step);
            }
        }
        self.edge(HANDLER, CONCLUDE, "sequential", &[]);
    }

    fn failures(&mut self, definition: &Definition, step: &Step) {
        let causes = abort_causes(definition, step);
        if !causes.failures.is_empty() {
            let label = statuses(causes.failures.iter().map(|cause| cause.ending));
            self.edge(&step.name, HANDLER, "error", &[("label", clean(&label))]);
        }
        if let Some(expiry) = causes.expiry {
            self.edge(&step.name, HANDLER, "timeout", &[("label", clean(&expiry.ending.status))]);
        }
    }
}

fn rules(definition: &Definition, rules: &[Rule]) -> Value {
    let rule = |rule: &Rule| json!({"must": expression(definition, rule.must.as_str()), "reason": rule.reason});
    rules.iter().map(rule).collect()
}

/// The compensation: its command, with its participant if that is another.
fn compensation(step: &Step) -> Option<Value> {
    let undo = step.compensate.as_ref()?;
    let own = match &step.work {
        Work::Execute(call) => call.participant.as_str(),
        Work::Receive(_) | Work::Check(_) => "",
    };
    let is_same = undo.participant == own;
    Some(if is_same { json!(undo.command) } else { json!({"action": undo.command, "provider": undo.participant}) })
}

fn topic(step: &Step) -> Option<&str> {
    match &step.work {
        Work::Receive(receive) => Some(&receive.topic),
        Work::Execute(_) | Work::Check(_) => None,
    }
}

fn seconds(duration: Duration) -> Value {
    let whole = duration.subsec_nanos() == 0;
    if whole { json!(duration.as_secs()) } else { json!(duration.as_secs_f64()) }
}

fn choice(step: &Step) -> String {
    format!("choice_{}", step.name)
}

fn merge(step: &Step) -> String {
    format!("merge_{}", step.name)
}

/// The node by which a step is entered.
fn entry(step: &Step) -> String {
    if step.when.is_some() { choice(step) } else { step.name.clone() }
}

/// The node by which a step is left.
fn exit(step: &Step) -> String {
    if step.when.is_some() { merge(step) } else { step.name.clone() }
}

//! The steps of a diagram: their names, their participants and their work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::labels::{Clauses, clauses, drawn_name, title};
use super::parse::{Diagram, Loop, Node};
use super::undo::Undo;
use crate::import::atoms::Atoms;
use crate::import::draft::{
    DraftAttempts, DraftCommand, DraftCompensation, DraftLabel, DraftRetry, DraftRule, DraftStep, DraftWait, DraftWork,
};
use crate::import::graph::Placed;
use crate::import::names::{Taken, identifier, name, topic, topic_name, words};
use crate::import::write::{decide, display_text};

/// The limit of a wait that has none in the diagram.
const WAIT: Duration = Duration::from_secs(24 * 3600);

pub(super) struct Steps {
    /// By the index of their node.
    steps: BTreeMap<usize, Named>,
}

struct Named {
    name: String,
    output: Option<String>,
    is_command: bool,
}

impl Steps {
    pub(super) fn of(diagram: &Diagram, is_step: &[bool]) -> Self {
        let mut names = Taken::with(&["conclude"]);
        let mut outputs = Taken::with(&["saga", "ending", "progress", "request"]);
        let mut steps = BTreeMap::new();
        let working = diagram.nodes.iter().enumerate().filter(|(i, _)| is_step.get(*i) == Some(&true));
        for (index, node) in working {
            let drawn = drawn_name(node);
            let wanted = drawn.map_or_else(|| name(title(node)), str::to_owned);
            let wanted = Some(wanted).filter(|name| !name.is_empty()).unwrap_or_else(|| "step".to_owned());
            let name = names.take(wanted, '-');
            let clauses = clauses(node);
            // A drawing names the outputs that its steps have; other diagrams do not say.
            let output =
                if drawn.is_some() { clauses.kept_as.clone() } else { Some(outputs.take(identifier(&name), '_')) };
            let is_command = clauses.rules.is_empty() && !waits(node, &clauses);
            steps.insert(index, Named { name, output, is_command });
        }
        Self { steps }
    }

    pub(super) fn name(&self, node: usize) -> String {
        self.steps.get(&node).map(|step| step.name.clone()).unwrap_or_default()
    }

    pub(super) fn is_command(&self, node: usize) -> bool {
        self.steps.get(&node).is_some_and(|step| step.is_command)
    }

    pub(super) fn outputs(&self) -> BTreeSet<String> {
        self.steps.values().filter_map(|step| step.output.clone()).collect()
    }

    /// The step in its place.
    pub(super) fn draft(
        &self,
        diagram: &Diagram,
        placed: &Placed,
        undos: &[Undo],
        atoms: &Atoms<'_>,
    ) -> Option<DraftStep> {
        let node = diagram.nodes.get(placed.node)?;
        let named = self.steps.get(&placed.node)?;
        let clauses = clauses(node);
        let mut notes = Vec::new();
        let work = if !clauses.rules.is_empty() {
            DraftWork::Rules(rules(&clauses, atoms))
        } else if named.is_command {
            DraftWork::Command(command(diagram, placed.node, node, named, &mut notes))
        } else {
            DraftWork::Wait(wait(node, named, &clauses, &mut notes))
        };
        let compensate = undos.iter().find(|undo| undo.step == placed.node);
        Some(DraftStep {
            name: named.name.clone(),
            label: DraftLabel::of(Some(title(node)), &named.name),
            origin: format!("{}, line {}.", node.id, node.line),
            after: placed.after.iter().map(|node| self.name(*node)).collect(),
            when: placed.when.text(),
            pivot: clauses.is_pivot,
            output: named.output.clone().filter(|_| clauses.rules.is_empty()),
            work,
            compensate: compensate.and_then(|undo| compensation(diagram, undo, node)),
            notes,
        })
    }
}

/// The participant of a lane: its label in a drawing, otherwise made from its identifier.
pub(super) fn participant(diagram: &Diagram, node: &Node) -> String {
    let lane = diagram.lanes.get(node.lane);
    let label = lane.and_then(|lane| lane.label.clone()).filter(|_| drawn_name(node).is_some());
    let made = || lane.map(|lane| name(&lane.id)).filter(|name| !name.is_empty());
    label.or_else(made).unwrap_or_else(|| "service".to_owned())
}

fn waits(node: &Node, clauses: &Clauses) -> bool {
    let first = words(title(node)).into_iter().next();
    !clauses.waits_for.is_empty() || drawn_name(node).is_none() && matches!(first.as_deref(), Some("wait" | "await"))
}

fn command(diagram: &Diagram, index: usize, node: &Node, named: &Named, notes: &mut Vec<String>) -> DraftCommand {
    let participant = participant(diagram, node);
    let drawn = node.system.clone().filter(|_| drawn_name(node).is_some());
    if drawn.is_none() {
        for (what, text) in [("description", &node.description), ("system", &node.system)] {
            notes.extend(text.as_ref().map(|text| format!("The diagram's {what}: {}", display_text(text))));
        }
    }
    let repeats = |repeat: &&Loop| repeat.nodes.contains(&index);
    let attempts = diagram.loops.iter().filter(repeats).find_map(|repeat| times(&repeat.condition));
    let retry = attempts.map(|attempts| DraftRetry { attempts, first: None, factor: None, max: None });
    DraftCommand {
        command: drawn.unwrap_or_else(|| format!("{participant}.{}", named.name)),
        participant,
        input: Vec::new(),
        timeout: None,
        retry,
    }
}

/// The number of attempts in the condition of a loop, such as `retry up to 3 times`.
fn times(condition: &str) -> Option<DraftAttempts> {
    let words = words(condition);
    let number = words.iter().zip(words.iter().skip(1)).find(|(_, next)| matches!(next.as_str(), "times" | "attempts"));
    let attempts: u32 = number?.0.parse().ok()?;
    (1..=1_000).contains(&attempts).then_some(DraftAttempts::AtMost(attempts))
}

fn rules(clauses: &Clauses, atoms: &Atoms<'_>) -> Vec<DraftRule> {
    let rule = |rule: &DraftRule| {
        let must = atoms.formula(&rule.must).text()?;
        Some(DraftRule { must, reason: rule.reason.clone() })
    };
    clauses.rules.iter().filter_map(rule).collect()
}

fn wait(node: &Node, named: &Named, clauses: &Clauses, notes: &mut Vec<String>) -> DraftWait {
    let is_drawn = !clauses.waits_for.is_empty();
    if !is_drawn {
        notes.push(decide(
            "the topic on which the result arrives, its results, and how long to wait. The message has the saga's id \
             at sagaId and its result at status.",
        ));
    }
    let path = |path: &Option<String>| path.clone().filter(|path| crate::data::Path::parse(path).is_some());
    DraftWait {
        topic: node.system.as_deref().filter(|_| is_drawn).map_or_else(|| topic(&named.name, "events"), topic_name),
        correlation: path(&clauses.correlation),
        status: path(&clauses.status),
        yes: if is_drawn { clauses.waits_for.clone() } else { vec!["done".to_owned()] },
        no: if is_drawn { clauses.refuses.clone() } else { vec!["refused".to_owned()] },
        timeout: clauses.within.unwrap_or(WAIT),
    }
}

fn compensation(diagram: &Diagram, undo: &Undo, step: &Node) -> Option<DraftCompensation> {
    let node = diagram.nodes.get(undo.node)?;
    let participant = participant(diagram, node);
    let drawn = node.system.clone().filter(|_| drawn_name(node).is_some() || undo.is_named);
    let mut notes = Vec::new();
    if !undo.is_named {
        notes.push(decide(format!(
            "{} \"{}\" (line {}) undoes this step by its words; the diagram names no step.",
            node.id,
            display_text(title(node)),
            node.line
        )));
    }
    let command = drawn.unwrap_or_else(|| format!("{participant}.{}", name(title(node))));
    let participant = Some(participant).filter(|participant| *participant != self::participant(diagram, step));
    Some(DraftCompensation { participant, command, notes })
}

//! How the parts of a definition fit together: names that must exist, the order of the steps, paths that lead
//! somewhere.

use std::collections::BTreeMap;

use super::graph::{Graph, MAX_STEPS, mask, ones};
use super::model::{CONCLUDE, Call, Definition, Key, Progress, Rule, Step, Work, graph_of};
use super::read::{Places, Report};
use crate::data::{Path, Pick};

/// Notes everything that does not fit.
pub(super) fn check(definition: &Definition, places: &Places, report: &Report<'_>) {
    let check = Check { definition, places, report, graph: graph_of(&definition.steps) };
    if definition.steps.len() > MAX_STEPS {
        let problem = format!("there are {} steps", definition.steps.len());
        report.error(None, None, problem, format!("write at most {MAX_STEPS}, and a second saga for the rest"));
        return;
    }
    check.names();
    check.order();
    check.pivot();
    check.outputs();
    check.conditions();
    check.calls();
    check.endings();
    check.progress();
}

struct Check<'a> {
    definition: &'a Definition,
    places: &'a Places,
    report: &'a Report<'a>,
    graph: Graph,
}

impl Check<'_> {
    fn error(&self, step: usize, problem: String, write: String) {
        let name = self.definition.steps.get(step).map(|step| step.name.as_str());
        self.report.error(self.places.get(step).cloned(), name, problem, write);
    }

    fn names(&self) {
        let steps = &self.definition.steps;
        for (i, step) in steps.iter().enumerate() {
            if steps.iter().take(i).any(|other| other.name == step.name && !step.name.is_empty()) {
                self.error(i, format!("there are two steps {:?}", step.name), "write another name".into());
            }
            if step.name == CONCLUDE {
                self.error(i, "this name is kept for the telling of the ending".into(), "write another name".into());
            }
        }
    }

    fn order(&self) {
        let known: Vec<&str> = self.definition.steps.iter().map(|step| step.name.as_str()).collect();
        for (i, step) in self.definition.steps.iter().enumerate() {
            for name in step.after.iter().filter(|name| !known.contains(&name.as_str())) {
                let write = format!("write names of steps: {}", known.join(", "));
                self.error(i, format!("after names {name:?}, which is no step"), write);
            }
        }
        for i in ones(self.graph.cyclic()) {
            let problem = "it waits for itself, by way of after".into();
            self.error(i, problem, "write after so that the steps form no circle".into());
        }
        self.unreachable();
    }

    /// What comes after a step that can never begin.
    fn unreachable(&self) {
        let steps = &self.definition.steps;
        let unknown = |name: &String| !steps.iter().any(|step| &step.name == name);
        let lost = steps.iter().enumerate().filter(|(_, step)| step.after.iter().any(unknown));
        let never = lost.fold(self.graph.cyclic(), |all, (i, _)| all | mask(i));
        for i in 0..steps.len() {
            let Some(before) = ones(self.graph.ancestors(i) & never).find_map(|j| steps.get(j)) else { continue };
            if never & mask(i) == 0 {
                let problem = format!("it can never begin, because {:?} before it can't", before.name);
                self.error(i, problem, "mend that step, or write another after".into());
            }
        }
    }

    /// At the pivot the way back ends: all else is clearly before or after it, and nothing after it can be undone.
    fn pivot(&self) {
        let steps = &self.definition.steps;
        let Some(pivot) = self.definition.pivot() else { return };
        let name = steps.get(pivot).map_or("", |step| step.name.as_str());
        for (i, step) in steps.iter().enumerate().filter(|(i, _)| *i != pivot) {
            let (before, after) = (self.graph.ancestors(pivot) & mask(i), self.graph.descendants(pivot) & mask(i));
            if step.pivot {
                let problem = format!("{name:?} is the pivot already");
                self.error(i, problem, "write pivot = true for one step only".into());
            } else if after != 0 && step.compensate.is_some() {
                let problem = format!("it comes after the pivot {name:?}, where nothing is undone any more");
                self.error(i, problem, "write no compensate, or pivot = true for a later step".into());
            } else if before | after == 0 {
                let problem = format!("it runs side by side with the pivot {name:?}");
                self.error(i, problem, "write after so that it comes before or after the pivot".into());
            }
        }
    }

    fn conditions(&self) {
        for (i, step) in self.definition.steps.iter().enumerate() {
            let before = self.graph.ancestors(i);
            let when = step.when.iter().map(|condition| ("when", condition));
            for (key, condition) in when.chain(rules(step).iter().map(|rule| ("must", &rule.must))) {
                for path in condition.paths().into_iter().filter(|path| !self.provides(path, before, "")) {
                    let problem = format!("{key}: nothing before it provides {path}");
                    self.error(i, problem, format!("write a path inside {}", self.provided(before).join(", ")));
                }
            }
        }
        let start = &self.definition.start.output;
        if let Some(customer) = self.definition.customer.as_ref().filter(|path| !start.contains(path)) {
            let problem = format!("customer: {customer} is not in the starting event");
            self.report.error(None, None, problem, format!("write a path inside {start}"));
        }
    }

    fn outputs(&self) {
        let start = &self.definition.start.output;
        for (i, step) in self.definition.steps.iter().enumerate() {
            let Some(output) = &step.output else { continue };
            let earlier = self.definition.steps.iter().take(i).filter_map(|step| step.output.as_ref());
            if output.contains(start) || earlier.clone().any(|other| other == output) {
                let problem = format!("the output {output} is already another's");
                self.error(i, problem, "write a path of its own".into());
            }
            if self.reserved(output) {
                self.error(i, format!("the output {output} is kept for the engine"), "write another path".into());
            }
        }
        if self.reserved(start) {
            let problem = format!("the output {start} of [start] is kept for the engine");
            self.report.error(None, None, problem, "write another path".to_owned());
        }
    }

    fn calls(&self) {
        for (i, step) in self.definition.steps.iter().enumerate() {
            let before = self.graph.ancestors(i);
            match &step.work {
                Work::Execute(call) => self.message(Some(i), "", Message::of(call), before),
                Work::Receive(_) | Work::Check(_) => {}
            }
            if let Some(undo) = &step.compensate {
                self.message(Some(i), "compensate", Message::of(undo), before | mask(i));
            }
        }
        self.message(None, "conclude", Message::of(&self.definition.conclude), u64::MAX);
    }

    /// How far the saga is can be told only to somebody, and only by steps that say it.
    fn progress(&self) {
        let steps = &self.definition.steps;
        let said = || steps.iter().enumerate().filter_map(|(i, step)| Some((i, step.status.as_deref()?)));
        let Some(progress) = &self.definition.progress else {
            for (i, status) in said() {
                let problem = format!("nobody is told the status {status:?}, because there is no [progress]");
                self.error(i, problem, "write [progress] with participant, command and input".to_owned());
            }
            return;
        };
        self.message(None, "progress", Message::told(progress), u64::MAX);
        if said().next().is_none() {
            let (problem, write) = ("[progress] is never told, because no step has a status", "write status = \"...\"");
            self.report.error(None, None, problem, format!("{write} in the steps that are worth telling"));
        }
        for (i, status) in said() {
            if let Some((first, _)) = said().find(|(j, other)| *j < i && *other == status) {
                let first = steps.get(first).map_or("", |step| step.name.as_str());
                self.error(i, format!("the status {status:?} is {first:?}'s already"), "write another".to_owned());
            }
        }
    }

    /// Checks a message's participant and paths; what it may use are the outputs of these steps.
    fn message(&self, step: Option<usize>, what: &str, message: Message<'_>, before: u64) {
        let Message { participant: to, input } = message;
        let told = |problem: String, write: String| {
            let name = step.and_then(|i| self.definition.steps.get(i)).map(|step| step.name.as_str());
            let at = step.and_then(|i| self.places.get(i)).cloned();
            let problem = if what.is_empty() { problem } else { format!("{what}: {problem}") };
            self.report.error(at, name, problem, write);
        };
        let participants = &self.definition.participants;
        let participant = participants.get(to);
        let known = participant.is_some() || to.is_empty() || self.is_told(step, what, to);
        if !known {
            let names: Vec<&str> = participants.keys().map(String::as_str).collect();
            let problem = format!("{to:?} is not in [participants]");
            told(problem, format!("write one of: {}", names.join(", ")));
        }
        let key = match participant.map(|participant| &participant.key) {
            Some(Key::Of(pick)) => Some(("key", pick)),
            Some(Key::Saga) | None => None,
        };
        let inputs = input.iter().map(|(field, pick)| (field.as_str(), pick));
        for (field, pick) in inputs.chain(key) {
            let Pick::At { path, default: None, .. } = pick else { continue };
            if !self.provides(path, before, if step.is_none() { what } else { "" }) {
                let problem = format!("{field}: nothing before it provides {path}");
                let write = format!("write a path inside {}, or a default", self.provided(before).join(", "));
                told(problem, write);
            }
        }
    }

    /// Whether the missing participant of a compensation is the step's, which is told for the step.
    fn is_told(&self, step: Option<usize>, what: &str, participant: &str) -> bool {
        let work = step.and_then(|i| self.definition.steps.get(i)).map(|step| &step.work);
        match work {
            Some(Work::Execute(mine)) => !what.is_empty() && mine.participant == participant,
            Some(Work::Receive(_) | Work::Check(_)) | None => false,
        }
    }

    /// Whether there may be something at a path for a message of this kind: a step's, `conclude` or `progress`.
    fn provides(&self, path: &Path, before: u64, what: &str) -> bool {
        let engine = match path.as_str() {
            "saga.id" => true,
            "ending.status" | "ending.reason" | "ending.steps" => what == "conclude",
            "progress.status" | "progress.steps" => what == "progress",
            _ => false,
        };
        let unread = self.definition.start.output == Path::nowhere();
        engine || unread || self.outputs_of(before).any(|output| output.contains(path) || path.contains(output))
    }

    fn provided(&self, before: u64) -> Vec<&str> {
        self.outputs_of(before).map(Path::as_str).collect()
    }

    fn outputs_of(&self, before: u64) -> impl Iterator<Item = &Path> {
        let steps = ones(before).filter_map(|i| self.definition.steps.get(i)?.output.as_ref());
        std::iter::once(&self.definition.start.output).chain(steps)
    }

    fn endings(&self) {
        for (name, failures) in &self.definition.endings.steps {
            let problem = match self.definition.step(name).map(|step| &step.work) {
                None => format!("endings.steps.{name}: there is no such step"),
                Some(Work::Receive(_)) if failures.failed.is_some() => {
                    format!("endings.steps.{name}: a step that waits never fails, it is refused or timed out")
                }
                Some(Work::Check(_)) if failures.failed.is_some() || failures.timed_out.is_some() => {
                    format!("endings.steps.{name}: a step of rules never fails or takes time, it is refused")
                }
                Some(Work::Receive(_) | Work::Execute(_) | Work::Check(_)) => continue,
            };
            let names: Vec<&str> = self.definition.steps.iter().map(|step| step.name.as_str()).collect();
            let write = format!("write refused, failed or timed_out for one of: {}", names.join(", "));
            self.report.error(None, Some(name), problem, write);
        }
    }

    /// Whether a path is in what the engine itself provides.
    fn reserved(&self, path: &Path) -> bool {
        match path.root() {
            "saga" | "ending" => true,
            "progress" => self.definition.progress.is_some(),
            _ => false,
        }
    }
}

/// What is looked at of a message that a saga sends.
struct Message<'a> {
    participant: &'a str,
    input: &'a BTreeMap<String, Pick>,
}

impl<'a> Message<'a> {
    fn of(call: &'a Call) -> Self {
        Self { participant: &call.participant, input: &call.input }
    }

    fn told(progress: &'a Progress) -> Self {
        Self { participant: &progress.participant, input: &progress.input }
    }
}

/// The rules of a step.
fn rules(step: &Step) -> &[Rule] {
    match &step.work {
        Work::Check(rules) => rules,
        Work::Execute(_) | Work::Receive(_) => &[],
    }
}

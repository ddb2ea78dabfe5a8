//! Checks the consistency of a definition: names, the order of the steps, paths.

use std::collections::BTreeMap;

use super::graph::{Graph, MAX_STEPS, mask, ones};
use super::model::{CONCLUDE, Call, Definition, Key, Progress, Rule, Step, Work, graph_of};
use super::read::{Places, Report};
use crate::data::{Path, Pick};

/// Reports every inconsistency.
pub(super) fn check(definition: &Definition, places: &Places, report: &Report<'_>) {
    let check = Check { definition, places, report, graph: graph_of(&definition.steps) };
    if definition.steps.len() > MAX_STEPS {
        let problem = format!("there are {} steps", definition.steps.len());
        report.error(None, None, problem, format!("write at most {MAX_STEPS}, and another saga for the rest"));
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
                self.error(
                    i,
                    "this name is reserved for the command that reports the ending".into(),
                    "write another name".into(),
                );
            }
        }
    }

    fn order(&self) {
        let known: Vec<&str> = self.definition.steps.iter().map(|step| step.name.as_str()).collect();
        for (i, step) in self.definition.steps.iter().enumerate() {
            for name in step.after.iter().filter(|name| !known.contains(&name.as_str())) {
                let write = format!("write names of steps: {}", known.join(", "));
                self.error(i, format!("after names {name:?}, which is not a step"), write);
            }
        }
        for i in ones(self.graph.cyclic()) {
            let problem = "its after leads back to itself".into();
            self.error(i, problem, "write after so that the steps form no cycle".into());
        }
        self.unreachable();
    }

    /// The steps after a step that can never begin.
    fn unreachable(&self) {
        let steps = &self.definition.steps;
        let unknown = |name: &String| !steps.iter().any(|step| &step.name == name);
        let lost = steps.iter().enumerate().filter(|(_, step)| step.after.iter().any(unknown));
        let never = lost.fold(self.graph.cyclic(), |all, (i, _)| all | mask(i));
        for i in 0..steps.len() {
            let Some(before) = ones(self.graph.ancestors(i) & never).find_map(|j| steps.get(j)) else { continue };
            if never & mask(i) == 0 {
                let problem = format!("it can never begin, because its predecessor {:?} cannot", before.name);
                self.error(i, problem, "write another after, or correct that step".into());
            }
        }
    }

    /// Every other step comes before or after the pivot, and no step after it has a compensation.
    fn pivot(&self) {
        let steps = &self.definition.steps;
        let Some(pivot) = self.definition.pivot() else { return };
        let name = steps.get(pivot).map_or("", |step| step.name.as_str());
        for (i, step) in steps.iter().enumerate().filter(|(i, _)| *i != pivot) {
            let before = self.graph.ancestors(pivot) & mask(i);
            let after = self.graph.descendants(pivot) & mask(i);
            if step.pivot {
                let problem = format!("{name:?} is the pivot already");
                self.error(i, problem, "write pivot = true for one step only".into());
            } else if after != 0 && step.compensate.is_some() {
                let problem = format!("it comes after the pivot {name:?}, where nothing is compensated");
                self.error(i, problem, "write it without compensate, or pivot = true for a later step".into());
            } else if before | after == 0 {
                let problem = format!("it runs in parallel with the pivot {name:?}");
                self.error(i, problem, "write after so that it comes before or after the pivot".into());
            }
        }
    }

    fn conditions(&self) {
        for (i, step) in self.definition.steps.iter().enumerate() {
            let before = self.graph.ancestors(i);
            let when = step.when.iter().map(|condition| ("when", condition));
            let task = step.human.iter().filter_map(|human| Some(("when of human", human.when.as_ref()?)));
            for (key, condition) in when.chain(task).chain(rules(step).iter().map(|rule| ("must", &rule.must))) {
                for path in condition.paths().into_iter().filter(|path| !self.provides(path, before, "")) {
                    let problem = format!("{key}: no earlier step provides {path}");
                    self.error(i, problem, format!("write a path inside {}", self.provided(before).join(", ")));
                }
            }
        }
        let start = &self.definition.start.output;
        if let Some(customer) = self.definition.customer.as_ref().filter(|path| !start.contains(path)) {
            let problem = format!("customer: {customer} is not part of the starting event");
            self.report.error(None, None, problem, format!("write a path inside {start}"));
        }
    }

    fn outputs(&self) {
        let start = &self.definition.start.output;
        for (i, step) in self.definition.steps.iter().enumerate() {
            let Some(output) = &step.output else { continue };
            let earlier = self.definition.steps.iter().take(i).filter_map(|step| step.output.as_ref());
            if output.contains(start) || earlier.clone().any(|other| other == output) {
                let problem = format!("the output {output} is already in use");
                self.error(i, problem, "write another path".into());
            }
            if self.reserved(output) {
                self.error(i, format!("the output {output} is reserved"), "write another path".into());
            }
        }
        if self.reserved(start) {
            let problem = format!("the output {start} of [start] is reserved");
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
            if let Some(compensate) = &step.compensate {
                self.message(Some(i), "compensate", Message::of(compensate), before | mask(i));
            }
        }
        self.message(None, "conclude", Message::of(&self.definition.conclude), u64::MAX);
    }

    /// Steps with a status require `[progress]`, and `[progress]` requires a step with a status.
    fn progress(&self) {
        let steps = &self.definition.steps;
        let statuses = || steps.iter().enumerate().filter_map(|(i, step)| Some((i, step.status.as_deref()?)));
        let Some(progress) = &self.definition.progress else {
            for (i, status) in statuses() {
                let problem = format!("the status {status:?} is never reported, because there is no [progress]");
                self.error(i, problem, "write [progress] with participant, command and input".to_owned());
            }
            return;
        };
        self.message(None, "progress", Message::of_progress(progress), u64::MAX);
        if statuses().next().is_none() {
            let problem = "[progress] is never sent, because no step has a status";
            self.report.error(None, None, problem, "write status = \"...\" in the steps to be reported");
        }
        for (i, status) in statuses() {
            if progress.cancelling.as_deref() == Some(status) {
                let problem = format!("the status {status:?} is already that of a cancelled saga, in [progress]");
                self.error(i, problem, "write another".to_owned());
            }
            if let Some((first, _)) = statuses().find(|(j, other)| *j < i && *other == status) {
                let first = steps.get(first).map_or("", |step| step.name.as_str());
                self.error(
                    i,
                    format!("the status {status:?} is already that of step {first:?}"),
                    "write another".to_owned(),
                );
            }
        }
    }

    /// Checks the participant and the paths of a message, which may use the outputs of these steps.
    fn message(&self, step: Option<usize>, what: &str, message: Message<'_>, before: u64) {
        let Message { participant: to, input } = message;
        let report = |problem: String, write: String| {
            let name = step.and_then(|i| self.definition.steps.get(i)).map(|step| step.name.as_str());
            let at = step.and_then(|i| self.places.get(i)).cloned();
            let problem = if what.is_empty() { problem } else { format!("{what}: {problem}") };
            self.report.error(at, name, problem, write);
        };
        let participants = &self.definition.participants;
        let participant = participants.get(to);
        let known = participant.is_some() || to.is_empty() || self.is_reported(step, what, to);
        if !known {
            let names: Vec<&str> = participants.keys().map(String::as_str).collect();
            let problem = format!("{to:?} is not in [participants]");
            report(problem, format!("write one of: {}", names.join(", ")));
        }
        let key = match participant.map(|participant| &participant.key) {
            Some(Key::Of(pick)) => Some(("key", pick)),
            Some(Key::Saga) | None => None,
        };
        let inputs = input.iter().map(|(field, pick)| (field.as_str(), pick));
        for (field, pick) in inputs.chain(key) {
            let Pick::At { path, default: None, .. } = pick else { continue };
            if !self.provides(path, before, if step.is_none() { what } else { "" }) {
                let problem = format!("{field}: no earlier step provides {path}");
                let write = format!("write a path inside {}, or a default", self.provided(before).join(", "));
                report(problem, write);
            }
        }
    }

    /// Returns true if a compensation inherits the unknown participant of its step, which is reported for the step.
    fn is_reported(&self, step: Option<usize>, what: &str, participant: &str) -> bool {
        let work = step.and_then(|i| self.definition.steps.get(i)).map(|step| &step.work);
        match work {
            Some(Work::Execute(execute)) => !what.is_empty() && execute.participant == participant,
            Some(Work::Receive(_) | Work::Check(_)) | None => false,
        }
    }

    /// Returns true if a path may have a value for a message of this kind: a step's, `conclude` or `progress`.
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
                    format!("endings.steps.{name}: a step that waits never fails; it is refused or times out")
                }
                Some(Work::Check(_)) if failures.failed.is_some() || failures.timed_out.is_some() => {
                    format!("endings.steps.{name}: a step with rules never fails or times out; it is refused")
                }
                Some(Work::Receive(_) | Work::Execute(_) | Work::Check(_)) => continue,
            };
            let names: Vec<&str> = self.definition.steps.iter().map(|step| step.name.as_str()).collect();
            let write = format!("write refused, failed or timed_out for one of: {}", names.join(", "));
            self.report.error(None, Some(name), problem, write);
        }
    }

    /// Returns true if the engine provides the path.
    fn reserved(&self, path: &Path) -> bool {
        match path.root() {
            "saga" | "ending" => true,
            "progress" => self.definition.progress.is_some(),
            _ => false,
        }
    }
}

/// The checked parts of a message.
struct Message<'a> {
    participant: &'a str,
    input: &'a BTreeMap<String, Pick>,
}

impl<'a> Message<'a> {
    fn of(call: &'a Call) -> Self {
        Self { participant: &call.participant, input: &call.input }
    }

    fn of_progress(progress: &'a Progress) -> Self {
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

//! Checks a script against its definition: the steps, topics and statuses that it names.

use std::ops::Range;

use saga::{Call, Definition, Receive, Step, Work};
use serde_json::{Map, Value};
use toml::Spanned;

use super::answer::{AnswerKind, Answers};
use super::format::{Case, Script, line_of};
use super::play::message;
use crate::messages;

/// All problems of a script, a line each.
pub(super) fn check(script: &Script, definition: &Definition, file: &str, text: &str) -> Vec<String> {
    let mut check = Check { definition, file, text, case: "", problems: Vec::new() };
    let mut names: Vec<&str> = Vec::new();
    for case in &script.cases {
        let name = case.get_ref().name.as_str();
        if names.contains(&name) {
            check.problem(&case.span(), "name", format!("there are two cases {name:?}; write another name"));
        }
        names.push(name);
        check.case = name;
        check.case(case.get_ref());
    }
    check.problems
}

struct Check<'a> {
    definition: &'a Definition,
    file: &'a str,
    text: &'a str,
    case: &'a str,
    problems: Vec<String>,
}

impl Check<'_> {
    fn problem(&mut self, at: &Range<usize>, key: &str, problem: String) {
        let Self { file, text, case, .. } = self;
        let line = line_of(text, at);
        self.problems.push(format!("{file}:{line}: case {case:?}: {key}: {problem}"));
    }

    fn case(&mut self, case: &Case) {
        for (name, answers) in &case.answers {
            self.answers(name, answers);
        }
        for (name, answers) in &case.compensations {
            self.compensations(name, answers);
        }
        for callback in &case.callbacks {
            let message = callback.get_ref();
            self.message(&callback.span(), "callbacks", &message.topic, &message.value.0);
        }
        if let Some(cancel) = case.cancel.as_ref().filter(|_| self.definition.start.cancel.is_none()) {
            let problem =
                "the definition has no start.cancel; write operations = [{ at = \"1s\", action = \"cancel\" }]";
            self.problem(&cancel.span(), "cancel", problem.to_owned());
        }
        for operation in &case.operations {
            if let Some(step) = operation.get_ref().what.step() {
                self.known_step(&operation.span(), "operations", step);
            }
        }
        self.expect(case);
    }

    /// The step with this name; `conclude` is none.
    fn known_step(&mut self, at: &Range<usize>, key: &str, name: &str) -> Option<&Step> {
        if name != "conclude" && self.definition.step(name).is_none() {
            let names: Vec<&str> = self.definition.steps.iter().map(|step| step.name.as_str()).collect();
            let problem = format!("{name:?} is not a step; write one of: {}, conclude", names.join(", "));
            self.problem(at, key, problem);
        }
        self.definition.step(name)
    }

    fn answers(&mut self, name: &str, answers: &Spanned<Answers>) {
        let key = format!("answers.{}", name);
        let work = self.known_step(&answers.span(), "answers", name).map(|step| step.work.clone());
        match work {
            Some(Work::Receive(receive)) => self.results(&key, &receive, answers),
            Some(Work::Check(_)) => {
                let problem = "the step checks rules and is not answered; write start data that the rules refuse";
                self.problem(&answers.span(), &key, problem.to_owned());
            }
            Some(Work::Execute(_)) | None => self.replies(&key, answers),
        }
    }

    fn compensations(&mut self, name: &str, answers: &Spanned<Answers>) {
        let compensate = |step: &Step| step.compensate.clone();
        let step = self.known_step(&answers.span(), "compensations", name);
        let has_none = step.map(compensate).is_none_or(|call: Option<Call>| call.is_none());
        if has_none && self.definition.step(name).is_some() {
            let with = self.definition.steps.iter().filter(|step| step.compensate.is_some());
            let names: Vec<&str> = with.map(|step| step.name.as_str()).collect();
            let problem = format!("the step has no compensation; write one of: {}", names.join(", "));
            self.problem(&answers.span(), &format!("compensations.{}", name), problem);
        }
        self.replies(&format!("compensations.{}", name), answers);
    }

    /// The replies to a command.
    fn replies(&mut self, key: &str, answers: &Spanned<Answers>) {
        if answers.get_ref().0.iter().any(|answer| matches!(answer.kind, AnswerKind::Result(_))) {
            let problem = "the step sends a command; write \"ok\", \"failed\", \"none\", { ok = {...} }, \
                           { refused = \"REASON\" } or { failed = \"ERROR\" }";
            self.problem(&answers.span(), key, problem.to_owned());
        }
    }

    /// The messages to a step that waits.
    fn results(&mut self, key: &str, receive: &Receive, answers: &Spanned<Answers>) {
        for answer in &answers.get_ref().0 {
            match &answer.kind {
                AnswerKind::NoAnswer => {}
                AnswerKind::Result(fields) => self.message(&answers.span(), key, &receive.topic, fields),
                AnswerKind::Reply(_) => {
                    let statuses: Vec<&str> = receive.yes.iter().chain(&receive.no).map(String::as_str).collect();
                    let known = statuses.join(", ");
                    let status = &receive.status;
                    let problem = format!(
                        "the step waits for a message; write \"none\" or {{ result = {{ {status} = \"...\" }} }}, with \
                         one of: {known}"
                    );
                    self.problem(&answers.span(), key, problem);
                }
            }
        }
    }

    fn message(&mut self, at: &Range<usize>, key: &str, topic: &str, fields: &Map<String, Value>) {
        let receives: Vec<Receive> = self.definition.receives().cloned().collect();
        if !receives.iter().any(|receive| receive.topic == topic) {
            let topics: Vec<&str> = receives.iter().map(|receive| receive.topic.as_str()).collect();
            let problem = format!("no step waits on {topic:?}; write one of: {}", topics.join(", "));
            return self.problem(at, key, problem);
        }
        let on_topic: Vec<Receive> = receives.into_iter().filter(|receive| receive.topic == topic).collect();
        if let Err(problem) = messages::read_callback(&message(self.definition, topic, "message", fields), &on_topic) {
            self.problem(at, key, format!("the message would go to {topic}.dlq: {problem}"));
        }
    }

    fn expect(&mut self, case: &Case) {
        let expect = case.expect.get_ref();
        let at = case.expect.span();
        let endings = statuses(self.definition);
        match &expect.status {
            Some(status) if !endings.contains(&status.as_str()) => {
                let problem = format!("no ending has the status {status:?}; write one of: {}", endings.join(", "));
                self.problem(&at, "expect.status", problem);
            }
            None if expect.saga.is_none() => {
                let problem = format!("it is missing; write one of: {}", endings.join(", "));
                self.problem(&at, "expect.status", problem);
            }
            Some(_) | None => {}
        }
        for step in &expect.compensated {
            self.known_step(&step.span(), "expect.compensated", step.get_ref());
        }
    }
}

/// The statuses of a definition's endings.
fn statuses(definition: &Definition) -> Vec<&str> {
    let endings = &definition.endings;
    let steps = endings.steps.values().flat_map(|step| [&step.refused, &step.failed, &step.timed_out]);
    let optional = steps.chain([&endings.cancelled, &endings.deadline]).flatten();
    let mut statuses: Vec<&str> = [&endings.completed, &endings.default]
        .into_iter()
        .chain(optional)
        .map(|ending| ending.status.as_str())
        .collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

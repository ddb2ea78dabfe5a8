//! Writes an imported definition as TOML, with a comment at each decision that the file leaves open.

use std::collections::BTreeSet;
use std::time::Duration;

use super::draft::{
    Draft, DraftAttempts, DraftCommand, DraftCompensation, DraftConclude, DraftLabel, DraftRetry, DraftStep, DraftWait,
    DraftWork,
};
use super::names::{Taken, topic};
use crate::draw::clean;
use vocabulary::schemas;

/// The mark of a decision.
const DECIDE: &str = "DECIDE: ";
/// The longest line of a comment.
const WIDTH: usize = 110;
/// The most characters of a text of the file in a comment.
const MOST_SHOWN: usize = 300;
/// A compensation is tried for longer than its step: running out of attempts is an incident.
const COMPENSATION_RETRY: &str = "retry = { attempts = 100, first = \"500ms\", factor = 2, max = \"30s\" }";

/// Writes the definition that was imported from this file.
pub(super) fn write(draft: &Draft, file: &str) -> String {
    let mut toml = Toml { text: String::new() };
    toml.head(draft, file);
    toml.participants(draft);
    for step in &draft.steps {
        toml.step(draft, step);
    }
    toml.endings();
    toml.conclude(draft);
    toml.text
}

/// A decision, for the notes of a draft.
pub(super) fn decide(text: impl AsRef<str>) -> String {
    format!("{DECIDE}{}", text.as_ref())
}

/// A text of the file, for a note.
pub(super) fn display_text(text: &str) -> String {
    let clean = clean(text);
    let short: String = clean.chars().take(MOST_SHOWN).collect();
    if short.len() < clean.len() { format!("{short}…") } else { short }
}

/// The name of the participant that is informed of the ending, if the file names none.
fn caller(draft: &Draft) -> String {
    let mut taken = Taken::with(&participants(draft).iter().map(String::as_str).collect::<Vec<_>>());
    taken.take("caller".to_owned(), '-')
}

/// The participants of all steps.
fn participants(draft: &Draft) -> BTreeSet<String> {
    let of = |step: &DraftStep| {
        let own = match &step.work {
            DraftWork::Command(command) => Some(command.participant.clone()),
            DraftWork::Wait(_) | DraftWork::Rules(_) => None,
        };
        let undo = step.compensate.as_ref().and_then(|undo| undo.participant.clone());
        own.into_iter().chain(undo).collect::<Vec<_>>()
    };
    let conclude = draft.conclude.as_ref().map(|conclude| conclude.participant.clone());
    draft.steps.iter().flat_map(of).chain(conclude).collect()
}

struct Toml {
    text: String,
}

impl Toml {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {}", quoted(value)));
    }

    fn list(&mut self, key: &str, items: &[String]) {
        let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
        self.line(&format!("{key} = [{}]", items.join(", ")));
    }

    /// Writes a comment, wrapped.
    fn note(&mut self, text: &str) {
        let mut line = String::from("#");
        for word in clean(text).split(' ') {
            if line.chars().count() + word.chars().count() >= WIDTH && line != "#" {
                self.line(&line);
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }

    fn notes(&mut self, notes: &[String]) {
        for note in notes {
            self.note(note);
        }
    }

    fn label(&mut self, label: &DraftLabel) {
        let DraftLabel { english, original } = label;
        let original = original.as_ref().map(|text| format!(", und = {}", quoted(&clean(text)))).unwrap_or_default();
        self.line(&format!("label = {{ en = {}{original} }}", quoted(&clean(english))));
    }

    fn head(&mut self, draft: &Draft, file: &str) {
        if let Some(about) = &draft.about {
            self.note(&format!("{}: {}", draft.label.english, display_text(about)));
        }
        self.note(&format!("Imported from {file} ({}).", draft.format));
        self.note(
            "It can be run as it is. A comment that begins with DECIDE is a question that the imported file does not \
             answer; what stands there is a default. The format is described in docs/sagas.md.",
        );
        let has_original = draft.label.original.is_some() || draft.steps.iter().any(|s| s.label.original.is_some());
        if has_original {
            self.note(&decide(
                "the labels under und (undetermined) are those of the file: write their language, such as zh-Hant \
                 or pt, and translate them to English under en.",
            ));
        }
        self.notes(&draft.notes);
        self.blank();
        self.pair("name", &draft.name);
        self.line(&format!("version = {}", draft.version));
        self.label(&draft.label);
        if let Some(deadline) = draft.deadline {
            self.pair("deadline", &duration(deadline));
        }
        self.blank();
        self.notes(&draft.start.notes);
        self.line("[start]");
        self.pair("topic", &draft.start.topic);
        self.pair("event", &draft.start.event);
        self.pair("output", &draft.start.output);
        self.blank();
    }

    fn participants(&mut self, draft: &Draft) {
        self.note(&decide(
            "which service carries out which commands, on which topic, and which key keeps them in order (\"saga\" \
             is the saga's id). docs/participants.md is what a service must do.",
        ));
        let mut names = participants(draft);
        if draft.conclude.is_none() {
            names.insert(caller(draft));
        }
        for name in names {
            self.line(&format!("[participants.{}]", key(&name)));
            self.pair("topic", &topic(&name, "commands"));
            self.pair("key", "saga");
            self.blank();
        }
    }

    fn step(&mut self, draft: &Draft, step: &DraftStep) {
        self.note(&step.origin);
        self.notes(&step.notes);
        self.line("[[steps]]");
        self.pair("name", &step.name);
        self.label(&step.label);
        self.list("after", &step.after);
        if let Some(when) = &step.when {
            self.pair("when", when);
        }
        if step.pivot {
            self.line("pivot = true");
        }
        match &step.work {
            DraftWork::Command(command) => self.command(draft, step, command),
            DraftWork::Wait(wait) => self.wait(step, wait),
            DraftWork::Rules(rules) => {
                self.line("rules = [");
                for rule in rules {
                    let [must, reason] = [quoted(&rule.must), quoted(&rule.reason)];
                    self.line(&format!("    {{ must = {must}, reason = {reason} }},"));
                }
                self.line("]");
            }
        }
        self.blank();
        if let Some(compensate) = &step.compensate {
            self.compensation(draft, step, compensate);
        }
    }

    fn command(&mut self, draft: &Draft, step: &DraftStep, command: &DraftCommand) {
        self.pair("participant", &command.participant);
        self.pair("command", &command.command);
        if command.input.is_empty() {
            self.note(&decide("which fields the command needs; this is the whole starting event."));
            self.input(&[whole(draft)]);
        } else {
            self.note(&decide("where the fields come from."));
            self.input(&command.input);
        }
        if let Some(output) = &step.output {
            self.pair("output", output);
        }
        if let Some(timeout) = command.timeout {
            self.pair("timeout", &duration(timeout));
        }
        if let Some(retry) = &command.retry {
            self.line(&retry_line(retry));
        }
    }

    fn input(&mut self, fields: &[(String, String)]) {
        let fields: Vec<String> =
            fields.iter().map(|(field, path)| format!("{} = {}", key(field), quoted(path))).collect();
        self.line(&format!("input = {{ {} }}", fields.join(", ")));
    }

    fn wait(&mut self, step: &DraftStep, wait: &DraftWait) {
        if let Some(output) = &step.output {
            self.pair("output", output);
        }
        self.blank();
        self.line("[steps.receive]");
        self.pair("topic", &wait.topic);
        if let Some(correlation) = &wait.correlation {
            self.pair("correlation", correlation);
        }
        if let Some(status) = &wait.status {
            self.pair("status", status);
        }
        self.list("yes", &wait.yes);
        self.list("no", &wait.no);
        self.pair("timeout", &duration(wait.timeout));
        if schemas::of_topic(&wait.topic).is_none() {
            self.note(&decide("which fields of the message are kept."));
            self.line("fields = { reason = { type = \"text\", max = 200, over = \"cut\" } }");
        }
    }

    fn compensation(&mut self, draft: &Draft, step: &DraftStep, compensate: &DraftCompensation) {
        self.notes(&compensate.notes);
        self.line("[steps.compensate]");
        if let Some(participant) = &compensate.participant {
            self.pair("participant", participant);
        }
        self.pair("command", &compensate.command);
        self.note(&decide("which fields the compensation needs; it may get the reply of the step, if there was one."));
        let reply = step.output.clone().map(|output| ("reply".to_owned(), output));
        self.input(&std::iter::once(whole(draft)).chain(reply).collect::<Vec<_>>());
        self.line(COMPENSATION_RETRY);
        self.blank();
    }

    fn endings(&mut self) {
        self.note(&decide(
            "the statuses in which the saga ends, also of single steps: [endings.steps.NAME] with refused, failed or \
             timed_out.",
        ));
        self.line("[endings]");
        self.line("completed = { status = \"completed\" }");
        self.line("default = { status = \"cancelled\" }");
        self.blank();
    }

    fn conclude(&mut self, draft: &Draft) {
        let named = |conclude: &DraftConclude| (conclude.participant.clone(), conclude.command.clone());
        let default = || (caller(draft), format!("{}.conclude", draft.name));
        if draft.conclude.is_none() {
            self.note(&decide("who is informed of the ending, and with which fields."));
        }
        let (participant, command) = draft.conclude.as_ref().map_or_else(default, named);
        self.line("[conclude]");
        self.pair("participant", &participant);
        self.pair("command", &command);
        self.line(
            "input = { sagaId = \"saga.id\", status = \"ending.status\", reason = \"ending.reason\", \
             steps = \"ending.steps\" }",
        );
    }
}

/// The whole starting event as a field.
fn whole(draft: &Draft) -> (String, String) {
    let path = draft.start.output.clone();
    (path.split('.').next_back().unwrap_or_default().to_owned(), path)
}

fn retry_line(retry: &DraftRetry) -> String {
    let mut keys = Vec::new();
    match retry.attempts {
        DraftAttempts::Default => {}
        DraftAttempts::AtMost(attempts) => keys.push(format!("attempts = {attempts}")),
        DraftAttempts::Unlimited => keys.push("attempts = \"unlimited\"".to_owned()),
    }
    let time = |key: &str, value: Option<Duration>| value.map(|value| format!("{key} = {}", quoted(&duration(value))));
    keys.extend(time("first", retry.first));
    keys.extend(retry.factor.map(|factor| format!("factor = {factor}")));
    keys.extend(time("max", retry.max));
    format!("retry = {{ {} }}", keys.join(", "))
}

fn duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A key of TOML.
fn key(name: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(good) { name.to_owned() } else { quoted(name) }
}

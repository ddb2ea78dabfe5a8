//! The text of a case: its timeline, and the differences from what was expected.

use saga::{Entry, Status};
use serde_json::Value;

use super::format::{Case, Expect};
use super::play::{Event, Run, STARTED};
use crate::i18n::Lang;
use crate::i18n::events::event_label;

/// The most characters of a message's value in a timeline.
const VALUE_CHARS: usize = 160;
/// The events at the beginning and at the end of a long timeline that are printed.
const EDGE_EVENTS: usize = 100;

/// The differences between the expected and the actual end, a line each.
pub(super) fn differences(expect: &Expect, run: &Run) -> Vec<String> {
    let Some(saga) = &run.saga else { return vec!["the saga did not start".to_owned()] };
    let mut differences = Vec::new();
    let mut compare = |what: &str, expected: &str, actual: &str| {
        if expected != actual {
            differences.push(format!("{what}: expected {expected}, got {actual}"));
        }
    };
    let ending = saga.ending.as_ref();
    let or_none = |text: Option<&str>| text.map_or_else(|| "none".to_owned(), |text| format!("{text:?}"));
    if expect.status.is_some() {
        compare("status", &or_none(expect.status.as_deref()), &or_none(ending.map(|ending| ending.status.as_str())));
        let reason = ending.and_then(|ending| ending.reason.as_deref());
        compare("reason", &or_none(expect.reason.as_deref()), &or_none(reason));
    }
    let expected: Vec<&str> = expect.compensated.iter().map(|step| step.get_ref().as_str()).collect();
    compare("compensated", &list(&expected), &list(&run.compensated));
    match expect.saga {
        Some(status) => compare("saga", status.as_str(), saga.status.as_str()),
        None if saga.status.is_open() => compare("saga", "completed or compensated", saga.status.as_str()),
        None => {}
    }
    if run.endless {
        differences
            .push("the saga went on and on; an answer that is always \"none\" or \"failed\" may be why".to_owned());
    }
    differences
}

fn list<S: AsRef<str>>(steps: &[S]) -> String {
    let steps: Vec<&str> = steps.iter().map(AsRef::as_ref).collect();
    if steps.is_empty() { "none".to_owned() } else { steps.join(", ") }
}

/// The result of a case, and its timeline unless it passed quietly.
pub(super) fn case(case: &Case, run: &Run, differences: &[String], quiet: bool) -> String {
    let name = &case.name;
    let mut text = if differences.is_empty() {
        format!("ok      {name}: {}\n", summary(run))
    } else {
        let lines = differences.iter().map(|difference| format!("        {difference}\n"));
        format!("FAILED  {name}\n{}", lines.collect::<String>())
    };
    if !quiet || !differences.is_empty() {
        text.push_str(&timeline(&run.timeline));
    }
    text
}

/// The events, a line each; of very many only the first and the last.
fn timeline(events: &[Event]) -> String {
    let lines = |events: &[Event]| events.iter().map(line).collect::<String>();
    match (events.get(..EDGE_EVENTS), events.len().checked_sub(EDGE_EVENTS).and_then(|from| events.get(from..))) {
        (Some(first), Some(last)) if events.len() > 2 * EDGE_EVENTS => {
            let between = events.len() - 2 * EDGE_EVENTS;
            format!("{}{:>12}  {between} more\n{}", lines(first), "…", lines(last))
        }
        (Some(_) | None, Some(_) | None) => lines(events),
    }
}

/// The end of a saga in a few words.
fn summary(run: &Run) -> String {
    let Some(saga) = &run.saga else { return "not started".to_owned() };
    let reason = |reason: &Option<String>| reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    let ending = saga.ending.as_ref().map(|ending| format!("{}{}", ending.status, reason(&ending.reason)));
    let time = offset(saga.ended.unwrap_or(saga.updated).since(STARTED));
    match saga.status {
        Status::Completed | Status::Compensated => format!("{}, after {time}", ending.unwrap_or_default()),
        Status::Running | Status::Compensating | Status::Incident | Status::Paused => {
            format!("{}, after {time}", saga.status)
        }
    }
}

fn line(event: &Event) -> String {
    match event {
        Event::Entry { entry, command } => entry_line(entry, command.as_ref()),
        Event::Progress { at, command, payload } => {
            format!("{:>12}  progress reported: {command} {}\n", offset(at.since(STARTED)), short(payload))
        }
        Event::Unreadable { at, problem } => format!("{:>12}  {problem}\n", offset(at.since(STARTED))),
    }
}

fn entry_line(entry: &Entry, command: Option<&(String, Value)>) -> String {
    let subject = match (entry.step.as_str(), entry.attempt) {
        ("", _) => String::new(),
        (step, 0) => format!("{step}: "),
        (step, attempt) => format!("{step} #{attempt}: "),
    };
    let what = event_label(entry.what, Lang::En);
    let detail = match command {
        Some((command, payload)) => format!(": {command} {}", short(payload)),
        None if entry.why.is_empty() => String::new(),
        None => format!(": {}", entry.why),
    };
    format!("{:>12}  {subject}{what}{detail}\n", offset(entry.at.since(STARTED)))
}

/// A value in one line, cut to [`VALUE_CHARS`].
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= VALUE_CHARS {
        return text;
    }
    let cut: String = text.chars().take(VALUE_CHARS).collect();
    format!("{cut}…")
}

fn offset(milliseconds: u64) -> String {
    humantime::format_duration(std::time::Duration::from_millis(milliseconds)).to_string()
}

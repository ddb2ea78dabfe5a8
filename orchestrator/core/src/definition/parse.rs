//! From the text of a definition to the definition: what each table holds, and what is the default. The steps are in `step`.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::read::{Reader, Report, count, duration, json, name, number, pause, shown, text, texts};
use super::{
    Call, CancelEvent, Definition, DefinitionError, Endings, Failures, Graph, Key, Label, Participant, Progress, Retry,
    Start, Verdict, check, step,
};
use crate::data::{Path, Pick};

pub(super) const NAME: &str = "a name of small letters, digits and \"-\", at most 64 long";
pub(super) const DURATION: &str = "a duration above zero, such as \"200ms\", \"10s\" or \"15m\"";
pub(super) const PATH: &str = "a path into the saga's data, such as \"order.items\"";
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a status lasts before it is told.
const PROGRESS_AFTER: Duration = Duration::from_millis(500);

impl Definition {
    /// Reads a definition from the text of its file and checks all of it.
    ///
    /// # Errors
    /// Everything that is wrong with it, by line.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Vec<DefinitionError>> {
        let report = Report::new(file_name, text);
        let (root, broken) = DeTable::parse_recoverable(text);
        for error in &broken {
            report.error(error.span(), None, error.message(), "write valid TOML 1.0 (https://toml.io/en/v1.0.0)");
        }
        let mut definition = None;
        if broken.is_empty() {
            let (read, places) = definition_of(Reader::new(&report, "the file", root.get_ref(), root.span()));
            check::check(&read, &places, &report);
            definition = Some(read);
        }
        let errors = report.into_errors();
        match definition {
            Some(definition) if errors.is_empty() => Ok(definition.seal(text)),
            Some(_) | None => Err(errors),
        }
    }
}

fn definition_of(mut file: Reader<'_>) -> (Definition, check::Places) {
    let saga_name = file.need("name", &format!("name = {NAME}"), name).unwrap_or_default();
    let version = file.need("version", "version = 1, or the next whole number when it changes", count).unwrap_or(1);
    let label = label(&mut file, &saga_name);
    let start = start(&mut file);
    let customer = file.get("customer", &format!("customer = {PATH}"), path);
    let deadline = file.get("deadline", &format!("deadline = {DURATION}"), duration);
    let participants = participants(&mut file);
    let progress = file.table("progress").map(progress);
    let (steps, places) = step::steps(&mut file);
    let endings = endings(&mut file);
    let conclude = match file.table("conclude") {
        Some(mut table) => {
            let forever = Retry { attempts: None, ..Retry::default() };
            let call = call(&mut table, None, &forever, TIMEOUT);
            table.finish();
            call
        }
        None => {
            file.missing("conclude", "a table [conclude] with participant, command and input");
            no_call()
        }
    };
    file.finish();
    let (graph, hash, source) = (Graph::default(), String::new(), String::new());
    let definition = Definition {
        name: saga_name,
        version,
        label,
        start,
        customer,
        deadline,
        participants,
        progress,
        steps,
        endings,
        conclude,
        graph,
        hash,
        source,
    };
    (definition, places)
}

fn no_call() -> Call {
    Call {
        participant: String::new(),
        command: String::new(),
        input: BTreeMap::new(),
        retry: Retry::default(),
        timeout: TIMEOUT,
    }
}

/// `label = { en = "...", pt = "..." }`; without one, the name.
pub(super) fn label(table: &mut Reader<'_>, name: &str) -> Label {
    let named = || Label(BTreeMap::from([("en".to_owned(), name.to_owned())]));
    let Some(mut languages) = table.table("label") else { return named() };
    let mut label = Label::default();
    for (language, at, value) in languages.entries() {
        match text(value.get_ref()) {
            Some(words) => _ = label.0.insert(language, words),
            None => languages.error(at, format!("the label in {language:?} is not a text"), "write a text in quotes"),
        }
    }
    if !label.0.contains_key("en") {
        languages.missing("en", "label = { en = \"...\" }; other languages are optional, English is not");
    }
    label
}

fn start(file: &mut Reader<'_>) -> Start {
    let Some(mut table) = file.table("start") else {
        file.missing("start", "a table [start] with topic, event and output");
        return Start { topic: String::new(), event: String::new(), output: Path::nowhere(), cancel: None };
    };
    let start = Start {
        topic: table
            .need("topic", "topic = \"created-orders\", the topic of the starting event", text)
            .unwrap_or_default(),
        event: table
            .need("event", "event = \"order.created\", the type of the starting event", text)
            .unwrap_or_default(),
        output: table.need("output", &format!("output = {PATH}"), path).unwrap_or_else(Path::nowhere),
        cancel: table.table("cancel").map(cancel),
    };
    if let Some(cancel) = start.cancel.as_ref().filter(|cancel| cancel.event == start.event) {
        let problem = format!("cancel: {:?} begins the saga", cancel.event);
        table.error(table.span(), problem, "write another event");
    }
    table.finish();
    start
}

fn cancel(mut table: Reader<'_>) -> CancelEvent {
    let event = table.need("event", "event = \"order.cancel-requested\", the type of the cancelling event", text);
    let reason = table.need("reason", "reason = \"cancelled_by_customer\", the reason of the ending", text);
    table.finish();
    CancelEvent { event: event.unwrap_or_default(), reason: reason.unwrap_or_default() }
}

fn participants(file: &mut Reader<'_>) -> BTreeMap<String, Participant> {
    let Some(mut all) = file.table("participants") else {
        file.missing("participants", "a table [participants.NAME] with topic and key for each");
        return BTreeMap::new();
    };
    let mut participants = BTreeMap::new();
    for (name, _, value) in all.entries() {
        let Some(mut table) = all.as_table(&name, value) else { continue };
        let topic = table.need("topic", "topic = the topic it reads commands from", text).unwrap_or_default();
        let key = match table.value("key") {
            Some(value) if value.get_ref().as_str() == Some("saga") => Key::Saga,
            Some(value) => pick(&table, "key", value).map_or(Key::Saga, Key::Of),
            None => {
                table.missing("key", "key = \"saga\", a path, or { path = \"...\", default = \"...\" }");
                Key::Saga
            }
        };
        table.finish();
        participants.insert(name, Participant { topic, key });
    }
    participants
}

pub(super) fn path(value: &DeValue<'_>) -> Option<Path> {
    Path::parse(value.as_str()?)
}

/// A path as a text, `{ path, fields, default }` or `{ literal }`.
fn pick(parent: &Reader<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Pick> {
    if let Some(path) = path(value.get_ref()) {
        return Some(Pick::At { path, fields: Vec::new(), default: None });
    }
    let wants = format!("{PATH}, {{ path = \"...\", fields = [...], default = ... }} or {{ literal = ... }}");
    let Some(table) = value.get_ref().as_table() else {
        parent.error(value.span(), format!("{name} is {}", shown(value.get_ref())), format!("write {wants}"));
        return None;
    };
    parent.inner(name, table, value.span(), |table| {
        let literal = table.get("literal", "literal = a text, a number, true, false, a list or a table", json);
        let path = table.get("path", PATH, path);
        let fields = table.get("fields", "fields = a list of names", texts).unwrap_or_default();
        let default = table.get("default", "default = a text, a number, true, false, a list or a table", json);
        match (literal, path) {
            (Some(literal), None) if fields.is_empty() && default.is_none() => Some(Pick::Literal(literal)),
            (None, Some(path)) => Some(Pick::At { path, fields, default }),
            (Some(_), None | Some(_)) | (None, None) => {
                table.error(
                    table.span(),
                    format!("{name} has no path, or a literal and more"),
                    format!("write {wants}"),
                );
                None
            }
        }
    })
}

/// The keys of a command, in a step, in `compensate` or in `[conclude]`. A compensation has the step's participant,
/// retry and timeout where it says nothing.
pub(super) fn call(table: &mut Reader<'_>, participant: Option<&str>, retry: &Retry, timeout: Duration) -> Call {
    let wants = "participant = a name from [participants], receive = { ... } for a step that waits, or rules = [...] for \
                 one that checks";
    let participant = match participant {
        Some(default) => table.get("participant", wants, text).unwrap_or_else(|| default.to_owned()),
        None => table.need("participant", wants, text).unwrap_or_default(),
    };
    let command = table.need("command", "command = a type such as \"inventory.reserve\"", text).unwrap_or_default();
    let input = input(table);
    let retry = table.table("retry").map_or_else(|| retry.clone(), |table| self::retry(table, retry));
    let timeout = table.get("timeout", &format!("timeout = {DURATION}"), duration).unwrap_or(timeout);
    Call { participant, command, input, retry, timeout }
}

/// The fields of a message.
fn input(table: &mut Reader<'_>) -> BTreeMap<String, Pick> {
    let mut input = BTreeMap::new();
    if let Some(mut fields) = table.table("input") {
        for (field, _, value) in fields.entries() {
            if let Some(pick) = pick(&fields, &field, value) {
                input.insert(field, pick);
            }
        }
    }
    input
}

fn progress(mut table: Reader<'_>) -> Progress {
    let after = "after = a duration such as \"500ms\", or \"0s\" to tell each status at once";
    let progress = Progress {
        participant: table.need("participant", "participant = a name from [participants]", text).unwrap_or_default(),
        command: table.need("command", "command = a type such as \"order.progress\"", text).unwrap_or_default(),
        input: input(&mut table),
        after: table.get("after", after, pause).unwrap_or(PROGRESS_AFTER),
    };
    table.finish();
    progress
}

fn retry(mut table: Reader<'_>, default: &Retry) -> Retry {
    let attempts = |value: &DeValue<'_>| {
        if value.as_str() == Some("unlimited") { Some(None) } else { count(value).map(Some) }
    };
    let wants = "attempts = a whole number from 1, or \"unlimited\"";
    let share = |value: &DeValue<'_>| number(value).filter(|share| (0.0..=1.0).contains(share));
    let factor = |value: &DeValue<'_>| number(value).filter(|factor| (1.0..=100.0).contains(factor));
    let retry = Retry {
        attempts: table.get("attempts", wants, attempts).unwrap_or(default.attempts),
        first: table.get("first", &format!("first = {DURATION}"), duration).unwrap_or(default.first),
        factor: table.get("factor", "factor = a number from 1 to 100", factor).unwrap_or(default.factor),
        max: table.get("max", &format!("max = {DURATION}"), duration).unwrap_or(default.max),
        jitter: table.get("jitter", "jitter = a number from 0 to 1", share).unwrap_or(default.jitter),
    };
    if retry.max < retry.first {
        table.error(table.span(), "max is shorter than first", "write a max that is at least first");
    }
    table.finish();
    retry
}

fn endings(file: &mut Reader<'_>) -> Endings {
    let unsaid = || Verdict { status: String::new(), reason: None };
    let Some(mut table) = file.table("endings") else {
        file.missing("endings", "a table [endings] with completed and default");
        let (completed, default) = (unsaid(), unsaid());
        return Endings { completed, default, cancelled: None, deadline: None, steps: BTreeMap::new() };
    };
    let mut of = |key: &'static str| {
        let said = verdict(&mut table, key);
        if said.is_none() {
            table.missing(key, &format!("{key} = {{ status = \"...\" }}"));
        }
        said.unwrap_or_else(unsaid)
    };
    let (completed, default) = (of("completed"), of("default"));
    let (cancelled, deadline) = (verdict(&mut table, "cancelled"), verdict(&mut table, "deadline"));
    let mut steps = BTreeMap::new();
    if let Some(mut all) = table.table("steps") {
        for (step, _, value) in all.entries() {
            let Some(mut one) = all.as_table(&step, value) else { continue };
            let failures = Failures {
                refused: verdict(&mut one, "refused"),
                failed: verdict(&mut one, "failed"),
                timed_out: verdict(&mut one, "timed_out"),
            };
            one.finish();
            steps.insert(step, failures);
        }
    }
    table.finish();
    Endings { completed, default, cancelled, deadline, steps }
}

fn verdict(table: &mut Reader<'_>, key: &'static str) -> Option<Verdict> {
    let mut table = table.table(key)?;
    let status = table.need("status", "status = what the ending is called, such as \"rejected\"", text);
    let reason = table.get("reason", "reason = a word such as \"out_of_stock\"", text);
    table.finish();
    Some(Verdict { status: status.unwrap_or_default(), reason })
}

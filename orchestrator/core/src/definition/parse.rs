//! Parses a definition: its tables and their defaults. The steps are in `step`.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeTable;

use super::error::DefinitionError;
use super::fields::{DURATION, NAME, PATH, TIMEOUT, call, input, label, path, pick};
use super::format::other_format;
use super::graph::Graph;
use super::model::{
    Call, CancelEvent, Definition, EndingSpec, Endings, Key, Participant, Progress, Start, StepEndings,
};
use super::read::{Places, Reader, Report, count, duration, name, pause, text};
use super::retry::{AttemptLimit, Retry};
use super::{check, step};
use crate::data::Path;

/// The default of `after` in `[progress]`.
const PROGRESS_AFTER: Duration = Duration::from_millis(500);

impl Definition {
    /// Parses a definition and checks it.
    ///
    /// # Errors
    /// All errors, by line.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Vec<DefinitionError>> {
        let report = Report::new(file_name, text);
        let (root, broken) = DeTable::parse_recoverable(text);
        let format = if broken.is_empty() { None } else { other_format(text) };
        if let Some(format) = format {
            let write = "write the definition in TOML, such as orchestrator/sagas/order.toml (docs/sagas.md)";
            report.error(None, None, format!("this is {format}"), write);
            return Err(report.into_errors());
        }
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

fn definition_of(mut file: Reader<'_>) -> (Definition, Places) {
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
            let forever = Retry { attempts: AttemptLimit::Unlimited, ..Retry::default() };
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
        graph: Graph::default(),
        hash: String::new(),
        source: String::new(),
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
        file.missing("participants", "a table [participants.NAME] with topic and key for each participant");
        return BTreeMap::new();
    };
    let mut participants = BTreeMap::new();
    for (name, _, value) in all.entries() {
        let Some(mut table) = all.as_table(&name, value) else { continue };
        let topic = table.need("topic", "topic = the topic of its commands", text).unwrap_or_default();
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

fn progress(mut table: Reader<'_>) -> Progress {
    let after = "after = a duration such as \"500ms\", or \"0s\" to report each status at once";
    let progress = Progress {
        participant: table.need("participant", "participant = a name from [participants]", text).unwrap_or_default(),
        command: table.need("command", "command = a type such as \"order.progress\"", text).unwrap_or_default(),
        input: input(&mut table),
        after: table.get("after", after, pause).unwrap_or(PROGRESS_AFTER),
    };
    table.finish();
    progress
}

fn endings(file: &mut Reader<'_>) -> Endings {
    let missing = || EndingSpec { status: String::new(), reason: None };
    let Some(mut table) = file.table("endings") else {
        file.missing("endings", "a table [endings] with completed and default");
        return Endings {
            completed: missing(),
            default: missing(),
            cancelled: None,
            deadline: None,
            steps: BTreeMap::new(),
        };
    };
    let mut required = |key: &'static str| {
        let spec = ending(&mut table, key);
        if spec.is_none() {
            table.missing(key, &format!("{key} = {{ status = \"...\" }}"));
        }
        spec.unwrap_or_else(missing)
    };
    let completed = required("completed");
    let default = required("default");
    let cancelled = ending(&mut table, "cancelled");
    let deadline = ending(&mut table, "deadline");
    let mut steps = BTreeMap::new();
    if let Some(mut all) = table.table("steps") {
        for (step, _, value) in all.entries() {
            let Some(mut table) = all.as_table(&step, value) else { continue };
            let endings = StepEndings {
                refused: ending(&mut table, "refused"),
                failed: ending(&mut table, "failed"),
                timed_out: ending(&mut table, "timed_out"),
            };
            table.finish();
            steps.insert(step, endings);
        }
    }
    table.finish();
    Endings { completed, default, cancelled, deadline, steps }
}

fn ending(table: &mut Reader<'_>, key: &'static str) -> Option<EndingSpec> {
    let mut table = table.table(key)?;
    let status = table.need("status", "status = the status of the ending, such as \"rejected\"", text);
    let reason = table.get("reason", "reason = an identifier such as \"out_of_stock\"", text);
    table.finish();
    Some(EndingSpec { status: status.unwrap_or_default(), reason })
}

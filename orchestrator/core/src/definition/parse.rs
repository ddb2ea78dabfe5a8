//! Parses a definition: its tables and their defaults. The steps are in `step`.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeTable;

use super::error::DefinitionError;
use super::fields::{TIMEOUT, call, input, label, path, pick};
use super::format::other_format;
use super::graph::Graph;
use super::keys::{
    self, CALL, CANCEL, ENDING, ENDINGS, FIELDS, FILE, Key as TableKey, PARTICIPANT, PARTICIPANTS, PROGRESS, START,
    STEP_ENDING, STEP_ENDINGS,
};
use super::model::{
    Call, CancelEvent, Definition, EndingSpec, Endings, Key, Participant, Progress, Start, StepEndings,
};
use super::read::{Places, Reader, Report, count, duration, name, pause, text, word};
use super::retry::{AttemptLimit, Retry};
use super::typed_fields::{check_fields, typed_fields};
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
            let (read, places) = definition_of(Reader::new(&report, "the file", root.get_ref(), root.span(), &FILE));
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

fn definition_of(file: Reader<'_>) -> (Definition, Places) {
    use keys::file as key;
    let saga_name = file.get(&key::NAME, name).unwrap_or_default();
    let version = file.get(&key::VERSION, count).unwrap_or(1);
    let label = label(&file, &key::LABEL_OF, &saga_name);
    let start = start(&file);
    let customer = file.get(&key::CUSTOMER, path);
    let deadline = file.get(&key::DEADLINE, duration);
    let participants = participants(&file);
    let progress = file.table(&key::PROGRESS_OF, &PROGRESS).map(progress);
    let (steps, places) = step::steps(&file);
    let endings = endings(&file);
    let conclude = match file.table(&key::CONCLUDE, &CALL) {
        Some(table) => {
            let forever = Retry { attempts: AttemptLimit::Unlimited, ..Retry::default() };
            let call = call(&table, &forever);
            table.finish();
            call
        }
        None => no_call(),
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

fn start(file: &Reader<'_>) -> Start {
    use keys::start as key;
    let Some(table) = file.table(&keys::file::START_OF, &START) else {
        return Start {
            topic: String::new(),
            event: String::new(),
            output: Path::nowhere(),
            fields: None,
            cancel: None,
        };
    };
    let start = Start {
        topic: table.get(&key::TOPIC, text).unwrap_or_default(),
        event: table.get(&key::EVENT, text).unwrap_or_default(),
        output: table.get(&key::OUTPUT, path).unwrap_or_else(Path::nowhere),
        fields: table.table(&key::FIELDS_OF, &FIELDS).map(|fields| {
            let typed = typed_fields(&fields);
            check_fields(&fields, &typed);
            typed
        }),
        cancel: table.table(&key::CANCEL_OF, &CANCEL).map(cancel),
    };
    if let Some(cancel) = start.cancel.as_ref().filter(|cancel| cancel.event == start.event) {
        let problem = format!("cancel: {:?} begins the saga", cancel.event);
        table.error(table.span(), problem, "write another event");
    }
    table.finish();
    start
}

fn cancel(table: Reader<'_>) -> CancelEvent {
    let event = table.get(&keys::cancel::EVENT, text);
    let reason = table.get(&keys::cancel::REASON, text);
    table.finish();
    CancelEvent { event: event.unwrap_or_default(), reason: reason.unwrap_or_default() }
}

fn participants(file: &Reader<'_>) -> BTreeMap<String, Participant> {
    use keys::participant as key;
    let Some(all) = file.table(&keys::file::PARTICIPANTS_OF, &PARTICIPANTS) else { return BTreeMap::new() };
    let mut participants = BTreeMap::new();
    for (name, _, value) in all.entries() {
        let Some(table) = all.as_table(&name, value, &PARTICIPANT) else { continue };
        let topic = table.get(&key::TOPIC, text).unwrap_or_default();
        let key = match table.value(&key::KEY) {
            Some(value) if value.get_ref().as_str() == Some("saga") => Key::Saga,
            Some(value) => pick(&table, key::KEY.name, value).map_or(Key::Saga, Key::Of),
            None => Key::Saga,
        };
        table.finish();
        participants.insert(name, Participant { topic, key });
    }
    participants
}

fn progress(table: Reader<'_>) -> Progress {
    use keys::progress as key;
    let progress = Progress {
        participant: table.get(&key::PARTICIPANT, text).unwrap_or_default(),
        command: table.get(&key::COMMAND, text).unwrap_or_default(),
        input: input(&table, &key::INPUT_OF),
        after: table.get(&key::AFTER, pause).unwrap_or(PROGRESS_AFTER),
        cancelling: table.get(&key::CANCELLING, word),
    };
    table.finish();
    progress
}

fn endings(file: &Reader<'_>) -> Endings {
    use keys::endings as key;
    let missing = || EndingSpec { status: String::new(), reason: None };
    let Some(table) = file.table(&keys::file::ENDINGS_OF, &ENDINGS) else {
        return Endings {
            completed: missing(),
            default: missing(),
            cancelled: None,
            deadline: None,
            steps: BTreeMap::new(),
        };
    };
    let completed = ending(&table, &key::COMPLETED).unwrap_or_else(missing);
    let default = ending(&table, &key::DEFAULT).unwrap_or_else(missing);
    let cancelled = ending(&table, &key::CANCELLED);
    let deadline = ending(&table, &key::DEADLINE);
    let mut steps = BTreeMap::new();
    if let Some(all) = table.table(&key::STEPS, &STEP_ENDINGS) {
        for (step, _, value) in all.entries() {
            let Some(table) = all.as_table(&step, value, &STEP_ENDING) else { continue };
            let endings = StepEndings {
                refused: ending(&table, &keys::step_ending::REFUSED),
                failed: ending(&table, &keys::step_ending::FAILED),
                timed_out: ending(&table, &keys::step_ending::TIMED_OUT),
            };
            table.finish();
            steps.insert(step, endings);
        }
    }
    table.finish();
    Endings { completed, default, cancelled, deadline, steps }
}

fn ending(table: &Reader<'_>, key: &TableKey) -> Option<EndingSpec> {
    let table = table.table(key, &ENDING)?;
    let status = table.get(&keys::ending::STATUS, text);
    let reason = table.get(&keys::ending::REASON, text);
    table.finish();
    Some(EndingSpec { status: status.unwrap_or_default(), reason })
}

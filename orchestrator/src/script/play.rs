//! Plays one case with the engine: a queue of inputs by time, and the saga's own timers.

use std::collections::BTreeMap;

use common::blob::Blob;
use common::messages::{Headers, Message, header};
use common::time::Timestamp as MessageTime;
use saga::{
    Action, Data, Decision, Definition, Effect, Entry, Input, Operate, Operation, Path, Receive, Saga, StepStatus,
    Timestamp, What, Work, decide,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::{AnswerKind, Answers};
use super::format::Case;
use super::json::JsonObject;
use crate::messages;

/// The most decisions of a case. A saga that needs more is taken to never end.
const MOST_DECISIONS: usize = 10_000;
/// The id of every saga that is played.
const ID: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
/// When every saga starts: 2026-01-01T00:00:00Z.
pub(super) const STARTED: Timestamp = Timestamp(1_767_225_600_000);

/// The run of a case.
pub(super) struct Run {
    pub(super) saga: Option<Saga>,
    /// The whole history, with the messages that were sent.
    pub(super) timeline: Vec<Event>,
    /// The compensated steps, in order.
    pub(super) compensated: Vec<String>,
    /// Set if the saga still changed after [`MOST_DECISIONS`].
    pub(super) endless: bool,
}

/// An event of the timeline.
pub(super) enum Event {
    /// An entry of the saga's history, with the command that it reports as sent.
    Entry { entry: Entry, command: Option<(String, Value)> },
    /// A progress message.
    Progress { at: Timestamp, command: String, payload: Value },
    /// An input that the engine did not get.
    Unreadable { at: Timestamp, problem: String },
}

struct Player<'a> {
    definition: &'a Definition,
    case: &'a Case,
    receives: Vec<Receive>,
    /// The inputs to come, by time and then by the order in which they were added.
    queue: BTreeMap<(Timestamp, usize), Input>,
    added: usize,
    now: Timestamp,
    run: Run,
}

/// Plays a case until nothing can happen any more.
pub(super) fn play(definition: &Definition, start: &JsonObject, case: &Case) -> Run {
    let run = Run { saga: None, timeline: Vec::new(), compensated: Vec::new(), endless: false };
    let receives = definition.receives().cloned().collect();
    let mut player = Player { definition, case, receives, queue: BTreeMap::new(), added: 0, now: STARTED, run };
    player.prepare(start);
    for _ in 0..MOST_DECISIONS {
        let Some(input) = player.next() else { return player.run };
        player.decide(input);
    }
    player.run.endless = true;
    player.run
}

/// The message that a script sends on a topic. The saga's id is filled in where it is missing.
pub(super) fn message(definition: &Definition, topic: &str, id: &str, fields: &Map<String, Value>) -> Message {
    let mut value = Value::Object(fields.clone());
    for receive in definition.receives().filter(|receive| receive.topic == topic) {
        if receive.correlation.find(&value).is_none() {
            value = with(value, &receive.correlation, Value::from(ID.to_string()));
        }
    }
    let mut headers = Headers::default();
    headers.push(header::ID, Blob::from(id));
    Message {
        topic: topic.into(),
        partition: 0,
        offset: 0,
        timestamp: MessageTime(0),
        key: None,
        headers,
        value: Some(value.to_string().into_bytes()),
    }
}

/// A message that completes a wait.
fn accepted(receive: &Receive) -> Map<String, Value> {
    let status = receive.yes.first().cloned().unwrap_or_default();
    match with(Value::Object(Map::new()), &receive.status, Value::from(status)) {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// An object with a value at a path.
fn with(object: Value, path: &Path, value: Value) -> Value {
    let Some(root) = Path::parse("value") else { return object };
    let Some(path) = Path::parse(&format!("{root}.{path}")) else { return object };
    let mut data = Data::with(&root, object);
    data.put(&path, value);
    data.get(&root).cloned().unwrap_or_default()
}

impl Player<'_> {
    /// Queues the inputs whose time does not depend on the saga.
    fn prepare(&mut self, start: &JsonObject) {
        let mut payload = start.0.clone();
        payload.extend(self.case.start.0.clone());
        let data = Data::with(&self.definition.start.output, Value::Object(payload));
        self.add(STARTED, Input::Start { id: ID, data, traceparent: None });
        for callback in &self.case.callbacks {
            let callback = callback.get_ref();
            self.add_message(STARTED.plus(callback.at.0), &callback.topic, &callback.value.0);
        }
        let spec = self.definition.start.cancel.as_ref();
        if let (Some(cancel), Some(spec)) = (&self.case.cancel, spec) {
            let cancel = cancel.get_ref();
            let what = Operate::Cancel { reason: Some(spec.reason.clone()) };
            self.add_operation(STARTED.plus(cancel.at.0), "customer", &cancel.why, what);
        }
        for operation in &self.case.operations {
            let operation = operation.get_ref();
            self.add_operation(STARTED.plus(operation.at.0), "operator", &operation.why, operation.what.clone());
        }
    }

    fn add(&mut self, at: Timestamp, input: Input) {
        self.queue.insert((at, self.added), input);
        self.added += 1;
    }

    fn add_operation(&mut self, at: Timestamp, by: &str, why: &str, what: Operate) {
        let id = format!("operation-{}", self.added);
        self.add(at, Input::Operator(Operation { id, by: by.to_owned(), why: why.to_owned(), from: None, what }));
    }

    fn add_message(&mut self, at: Timestamp, topic: &str, value: &Map<String, Value>) {
        let message = message(self.definition, topic, &format!("message-{}", self.added), value);
        match messages::read_callback(&message, &self.receives) {
            Ok(callback) => self.add(at, Input::Callback(callback)),
            Err(problem) => {
                let problem = format!("a message on {topic} goes to {topic}.dlq: {problem}");
                self.run.timeline.push(Event::Unreadable { at, problem });
            }
        }
    }

    /// The next input: of the queue, or a timer that is due before it.
    fn next(&mut self) -> Option<Input> {
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        let due = self.run.saga.as_ref().and_then(Saga::wake_at).map(Timestamp);
        let at = match (queued, due) {
            (Some(queued), Some(due)) if due < queued => due,
            (Some(queued), Some(_) | None) => queued,
            (None, due) => due?,
        };
        self.now = self.now.max(at);
        if queued == Some(at) { self.queue.pop_first().map(|(_, input)| input) } else { Some(Input::Timer) }
    }

    /// Decides an input, and queues the answers to what the decision sends.
    fn decide(&mut self, input: Input) {
        let mut before = self.run.saga.take();
        if let Some(saga) = &mut before {
            // No decision depends on the history: an empty one gets the entries of this decision.
            saga.history.clear();
        }
        let Decision { saga, effects, .. } = decide(self.definition, before, input, self.now);
        let entries = saga.as_ref().map(|saga| saga.history.clone()).unwrap_or_default();
        for entry in entries {
            let command = command_of(&effects, &entry);
            if entry.what == What::Compensated {
                self.run.compensated.push(entry.step.clone());
            }
            if entry.what == What::Sent && command.is_none() && saga.as_ref().is_some_and(|s| waits(s, &entry.step)) {
                self.answer_wait(&entry.step);
            }
            self.run.timeline.push(Event::Entry { entry, command });
        }
        for effect in effects {
            match effect {
                Effect::SendCommand { step, attempt, action, .. } => self.answer_command(step, attempt, action),
                Effect::SendAnswer { topic, payload, .. } => {
                    let fields = payload.as_object().cloned().unwrap_or_default();
                    self.add_message(self.now, &topic, &fields);
                }
                Effect::SendProgress { command, payload, .. } => {
                    self.run.timeline.push(Event::Progress { at: self.now, command, payload });
                }
            }
        }
        self.run.saga = saga;
    }

    /// Queues the messages for a step that begins to wait; by default one that completes it.
    fn answer_wait(&mut self, name: &str) {
        let Some(Work::Receive(receive)) = self.definition.step(name).map(|step| &step.work) else { return };
        match find(&self.case.answers, name) {
            Some(answers) => {
                for answer in &answers.0 {
                    if let AnswerKind::Result(fields) = &answer.kind {
                        self.add_message(self.now.plus(answer.after), &receive.topic, fields);
                    }
                }
            }
            None => self.add_message(self.now, &receive.topic, &accepted(receive)),
        }
    }

    /// Queues the answer to a command; by default a success.
    fn answer_command(&mut self, step: String, attempt: u32, action: Action) {
        let answers = match action {
            Action::Execute => &self.case.answers,
            Action::Compensate => &self.case.compensations,
        };
        let default = Answers::ok();
        let Some(answer) = find(answers, &step).unwrap_or(&default).to(attempt) else { return };
        if let AnswerKind::Reply(outcome) = &answer.kind {
            let at = self.now.plus(answer.after);
            self.add(at, Input::Reply { step, attempt, action, outcome: outcome.clone() });
        }
    }
}

/// The answers for a step.
fn find<'a>(answers: &'a BTreeMap<String, toml::Spanned<Answers>>, step: &str) -> Option<&'a Answers> {
    answers.get(step).map(toml::Spanned::get_ref)
}

fn waits(saga: &Saga, step: &str) -> bool {
    saga.step(step).is_some_and(|state| state.status == StepStatus::Running)
}

/// The command that an entry reports as sent.
fn command_of(effects: &[Effect], entry: &Entry) -> Option<(String, Value)> {
    let sent = if entry.what == What::Sent {
        Action::Execute
    } else if entry.what == What::CompensationSent {
        Action::Compensate
    } else {
        return None;
    };
    effects.iter().find_map(|effect| match effect {
        Effect::SendCommand { step, attempt, action, command, payload, .. }
            if (step, *attempt, *action) == (&entry.step, entry.attempt, sent) =>
        {
            Some((command.clone(), payload.clone()))
        }
        Effect::SendCommand { .. } | Effect::SendAnswer { .. } | Effect::SendProgress { .. } => None,
    })
}

//! The real engine on the real definition, made finite: a saga without times and history. Each distinct decision is
//! made once and cached, since the same saga receives the same input in many states of the system.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::{Arc, RwLock};

use saga::{
    Action, Callback, Data, Definition, Effect, Input, Operate, Operation, Outcome, Saga, StepState, StepStatus,
    TimerKind, Timestamp, decide,
};
use serde_json::{Value, json};

use super::messages::{Answer, Ask, Command, Operator, Verdict};
use crate::harness::{self, check_always};

/// The statuses with which an order can end.
pub const ENDINGS: [&str; 4] = ["confirmed", "cancelled", "rejected", "payment_not_completed"];

/// The time of every decision, and the time of every pending timer.
const NOW: Timestamp = Timestamp(0);
const LATER: Timestamp = Timestamp(1);

/// An input of a saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SagaInput {
    Reply(Ask, Answer),
    Result(Verdict),
    /// The timer of this step is due.
    Timer(u8),
    Deadline,
    Operator(Operator),
}

/// A saga, identified by the fingerprint of the state that its decisions depend on.
#[derive(Clone)]
pub struct Known(Arc<(u64, Saga)>);

impl Known {
    fn new(saga: Saga) -> Self {
        Self(Arc::new((fingerprint(&saga), saga)))
    }

    pub fn saga(&self) -> &Saga {
        &self.0.1
    }

    pub fn is_stuck(&self, step: &str) -> bool {
        self.saga().step(step).unwrap().status == StepStatus::Stuck
    }

    /// Returns true if this attempt is the last one sent and its reply is pending.
    pub fn waits_for(&self, ask: Ask) -> bool {
        let saga = self.saga();
        let step = saga.steps.get(usize::from(ask.step)).unwrap_or(&saga.conclude);
        let waits = matches!(step.status, StepStatus::Running | StepStatus::Compensating | StepStatus::Stuck);
        let undo = step.compensations > 0;
        let last = if undo { step.compensations } else { step.attempts };
        waits && ask.undo == undo && u32::from(ask.attempt) == last
    }

    /// The steps whose timers are set.
    pub fn timers(&self) -> impl Iterator<Item = (u8, TimerKind)> {
        let saga = self.saga();
        let place = |name: &str| saga.steps.iter().take_while(|step| step.name != name).count();
        saga.timers().map(move |timer| (u8::try_from(place(timer.step)).unwrap(), timer.kind))
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.0.0 == other.0.0
    }
}

impl Eq for Known {}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.0.hash(state);
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.saga().steps.iter().chain([&self.saga().conclude]);
        let steps: Vec<String> = steps.map(|s| format!("{} {}", s.name, s.status)).collect();
        write!(f, "{}: {}", self.saga().status, steps.join(", "))
    }
}

/// The result of a decision.
pub struct Decided {
    pub saga: Known,
    pub commands: Vec<(Ask, Command)>,
}

pub struct Engine {
    definition: Definition,
    /// A planted bug: compensations of unknown outcomes are reported as done without being sent.
    skips_unknown: bool,
    decided: RwLock<HashMap<(u64, SagaInput), Arc<Decided>>>,
}

impl Engine {
    pub fn new(text: &str) -> Self {
        Self { definition: harness::definition(text), skips_unknown: false, decided: RwLock::default() }
    }

    pub fn with_bug_that_skips_unknown_outcomes(self) -> Self {
        Self { skips_unknown: true, ..self }
    }

    /// The number of different decisions.
    pub fn decisions(&self) -> usize {
        self.decided.read().unwrap().len()
    }

    pub fn begin(&self) -> Decided {
        let order = json!({"orderId": harness::ID, "customerId": "c1", "amountMinor": 9999, "currency": "BRL",
            "items": [{"id": "ticket", "name": "A ticket", "quantity": 1}]});
        let data = Data::with(&self.definition.start.output, order);
        self.decide(None, Input::Start { id: harness::ID, data, traceparent: None })
    }

    pub fn apply(&self, known: &Known, event: SagaInput) -> Arc<Decided> {
        let key = (known.0.0, event);
        if let Some(decided) = self.decided.read().unwrap().get(&key) {
            return decided.clone();
        }
        let mut saga = known.saga().clone();
        let input = match event {
            SagaInput::Reply(ask, answer) => reply(&saga, ask, outcome(answer)),
            SagaInput::Result(verdict) => Input::Callback(callback(verdict)),
            SagaInput::Timer(step) => {
                let step = steps(&mut saga).nth(step.into()).unwrap();
                step.timer = step.timer.map(|(kind, _)| (kind, NOW));
                Input::Timer
            }
            SagaInput::Deadline => {
                saga.deadline = saga.deadline.map(|_| NOW);
                Input::Timer
            }
            SagaInput::Operator(operator) => Input::Operator(operation(&saga, operator)),
        };
        let decided = Arc::new(self.decide(Some(saga), input));
        self.decided.write().unwrap().entry(key).or_insert(decided).clone()
    }

    fn decide(&self, before: Option<Saga>, input: Input) -> Decided {
        let decision = decide(&self.definition, before.clone(), input, NOW);
        let after = decision.saga.unwrap();
        check_always(before.as_ref(), &after);
        let skipped = |effect: &&Effect| {
            matches!(effect, Effect::SendCommand { step, action: Action::Compensate, .. }
                if self.skips_unknown && !after.step(step).unwrap().happened)
        };
        if let Some(Effect::SendCommand { step, attempt, action, .. }) = decision.effects.iter().find(skipped) {
            let step = step.clone();
            let attempt = *attempt;
            let action = *action;
            return self.decide(Some(after), Input::Reply { step, attempt, action, outcome: outcome(Answer::Ok) });
        }
        let commands = decision.effects.iter().filter_map(|effect| command(&after, effect)).collect();
        Decided { saga: Known::new(timeless(after)), commands }
    }
}

/// A hash that is the same in every run.
pub fn fingerprint(what: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(what)
}

fn steps(saga: &mut Saga) -> impl Iterator<Item = &mut StepState> {
    saga.steps.iter_mut().chain([&mut saga.conclude])
}

/// Removes the state that no decision depends on. The end time of a step only decides the order of independent
/// compensations, and the order saga has none.
fn timeless(mut saga: Saga) -> Saga {
    let past = |time: &mut Option<Timestamp>| *time = time.map(|_| NOW);
    saga.started = NOW;
    saga.updated = NOW;
    saga.folded = 0;
    saga.history.clear();
    saga.progress = None;
    past(&mut saga.ended);
    past(&mut saga.paused);
    saga.deadline = saga.deadline.map(|_| LATER);
    for step in steps(&mut saga) {
        past(&mut step.started);
        past(&mut step.sent);
        past(&mut step.ended);
        step.before_compensation = None;
        step.timer = step.timer.map(|(kind, _)| (kind, LATER));
    }
    saga
}

fn reply(saga: &Saga, ask: Ask, outcome: Outcome) -> Input {
    let step = saga.steps.get(usize::from(ask.step)).unwrap_or(&saga.conclude).name.clone();
    Input::Reply { step, attempt: ask.attempt.into(), action: ask.action(), outcome }
}

fn outcome(answer: Answer) -> Outcome {
    match answer {
        Answer::Ok => Outcome::Ok { data: json!({}) },
        Answer::Refused(reason) => Outcome::Refused { reason: reason.to_owned(), detail: None },
        Answer::Failed => Outcome::Failed { error: "the provider is away".to_owned(), retry_after_ms: None },
    }
}

fn callback(verdict: Verdict) -> Callback {
    let status = if verdict.approved { "approved" } else { "declined" }.to_owned();
    let source = "payment-results".to_owned();
    let id = verdict.message.to_string();
    Callback { source, id, status, payload: Value::Null }
}

fn operation(saga: &Saga, operator: Operator) -> Operation {
    let what = match operator {
        Operator::Cancel => Operate::Cancel { reason: None },
        Operator::Pause => Operate::Pause,
        Operator::Resume => Operate::Resume,
        Operator::Retry => Operate::Retry { step: None },
        Operator::Deny => Operate::Resolve { step: None, happened: false, answer: Value::Null },
    };
    Operation { id: saga.operations.len().to_string(), by: "o".to_owned(), why: "w".to_owned(), from: None, what }
}

/// The command of an effect; `None` for progress messages, on which nothing depends.
fn command(saga: &Saga, effect: &Effect) -> Option<(Ask, Command)> {
    let Effect::SendCommand { step, attempt, action, command, payload, .. } = effect else { return None };
    let command = match command.as_str() {
        "inventory.reserve" => Command::Reserve,
        "inventory.release" => Command::Release,
        "inventory.confirm" => Command::Confirm,
        "payment.request" => Command::Request,
        "payment.refund" => Command::Refund,
        "order.conclude" => Command::Conclude(ENDINGS.into_iter().find(|ending| payload["status"] == *ending).unwrap()),
        other => panic!("a command that no participant knows: {other}"),
    };
    let place = saga.steps.iter().take_while(|state| state.name != *step).count();
    let step = u8::try_from(place).unwrap();
    let attempt = u8::try_from(*attempt).unwrap();
    Some((Ask { step, undo: *action == Action::Compensate, attempt }, command))
}

//! A saga under test with simulated participants and time. Invariants are checked after each decision.

use std::time::Duration;

use saga::{
    Action, Callback, Data, Decision, Definition, Effect, HISTORY_LIMIT, Input, Operate, Operation, Outcome, Saga,
    Status, StepStatus, Timestamp, command_id, decide, progress_id,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A fixed version of the order saga: four steps, one of which waits, and two compensations.
pub const ORDER: &str = include_str!("../kept/order-2.toml");
pub const ID: Uuid = Uuid::from_u128(0x3852_cb18_9c19_4326_ac77_a1a0_264b_d98c);

pub fn definition(text: &str) -> Definition {
    Definition::parse("test.toml", text).unwrap_or_else(|errors| {
        panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    })
}

pub struct World {
    pub definition: Definition,
    pub saga: Option<Saga>,
    pub now: Timestamp,
    /// Every command sent: `reserve` for a step, `!reserve` for its compensation.
    pub sent: Vec<String>,
    pub commands: Vec<Effect>,
    /// Every message of a completed task.
    pub answers: Vec<Effect>,
    /// Every progress message.
    pub progress_messages: Vec<Effect>,
    pub notes: Vec<String>,
    callbacks: u32,
}

/// A new order.
pub fn order() -> World {
    World::start(definition(ORDER), order_payload())
}

/// The same with the payment result as pivot, and with a deadline.
pub fn order_with_pivot() -> World {
    let text = ORDER
        .replace("[start]", "deadline = \"1h\"\n[start]")
        .replace("receive = {", "pivot = true\nreceive = {")
        .replace("name = \"finalize\"", "name = \"finalize\"\nwhen = \"order.amountMinor > 0\"")
        .replace(
            "[endings.steps.reserve]",
            "cancelled = { status = \"cancelled\", reason = \"by_us\" }\n[endings.steps.reserve]",
        );
    World::start(definition(&text), order_payload())
}

/// The same with rules as the first step, and with progress messages.
pub fn order_with_rules_and_progress() -> World {
    let rules = "[[steps]]\nname = \"validate\"\nstatus = \"validated\"\nrules = [\n\
        { must = 'order.amountMinor > 0', reason = \"nothing_to_pay\" },\n\
        { must = 'has(order.items)', reason = \"nothing_ordered\", detail = \"an order has items\" },\n]\n";
    let progress = "[progress]\nparticipant = \"order\"\ncommand = \"order.progress\"\n\
        input = { orderId = \"order.orderId\", status = \"progress.status\", steps = \"progress.steps\", \
        paid = \"paymentResult.status\" }\n";
    let text = ORDER
        .replacen("[[steps]]", &format!("{progress}{rules}[[steps]]"), 1)
        .replace("name = \"reserve\"", "name = \"reserve\"\nstatus = \"reserved\"")
        .replace("name = \"payment-result\"", "name = \"payment-result\"\nstatus = \"paid\"")
        .replace("name = \"finalize\"", "name = \"finalize\"\nstatus = \"finalized\"");
    World::start(definition(&text), order_payload())
}

fn order_payload() -> Value {
    json!({
        "orderId": ID, "customerId": "c1", "amountMinor": 9999, "currency": "BRL",
        "items": [{"id": "day-one", "name": "Day one", "amountMinor": 9999, "quantity": 1}],
    })
}

impl World {
    pub fn start(definition: Definition, payload: Value) -> Self {
        let now = Timestamp(1_700_000_000_000);
        let data = Data::with(&definition.start.output, payload);
        let mut world = Self {
            definition,
            saga: None,
            now,
            sent: Vec::new(),
            commands: Vec::new(),
            answers: Vec::new(),
            progress_messages: Vec::new(),
            notes: Vec::new(),
            callbacks: 0,
        };
        let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
        world.decide(Input::Start { id: ID, data, traceparent });
        world
    }

    pub fn saga(&self) -> &Saga {
        self.saga.as_ref().unwrap()
    }

    pub fn decide(&mut self, input: Input) -> &mut Self {
        let before = self.saga.take();
        let Decision { saga, effects, notes, changed } = decide(&self.definition, before.clone(), input, self.now);
        self.notes = notes;
        for effect in effects {
            match &effect {
                Effect::SendCommand { step, attempt, action, id, topic, .. } => {
                    assert_eq!(*id, command_id(ID, step, *attempt, *action));
                    assert!(!topic.is_empty());
                    self.sent.push(if *action == Action::Execute { step.clone() } else { format!("!{step}") });
                    self.commands.push(effect);
                }
                Effect::SendAnswer { topic, .. } => {
                    assert!(!topic.is_empty());
                    self.answers.push(effect);
                }
                Effect::SendProgress { id, topic, .. } => {
                    let status = &saga.as_ref().unwrap().progress.as_ref().unwrap().status;
                    assert_eq!(*id, progress_id(ID, status));
                    assert!(!topic.is_empty());
                    self.progress_messages.push(effect);
                }
            }
        }
        assert_eq!(changed, before != saga, "`changed` is true if and only if the state changed");
        let after = saga.expect("a saga is never removed");
        check_always(before.as_ref(), &after);
        self.saga = Some(after);
        self
    }

    /// Applies an operation; the error is the reason of a refusal.
    pub fn operate(&mut self, what: Operate) -> Result<&mut Self, String> {
        self.callbacks += 1;
        let id = self.callbacks.to_string();
        let by = "techlead".to_owned();
        let why = "a test".to_owned();
        self.decide(Input::Operator(Operation { id, by, why, from: None, what }));
        match self.saga().operations.last().and_then(|last| last.refused.clone()) {
            Some(refusal) => Err(refusal),
            None => Ok(self),
        }
    }

    /// The number of the last attempt sent.
    fn last(&self, step: &str, action: Action) -> u32 {
        let state = self.saga().step(step).unwrap();
        if action == Action::Execute { state.attempts } else { state.compensations }
    }

    /// Answers an attempt. A step is named as in [`World::sent`].
    pub fn answer_attempt(&mut self, step: &str, attempt: u32, outcome: Outcome) -> &mut Self {
        let (step, action) = step.strip_prefix('!').map_or((step, Action::Execute), |step| (step, Action::Compensate));
        self.decide(Input::Reply { step: step.to_owned(), attempt, action, outcome })
    }

    /// Answers the last attempt.
    pub fn answer(&mut self, step: &str, outcome: Outcome) -> &mut Self {
        let (name, action) = step.strip_prefix('!').map_or((step, Action::Execute), |step| (step, Action::Compensate));
        let attempt = self.last(name, action);
        self.answer_attempt(step, attempt, outcome)
    }

    pub fn ok(&mut self, step: &str) -> &mut Self {
        self.answer(step, ok())
    }

    pub fn refuse(&mut self, step: &str) -> &mut Self {
        self.answer(step, refused())
    }

    pub fn fail(&mut self, step: &str) -> &mut Self {
        self.answer(step, failed())
    }

    /// Delivers a payment result as a new message.
    pub fn result(&mut self, status: &str) -> &mut Self {
        self.callbacks += 1;
        let id = format!("message-{}", self.callbacks);
        self.call_back(&id, status)
    }

    pub fn call_back(&mut self, id: &str, status: &str) -> &mut Self {
        let callback = Callback {
            source: "payment-results".into(),
            id: id.into(),
            status: status.into(),
            payload: json!({"orderId": ID, "status": status}),
        };
        self.decide(Input::Callback(callback))
    }

    /// Lets time pass up to the next timer, and fires it.
    pub fn wait(&mut self) -> &mut Self {
        self.now = Timestamp(self.saga().wake_at().expect("a timer"));
        self.decide(Input::Timer)
    }

    /// Lets this much time pass, firing every timer at its time.
    pub fn pass(&mut self, time: Duration) -> &mut Self {
        let until = self.now.plus(time);
        while self.saga().wake_at().is_some_and(|at| at <= until.0) {
            self.wait();
        }
        self.now = until;
        self.decide(Input::Timer)
    }

    /// Waits until a step (or its compensation) is out of retries, without any reply.
    pub fn wait_out(&mut self, step: &str) -> &mut Self {
        while self.is_tried(step) {
            self.wait();
        }
        self
    }

    /// Fails a step (or its compensation) until it is out of retries.
    pub fn fail_out(&mut self, step: &str) -> &mut Self {
        self.fail(step);
        while self.is_tried(step) {
            self.wait().fail(step);
        }
        self
    }

    fn is_tried(&self, step: &str) -> bool {
        match step.strip_prefix('!') {
            Some(step) => self.status(step) == StepStatus::Compensating,
            None => matches!(self.status(step), StepStatus::Running | StepStatus::Retrying),
        }
    }

    /// Answers every pending command until the saga ends.
    pub fn finish(&mut self) -> &mut Self {
        for _ in 0..1000 {
            let Some(step) = self.saga().current_steps().next().map(str::to_owned) else { return self };
            let undoing = self.status(&step) == StepStatus::Compensating;
            self.ok(&if undoing { format!("!{step}") } else { step });
        }
        panic!("it never ends: {:#?}", self.saga);
    }

    pub fn status(&self, step: &str) -> StepStatus {
        self.saga().step(step).unwrap().status
    }

    /// The saga's status and its ending, for comparison.
    pub fn ends(&self) -> (Status, &str, Option<&str>) {
        let ending = self.saga().ending.as_ref().expect("an ending");
        (self.saga().status, &ending.status, ending.reason.as_deref())
    }

    /// The statuses reported since the last call.
    pub fn newly_reported(&mut self) -> Vec<String> {
        let status = |effect: Effect| match effect {
            Effect::SendProgress { payload, .. } => payload["status"].as_str().unwrap().to_owned(),
            Effect::SendCommand { step, .. } => panic!("a command for {step}"),
            Effect::SendAnswer { topic, .. } => panic!("an answer on {topic}"),
        };
        std::mem::take(&mut self.progress_messages).into_iter().map(status).collect()
    }

    /// The commands sent since the last call.
    pub fn newly_sent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent)
    }
}

pub fn ok() -> Outcome {
    Outcome::Ok { data: json!({"fine": true}) }
}

pub fn refused() -> Outcome {
    Outcome::Refused { reason: "out_of_stock".into(), detail: Some("none left".into()) }
}

pub fn failed() -> Outcome {
    Outcome::Failed { error: "the database is away".into(), retry_after_ms: None }
}

/// Checks the invariants of every saga.
pub fn check_always(before: Option<&Saga>, after: &Saga) {
    if let Some(before) = before.filter(|before| before.status != after.status) {
        let direct = Status::can_move(before.status, after.status);
        let through = Status::ALL
            .into_iter()
            .any(|via| Status::can_move(before.status, via) && Status::can_move(via, after.status));
        assert!(direct || through, "{} -> {}", before.status, after.status);
    }
    for (old, new) in before.into_iter().flat_map(|before| before.all_steps().zip(after.all_steps())) {
        // The exploration drops outcomes before compensations, to limit the number of states.
        let dropped = old.compensations > 0 && old.before_compensation.is_none();
        assert!(
            dropped || old.outcome().is_none() || old.outcome() == new.outcome(),
            "an outcome never changes: {old:?} {new:?}"
        );
    }
    let again: Saga = serde_json::from_str(&serde_json::to_string(after).unwrap()).unwrap();
    assert_eq!(&again, after, "the state survives serialization");
    assert!(after.history.len() <= HISTORY_LIMIT);
    if after.is_open() && !matches!(after.status, Status::Incident | Status::Paused) {
        assert!(after.wake_at().is_some(), "an open saga has a timer: {after:#?}");
    }
    if after.ending.is_some() {
        assert_eq!(after.progress.as_ref().and_then(|progress| progress.due), None, "the ending is reported instead");
    }
    if !after.is_open() {
        assert_eq!(after.wake_at(), None, "an ended saga has no timer");
        assert!(after.ended.is_some() && after.ending.is_some());
    }
}

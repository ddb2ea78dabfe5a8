//! Totality: every state and input has a decision, every text is a definition or a list of errors, and every transition
//! is legal.

use crate::harness::{self, World};
use proptest::prelude::*;
use saga::{
    Action, Callback, Data, Definition, Ending, Input, Operate, Operation, Outcome, ProgressState, Saga, Status,
    StepStatus, TimerKind, Timestamp, decide,
};
use serde_json::json;

const NAMES: [&str; 7] =
    ["validate", "reserve", "request-payment", "payment-result", "finalize", "conclude", "no-such-step"];
const STEP_STATUSES: [StepStatus; 12] = [
    StepStatus::Waiting,
    StepStatus::Running,
    StepStatus::Retrying,
    StepStatus::Done,
    StepStatus::Refused,
    StepStatus::Failed,
    StepStatus::TimedOut,
    StepStatus::Abandoned,
    StepStatus::Compensating,
    StepStatus::Compensated,
    StepStatus::Stuck,
    StepStatus::Skipped,
];

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![(0..2_000_000_000_000_i64).prop_map(Timestamp), any::<i64>().prop_map(Timestamp)]
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![0..4_u32, Just(u32::MAX)]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(harness::ok()),
        Just(Outcome::Ok { data: json!([1, "two"]) }),
        ".{0,400}".prop_map(|reason| Outcome::Refused { reason, detail: None }),
        (any::<Option<u64>>()).prop_map(|retry_after_ms| Outcome::Failed { error: String::new(), retry_after_ms }),
    ]
}

fn operator() -> impl Strategy<Value = Input> {
    let step = || prop::sample::select(&NAMES[..]).prop_map(str::to_owned);
    let answer = || prop_oneof![Just(json!({"by": "hand"})), Just(json!("x".repeat(70_000)))];
    let what = prop_oneof![
        Just(Operate::Pause),
        Just(Operate::Resume),
        Just(Operate::Cancel { reason: None }),
        prop::option::of(step()).prop_map(|step| Operate::Retry { step }),
        (step(), answer()).prop_map(|(step, answer)| Operate::Skip { step, answer }),
        (prop::option::of(step()), any::<bool>(), answer()).prop_map(|(step, happened, answer)| Operate::Resolve {
            step,
            happened,
            answer
        }),
    ];
    (0..9_u8, what).prop_map(|(id, what)| {
        let id = id.to_string();
        let by = "someone".to_owned();
        let why = "because".to_owned();
        Input::Operator(Operation { id, by, why, from: None, what })
    })
}

fn input() -> impl Strategy<Value = Input> {
    let action = prop_oneof![Just(Action::Execute), Just(Action::Compensate)];
    let step = prop_oneof![prop::sample::select(&NAMES[..]).prop_map(str::to_owned), ".{0,20}"];
    let word = prop::sample::select(&["approved", "declined", "payment-results", "x", ""][..]).prop_map(str::to_owned);
    prop_oneof![
        (step, number(), action, outcome()).prop_map(|(step, attempt, action, outcome)| Input::Reply {
            step,
            attempt,
            action,
            outcome
        }),
        (word.clone(), word.clone(), word).prop_map(|(source, id, status)| {
            Input::Callback(Callback { source, id, status, payload: json!({"reason": 3}) })
        }),
        Just(Input::Timer),
        operator(),
        Just(Input::Start { id: harness::ID, data: Data::default(), traceparent: None }),
    ]
}

/// A change of one step: its index, status, attempts, compensations, timer (true for a retry) and uncertainty.
type StepChange = (usize, StepStatus, u32, u32, Option<(bool, Timestamp)>, bool);

fn step_change() -> impl Strategy<Value = StepChange> {
    let status = prop::sample::select(&STEP_STATUSES[..]);
    let timer = prop::option::of((any::<bool>(), time()));
    (0..6_usize, status, number(), number(), timer, any::<bool>())
}

/// Changes a saga into an arbitrary, possibly unreachable state.
fn distort(saga: &mut Saga, changes: Vec<StepChange>, status: Status, ending: Option<bool>, due: Option<Timestamp>) {
    for (index, status, attempts, compensations, timer, uncertain) in changes {
        let step = saga.steps.get_mut(index).unwrap_or(&mut saga.conclude);
        step.status = status;
        step.attempts = attempts;
        step.compensations = compensations;
        step.uncertain = uncertain;
        step.timer = timer.map(|(retry, at)| (if retry { TimerKind::Retry } else { TimerKind::Timeout }, at));
    }
    saga.status = status;
    saga.progress = due.map(|due| ProgressState { status: "paid".into(), due: Some(due) });
    let step = |back: bool| back.then(|| "reserve".to_owned());
    saga.ending = ending.map(|back| Ending { status: "what".into(), reason: None, step: step(back), cancelled: false });
}

/// Returns true if a status leads to another in at most this many transitions.
fn leads(from: Status, to: Status, transitions: u8) -> bool {
    from == to
        || transitions > 0
            && Status::ALL.iter().any(|via| Status::can_move(from, *via) && leads(*via, to, transitions - 1))
}

fn check(definition: &Definition, mut saga: Saga, inputs: Vec<(Input, Timestamp)>) {
    for (input, now) in inputs {
        let before = saga.clone();
        let decision = decide(definition, Some(saga), input, now);
        saga = decision.saga.unwrap();
        let legal = leads(before.status, saga.status, 3);
        assert!(legal, "{} -> {}", before.status, saga.status);
        assert!(decision.changed || before == saga);
        let json = serde_json::to_string(&saga).unwrap();
        assert_eq!(serde_json::from_str::<Saga>(&json).unwrap(), saga);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(5000) })]

    #[test]
    fn every_state_and_input_has_a_decision(
        changes in prop::collection::vec(step_change(), 0..6),
        status in prop::sample::select(&Status::ALL[..]),
        ending in any::<Option<bool>>(),
        inputs in prop::collection::vec((input(), time()), 1..12),
        due in prop::option::of(time()),
        which in 0..3_u8,
    ) {
        let World { definition, saga, .. } = match which {
            0 => harness::order(),
            1 => harness::order_with_pivot(),
            _ => harness::order_with_rules_and_progress(),
        };
        let mut saga = saga.unwrap();
        distort(&mut saga, changes, status, ending, due);
        check(&definition, saga, inputs);
    }

    #[test]
    fn every_text_is_a_definition_or_a_list_of_errors(text in ".{0,300}") {
        let _ = Definition::parse("any.toml", &text);
    }

    #[test]
    fn every_damaged_definition_is_a_definition_or_a_list_of_errors(
        at in any::<prop::sample::Index>(),
        progress in any::<bool>(),
        len in 0..80_usize,
        with in prop_oneof!["", "[^a]{0,10}", "[a-z\"={}\\[\\]. 0-9\n]{0,12}"],
    ) {
        let whole = if progress { harness::order_with_rules_and_progress() } else { harness::order() };
        let (whole, at) = (whole.definition.source(), at.index(whole.definition.source().len()));
        let border = |at: usize| (0..=at.min(whole.len())).rev().find(|i| whole.is_char_boundary(*i)).unwrap();
        let text = format!("{}{with}{}", &whole[..border(at)], &whole[border(at + len)..]);
        if let Err(errors) = Definition::parse("damaged.toml", &text) {
            prop_assert!(!errors.is_empty());
            prop_assert!(errors.iter().all(|error| !error.problem.is_empty() && error.write.starts_with("write")));
        }
    }
}

//! The largest entities of the orchestrator, and the largest record and messages that a decision makes.

mod webhooks;

use std::sync::Arc;

use common::bounds::{COMMAND_BYTES, KIB, json_bytes};
use common::events::{EVENT_ENVELOPE, LARGEST_EVENT};
use common::time::Timestamp;
use common::topics;
use saga::{
    Callback, DATA_LIMIT, Data, Definition, Ending, Entry, HISTORY_LIMIT, OPERATIONS_LIMIT, OUTPUT_LIMIT, Operate,
    Operation, OperationRecord, ProgressState, SENT_LIMIT, Saga, Status, StepOutcome, StepState, StepStatus,
    TEXT_LIMIT, Task, TaskMark, TimerKind, What,
};
use serde_json::Value;
use uuid::Uuid;

use crate::dead_letters::PutBack;
use crate::definitions::{Definitions, TEXTS_BYTES};
use crate::entity::{
    DefinitionId, DeployedDefinition, Deployment, DeploymentRecord, Deployments, Entity, RequestRecord, Rollout,
    RolloutRecord, StoredDefinition, StoredRollout,
};
use crate::messages::EVENT_BYTES;
use crate::messages::events::SagaChanged;

const AT: saga::Timestamp = saga::Timestamp(1_700_000_000_000);
const TIME: Timestamp = Timestamp(1_700_000_000_000);
/// The most steps of a definition.
const STEPS: usize = 64;
/// The longest name in a definition, and more than any other text in one that a saga repeats.
const NAME: usize = 400;
/// The most bytes of a text that the engine bounds: a control character takes six.
const TEXT: usize = 6 * TEXT_LIMIT;
/// The most decisions of one message: a start with its early callbacks and a cancellation.
const DECISIONS: usize = 1 + 8 + 1;
/// More than the bytes of the headers and the key of a command.
const ENVELOPE: usize = 4 * KIB;

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn step() -> StepState {
    let outcome = StepOutcome { status: StepStatus::Compensating, at: AT, until: AT };
    StepState {
        name: text(NAME),
        status: StepStatus::Compensating,
        attempts: u32::MAX,
        compensations: u32::MAX,
        started: Some(AT),
        sent: Some(AT),
        ended: Some(AT),
        timer: Some((TimerKind::Timeout, AT)),
        uncertain: true,
        happened: true,
        compensate_again: true,
        superseded_compensations: u32::MAX,
        attempts_before_reset: u32::MAX,
        reason: Some(text(TEXT)),
        callback: Some(text(TEXT)),
        task: Some(task()),
        before_compensation: Some(outcome),
    }
}

fn task() -> Task {
    let mark = || Some(TaskMark { by: text(TEXT), at: AT });
    Task { opened: AT, due: Some(AT), role: Some(text(64)), claim: mark(), completed: mark() }
}

fn saga() -> Saga {
    let callback = Callback { source: text(TEXT), id: text(TEXT), status: text(TEXT), payload: Value::Null };
    let entry = Entry {
        at: AT,
        step: text(TEXT),
        attempt: u32::MAX,
        what: What::OperatorRefused,
        why: text(TEXT),
        waited: u64::MAX,
        repeats: u32::MAX,
        last: Some(AT),
    };
    // A refusal names a step and the status of the saga, or all steps.
    let refused = Some(text(TEXT + STEPS * NAME));
    let operation = OperationRecord {
        id: text(TEXT),
        at: AT,
        by: text(TEXT),
        why: text(TEXT),
        from: Some(text(TEXT)),
        action: text(NAME),
        refused,
    };
    Saga {
        id: Uuid::nil(),
        definition: text(NAME),
        version: u32::MAX,
        hash: text(NAME),
        customer: Some(text(TEXT)),
        status: Status::Compensating,
        started: AT,
        updated: AT,
        ended: Some(AT),
        deadline: Some(AT),
        paused: Some(AT),
        // The event, all outputs, and the payloads of kept callbacks.
        data: Data::with(&saga::Path::parse("in").unwrap(), text(DATA_LIMIT).into()),
        steps: vec![step(); STEPS],
        conclude: step(),
        ending: Some(Ending { status: text(NAME), reason: Some(text(TEXT)), step: Some(text(NAME)), cancelled: true }),
        callbacks: vec![callback; STEPS],
        history: vec![entry; HISTORY_LIMIT],
        operations: vec![operation; OPERATIONS_LIMIT],
        progress: Some(ProgressState { status: text(NAME), due: Some(AT) }),
        folded: u32::MAX,
        traceparent: Some(text(2 * 256)),
    }
}

#[test]
fn the_largest_record_and_messages_fit() {
    assert_eq!(SENT_LIMIT, COMMAND_BYTES, "participants read every command that the engine sends");
    const { assert!(EVENT_BYTES < DATA_LIMIT) };
    const { assert!(SENT_LIMIT + ENVELOPE <= topics::INPUT_MAX_BYTES) };
    let saga = json_bytes(&Entity::Saga(Box::new(saga())));
    // Together they execute and compensate each step at most once.
    let sent = DECISIONS * SENT_LIMIT + 2 * (STEPS + 1) * ENVELOPE;
    let event = SagaChanged {
        saga_id: Uuid::nil(),
        definition: text(NAME),
        version: u32::MAX,
        status: text(NAME),
        step: Some(text(NAME)),
        outcome: Some(text(NAME)),
        reason: Some(text(NAME)),
        at: TIME,
    };
    // Together they publish the outcome and the compensation of each step at most once. One begins, ends and aborts the
    // saga, and ends and begins a pause or an incident.
    let event = json_bytes(&event) + EVENT_ENVELOPE;
    assert!(event <= LARGEST_EVENT, "{event}");
    let events = (2 * (STEPS + 1) + 5 * DECISIONS) * event;
    let record = saga + sent + events;
    assert!(record <= topics::JOURNAL_MAX_BYTES, "{saga} + {sent} = {record}");
    // An ordinary message makes one decision, and its batch has room for others.
    let ordinary =
        saga + SENT_LIMIT + (STEPS + 1) * ENVELOPE + (2 * (STEPS + 1) + 5) * event + 2 * topics::BATCH_MAX_BYTES;
    assert!(ordinary <= topics::JOURNAL_MAX_BYTES, "{ordinary}");
}

#[test]
fn the_other_entities_fit() {
    let payload = text(OUTPUT_LIMIT).into();
    let callback = Callback { source: text(NAME), id: text(512), status: text(16 * KIB), payload };
    let cancel = Operation {
        id: text(512),
        by: text(32 * KIB),
        why: text(32 * KIB),
        from: None,
        what: Operate::Cancel { reason: Some(text(NAME)) },
    };
    let early = Entity::Early { callbacks: vec![callback; 8], cancel: Some(cancel), until: TIME };
    assert!(json_bytes(&early) + 2 * topics::BATCH_MAX_BYTES <= topics::JOURNAL_MAX_BYTES);
    let topic = text(16 * KIB);
    let from = Some(text(KIB));
    let letter = PutBack { topic, partition: 0, offset: 0, by: text(KIB), why: text(KIB), from, at: TIME };
    let rollout = Rollout { definition: text(NAME), version: u32::MAX, percent: u8::MAX };
    let requests = vec![text(NAME); StoredRollout::MOST_REQUESTS];
    let request = RequestRecord { id: text(NAME), at: TIME, by: text(TEXT), why: text(TEXT), from: Some(text(TEXT)) };
    let record = RolloutRecord { request: request.clone(), version: u32::MAX, percent: u8::MAX };
    let rollout = StoredRollout { rollout, requests, records: vec![record; StoredRollout::MOST_REQUESTS] };
    let stored = StoredDefinition { name: text(NAME), version: 1, hash: text(NAME), text: text(TEXTS_BYTES) };
    let id = || DefinitionId { name: text(NAME), version: u32::MAX };
    let record = DeploymentRecord { request, definition: id(), action: Deployment::Undeploy };
    let definition = DeployedDefinition { id: id(), hash: text(NAME), revision: u64::MAX, is_active: false };
    let deployments = Deployments {
        definitions: vec![definition; Deployments::MOST_DEFINITIONS],
        records: vec![record; Deployments::MOST_RECORDS],
    };
    let all =
        [Entity::Letter(letter), Entity::Rollout(rollout), Entity::Definition(stored), Entity::Deployed(deployments)];
    for entity in all {
        assert!(json_bytes(&entity) <= topics::JOURNAL_MAX_BYTES - 2 * topics::BATCH_MAX_BYTES);
    }
}

#[test]
fn definitions_that_do_not_fit_into_a_record_together_are_refused() {
    let built_in = include_str!("../../sagas/order.toml");
    let long = format!("{built_in}\n# {}\n", text(TEXTS_BYTES));
    let problems = Definitions::default().add("long.toml", &long).unwrap_err();
    assert!(problems[0].contains("remove old versions"), "{problems:?}");
    let known: Result<Arc<Definition>, _> = Definitions::default().add("order.toml", built_in);
    assert!(known.is_ok());
}

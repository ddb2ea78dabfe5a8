//! The orchestrator's own messages, for the contract, each with an example. The commands it sends are listed by the
//! participants that read them.

use common::contract::{Entry, Journal, Sort};
use common::topics::{SAGA_COMMANDS, SAGA_EVENTS};

use crate::dead_letters::{LETTER_PUT_BACK, PutBack};
use crate::entity::Entity;
use crate::messages::events::{SagaChanged, SagaEvent};
use crate::messages::webhooks::{
    ChangeWebhook, ReplayWebhook, TestWebhook, WEBHOOK_ANSWERED, WEBHOOK_CHANGE, WEBHOOK_CONFIGURED, WEBHOOK_REPLAY,
    WEBHOOK_REPORTED, WEBHOOK_TEST, WebhookAnswered, WebhookConfigured, WebhookReported,
};
use crate::messages::{
    DEFINITION_DEPLOY, DEFINITION_UNDEPLOY, DeployDefinition, ROLLOUT_SET, SAGA_ACTION, SAGA_START, SagaAction,
    SetRollout, StartSaga, UndeployDefinition,
};

/// The messages it reads and sends.
pub const MESSAGES: &[Entry] = &[
    Entry::of::<SagaAction>(
        SAGA_COMMANDS,
        SAGA_ACTION,
        Sort::Event,
        "An operator's action on the saga named by ce_subject.",
        r#"{"by":"techlead","why":"the customer called","action":"cancel"}"#,
    ),
    Entry::of::<StartSaga>(
        SAGA_COMMANDS,
        SAGA_START,
        Sort::Event,
        "An operator starts the saga named by ce_subject.",
        r#"{"by":"techlead","why":"a test","definition":"gift-card","data":{"card":"7"}}"#,
    ),
    Entry::of::<SetRollout>(
        SAGA_COMMANDS,
        ROLLOUT_SET,
        Sort::Event,
        "A share of new sagas starts on a version.",
        r#"{"by":"techlead","why":"a first look","definition":"order","version":2,"percent":10}"#,
    ),
    Entry::of::<DeployDefinition>(
        SAGA_COMMANDS,
        DEFINITION_DEPLOY,
        Sort::Event,
        "New sagas start on a definition from now on.",
        r#"{"by":"techlead","why":"gift cards","text":"name = \"gift-card\"\nversion = 1\n"}"#,
    ),
    Entry::of::<UndeployDefinition>(
        SAGA_COMMANDS,
        DEFINITION_UNDEPLOY,
        Sort::Event,
        "No new saga starts on a deployed definition from now on.",
        r#"{"by":"techlead","why":"no more gift cards","name":"gift-card","version":1}"#,
    ),
    Entry::of::<PutBack>(
        SAGA_COMMANDS,
        LETTER_PUT_BACK,
        Sort::Event,
        "A dead letter was put back on its source topic.",
        "{\"topic\":\"created-orders.dlq\",\"partition\":0,\"offset\":7,\"by\":\"techlead\",\"why\":\"mended\",\
         \"at\":\"2026-11-21T12:00:00.000Z\"}",
    ),
    Entry::of::<ChangeWebhook>(
        SAGA_COMMANDS,
        WEBHOOK_CHANGE,
        Sort::Event,
        "An operator creates, changes or removes a webhook; for partition 0.",
        r#"{"by":"techlead","why":"moved","webhook":"w","change":"update","url":"https://shop.example/hooks"}"#,
    ),
    Entry::of::<WebhookConfigured>(
        SAGA_COMMANDS,
        WEBHOOK_CONFIGURED,
        Sort::Event,
        "A webhook as partition 0 has decided it, for another partition.",
        r#"{"webhook":"w","subscription":{"url":"https://shop.example/hooks","revision":7}}"#,
    ),
    Entry::of::<ReplayWebhook>(
        SAGA_COMMANDS,
        WEBHOOK_REPLAY,
        Sort::Event,
        "Deliveries of a webhook that were given up are sent again.",
        r#"{"by":"techlead","why":"mended","webhook":"w","since":"2026-11-21T12:00:00.000Z"}"#,
    ),
    Entry::of::<TestWebhook>(
        SAGA_COMMANDS,
        WEBHOOK_TEST,
        Sort::Event,
        "An operator sends an event that tries a webhook.",
        r#"{"by":"techlead","why":"a try","webhook":"w"}"#,
    ),
    Entry::of::<WebhookAnswered>(
        SAGA_COMMANDS,
        WEBHOOK_ANSWERED,
        Sort::Event,
        "A receiver of webhooks has answered, or has not.",
        r#"{"webhook":"w","serial":7,"answer":"accepted","status":204,"took":35}"#,
    ),
    Entry::of::<WebhookReported>(
        SAGA_COMMANDS,
        WEBHOOK_REPORTED,
        Sort::Event,
        "Another partition reports to partition 0 that a receiver accepts events, or should get no more.",
        r#"{"webhook":"w","report":"accepted","at":"2026-11-21T12:00:00.000Z"}"#,
    ),
];

/// The events for external systems.
pub const EVENTS: &[Entry] = &[
    event(SagaEvent::Began, "A saga began.", RUNNING),
    event(SagaEvent::StepDone, "A step was executed.", STEP),
    event(
        SagaEvent::StepFailed,
        "A step was refused, failed, timed out, or was abandoned when the saga aborted.",
        FAILED,
    ),
    event(SagaEvent::StepCompensated, "A step was compensated.", STEP),
    event(SagaEvent::Compensating, "The saga was aborted: its steps are being compensated.", ENDED),
    event(SagaEvent::IncidentOpened, "A step is stuck, and waits for an operator.", STEP),
    event(SagaEvent::IncidentResolved, "No step is stuck any more.", RUNNING),
    event(SagaEvent::Paused, "An operator paused the saga.", RUNNING),
    event(SagaEvent::Resumed, "An operator resumed the saga.", RUNNING),
    event(SagaEvent::Ended, "The saga is completed or compensated.", ENDED),
];

const fn event(event: SagaEvent, about: &'static str, example: &'static str) -> Entry {
    Entry::of::<SagaChanged>(SAGA_EVENTS, event.kind(), Sort::Event, about, example)
}

const RUNNING: &str = r#"{"sagaId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","definition":"order","version":5,
 "status":"running","at":"2026-11-21T12:00:00.000Z"}"#;

const STEP: &str = r#"{"sagaId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","definition":"order","version":5,
 "status":"running","step":"reserve","at":"2026-11-21T12:00:00.010Z"}"#;

const FAILED: &str = r#"{"sagaId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","definition":"order","version":5,
 "status":"compensating","step":"reserve","outcome":"refused","reason":"out_of_stock",
 "at":"2026-11-21T12:00:00.010Z"}"#;

const ENDED: &str = r#"{"sagaId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","definition":"order","version":5,
 "status":"compensated","outcome":"rejected","reason":"out_of_stock","at":"2026-11-21T12:00:00.020Z"}"#;

/// Its journal.
pub const JOURNAL: Journal = Journal::of::<Entity>("saga-journal");

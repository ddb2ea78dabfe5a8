//! The orchestrator's own messages, for the contract, each with an example. The commands it sends are listed by the
//! participants that read them.

use common::contract::{Entry, Journal, Sort};
use common::topics::SAGA_COMMANDS;

use crate::dead_letters::{LETTER_PUT_BACK, PutBack};
use crate::entity::Entity;
use crate::messages::{ROLLOUT_SET, SAGA_ACTION, SAGA_START, SagaAction, SetRollout, StartSaga};

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
    Entry::of::<PutBack>(
        SAGA_COMMANDS,
        LETTER_PUT_BACK,
        Sort::Event,
        "A dead letter was put back on its source topic.",
        "{\"topic\":\"created-orders.dlq\",\"partition\":0,\"offset\":7,\"by\":\"techlead\",\"why\":\"mended\",\
         \"at\":\"2026-11-21T12:00:00.000Z\"}",
    ),
];

/// Its journal.
pub const JOURNAL: Journal = Journal::of::<Entity>("saga-journal");

//! The orchestrator's messages, for the contract: a line each, with an example. What it asks of participants stands
//! with theirs.

use common::contract::{Entry, Journal, Sort};
use common::topics::SAGA_COMMANDS;

use crate::conduct::{Kept, ROLLOUT_SET, SAGA_ACTION, SagaAction, SetRollout};
use crate::letters::{LETTER_PUT_BACK, PutBack};

/// What it reads and tells.
pub const MESSAGES: &[Entry] = &[
    Entry::of::<SagaAction>(
        SAGA_COMMANDS,
        SAGA_ACTION,
        Sort::Event,
        "An operator acts on the saga that ce_subject names.",
        r#"{"by":"techlead","why":"the customer called","action":"cancel"}"#,
    ),
    Entry::of::<SetRollout>(
        SAGA_COMMANDS,
        ROLLOUT_SET,
        Sort::Event,
        "A share of new sagas begins on a version.",
        r#"{"by":"techlead","why":"a first look","definition":"order","version":2,"percent":10}"#,
    ),
    Entry::of::<PutBack>(
        SAGA_COMMANDS,
        LETTER_PUT_BACK,
        Sort::Event,
        "A dead letter was put back where it came from.",
        r#"{"topic":"created-orders.dlq","partition":0,"offset":7,"by":"techlead","why":"mended","at":"2026-11-21T12:00:00.000Z"}"#,
    ),
];

/// Its journal.
pub const JOURNAL: Journal = Journal::of::<Kept>("saga-journal");

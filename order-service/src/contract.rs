//! The order service's messages, for the contract: a line each, with an example.

use common::contract::{Entry, Journal, Sort};
use common::topics;

use crate::cancel::{CANCEL, CANCEL_REQUESTED, Cancel, CancelRequested};
use crate::order::{CONCLUDE, CREATED, Conclude, Order, PLACE, Placed};

/// What it reads and tells.
pub const MESSAGES: &[Entry] = &[
    Entry::of::<Placed>(topics::ORDER_COMMANDS, PLACE, Sort::Event, "An order is placed (from the HTTP API).", PLACED),
    Entry::of::<Cancel>(
        topics::ORDER_COMMANDS,
        CANCEL,
        Sort::Event,
        "A customer takes an order back (from the HTTP API).",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","why":"ordered twice"}"#,
    ),
    Entry::of::<Conclude>(
        topics::ORDER_COMMANDS,
        CONCLUDE,
        Sort::Command,
        "How the order ended.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","status":"rejected","reason":"out_of_stock","steps":[]}"#,
    ),
    Entry::of::<Placed>(topics::CREATED_ORDERS, CREATED, Sort::Event, "An order is there; its saga begins.", PLACED),
    Entry::of::<CancelRequested>(
        topics::CREATED_ORDERS,
        CANCEL_REQUESTED,
        Sort::Event,
        "The order is to be taken back, if it is still in time.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","by":"customer","why":"ordered twice"}"#,
    ),
];

const PLACED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a",
 "amountMinor":1050,"currency":"BRL","createdAt":"2026-11-21T12:00:00.000Z",
 "items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","amountMinor":20000,"quantity":1}]}"#;

/// Its journal.
pub const JOURNAL: Journal = Journal::of::<Order>("order-journal");

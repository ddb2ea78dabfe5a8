//! The inventory service's messages, for the contract: a line each, with an example.

use common::contract::{Entry, Journal, Sort};
use common::topics::INVENTORY_COMMANDS;

use crate::messages::{CONFIRM, OfOrder, RELEASE, RESERVE, Reserve, SET, SetStock};
use crate::stock::Inventory;

/// What it reads and tells.
pub const MESSAGES: &[Entry] = &[
    Entry::of::<Reserve>(
        INVENTORY_COMMANDS,
        RESERVE,
        Sort::Command,
        "Stock is set aside for an order, all of its items or none.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","quantity":1}]}"#,
    ),
    Entry::of::<OfOrder>(
        INVENTORY_COMMANDS,
        CONFIRM,
        Sort::Command,
        "What was reserved leaves the warehouse.",
        OF_ORDER,
    ),
    Entry::of::<OfOrder>(
        INVENTORY_COMMANDS,
        RELEASE,
        Sort::Command,
        "A reservation is taken back, whatever became of it.",
        OF_ORDER,
    ),
    Entry::of::<SetStock>(
        INVENTORY_COMMANDS,
        SET,
        Sort::Event,
        "An item was counted (from the HTTP API).",
        r#"{"warehouse":"main","itemId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","onHand":1000}"#,
    ),
];

const OF_ORDER: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"}"#;

/// Its journal.
pub const JOURNAL: Journal = Journal::of::<Inventory>("inventory-journal");

//! The inventory service's messages, for the contract: a line each, with an example.

use common::contract::{Entry, Journal, Sort};
use common::topics::{GOODS_RECEIVED, INVENTORY_COMMANDS, STOCK_EVENTS};

use crate::carrier::answers::CarrierAnswered;
use crate::messages::{
    CANCEL_SHIPMENT, CARRIER_ANSWERED, CHANGE, CONFIRM, ChangeStock, EXPECT_RETURN, FORGET_RETURN, Forget, GOODS,
    GoodsReceived, LOW, OfOrder, OfReturn, RELEASE, RESERVE, RESTOCK, RETURN_RECEIVED, Reserve, ReturnReceived, SET,
    SHIP, SHIPMENT_EVENT, SetStock, Ship, ShipmentEvent, StockLow,
};
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
    Entry::of::<Ship>(
        INVENTORY_COMMANDS,
        SHIP,
        Sort::Command,
        "A shipment is made of what was reserved. Answered with its number and the day it is expected.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","delivery":{"method":"standard","address":{"name":"Ana",
 "line1":"Av. Paulista 1","city":"São Paulo","postalCode":"01310-100","country":"BR"}}}"#,
    ),
    Entry::of::<OfOrder>(
        INVENTORY_COMMANDS,
        CANCEL_SHIPMENT,
        Sort::Command,
        "A shipment is called off: undoes inventory.ship.",
        OF_ORDER,
    ),
    Entry::of::<OfReturn>(
        INVENTORY_COMMANDS,
        EXPECT_RETURN,
        Sort::Command,
        "Pieces of an order are to come back.",
        OF_RETURN,
    ),
    Entry::of::<Forget>(
        INVENTORY_COMMANDS,
        FORGET_RETURN,
        Sort::Command,
        "They are not, after all: undoes inventory.expect-return.",
        r#"{"returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"}"#,
    ),
    Entry::of::<OfReturn>(
        INVENTORY_COMMANDS,
        RESTOCK,
        Sort::Command,
        "Pieces of an order go back into the stock.",
        OF_RETURN,
    ),
    Entry::of::<ChangeStock>(
        INVENTORY_COMMANDS,
        CHANGE,
        Sort::Event,
        "Somebody counted, adjusted or received an item (from the HTTP API).",
        r#"{"warehouse":"main","itemId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","kind":"receipt","quantity":100,"by":"ana","why":"delivery 7"}"#,
    ),
    Entry::of::<ShipmentEvent>(
        INVENTORY_COMMANDS,
        SHIPMENT_EVENT,
        Sort::Event,
        "What the carrier did with a shipment (from the HTTP API).",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","status":"handed_over"}"#,
    ),
    Entry::of::<CarrierAnswered>(
        INVENTORY_COMMANDS,
        CARRIER_ANSWERED,
        Sort::Event,
        "What the carrier answered.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","outcome":"booked","call":1,"trackingNumber":"RR000000015BR"}"#,
    ),
    Entry::of::<ReturnReceived>(
        INVENTORY_COMMANDS,
        RETURN_RECEIVED,
        Sort::Event,
        "Somebody looked at what came back (from the HTTP API).",
        r#"{"returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","status":"received","by":"bia","why":"complete"}"#,
    ),
    Entry::of::<GoodsReceived>(
        GOODS_RECEIVED,
        GOODS,
        Sort::Result,
        "What became of goods that came back.",
        r#"{"returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","status":"received"}"#,
    ),
    Entry::of::<StockLow>(
        STOCK_EVENTS,
        LOW,
        Sort::Event,
        "An item has become scarce.",
        r#"{"warehouse":"main","itemId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","available":9,"threshold":10,"at":"2026-11-21T12:00:00.000Z"}"#,
    ),
];

const OF_RETURN: &str = r#"{"returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","quantity":1}]}"#;

const OF_ORDER: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"}"#;

/// Its journal.
pub const JOURNAL: Journal = Journal::of::<Inventory>("inventory-journal");

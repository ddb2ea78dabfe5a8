//! The inventory service's part of the message contract: each message with a summary and an example.

use common::cases::{CaseDecision, CaseSettled, ConcludeCase};
use common::contract::{Entry, Journal, Sort};
use common::schemas;
use common::topics::{CASE_DECISIONS, CASES, GOODS_RECEIVED, INVENTORY_COMMANDS, SHIPMENT_EVENTS, STOCK_EVENTS};

use crate::entity::Inventory;
use crate::messages::cases::{
    CONCLUDE_CASE, ParcelUndelivered, REOPEN_CASE, RESOLVE_CASE, ReopenCase, ResolveCase, SETTLED, UNDELIVERED,
};
use crate::messages::events::{ShipmentChange, ShipmentChanged};
use crate::messages::{
    CANCEL_SHIPMENT, CARRIER_ANSWERED, CHANGE, CONFIRM, CarrierAnswered, ChangeStock, EXPECT_RETURN, FORGET_RETURN,
    ForgetReturn, GOODS_RECEIVED_EVENT, GoodsReceived, OrderCommand, RELEASE, RESERVE, RESOLVE, RESTOCK,
    RETURN_RECEIVED, Reserve, ResolveShipment, ReturnCommand, ReturnReceived, SET, SHIP, SHIPMENT_EVENT, STOCK_LOW,
    STOCK_SHORTFALL, SetStock, Ship, ShipmentEvent, StockLow, StockShortfall,
};

/// The messages it reads and writes.
pub const MESSAGES: &[Entry] = &[
    Entry::of::<Reserve>(
        INVENTORY_COMMANDS,
        RESERVE,
        Sort::Command,
        "Reserve stock for an order, all of its items or none. With `priceCheck` only at the prices of the warehouse.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","quantity":1,"amountMinor":20000}],
 "currency":"BRL","priceCheck":"catalogue"}"#,
    ),
    Entry::of::<OrderCommand>(
        INVENTORY_COMMANDS,
        CONFIRM,
        Sort::Command,
        "Take the reserved pieces out of the stock.",
        ORDER_COMMAND,
    ),
    Entry::of::<OrderCommand>(
        INVENTORY_COMMANDS,
        RELEASE,
        Sort::Command,
        "Release a reservation in any status: undoes inventory.reserve and inventory.confirm.",
        ORDER_COMMAND,
    ),
    Entry::of::<SetStock>(
        INVENTORY_COMMANDS,
        SET,
        Sort::Event,
        "The count of an item was set, and its price if it has one (HTTP API).",
        r#"{"warehouse":"main","itemId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","onHand":1000,
 "price":{"amountMinor":20000,"currency":"BRL"}}"#,
    ),
    Entry::of::<Ship>(
        INVENTORY_COMMANDS,
        SHIP,
        Sort::Command,
        "Ship the reserved pieces. The reply has the tracking number and the estimated date.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","delivery":{"method":"standard","address":{"name":"Ana",
 "line1":"Av. Paulista 1","city":"São Paulo","postalCode":"01310-100","country":"BR"}}}"#,
    ),
    Entry::of::<OrderCommand>(
        INVENTORY_COMMANDS,
        CANCEL_SHIPMENT,
        Sort::Command,
        "Cancel a shipment: undoes inventory.ship.",
        ORDER_COMMAND,
    ),
    Entry::of::<ReturnCommand>(
        INVENTORY_COMMANDS,
        EXPECT_RETURN,
        Sort::Command,
        "Expect pieces of an order back.",
        RETURN_COMMAND,
    ),
    Entry::of::<ForgetReturn>(
        INVENTORY_COMMANDS,
        FORGET_RETURN,
        Sort::Command,
        "Cancel an expected return: undoes inventory.expect-return.",
        r#"{"returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"}"#,
    ),
    Entry::of::<ReturnCommand>(
        INVENTORY_COMMANDS,
        RESTOCK,
        Sort::Command,
        "Put returned pieces back into the stock.",
        RETURN_COMMAND,
    ),
    Entry::of::<ResolveCase>(
        INVENTORY_COMMANDS,
        RESOLVE_CASE,
        Sort::Command,
        "Carry out the decision about a parcel that did not arrive: send another one, or close the shipment.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e",
 "action":"resend","by":"ana","why":"lost"}"#,
    ),
    Entry::of::<ReopenCase>(
        INVENTORY_COMMANDS,
        REOPEN_CASE,
        Sort::Command,
        "Withdraw the decision to close a shipment: undoes inventory.resolve-case.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e"}"#,
    ),
    Entry::of::<ConcludeCase>(
        INVENTORY_COMMANDS,
        CONCLUDE_CASE,
        Sort::Command,
        "The saga of a case has ended. If the parcel still needs a decision, another case is opened.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e",
 "status":"not_resolved","reason":"not_resolvable"}"#,
    ),
    Entry::of::<ChangeStock>(
        INVENTORY_COMMANDS,
        CHANGE,
        Sort::Event,
        "An operator counted, adjusted or received an item (HTTP API).",
        r#"{"warehouse":"main","itemId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","kind":"receipt","quantity":100,
 "by":"ana","why":"delivery 7"}"#,
    ),
    Entry::of::<ShipmentEvent>(
        INVENTORY_COMMANDS,
        SHIPMENT_EVENT,
        Sort::Event,
        "A shipment reached a stage of its delivery (HTTP API, or a carrier's webhook).",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","status":"handed_over","at":"2026-11-21T12:00:00.000Z",
 "eventId":"msg_1"}"#,
    ),
    Entry::of::<ResolveShipment>(
        INVENTORY_COMMANDS,
        RESOLVE,
        Sort::Event,
        "An operator resolved a lost or returned shipment (HTTP API).",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","action":"resend","by":"ana","why":"lost"}"#,
    ),
    Entry::of::<CarrierAnswered>(
        INVENTORY_COMMANDS,
        CARRIER_ANSWERED,
        Sort::Event,
        "The carrier answered a call.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","outcome":"booked","call":1,
 "trackingNumber":"RR000000015BR"}"#,
    ),
    Entry::of::<ReturnReceived>(
        INVENTORY_COMMANDS,
        RETURN_RECEIVED,
        Sort::Event,
        "An operator inspected returned pieces (HTTP API).",
        r#"{"returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","status":"received","by":"bia","why":"complete"}"#,
    ),
    Entry::result::<GoodsReceived>(
        GOODS_RECEIVED,
        GOODS_RECEIVED_EVENT,
        "The result of inspecting returned goods.",
        r#"{"returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","status":"received"}"#,
        |bytes| schemas::GOODS_RECEIVED.parse(bytes).map(|_| ()),
    ),
    Entry::of::<ParcelUndelivered>(
        CASES,
        UNDELIVERED,
        Sort::Event,
        "A parcel was lost, came back or could not be sent again; starts the saga of its case. Key and subject are the \
         case's id.",
        r#"{"caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "shipmentId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6d","warehouse":"main","number":2,"status":"lost",
 "carrier":"simulated","trackingNumber":"RR000000015BR","refused":"item day-one: 2 wanted, 0 available",
 "at":"2026-11-21T12:00:00.000Z"}"#,
    ),
    Entry::of::<CaseSettled>(
        CASES,
        SETTLED,
        Sort::Event,
        "The parcel of a case was found, or resolved through the API; ends the saga of the case.",
        r#"{"caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "by":"rui","why":"it was at the neighbour's"}"#,
    ),
    Entry::result::<CaseDecision>(
        CASE_DECISIONS,
        schemas::CASE_DECISION_TYPE,
        "The decision about a case.",
        r#"{"caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e","status":"resend","by":"ana","why":"lost"}"#,
        |bytes| schemas::CASE_DECISION.parse(bytes).map(|_| ()),
    ),
    Entry::of::<StockLow>(
        STOCK_EVENTS,
        STOCK_LOW,
        Sort::Event,
        "An item has become scarce.",
        r#"{"warehouse":"main","itemId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","available":9,
 "threshold":10,"at":"2026-11-21T12:00:00.000Z"}"#,
    ),
    Entry::of::<StockShortfall>(
        STOCK_EVENTS,
        STOCK_SHORTFALL,
        Sort::Event,
        "Fewer pieces are there than are reserved: a change of the stock left too few, or an order can't be confirmed.",
        r#"{"warehouse":"main","itemId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","onHand":0,
 "reserved":6,"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","at":"2026-11-21T12:00:00.000Z"}"#,
    ),
];

/// The events for external systems.
pub const EVENTS: &[Entry] = &[
    event(ShipmentChange::Created, "A carrier accepted the shipment, or it will be ready to be collected."),
    event(ShipmentChange::PickupBooked, "The carrier will collect the shipment from the warehouse."),
    event(ShipmentChange::Picked, "The goods were picked."),
    event(ShipmentChange::HandedOver, "The shipment was handed over to the carrier."),
    event(ShipmentChange::InTransit, "The shipment is on its way."),
    event(ShipmentChange::Late, "The estimated date has passed, and the shipment has not arrived."),
    event(ShipmentChange::Lost, "The carrier has lost the shipment. It may be found, and delivered or returned."),
    event(ShipmentChange::Delivered, "The shipment was delivered, or collected."),
    event(ShipmentChange::ReturnedToSender, "The shipment could not be delivered and is back at the warehouse."),
    event(ShipmentChange::Cancelled, "The shipment was cancelled before it was handed over."),
    event(ShipmentChange::Refused, "The carrier refused the shipment."),
];

const fn event(change: ShipmentChange, about: &'static str) -> Entry {
    Entry::of::<ShipmentChanged>(SHIPMENT_EVENTS, change.kind(), Sort::Event, about, SHIPMENT)
}

const SHIPMENT: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "shipmentId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6d","warehouse":"main","at":"2026-11-21T12:00:00.000Z",
 "method":"standard","carrier":"simulated","trackingNumber":"RR000000015BR","estimatedDate":"2026-11-27"}"#;

const RETURN_COMMAND: &str = r#"{"returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c",
 "orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","quantity":1}]}"#;

const ORDER_COMMAND: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"}"#;

/// Its journal.
pub const JOURNAL: Journal = Journal::of::<Inventory>("inventory-journal");

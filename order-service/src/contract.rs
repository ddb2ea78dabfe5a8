//! The service's part of the message contract: its messages, each with an example, and its journal.

use common::contract::{Entry, Journal, Sort};
use common::payments::{ACTION, ActionRequired};
use common::shipments::{self, ShipmentProgress};
use common::topics;

use crate::messages::events::{OrderChanged, OrderEvent};
use crate::messages::{
    CANCEL, CANCEL_REQUESTED, CONCLUDE, CONCLUDE_RETURN, CONFIRM, CREATED, Cancel, CancelRequested, Conclude,
    ConcludeReturn, Confirm, MAILED, Mailed, NOTICE, NOTIFY, Notify, PLACE, PROGRESS, Progress, RECORD_REFUND, RETURN,
    RETURN_REQUESTED, RecordRefund, RequestReturn, ReturnRequested, UNCONFIRM, Unconfirm,
};
use crate::order::Placed;
use crate::order::entity::OrderEntity;
use crate::order::notice::Notice;

/// The messages that the service reads and sends.
pub const MESSAGES: &[Entry] = &[
    Entry::of::<Placed>(topics::ORDER_COMMANDS, PLACE, Sort::Event, "An order is placed (from the HTTP API).", PLACED),
    Entry::of::<Cancel>(
        topics::ORDER_COMMANDS,
        CANCEL,
        Sort::Event,
        "A customer requests to cancel an order (from the HTTP API).",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","why":"ordered twice"}"#,
    ),
    Entry::of::<RequestReturn>(
        topics::ORDER_COMMANDS,
        RETURN,
        Sort::Event,
        "A customer requests a return (from the HTTP API).",
        r#"{"returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","quantity":1}],"why":"can't come"}"#,
    ),
    Entry::of::<Progress>(
        topics::ORDER_COMMANDS,
        PROGRESS,
        Sort::Event,
        "Progress of a reserved order. The first report issues its invoice. Gets no reply.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","status":"awaiting_payment","steps":[]}"#,
    ),
    Entry::of::<Confirm>(
        topics::ORDER_COMMANDS,
        CONFIRM,
        Sort::Command,
        "Issues the invoice of a paid order, in sagas of versions 3 and 4. The reply has its number.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","payment":{"status":"approved"}}"#,
    ),
    Entry::of::<Unconfirm>(
        topics::ORDER_COMMANDS,
        UNCONFIRM,
        Sort::Command,
        "Undoes order.confirm, in sagas of versions 3 and 4: the invoice is void, or is never issued.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"}"#,
    ),
    Entry::of::<Notify>(
        topics::ORDER_COMMANDS,
        NOTIFY,
        Sort::Command,
        "Notifies the customer of a fulfilled order, and issues its invoice if it has none.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","payment":{"status":"approved"},
 "shipment":{"method":"standard","carrier":"simulated",
 "trackingNumber":"RR000000015BR","estimatedDate":"2026-11-27"}}"#,
    ),
    Entry::of::<Conclude>(
        topics::ORDER_COMMANDS,
        CONCLUDE,
        Sort::Command,
        "Ends an order. Its invoice is paid if it was fulfilled, and void otherwise.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","status":"rejected","reason":"out_of_stock","steps":[]}"#,
    ),
    Entry::of::<ConcludeReturn>(
        topics::ORDER_COMMANDS,
        CONCLUDE_RETURN,
        Sort::Command,
        "Ends a return.",
        r#"{"returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "status":"returned"}"#,
    ),
    Entry::of::<Mailed>(
        topics::ORDER_COMMANDS,
        MAILED,
        Sort::Event,
        "The outcome of an attempt to mail a notice.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","noticeId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6d",
 "attempt":1,"outcome":"sent"}"#,
    ),
    Entry::of::<ActionRequired>(
        topics::ORDER_COMMANDS,
        ACTION,
        Sort::Event,
        "The customer must do something for the payment, or no longer (from payment-service). Gets no reply.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","number":1,
 "action":{"type":"redirect","url":"https://bank.example/3ds","expiresAt":"2026-11-21T12:15:00.000Z"}}"#,
    ),
    Entry::of::<ShipmentProgress>(
        topics::ORDER_COMMANDS,
        shipments::PROGRESS,
        Sort::Event,
        "The delivery of an order has changed (from inventory-service). Gets no reply.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","number":2,"status":"delivered",
 "at":"2026-11-26T15:00:00.000Z","trackingNumber":"CA000000015BR","estimatedDate":"2026-11-27",
 "deliveredAt":"2026-11-26T15:00:00.000Z"}"#,
    ),
    Entry::of::<Placed>(topics::CREATED_ORDERS, CREATED, Sort::Event, "An order is created; starts its saga.", PLACED),
    Entry::of::<CancelRequested>(
        topics::CREATED_ORDERS,
        CANCEL_REQUESTED,
        Sort::Event,
        "The order is to be cancelled, if the request comes in time.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","by":"customer","why":"ordered twice"}"#,
    ),
    Entry::of::<RecordRefund>(
        topics::ORDER_COMMANDS,
        RECORD_REFUND,
        Sort::Command,
        "A shipped order did not arrive, and so much of its payment was refunded: it ends, with a credit note.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","amountMinor":1050}"#,
    ),
    Entry::of::<ReturnRequested>(
        topics::CREATED_ORDERS,
        RETURN_REQUESTED,
        Sort::Event,
        "A return is requested; starts its saga. Key and subject are the return's id.",
        r#"{"returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a",
 "items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","quantity":1}],
 "refundMinor":1050,"currency":"BRL","shipped":false,"why":"can't come","requestedAt":"2026-11-21T12:00:00.000Z"}"#,
    ),
    Entry::of::<Notice>(
        topics::NOTIFICATIONS,
        NOTICE,
        Sort::Event,
        "A notice to a customer.",
        r#"{"noticeId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6d","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "kind":"confirmed","language":"en","to":{"name":"Ana","email":"ana@example.com"},"subject":"Your order is confirmed",
 "text":"Hello Ana,","createdAt":"2026-11-21T12:00:00.000Z"}"#,
    ),
];

const PLACED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a",
 "customer":{"name":"Ana","email":"ana@example.com","language":"pt"},"amountMinor":1050,"currency":"BRL",
 "createdAt":"2026-11-21T12:00:00.000Z",
 "items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","amountMinor":20000,"quantity":1}],
 "delivery":{"method":"standard","address":{"name":"Ana","line1":"Av. Paulista 1","city":"São Paulo",
 "postalCode":"01310-100","country":"BR"}}}"#;

/// The events for external systems.
pub const EVENTS: &[Entry] = &[
    event(OrderEvent::Placed, "An order was placed.", NEW),
    event(OrderEvent::Reserved, "Stock is reserved for the order.", INVOICED),
    event(OrderEvent::Invoiced, "The invoice of the order was issued.", INVOICED),
    event(OrderEvent::Paid, "The order is paid.", CONFIRMED),
    event(
        OrderEvent::Confirmed,
        "The order is fulfilled, or will be shipped. It follows order.placed, reserved and invoiced, and paid if a \
         payment was approved.",
        CONFIRMED,
    ),
    event(OrderEvent::Shipped, "The order is shipped. It follows order.confirmed.", CONFIRMED),
    event(OrderEvent::Delivered, "The order was delivered, or picked up. Its status stays.", CONFIRMED),
    event(OrderEvent::Rejected, "The order is not possible, such as out of stock.", REJECTED),
    event(OrderEvent::NotPaid, "The order was not paid; its stock is released.", REJECTED),
    event(OrderEvent::Cancelled, "The order was cancelled before it was paid.", REJECTED),
    event(
        OrderEvent::Refunded,
        "The order was cancelled after it was paid, or its parcel did not arrive, and its payment is refunded.",
        REJECTED,
    ),
    event(OrderEvent::ReturnRequested, "Pieces of the order are to be returned.", RETURNED),
    event(OrderEvent::ReturnCompleted, "A return is complete, and its refund is paid.", CREDITED),
    event(OrderEvent::ReturnRefused, "A return was not accepted.", RETURNED),
    event(OrderEvent::Returned, "All of the order was returned.", CONFIRMED),
];

const fn event(event: OrderEvent, about: &'static str, example: &'static str) -> Entry {
    Entry::of::<OrderChanged>(topics::ORDER_EVENTS, event.kind(), Sort::Event, about, example)
}

const NEW: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a","status":"pending","amountMinor":1050,"currency":"BRL",
 "at":"2026-11-21T12:00:00.000Z"}"#;

const INVOICED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a","status":"awaiting_payment","amountMinor":1050,"currency":"BRL",
 "at":"2026-11-21T12:00:00.500Z","invoiceNumber":"A0-000042"}"#;

const CONFIRMED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a","status":"confirmed","amountMinor":1050,"currency":"BRL",
 "at":"2026-11-21T12:00:05.000Z","invoiceNumber":"A0-000042"}"#;

const REJECTED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a","status":"rejected","amountMinor":1050,"currency":"BRL",
 "at":"2026-11-21T12:00:00.100Z","reason":"out_of_stock"}"#;

const RETURNED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a","status":"confirmed","amountMinor":1050,"currency":"BRL",
 "at":"2026-11-24T12:00:00.000Z","invoiceNumber":"A0-000042","returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c",
 "refundMinor":1050}"#;

const CREDITED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a","status":"returned","amountMinor":1050,"currency":"BRL",
 "at":"2026-11-25T12:00:00.000Z","invoiceNumber":"A0-000042","creditNoteNumber":"C0-000007",
 "returnId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","refundMinor":1050}"#;

/// The service's journal.
pub const JOURNAL: Journal = Journal::of::<OrderEntity>("order-journal");

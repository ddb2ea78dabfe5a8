//! The largest entities, and the largest record and messages that a decision makes.

use common::bounds::{Bounded as _, KIB, TEXT_BYTES, json_bytes};
use common::cases::CaseSettled;
use common::events::{EVENT_ENVELOPE, LARGEST_EVENT};
use common::messages::{Headers, Message, header};
use common::shipments::ShipmentProgress;
use common::time::Timestamp;
use common::topics;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::carrier::call::CarrierKind;
use crate::entity::reservation::{ReturnedQuantity, Transition, TransitionKind};
use crate::entity::returns::{Receipt, Refusal};
use crate::entity::shipment::{Case, FormerParcel, HistoryEntry, MOST_FORMER_PARCELS, Resolution, SimulatedStage};
use crate::entity::stock::{ItemPrice, OpeningBalance};
use crate::entity::{
    Change, Inventory, Line, Reservation, ReservationStatus, Return, ReturnStatus, Shipment, ShipmentStatus, Stock,
};
use crate::fixture::{ORDER, TestWarehouse, delivery, message};
use crate::messages::cases::{ParcelUndelivered, RESOLVE_CASE};
use crate::messages::events::{ShipmentChange, ShipmentChanged};
use crate::messages::{
    CHANGE, CarrierAnswered, ChangeKind, EXPECT_RETURN, Method, RESERVE, ReceiptStatus, ResolveAction, ReturnReceived,
    SET, SHIP, SHIPMENT_EVENT, Stage, StockLow, StockShortfall,
};
use crate::settings::MOST_SEEDED;

const TIME: Timestamp = Timestamp(1_700_000_000_000);
/// More than the bytes of the headers and the key of any message of the service.
const ENVELOPE: usize = 8 * KIB;
/// More than an id of a message or an order takes, with quotes escaped.
const ID: usize = 512;

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn lines() -> Vec<Line> {
    let line = Line { id: text(ID_BYTES), name: text(TEXT_BYTES), quantity: u64::MAX };
    vec![line; MOST_LINES]
}

fn stock() -> Stock {
    Stock {
        item_id: text(ID_BYTES),
        name: text(OPERATOR_TEXT),
        warehouse: text(ID_BYTES),
        on_hand: u64::MAX,
        reserved: u64::MAX,
        price: Some(ItemPrice { amount_minor: i64::MAX, currency: text(3) }),
        changes: vec![text(ID); 4],
        opening: Some(OpeningBalance { on_hand: u64::MAX, reserved: u64::MAX }),
    }
}

fn reservation() -> Reservation {
    let returned = ReturnedQuantity { id: text(ID_BYTES), expected: u64::MAX, restocked: u64::MAX };
    Reservation {
        order_id: text(ID),
        warehouse: text(ID_BYTES),
        status: ReservationStatus::Confirmed,
        items: lines(),
        reason: Some(text(ID_BYTES)),
        detail: Some(text(TEXT_BYTES)),
        at: TIME,
        expires: Some(TIME),
        // Reserved, confirmed and put back, or less.
        transitions: vec![Transition { kind: TransitionKind::Confirmed, at: TIME }; 3],
        returned: vec![returned; MOST_LINES],
    }
}

fn returned() -> Return {
    Return {
        return_id: text(ID),
        order_id: text(ID),
        warehouse: text(ID_BYTES),
        status: ReturnStatus::Forgotten,
        items: lines(),
        refusal: Some(Refusal { reason: text(ID_BYTES), detail: text(TEXT_BYTES) }),
        receipt: Some(Receipt {
            status: ReceiptStatus::Received,
            by: text(ReturnReceived::MAX_BYTES),
            why: text(ReturnReceived::MAX_BYTES),
            at: TIME,
        }),
        restocked_at: Some(TIME),
        at: TIME,
    }
}

fn shipment() -> Shipment {
    let mut waiting = Headers::default();
    for name in [header::ID, header::SAGA_ID, header::STEP, header::ATTEMPT, header::ACTION, header::TRACEPARENT] {
        waiting.push(name, text(ID));
    }
    let note = Some(text(OPERATOR_TEXT));
    let entry = HistoryEntry { status: ShipmentStatus::ReturnedToSender, at: TIME, note, event: Some(text(ID_BYTES)) };
    let former = FormerParcel {
        tracking_number: Some(text(ID_BYTES)),
        status: ShipmentStatus::ReturnedToSender,
        estimated_date: Some(text(ID_BYTES)),
        late_since: Some(TIME),
        history: vec![entry.clone(); 32 + 10 + 7],
    };
    let resolution = Resolution {
        id: text(ID_BYTES),
        action: ResolveAction::Resend,
        by: text(OPERATOR_TEXT),
        why: text(OPERATOR_TEXT),
        at: TIME,
        refused: Some(text(ID_BYTES + TEXT_BYTES)),
        from_stock: true,
    };
    Shipment {
        order_id: text(CarrierAnswered::MAX_BYTES),
        warehouse: text(ID_BYTES),
        status: ShipmentStatus::HandedOver,
        items: lines(),
        method: Some(Method::Standard),
        address: Some(crate::messages::Address {
            name: text(CUSTOMER_TEXT_BYTES),
            line1: text(CUSTOMER_TEXT_BYTES),
            line2: Some(text(CUSTOMER_TEXT_BYTES)),
            city: text(CUSTOMER_TEXT_BYTES),
            postal_code: text(CUSTOMER_TEXT_BYTES),
            country: text(CUSTOMER_TEXT_BYTES),
        }),
        carrier: Some(CarrierKind::Simulated),
        tracking_number: Some(text(ID_BYTES)),
        estimated_date: Some(text(ID_BYTES)),
        refusal: Some(text(TEXT_BYTES)),
        calls: u32::MAX,
        void_calls: u32::MAX,
        void_due: Some(TIME),
        waiting: Some(waiting),
        delivered_at: Some(TIME),
        late_due: Some(TIME),
        late_since: Some(TIME),
        simulated: Some(SimulatedStage { stage: Stage::ReturnedToSender, due: TIME, span_ms: u64::MAX }),
        case: Some(Case { number: u32::MAX, decided: true }),
        cases: u32::MAX,
        reports: u32::MAX,
        parcels: vec![former; MOST_FORMER_PARCELS],
        resolutions: vec![resolution; 16 + MOST_FORMER_PARCELS],
        // A full one, and a stage of each kind that is never dropped.
        history: vec![entry; 32 + 10],
        created_at: TIME,
    }
}

fn change() -> Change {
    Change {
        warehouse: text(ID_BYTES),
        item_id: text(ID_BYTES),
        kind: ChangeKind::Adjustment,
        requested: i64::MIN,
        moved: i64::MIN,
        by: Some(text(OPERATOR_TEXT)),
        why: Some(text(OPERATOR_TEXT)),
        order: None,
        at: TIME,
        refused: Some(text(ID_BYTES + ID_BYTES + TEXT_BYTES)),
        on_hand: u64::MAX,
        reserved: u64::MAX,
    }
}

/// The larger of the two events that a changed stock may send.
fn stock_event() -> usize {
    let low = StockLow {
        warehouse: text(ID_BYTES),
        item_id: text(ID_BYTES),
        name: text(OPERATOR_TEXT),
        available: u64::MAX,
        threshold: u64::MAX,
        at: TIME,
    };
    let short = StockShortfall {
        warehouse: text(ID_BYTES),
        item_id: text(ID_BYTES),
        name: text(OPERATOR_TEXT),
        on_hand: u64::MAX,
        reserved: u64::MAX,
        order_id: Some(text(ID)),
        at: TIME,
    };
    // Its key, its subject among the headers, and more than its other headers, which are short.
    json_bytes(&low).max(json_bytes(&short)) + 2 * ID_BYTES + 2 * ID
}

/// The larger of the two messages about a case that a changed shipment may send.
fn case_message() -> usize {
    let undelivered = ParcelUndelivered {
        case_id: Uuid::nil(),
        order_id: text(ID),
        shipment_id: Uuid::nil(),
        warehouse: text(ID_BYTES),
        number: u32::MAX,
        status: ShipmentStatus::ReturnedToSender,
        carrier: Some(text(ID_BYTES)),
        tracking_number: Some(text(ID_BYTES)),
        refused: Some(text(ID_BYTES + TEXT_BYTES)),
        at: TIME,
    };
    let settled =
        CaseSettled { case_id: Uuid::nil(), order_id: text(ID), by: text(OPERATOR_TEXT), why: text(OPERATOR_TEXT) };
    json_bytes(&undelivered).max(json_bytes(&settled)) + ENVELOPE
}

#[test]
fn the_largest_record_and_messages_fit() {
    let stocks = MOST_LINES * (json_bytes(&Inventory::Stock(stock())) + 2 * ID_BYTES + stock_event());
    let reservation = json_bytes(&Inventory::Reservation(reservation()));
    let returned = json_bytes(&Inventory::Return(returned()));
    let shipment = json_bytes(&Inventory::Shipment(Box::new(shipment())));
    let change = json_bytes(&Inventory::Change(change()));
    let reply = REPLY_BYTES + KIB + ENVELOPE;
    for bytes in [stock_event(), case_message(), reply, 2 * ReturnReceived::MAX_BYTES + ENVELOPE] {
        assert!(bytes <= topics::INPUT_MAX_BYTES, "{bytes}");
    }
    let batch = 2 * topics::BATCH_MAX_BYTES;
    let event = ShipmentChanged {
        // That of the command, a UUID.
        order_id: text(ID),
        shipment_id: Uuid::nil(),
        warehouse: text(ID_BYTES),
        at: TIME,
        method: Some(Method::Standard),
        carrier: Some(text(ID_BYTES)),
        tracking_number: Some(text(ID_BYTES)),
        estimated_date: Some(text(ID_BYTES)),
        parcel: Some(u32::MAX),
    };
    let event = json_bytes(&event) + EVENT_ENVELOPE;
    assert!(event <= LARGEST_EVENT, "{event}");
    // Those of the shipment, the report to its order, and the message about its case.
    let events = ShipmentChange::ALL.len() * event + ShipmentProgress::MAX_BYTES + ENVELOPE + case_message();
    // A reservation's change, a return of its pieces, a shipment whose pieces are sent again and its number, a change
    // of the stock.
    for decision in [
        reservation + stocks,
        reservation + returned + stocks,
        shipment + events + stocks + KIB,
        change + stocks / MOST_LINES,
    ] {
        let record = decision + reply + batch;
        assert!(record <= topics::JOURNAL_MAX_BYTES, "{record}");
    }
    let seed = MOST_SEEDED * (json_bytes(&Inventory::Stock(stock())) + 2 * ID_BYTES);
    assert!(seed <= topics::JOURNAL_MAX_BYTES, "{seed}");
}

fn reason(sent: &[common::messages::Outgoing]) -> &str {
    assert_eq!((sent.len(), &*sent[0].topic), (1, "inventory-commands.dlq"));
    sent[0].headers.get("__streams.errors.message").unwrap()
}

#[test]
fn longer_texts_and_lists_are_dead_letters() {
    let mut warehouse = TestWarehouse::new();
    let items = |count: usize, id: usize| -> Vec<Value> {
        (0..count).map(|n| json!({"id": format!("{n}{}", text(id)), "quantity": 1})).collect()
    };
    let reserve = |items: Vec<Value>| message(RESERVE, &json!({"orderId": ORDER, "items": items}));
    let return_id = Uuid::nil();
    let expect = json!({"returnId": return_id, "orderId": ORDER, "items": items(501, 1)});
    let mut ship = delivery("standard");
    ship["delivery"]["address"]["city"] = text(CUSTOMER_TEXT_BYTES + 1).into();
    let set = |name: usize| json!({"warehouse": "main", "itemId": "a", "name": text(name), "onHand": 1});
    let priced = |amount: i64, currency: &str| {
        json!({"warehouse": "main", "itemId": "a", "name": "x", "onHand": 1,
            "price": {"amountMinor": amount, "currency": currency}})
    };
    let change =
        json!({"warehouse": "main", "itemId": "a", "kind": "receipt", "quantity": 1, "by": text(1_201), "why": ""});
    let stage = |name: &str, bytes: usize| json!({"orderId": ORDER, "status": "lost", name: text(bytes)});
    let case = json!({"orderId": ORDER, "caseId": return_id, "action": "close", "by": "ana", "why": text(1_201)});
    let with_key = |key: usize| Message { key: Some(text(key).into()), ..reserve(items(1, 1)) };
    for (message, fault) in [
        (reserve(items(501, 1)), "items: 501 items"),
        (reserve(items(1, ID_BYTES)), "items.id: 301 bytes"),
        (reserve(items(500, 800)), "the value has"),
        (message(EXPECT_RETURN, &expect), "items: 501 items"),
        (message(SHIP, &ship), "delivery.address: 6001 bytes"),
        (message(SET, &set(OPERATOR_TEXT + 1)), "name, by or why: 1201 bytes"),
        (message(SET, &set(9_000)), "the value has"),
        (message(SET, &priced(-1, "BRL")), "price: must not be negative"),
        (message(SET, &priced(1, "real")), "price: 'real' is not a currency"),
        (message(CHANGE, &change), "name, by or why: 1201 bytes"),
        (message(SHIPMENT_EVENT, &stage("note", OPERATOR_TEXT + 1)), "note: 1201 bytes"),
        (message(SHIPMENT_EVENT, &stage("eventId", ID_BYTES + 1)), "eventId: 301 bytes"),
        (message(SHIPMENT_EVENT, &stage("trackingNumber", ID_BYTES + 1)), "trackingNumber: 301 bytes"),
        (message(RESOLVE_CASE, &case), "why: 1201 bytes"),
        (with_key(301), "the key is not the name of a warehouse"),
        (with_key(2_000), "the key has 2000 bytes"),
    ] {
        let sent = warehouse.handle(&message);
        assert!(reason(&sent).contains(fault), "{fault}: {}", reason(&sent));
    }
}

#[test]
fn a_reply_with_long_names_leaves_them_out() {
    let mut warehouse = TestWarehouse::new();
    let ids: Vec<String> = (0..200).map(|n| format!("item {n}")).collect();
    ids.iter().for_each(|id| warehouse.set(id, id, 10));
    let items: Vec<Value> = ids.iter().map(|id| json!({"id": id, "name": text(1_500), "quantity": 1})).collect();
    let reply = warehouse.request(RESERVE, &json!({"orderId": ORDER, "items": items}));
    assert_eq!(reply["data"]["items"].as_array().unwrap().len(), 200);
    assert!(json_bytes(&reply) < REPLY_BYTES && reply["data"]["items"][0].get("name").is_none());
    let kept = &warehouse.reservation().items[0].name;
    assert!(kept.ends_with('…') && kept.len() == TEXT_BYTES, "a long name is cut where it is kept: {kept}");
}

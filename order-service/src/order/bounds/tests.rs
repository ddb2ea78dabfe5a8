//! The largest order, and the largest record and messages that a decision about it makes.

use std::sync::Arc;

use common::bounds::{Bounded as _, json_bytes};
use common::events::{EVENT_ENVELOPE, LARGEST_EVENT};
use common::ids::OrderId;
use common::messages::HEADER_BYTES;
use common::money::Decimal;
use common::payments::{ACTION_TEXT_BYTES, Action, ActionKind, PaymentChoice, PaymentMethod, TOKEN_BYTES};
use common::sensitive::Sensitive;
use common::shipments::DeliveryStatus;
use common::time::Timestamp;
use common::topics;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::fixture::{Shop, message, pieces};
use crate::messages::events::{OrderChanged, OrderEvent};
use crate::messages::{CONCLUDE, Conclude, PLACE, RETURN, RequestReturn, ReturnRequested};
use crate::order::PriceCheck;
use crate::order::delivery::{Customer, Language};
use crate::order::entity::{OrderEntity, Series};
use crate::order::mailing::{Mailing, Outcome};
use crate::order::notice::{Notice, NoticeKind, NoticeRecord, Recipient};
use crate::order::parts::{
    Cancellation, Change, CreditNote, Invoice, InvoiceStatus, MOST_ACTION_CHANGES, MOST_DELIVERY_CHANGES, Tracking,
};
use crate::order::status::Status;
use crate::order::terms::{MOST_TAXES, Seller, Tax};

const TIME: Timestamp = Timestamp(1_700_000_000_000);
/// More than the bytes of the headers and the key of any message of the service.
const ENVELOPE: usize = 8 * KIB;
/// More than the bytes of a template without its values.
const TEMPLATE: usize = 4 * KIB;

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// At least as long as any order that is taken in: one of its texts has all the bytes that it may have.
fn largest_placed() -> Placed {
    Placed {
        order_id: OrderId(Uuid::nil()),
        customer_id: Uuid::nil(),
        customer: Some(Customer { name: text(Placed::MAX_BYTES), email: text(NAME), language: Some(Language::Pt) }),
        amount_minor: i64::MIN,
        currency: text(NAME),
        items: Vec::new(),
        delivery: None,
        warehouse: Some(text(NAME)),
        payment: Some(PaymentChoice { method: PaymentMethod::Invoice, token: Some(Sensitive(text(TOKEN_BYTES))) }),
        price_check: Some(PriceCheck::Catalogue),
        created_at: TIME,
    }
}

/// All returns together: the last one was taken when the others had just no more than the bound.
fn largest_returns() -> Vec<Return> {
    let of = |why: usize| Return {
        id: Uuid::nil(),
        status: ReturnStatus::Requested,
        items: Vec::new(),
        refund_minor: i64::MIN,
        why: text(why),
        by: None,
        requested_at: TIME,
        ended_at: Some(TIME),
        outcome_reason: Some(text(TEXT_BYTES)),
    };
    let mut all: Vec<Return> = (0..MOST_RETURNS + KEPT_REFUSED).map(|_| of(0)).collect();
    all.push(of(RETURNS_BYTES + RequestReturn::MAX_BYTES));
    all
}

fn largest_shipment() -> Shipment {
    let name = || Some(text(NAME));
    Shipment {
        shipment_id: name(),
        carrier: name(),
        method: name(),
        tracking_number: name(),
        estimated_date: name(),
        tracked: true,
    }
}

fn largest_tracking() -> Tracking {
    Tracking {
        number: u32::MAX,
        status: DeliveryStatus::ReturnedToSender,
        at: TIME,
        tracking_number: Some(text(NAME)),
        estimated_date: Some(text(NAME)),
        delivered_at: Some(TIME),
        late: true,
    }
}

/// The texts of the settings are as long as those of customers, at most.
fn largest_invoice() -> Invoice {
    let long = || Some(text(CUSTOMER_TEXT_BYTES));
    let seller = Seller {
        name: text(CUSTOMER_TEXT_BYTES),
        line1: long(),
        line2: long(),
        city: long(),
        postal_code: long(),
        country: long(),
        tax_id: long(),
        email: long(),
    };
    let tax = Tax { name: text(CUSTOMER_TEXT_BYTES), rate: Decimal::new(i64::MIN, 4) };
    Invoice {
        number: text(NAME),
        issued_at: TIME,
        status: InvoiceStatus::Open,
        voided_at: Some(TIME),
        due_at: Some(TIME),
        seller: Some(Arc::new(seller)),
        taxes: vec![tax; MOST_TAXES],
        prices_exclude_tax: true,
        note: Some(text(CUSTOMER_TEXT_BYTES).into()),
    }
}

fn largest_credit_note() -> CreditNote {
    CreditNote { number: text(NAME), issued_at: TIME, amount_minor: i64::MIN, return_id: Some(Uuid::nil()) }
}

fn largest_order() -> Order {
    let step = || Step {
        step: text(NAME),
        label: Some(text(NAME)),
        status: text(NAME),
        started_at: Some(TIME),
        ended_at: Some(TIME),
        attempts: u32::MAX,
        reason: Some(text(TEXT_BYTES)),
    };
    let change = |status: &Status| Change {
        at: TIME,
        status: *status,
        reason: Some(text(TEXT_BYTES)),
        action: true,
        delivery: Some(DeliveryStatus::ReturnedToSender),
        late: true,
    };
    let without_status = [Status::Pending; MOST_ACTION_CHANGES + MOST_DELIVERY_CHANGES];
    let notice = NoticeRecord { kind: NoticeKind::ReturnRefused, return_id: Some(Uuid::nil()), at: TIME };
    Order {
        placed: largest_placed(),
        status: Status::PaymentNotCompleted,
        reason: Some(text(TEXT_BYTES)),
        updated_at: TIME,
        to_be_shipped: true,
        concluded_at: Some(TIME),
        changes: Status::ALL.iter().chain(&without_status).map(change).collect(),
        cancellation: Some(Cancellation { requested_at: TIME, why: text(crate::messages::Cancel::MAX_BYTES) }),
        steps: (0..MOST_STEPS).map(|_| step()).collect(),
        payment: Some(Payment {
            status: text(NAME),
            payment_id: Some(text(TEXT_BYTES)),
            reference: Some(text(TEXT_BYTES)),
        }),
        was_paid: true,
        action: Some(Action {
            kind: ActionKind::Redirect,
            url: Some(text(ACTION_TEXT_BYTES)),
            client_secret: Some(Sensitive(text(ACTION_TEXT_BYTES))),
            code: Some(text(ACTION_TEXT_BYTES)),
            expires_at: Some(TIME),
        }),
        action_number: u32::MAX,
        invoice: Some(largest_invoice()),
        credit_notes: vec![largest_credit_note(); MOST_CREDIT_NOTES],
        unconfirmed: true,
        shipment: Some(largest_shipment()),
        tracking: Some(largest_tracking()),
        returns: largest_returns(),
        // One of each kind for the order, and one of two kinds for each return.
        notices: vec![notice; 10 + 2 * MOST_RETURNS],
    }
}

fn largest_notice() -> Notice {
    Notice {
        notice_id: Uuid::nil(),
        order_id: OrderId(Uuid::nil()),
        kind: NoticeKind::ReturnRefused,
        return_id: Some(Uuid::nil()),
        language: Language::Pt,
        to: Recipient { name: text(CUSTOMER_TEXT_BYTES), email: text(NAME) },
        subject: text(TEMPLATE + NAME),
        // The customer's and each item's name once, the currency, and the texts of other services.
        text: text(TEMPLATE + Placed::MAX_BYTES + 3 * NAME + 2 * TEXT_BYTES + 2 * ACTION_TEXT_BYTES),
        created_at: TIME,
    }
}

#[test]
fn the_largest_record_and_messages_fit() {
    let notice = largest_notice();
    let mailing = Mailing {
        tries: u32::MAX,
        outcome: Some(Outcome::Refused),
        error: Some(text(TEXT_BYTES)),
        ..Mailing::new(notice.clone(), TIME, Some(text(HEADER_BYTES)))
    };
    let request = ReturnRequested {
        return_id: Uuid::nil(),
        order_id: OrderId(Uuid::nil()),
        customer_id: Uuid::nil(),
        items: Vec::new(),
        refund_minor: i64::MIN,
        currency: text(NAME),
        shipped: false,
        warehouse: Some(text(NAME)),
        why: text(RequestReturn::MAX_BYTES),
        requested_at: TIME,
    };
    let messages = [json_bytes(&largest_placed()), json_bytes(&request), json_bytes(&notice), KIB];
    for bytes in messages {
        assert!(bytes + ENVELOPE <= topics::INPUT_MAX_BYTES, "{bytes}");
    }
    let event = OrderChanged {
        order_id: OrderId(Uuid::nil()),
        customer_id: Uuid::nil(),
        status: Status::PaymentNotCompleted,
        amount_minor: i64::MIN,
        currency: text(NAME),
        at: TIME,
        reason: Some(text(NAME)),
        invoice_number: Some(text(NAME)),
        credit_note_number: Some(text(NAME)),
        return_id: Some(Uuid::nil()),
        refund_minor: Some(i64::MIN),
    };
    // All of an order, one return, and the whole order as returned.
    let event = json_bytes(&event) + EVENT_ENVELOPE;
    assert!(event <= LARGEST_EVENT, "{event}");
    let events = (OrderEvent::OF_ORDER.len() + 2) * event;
    let order = OrderEntity::from(largest_order());
    let mailing = OrderEntity::Mailing(Box::new(mailing));
    let series = OrderEntity::Series(Series { last: u64::MAX });
    let states: usize = [&order, &mailing, &series].into_iter().map(json_bytes).sum();
    // A decision changes at most one entity of each kind, and sends at most one message of each kind.
    let decision = states + events + messages.iter().map(|bytes| bytes + ENVELOPE).sum::<usize>();
    let record = decision + 2 * topics::BATCH_MAX_BYTES;
    assert!(record <= topics::JOURNAL_MAX_BYTES, "{record}");
}

#[test]
fn a_hundred_and_first_return_is_refused_before_it_starts_a_saga() {
    let mut shop = Shop::default();
    let items = json!([{"id": "a", "name": "a", "amountMinor": 100, "quantity": 200}]);
    let order = shop.place(&json!({"items": items, "amountMinor": 20_000}));
    shop.conclude(order, &json!({"status": "confirmed"}));
    for _ in 0..MOST_RETURNS {
        assert_eq!(shop.request_return(order, &[("a", 1)]).status, ReturnStatus::Requested);
    }
    let refused = shop.request_return(order, &[("a", 1)]);
    assert_eq!((refused.status, refused.outcome_reason.as_deref()), (ReturnStatus::Refused, Some("too_many_returns")));
    assert_eq!(shop.sent_of(crate::messages::RETURN_REQUESTED).len(), MOST_RETURNS);
}

#[test]
fn the_last_returns_refused_at_once_are_kept() {
    let (mut shop, order) = Shop::with_fulfilled_order();
    let taken = shop.request_return(order, &[("day", 1)]);
    let refused: Vec<Uuid> = (0..50).map(|_| shop.request_return(order, &[("day", 9)]).id).collect();
    let kept: Vec<Uuid> = shop.order(order).returns.iter().map(|known| known.id).collect();
    assert_eq!(kept.first(), Some(&taken.id), "a return with a saga is never dropped");
    assert_eq!(kept.split_first().unwrap().1, refused.split_at(50 - KEPT_REFUSED).1);
}

#[test]
fn an_item_listed_twice_is_returned_as_one() {
    let (mut shop, order) = Shop::with_fulfilled_order();
    assert_eq!(
        shop.request_return(order, &[("day", 1), ("tent", 1), ("day", 2)]).items,
        pieces(&[("day", 3), ("tent", 1)])
    );
}

#[test]
fn longer_texts_of_customers_are_dead_letters() {
    let id = OrderId::generate();
    let (mut shop, known) = Shop::with_fulfilled_order();
    let line = |name: usize| json!({"id": "a", "name": text(name), "amountMinor": 1, "quantity": 1});
    let place =
        |items: serde_json::Value| message("p", PLACE, id, &Shop::default().placed(id, &json!({ "items": items })));
    let token = json!({"payment": {"method": "card", "token": text(TOKEN_BYTES + 1)}});
    let token = message("p", PLACE, id, &Shop::default().placed(id, &token));
    let why = json!({"returnId": id, "orderId": known, "items": [], "why": text(RequestReturn::MAX_BYTES)});
    for (message, fault) in [
        (place(json!([line(CUSTOMER_TEXT_BYTES + 1)])), "items.name: 6001 bytes"),
        (place(vec![line(1); MOST_LINES + 1].into()), "items: 501 items"),
        (place(vec![line(CUSTOMER_TEXT_BYTES); 50].into()), "the value has"),
        (token, "payment.token: 256 bytes"),
        (message("r", RETURN, known, &why), "the value has"),
        (
            message(
                "r",
                RETURN,
                known,
                &json!({"returnId": id, "orderId": known, "items": [{"id": "day", "quantity": 0}],
            "why": ""}),
            ),
            "items.quantity",
        ),
    ] {
        let sent = shop.handle(&message);
        let reason = sent[0].headers.get("__streams.errors.message").unwrap();
        assert!(sent[0].topic == "order-commands.dlq" && reason.contains(fault), "{fault}: {reason}");
    }
}

#[test]
fn longer_texts_of_other_services_are_cut() {
    let (mut shop, order) = Shop::with_order();
    let long = text(300 * KIB);
    let step = json!({"step": "s", "status": "refused", "reason": long});
    let steps = vec![json!({"step": "s", "status": "done"}); 100];
    let ending = json!({"orderId": order, "status": "cancelled", "reason": "r".repeat(2_000), "steps": steps});
    assert_eq!(shop.request(CONCLUDE, order, &ending)["outcome"], "ok");
    let kept = shop.order(order);
    assert_eq!(kept.steps.len(), MOST_STEPS);
    assert!(kept.reason.is_some_and(|reason| reason.len() == TEXT_BYTES && reason.ends_with('…')));
    assert!(json_bytes(&json!({ "steps": [step] })) < Conclude::MAX_BYTES);
    let cut = cut_steps(vec![serde_json::from_value(step).unwrap()]);
    assert_eq!(json_bytes(&cut[0].reason), TEXT_BYTES + 2);
}

#[test]
fn a_control_character_in_a_text_of_a_customer_is_refused_in_a_message() {
    let shop = Shop::default();
    let check = |more: &Value| {
        let placed = shop.placed(OrderId::generate(), more);
        check_placed(&serde_json::from_value(placed).unwrap())
    };
    assert_eq!(check(&json!({"customer": {"name": "Ana", "email": "ana@example.com"}})), Ok(()));
    let forged = check(&json!({"customer": {"name": "Ana\nBcc: all", "email": "ana@example.com"}})).unwrap_err();
    assert!(forged.starts_with("customer.name: has the character U+000A"), "{forged}");
    let items = json!({"items": [{"id": "a", "name": "\u{202e}tickets", "amountMinor": 1, "quantity": 1}]});
    assert!(check(&items).unwrap_err().starts_with("items.name: has the character U+202E"));
}

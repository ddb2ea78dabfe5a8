//! The rules of shipments, one test a rule: every command twice, every undo twice, undo before do.

use common::journal::Entity as _;

use super::*;
use crate::messages::{CANCEL_SHIPMENT, CARRIER_ANSWERED, SHIP, SHIPMENT_EVENT};
use crate::shipment::{Shipment, ShipmentStatus, label, shipment_key, tracking};

const NEVER_SHIPPED: &str = "nothing is reserved for this order, so there is nothing to ship";

fn delivery(method: &str) -> Value {
    let address =
        json!({"name": "Ana", "line1": "Rua A, 1", "city": "Recife", "postalCode": "50000-001", "country": "BR"});
    json!({"orderId": ORDER, "delivery": {"method": method, "address": address}})
}

fn reserved() -> Shop {
    let mut shop = Shop::open();
    shop.reserve(ORDER, &[(DAY_ONE, 3)]);
    shop
}

/// A shop whose carrier has taken our order's parcel.
fn created() -> Shop {
    let mut shop = reserved();
    shop.say(SHIP, &delivery("standard"));
    shop.carrier(1, "booked");
    shop
}

impl Shop {
    fn ship(&mut self, method: &str) -> Vec<Value> {
        self.say(SHIP, &delivery(method))
    }

    fn carrier(&mut self, call: u32, outcome: &str) -> Vec<Value> {
        self.say(CARRIER_ANSWERED, &json!({"orderId": ORDER, "outcome": outcome, "call": call, "error": "because"}))
    }

    fn cancel(&mut self) -> Value {
        self.ask(CANCEL_SHIPMENT, &json!({"orderId": ORDER}))
    }

    fn event(&mut self, status: &str) {
        assert_eq!(self.say(SHIPMENT_EVENT, &json!({"orderId": ORDER, "status": status})), Vec::<Value>::new());
    }

    fn shipment(&self) -> &Shipment {
        self.memory.get(&shipment_key(ORDER)).and_then(Inventory::shipment).expect("a shipment")
    }

    fn status(&self) -> &'static str {
        self.shipment().status.name()
    }

    /// What the shipment wants asked of its carrier.
    fn wanted(&self) -> Option<String> {
        let state = self.memory.get(&shipment_key(ORDER)).unwrap();
        let intent = self.shipment().intent().map(|intent| intent.id.replace(ORDER, "it"));
        assert_eq!((state.has_intents(), state.is_open()), (intent.is_some(), intent.is_some()));
        intent
    }
}

#[test]
fn a_shipment_is_answered_when_the_carrier_has_taken_it_and_the_same_again_later() {
    let mut shop = reserved();
    assert_eq!(shop.ship("standard"), Vec::<Value>::new());
    assert_eq!((shop.wanted().as_deref(), shop.status()), (Some("it/book/1"), "requested"));
    let answers = shop.carrier(1, "booked");
    let data = &answers[0]["data"];
    let number = data["trackingNumber"].as_str().unwrap();
    assert!(tracking::is_right(number) && number.ends_with("BR"), "{number}");
    let expected = json!({"shipmentId": shop.shipment().id(), "carrier": "simulated", "method": "standard",
        "trackingNumber": number, "estimatedDate": "1970-01-22"});
    assert_eq!((answers.len(), data), (1, &expected));
    assert_eq!((shop.wanted(), shop.status()), (None, "created"));
    shop.now = Timestamp(1_000_000_000_000);
    assert_eq!(shop.ship("standard"), answers, "also long after");
    assert_eq!(shop.carrier(1, "booked"), Vec::<Value>::new());
    assert_eq!(shop.count(DAY_ONE), (10, 3), "shipping takes nothing out");
}

#[test]
fn the_reply_goes_to_the_command_that_waits() {
    let mut shop = reserved();
    for attempt in ["1", "2"] {
        let mut command = message(SHIP, &delivery("express"));
        command.headers.push(header::SAGA_ID, "the saga");
        command.headers.push(header::ATTEMPT, attempt);
        command.headers.push(header::ID, attempt);
        assert_eq!(shop.take(&command), []);
    }
    let answered = json!({"orderId": ORDER, "outcome": "booked", "call": 1, "trackingNumber": "theirs"});
    let sent = shop.take(&message(CARRIER_ANSWERED, &answered));
    let header = |name| sent[0].headers.get(name);
    assert_eq!((sent.len(), header(header::SAGA_ID), header(header::ATTEMPT)), (1, Some("the saga"), Some("2")));
    assert_eq!((header(header::CORRELATION_ID), sent[0].key.clone()), (Some("2"), Some("the saga".into())));
    assert_eq!(shop.shipment().tracking_number.as_deref(), Some("theirs"), "a carrier may have numbers of its own");
}

#[test]
fn what_is_not_reserved_is_not_shipped() {
    let mut shop = Shop::open();
    for _ in 0..2 {
        let no = shop.ship("standard").remove(0);
        assert_eq!((why(&no), &no["detail"]), ("not_confirmed", &NEVER_SHIPPED.into()));
    }
    shop.reserve(ORDER, &[(DAY_ONE, 1)]);
    shop.release();
    assert_eq!(why(&shop.ship("standard")[0]), "not_confirmed");
    let mut shop = reserved();
    shop.confirm();
    assert_eq!(shop.ship("standard").len(), 0, "what was given out is");
}

#[test]
fn a_carrier_needs_an_address_and_a_customer_who_collects_needs_none() {
    let mut shop = reserved();
    let without = |method: &str| json!({"orderId": ORDER, "delivery": {"method": method}});
    assert_eq!(why(&shop.ask(SHIP, &without("express"))), "address_missing");
    let answer = shop.ask(SHIP, &without("pickup"));
    let expected = json!({"shipmentId": shop.shipment().id(), "method": "pickup", "estimatedDate": "1970-01-02"});
    assert_eq!((&answer["data"], shop.wanted()), (&expected, None));
    assert_eq!(shop.ask(SHIP, &without("pickup")), answer);
    shop.event("handed_over");
    assert_eq!(shop.status(), "created", "no carrier takes it over");
    shop.event("picked");
    assert!(is_ok(&shop.cancel()) && shop.wanted().is_none(), "there is nobody to be told");
}

#[test]
fn a_carrier_that_is_away_is_asked_again_by_the_next_attempt() {
    let mut shop = reserved();
    shop.ship("standard");
    let answer = shop.carrier(1, "failed").remove(0);
    assert_eq!((&answer["outcome"], &answer["error"]), (&"failed".into(), &"because".into()));
    assert_eq!((shop.status(), shop.wanted()), ("failed", None));
    let number = shop.shipment().tracking_number.clone();
    assert_eq!(shop.ship("standard"), Vec::<Value>::new());
    assert_eq!(shop.wanted().as_deref(), Some("it/book/2"));
    assert_eq!(shop.carrier(1, "refused"), Vec::<Value>::new(), "an answer to the first call is too late");
    assert!(is_ok(&shop.carrier(2, "booked")[0]));
    assert_eq!(shop.shipment().tracking_number, number, "it stays the same parcel");
}

#[test]
fn however_often_the_carrier_was_away_what_happens_to_the_parcel_is_kept() {
    let mut shop = reserved();
    for call in 1..100 {
        shop.ship("standard");
        shop.carrier(call, "failed");
    }
    shop.ship("standard");
    shop.carrier(100, "booked");
    for event in ["picked", "handed_over", "delivered"] {
        shop.event(event);
    }
    let history: Vec<_> = shop.shipment().history.iter().map(|event| event.status.name()).collect();
    assert!(
        history.len() <= 32 && history.ends_with(&["created", "picked", "handed_over", "delivered"]),
        "{history:?}"
    );
}

#[test]
fn what_the_carrier_refuses_stays_refused() {
    let mut shop = reserved();
    shop.ship("standard");
    let first = shop.carrier(1, "refused").remove(0);
    assert_eq!((why(&first), &first["detail"]), ("carrier_refused", &"because".into()));
    assert_eq!(shop.ship("standard"), [first]);
    assert!(is_ok(&shop.cancel()));
    assert_eq!((shop.status(), shop.wanted()), ("refused", None));
}

#[test]
fn a_shipment_that_is_called_off_is_let_go_by_its_carrier() {
    let mut shop = created();
    for _ in 0..2 {
        assert!(is_ok(&shop.cancel()));
        assert_eq!((shop.status(), shop.wanted().as_deref()), ("cancelled", Some("it/void/1")));
    }
    shop.carrier(1, "void_failed");
    assert_eq!(shop.wanted().as_deref(), Some("it/void/2"), "until it has");
    assert_eq!(shop.shipment().void_due, Some(Timestamp(2005)), "after a pause");
    shop.carrier(1, "voided");
    assert_eq!(shop.wanted().as_deref(), Some("it/void/2"), "an answer to another call is none");
    shop.carrier(2, "voided");
    assert_eq!(shop.wanted(), None);
    assert_eq!(why(&shop.ship("standard")[0]), "already_cancelled");
}

#[test]
fn a_shipment_that_is_called_off_before_it_is_asked_for_is_refused() {
    let mut shop = reserved();
    for _ in 0..2 {
        assert!(is_ok(&shop.cancel()));
    }
    for _ in 0..2 {
        assert_eq!(why(&shop.ship("standard")[0]), "cancelled_before_created");
    }
    assert_eq!(shop.wanted(), None, "no carrier has heard of it");
}

#[test]
fn called_off_while_the_carrier_is_asked_it_is_let_go_whatever_the_carrier_says_then() {
    let mut shop = reserved();
    shop.ship("standard");
    assert!(is_ok(&shop.cancel()));
    assert_eq!(shop.wanted().as_deref(), Some("it/void/1"));
    assert_eq!(shop.carrier(1, "booked"), Vec::<Value>::new(), "nobody waits for it");
    shop.carrier(1, "voided");
    assert_eq!(shop.wanted(), None);
    shop.carrier(1, "booked");
    assert_eq!(shop.wanted().as_deref(), Some("it/void/2"), "it was taken after it was let go");
    shop.carrier(2, "not_voided");
    assert_eq!((shop.wanted(), shop.status()), (None, "cancelled"));
    assert!(shop.shipment().history.last().unwrap().note.as_deref().unwrap().contains("does not let it go"));
}

#[test]
fn what_is_handed_over_can_not_be_called_off() {
    for stage in ["handed_over", "delivered"] {
        let mut shop = created();
        shop.event("picked");
        shop.event(stage);
        for _ in 0..2 {
            assert_eq!(why(&shop.cancel()), "already_handed_over");
        }
        assert_eq!(shop.status(), stage);
    }
}

#[test]
fn a_parcel_goes_on_and_never_back_and_what_is_told_late_is_noted() {
    let mut shop = created();
    for (event, status, events) in [
        ("picked", "picked", 3),
        ("picked", "picked", 3),
        ("delivered", "delivered", 4),
        ("handed_over", "delivered", 5),
        ("handed_over", "delivered", 5),
        ("delivered", "delivered", 5),
    ] {
        shop.event(event);
        assert_eq!((shop.status(), shop.shipment().history.len()), (status, events), "{event}");
    }
}

#[test]
fn what_was_never_taken_or_was_called_off_goes_nowhere() {
    let mut shop = reserved();
    shop.event("picked");
    shop.ship("standard");
    shop.event("picked");
    assert_eq!(shop.status(), "requested");
    shop.cancel();
    shop.event("delivered");
    assert_eq!(shop.status(), "cancelled");
}

#[test]
fn every_parcel_has_a_number_of_its_own() {
    let mut shop = Shop::open();
    let mut numbers = std::collections::BTreeSet::new();
    for n in 1..=5 {
        let order = format!("018f3f2a-0000-7000-8000-{n:012x}");
        shop.reserve(&order, &[(DAY_ONE, 1)]);
        let mut value = delivery("standard");
        value["orderId"] = order.as_str().into();
        shop.say(SHIP, &value);
        let known = shop.memory.get(&shipment_key(&order)).and_then(Inventory::shipment).unwrap();
        numbers.insert(known.tracking_number.clone().unwrap());
    }
    assert_eq!(numbers.len(), 5, "{numbers:?}");
}

#[test]
fn the_label_says_where_it_goes_and_there_is_none_for_what_is_collected() {
    let shop = created();
    let label = label::zpl(shop.shipment()).unwrap();
    assert!(label.starts_with("^XA\n") && label.ends_with("^XZ\n"), "{label}");
    let number = shop.shipment().tracking_number.clone().unwrap();
    for text in
        ["Ana", "Rua A, 1", "50000-001 Recife", "STANDARD", "Pieces 3", &format!("^BCN,220,Y,N,N^FH_^FD{number}^FS")]
    {
        assert!(label.contains(text), "{text}: {label}");
    }
    let mut shop = reserved();
    shop.ship("pickup");
    assert_eq!(label::zpl(shop.shipment()), None);
    assert!(ShipmentStatus::ALL.iter().all(|status| !status.name().is_empty()));
}

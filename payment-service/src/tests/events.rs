//! Tests of the events for external systems.

use std::collections::BTreeSet;

use common::messages::{Outgoing, header};
use common::topics;
use serde_json::{Value, json};

use super::fixture::*;
use super::reviews::{event, listed, paid, part, retry};
use crate::provider::call::Refund;

/// The fixture, and the events so far.
struct Published {
    fixture: Fixture,
    events: Vec<Outgoing>,
}

impl Published {
    fn new() -> Self {
        Self::of(Fixture::new())
    }

    fn of(mut fixture: Fixture) -> Self {
        fixture.handler.events = true;
        Self { fixture, events: Vec::new() }
    }

    fn after(&mut self, act: impl FnOnce(&mut Fixture) -> Vec<Outgoing>) {
        let sent = act(&mut self.fixture);
        self.events.extend(sent.into_iter().filter(|message| message.topic == topics::PAYMENT_EVENTS));
    }

    /// The events' names; their ids are unique.
    fn names(&self) -> String {
        let ids: BTreeSet<_> = self.events.iter().map(|event| event.headers.get(header::ID).unwrap()).collect();
        assert_eq!(ids.len(), self.events.len(), "each event has an id of its own");
        let name =
            |event: &Outgoing| event.headers.get(header::TYPE).unwrap().trim_start_matches("payment.").to_owned();
        self.events.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    fn last(&self) -> Value {
        serde_json::from_slice(self.events.last().unwrap().value.bytes().unwrap()).unwrap()
    }
}

#[test]
fn a_payment_is_published_from_its_request_to_its_refund() {
    let mut published = Published::new();
    published.after(|fixture| fixture.request(1));
    published.after(|fixture| fixture.request(1));
    published.after(|fixture| fixture.provider_answered("request", 1, "accepted"));
    published.after(|fixture| fixture.result("approved"));
    published.after(|fixture| fixture.result("approved"));
    published.after(|fixture| fixture.refund_part("r-1", Some(300)));
    published.after(|fixture| fixture.part_answered("r-1", 1, "refunded"));
    assert_eq!(published.names(), "requested approved refund-started part-refunded");
    let part = json!({"orderId": order(), "paymentId": published.fixture.payment().id(), "status": "approved",
        "amountMinor": 300, "currency": "BRL", "refundId": "r-1", "at": published.fixture.now});
    assert_eq!(published.last(), part);
    published.after(|fixture| fixture.refund(1));
    let call = published.fixture.payment().approvals.refund_calls;
    published.after(|fixture| fixture.provider_answered("refund", call, "refunded"));
    published.after(|fixture| fixture.provider_answered("refund", call, "refunded"));
    assert_eq!(published.names(), "requested approved refund-started part-refunded refund-started refunded");
    assert_eq!(published.last()["amountMinor"], 1050);
}

#[test]
fn a_declined_payment_that_is_approved_twice_later_is_published_with_each_refund() {
    let mut published = Published::new();
    published.after(|fixture| fixture.request(1));
    published.after(|fixture| fixture.provider_answered("request", 1, "accepted"));
    published.after(|fixture| fixture.result("declined"));
    for id in ["p1", "p2"] {
        published.after(|fixture| fixture.result_of(id, "approved"));
        let call = published.fixture.payment().approvals.refund_calls;
        published.after(|fixture| fixture.provider_answered("refund", call, "refunded"));
    }
    assert_eq!(published.names(), "requested declined refund-started refunded refund-started refunded");
}

#[test]
fn an_early_result_is_published_with_the_request_and_a_refund_without_one_is_not() {
    let mut published = Published::new();
    published.after(|fixture| fixture.result("approved"));
    assert_eq!(published.names(), "");
    published.after(|fixture| fixture.request(1));
    assert_eq!(published.names(), "requested approved");
    let mut published = Published::new();
    published.after(|fixture| fixture.refund(1));
    published.after(|fixture| fixture.request(1));
    assert_eq!(published.names(), "");
}

#[test]
fn a_cancelled_payment_is_published() {
    let mut published = Published::new();
    published.after(|fixture| fixture.request(1));
    published.after(|fixture| fixture.refund(1));
    assert_eq!(published.names(), "requested cancelled");
}

#[test]
fn what_the_customer_must_do_is_published_without_its_secret_or_the_token() {
    let mut published = Published::new();
    let request = json!({"orderId": order(), "amountMinor": 1050, "currency": "BRL",
        "payment": {"method": "card", "token": "pm_hidden"}});
    published.after(|fixture| fixture.saga_command("payment.request", "request-payment", &request));
    published.after(|fixture| fixture.provider_answered("request", 1, "accepted"));
    let action = json!({"type": "confirm", "clientSecret": "pi_1_secret_2"});
    for query in 0..2 {
        let answer = json!({"operation": "result", "call": query, "outcome": "open", "action": action});
        published.after(|fixture| fixture.answer(answer));
    }
    assert_eq!(published.names(), "requested action-required");
    assert_eq!((&published.last()["action"], &published.last()["status"]), (&json!("confirm"), &json!("pending")));
    for event in &published.events {
        let text = format!("{:?}", event.value.bytes().map(String::from_utf8_lossy));
        assert!(!text.contains("pm_hidden") && !text.contains("secret_2"), "{text}");
    }
}

#[test]
fn pending_failed_and_retried_refunds_and_disputes_are_published() {
    let mut published = Published::of(paid());
    published.after(|fixture| fixture.refund_part("r1", Some(300)));
    published.after(|fixture| fixture.part_answered("r1", 1, "pending"));
    let failed = part(&published.fixture, "r1", 0, "failed");
    let dispute = |status: &str| json!([{"id": "dp_1", "amountMinor": 1050, "status": status, "reason": "fraud"}]);
    published.after(|fixture| listed(fixture, &json!([failed]), &dispute("open")));
    assert_eq!(published.names(), "refund-started refund-pending refund-failed dispute-opened");
    let opened = published.last();
    assert_eq!((&opened["disputeId"], &opened["disputeStatus"]), (&json!("dp_1"), &json!("open")));
    assert!(!opened.to_string().contains("fraud"), "the customer's reason is not published: {opened}");
    published.events.clear();
    published.after(|fixture| retry(fixture, "r1"));
    let again = Refund::retry_id(Refund::part_id(&published.fixture.payment().approved_id(), "r1"), 1);
    let pending = json!({"operation": "refund", "call": 2, "outcome": "pending", "refundId": again});
    published.after(|fixture| fixture.answer(pending));
    let made = part(&published.fixture, "r1", 1, "made");
    published.after(|fixture| listed(fixture, &json!([made]), &dispute("won")));
    assert_eq!(published.names(), "refund-started refund-pending part-refunded dispute-closed");
    assert_eq!(published.last()["disputeStatus"], "won");
}

#[test]
fn a_full_refund_that_fails_later_is_published_and_is_no_new_payment() {
    let mut published = Published::of(paid());
    published.after(|fixture| fixture.refund_part("r1", Some(1050)));
    published.after(|fixture| fixture.part_answered("r1", 1, "refunded"));
    assert_eq!(published.names(), "refund-started part-refunded refunded");
    published.events.clear();
    let failed = part(&published.fixture, "r1", 0, "failed");
    event(&mut published.fixture, "pi_1");
    published.after(|fixture| listed(fixture, &json!([failed]), &json!([])));
    assert_eq!(published.names(), "refund-failed");
    assert_eq!(published.last()["status"], "approved");
}

//! Tests of the events for external systems.

use std::collections::BTreeSet;

use common::messages::{Outgoing, header};
use common::topics;
use serde_json::{Value, json};

use super::fixture::*;
use super::reviews::{dismiss, event, listed, paid, part, retry};
use crate::entity::status::Status;
use crate::provider::call::{ProviderCall, Refund};
use crate::rules::events::Milestones;

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

    /// The sum of the refunds that were made, as a system computes it that follows the events.
    fn paid_back(&self) -> i64 {
        let values = self.events.iter().map(value);
        let made = values.zip(&self.events).filter(|(_, event)| {
            let kind = event.headers.get(header::TYPE).unwrap();
            ["payment.part-refunded", "payment.refunded"].contains(&kind)
        });
        let sum = made.map(|(value, _)| value["amountMinor"].as_i64().unwrap()).sum();
        assert_eq!(sum, self.fixture.payment().refunded_minor());
        sum
    }

    /// Answers the call for a refund with this outcome, as the provider does.
    fn answer_refund(&mut self, refund: &Refund, outcome: &str) {
        let answer =
            json!({"operation": "refund", "call": refund.call, "outcome": outcome, "refundId": refund.refund_id});
        self.after(|fixture| fixture.answer(answer));
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
    assert_eq!((published.last()["amountMinor"].as_i64(), published.paid_back()), (Some(750), 1050));
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
    assert_eq!(published.paid_back(), 2100);
}

#[test]
fn each_of_two_approvals_of_a_declined_payment_has_its_own_refund() {
    let mut published = Published::new();
    published.after(|fixture| fixture.request(1));
    published.after(|fixture| fixture.provider_answered("request", 1, "accepted"));
    published.after(|fixture| fixture.result("declined"));
    published.after(|fixture| fixture.result_of("p1", "approved"));
    published.after(|fixture| fixture.result_of("p2", "approved"));
    assert_eq!(published.names(), "requested declined refund-started");
    for _ in 0..2 {
        let call = published.fixture.payment().approvals.refund_calls;
        published.after(|fixture| fixture.provider_answered("refund", call, "refunded"));
    }
    assert_eq!(published.names(), "requested declined refund-started refunded refund-started refunded");
    let charges: Vec<Value> = published.events.iter().skip(2).map(|event| value(event)["chargeId"].clone()).collect();
    assert!(charges[0] == charges[1] && charges[2] == charges[3] && charges[0] != charges[2], "{charges:?}");
    assert_eq!(published.paid_back(), 2100);
}

#[test]
fn the_refund_of_each_further_charge_is_published() {
    let mut published = Published::of(Fixture::approved());
    published.after(|fixture| fixture.result_of("p2", "approved"));
    published.after(|fixture| fixture.result_of("p3", "approved"));
    let refunds: Vec<Refund> = intended_refunds(&published.fixture);
    assert_eq!((refunds.len(), published.names().as_str()), (2, "refund-started refund-started"));
    published.answer_refund(&refunds[0], "failed");
    assert_eq!(published.events.len(), 2, "it is called again");
    for refund in intended_refunds(&published.fixture) {
        published.answer_refund(&refund, "refunded");
        published.answer_refund(&refund, "refunded");
    }
    assert_eq!(published.names(), "refund-started refund-started refunded refunded");
    assert_eq!((published.last()["amountMinor"].as_i64(), published.paid_back()), (Some(1050), 2100));
    assert_eq!(published.last()["status"], "approved", "the first charge is kept");
}

fn intended_refunds(fixture: &Fixture) -> Vec<Refund> {
    let intents = fixture.payment().intents().into_iter();
    intents
        .filter_map(|intent| if let ProviderCall::Refund(refund) = intent.what { Some(refund) } else { None })
        .collect()
}

#[test]
fn a_dismissed_refund_is_not_published_as_made() {
    let mut published = Published::of(paid());
    published.after(|fixture| fixture.refund_part("r1", Some(300)));
    published.after(|fixture| fixture.part_answered("r1", 1, "refunded"));
    published.after(|fixture| fixture.refund(1));
    let call = published.fixture.payment().approvals.refund_calls;
    published.after(|fixture| fixture.provider_answered("refund", call, "refund_failed"));
    published.after(|fixture| dismiss(fixture, Refund::WHOLE));
    assert_eq!(published.names(), "refund-started part-refunded refund-started refund-failed refund-dismissed");
    let last = published.last();
    assert_eq!(
        (&last["amountMinor"], &last["refundId"], &last["status"]),
        (&json!(750), &Value::Null, &json!("refunded"))
    );
    assert_eq!(published.paid_back(), 300);
    let mut published = Published::of(paid());
    published.after(|fixture| fixture.refund_part("r1", Some(1050)));
    published.after(|fixture| fixture.part_answered("r1", 1, "refund_failed"));
    published.after(|fixture| dismiss(fixture, "r1"));
    published.after(|fixture| fixture.refund(1));
    assert_eq!(
        (published.names().as_str(), published.fixture.status()),
        ("refund-started refund-failed refund-dismissed", "refunded")
    );
    assert_eq!(published.paid_back(), 0);
}

#[test]
fn a_refund_that_is_made_again_by_the_same_cause_has_another_id() {
    let mut published = Published::of(paid());
    published.after(|fixture| fixture.refund_part("r1", Some(300)));
    let before = published.fixture.payment().clone();
    let now = published.fixture.now;
    let started = |calls: u32| {
        let mut payment = before.clone();
        payment.partial_refunds.list.iter_mut().for_each(|part| part.calls = calls);
        payment.approvals.refund_calls = calls;
        payment.status = Status::Refunding { due: now };
        let events = Milestones::of(None).changes(&payment, "cause", now);
        events.into_iter().map(|event| event.headers.get(header::ID).unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let first = started(1);
    assert_eq!((first.len(), first.intersection(&started(2)).count()), (3, 1), "only the request has the same id");
    assert_eq!(first, started(1));
}

#[test]
fn an_id_that_is_no_code_is_replaced() {
    let mut published = Published::of(paid());
    published.after(|fixture| fixture.refund_part("maria.silva", Some(300)));
    let first = published.last()["refundId"].clone();
    published.after(|fixture| fixture.part_answered("maria.silva", 1, "refunded"));
    assert_eq!(
        (published.last()["refundId"] == first, published.names().as_str()),
        (true, "refund-started part-refunded")
    );
    let texts = published.events.iter().map(|event| value(event).to_string()).collect::<String>();
    assert!(first.is_string() && !texts.contains("maria"), "{texts}");
}

#[test]
fn without_the_setting_nothing_is_computed_or_published() {
    let mut fixture = Fixture::new();
    for sent in [fixture.request(1), fixture.result("approved"), fixture.refund(1)] {
        assert!(sent.iter().all(|message| message.topic != topics::PAYMENT_EVENTS), "{sent:?}");
    }
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
    assert_eq!((published.last()["amountMinor"].as_i64(), published.paid_back()), (Some(0), 1050));
    published.events.clear();
    let failed = part(&published.fixture, "r1", 0, "failed");
    event(&mut published.fixture, "pi_1");
    published.after(|fixture| listed(fixture, &json!([failed]), &json!([])));
    assert_eq!(published.names(), "refund-failed");
    assert_eq!(published.last()["status"], "approved");
}

//! What the provider lists: pending and failed refunds, refunds of its own dashboard, and disputes.

use std::time::Duration;

use common::journal::{Entity as _, Trigger};
use common::messages::{Outgoing, Reply, header};
use common::topics;
use serde_json::{Value, json};

use super::fixture::*;
use super::hints::{pending, verdict};
use super::partial_refunds::balances;
use crate::entity::Payment;
use crate::messages::PROVIDER_EVENT;
use crate::provider::call::{ProviderCall, Refund};

/// A payment that Stripe charged as `pi_1`.
pub(super) fn paid() -> Fixture {
    let mut fixture = pending();
    verdict(&mut fixture, "approved");
    assert_eq!(fixture.status(), "approved");
    fixture
}

/// An event of Stripe about the refunds or disputes of `reference`.
pub(super) fn event(fixture: &mut Fixture, reference: &str) {
    fixture.offset += 1;
    let value = json!({ "orderId": order(), "event": format!("evt_{}", fixture.offset), "kind": "refund.updated",
        "paymentId": fixture.payment().id(), "reference": reference, "review": true });
    let headers = [(header::TYPE, PROVIDER_EVENT)];
    let message = fixture.message(topics::PAYMENT_COMMANDS, &headers, &value.to_string());
    assert_eq!(fixture.decide(Trigger::Message(&message)), []);
}

/// The number of the review that is due, after passing the time until then.
pub(super) fn due_review(fixture: &mut Fixture) -> Option<u32> {
    let intents = fixture.payment().intents();
    let review = intents.into_iter().find_map(|intent| match intent.what {
        ProviderCall::Review { call, .. } => Some((intent.due, call)),
        ProviderCall::Request(_)
        | ProviderCall::Query { .. }
        | ProviderCall::Capture { .. }
        | ProviderCall::Cancel { .. }
        | ProviderCall::Refund(_) => None,
    });
    let (due, call) = review?;
    assert!(fixture.payment().is_open());
    fixture.now = fixture.now.max(due);
    Some(call)
}

/// Answers the next review.
pub(super) fn listed(fixture: &mut Fixture, refunds: &Value, disputes: &Value) -> Vec<Outgoing> {
    let call = due_review(fixture).expect("no review is due");
    fixture.answer(json!({ "operation": "review", "call": call, "outcome": "listed", "refunds": refunds,
        "disputes": disputes }))
}

/// A part's refund as the provider lists it.
pub(super) fn part(fixture: &Fixture, id: &str, retries: u32, status: &str) -> Value {
    let refund_id = Refund::retry_id(Refund::part_id(&fixture.payment().approved_id(), id), retries);
    json!({ "id": format!("re_{id}_{retries}"), "refundId": refund_id, "amountMinor": 300, "status": status,
        "reason": "expired_card" })
}

pub(super) fn external(id: &str, amount: i64, status: &str) -> Value {
    json!({ "id": id, "amountMinor": amount, "status": status })
}

pub(super) fn part_state(fixture: &Fixture, id: &str) -> Value {
    serde_json::to_value(&fixture.payment().partial_refunds.get(id).unwrap().state).unwrap()
}

/// Sends an operator's command.
pub(super) fn operator(fixture: &mut Fixture, command: &Value) -> Vec<Outgoing> {
    let mut value = json!({ "orderId": order(), "by": "ana" });
    value.as_object_mut().unwrap().extend(command.as_object().unwrap().clone());
    let message = fixture.message(topics::PAYMENT_COMMANDS, &[(header::TYPE, "payment.asked")], &value.to_string());
    fixture.decide(Trigger::Message(&message))
}

/// An operator makes a failed refund again. Returns the events.
pub(super) fn retry(fixture: &mut Fixture, refund: &str) -> Vec<Outgoing> {
    only_events(operator(fixture, &json!({ "action": "retry", "refundId": refund })))
}

/// An operator dismisses a failed refund. Returns the events.
pub(super) fn dismiss(fixture: &mut Fixture, refund: &str) -> Vec<Outgoing> {
    let command = json!({ "action": "dismiss", "refundId": refund, "reason": "paid by transfer" });
    only_events(operator(fixture, &command))
}

fn only_events(sent: Vec<Outgoing>) -> Vec<Outgoing> {
    assert!(sent.iter().all(|message| message.topic == topics::PAYMENT_EVENTS), "{sent:?}");
    sent
}

#[test]
fn a_pending_refund_is_answered_and_booked_when_the_provider_has_made_it() {
    let mut fixture = paid();
    fixture.refund_part("r1", Some(300));
    let Reply::Ok { data } = reply(&fixture.part_answered("r1", 1, "pending")) else { panic!("no answer") };
    assert_eq!((&data["outcome"], &data["refundId"]), (&json!("pending"), &json!("r1")));
    assert_eq!((fixture.payment().refunded_minor(), fixture.payment().refundable_minor()), (0, 750));
    assert_eq!(balances(&fixture)[3], 0, "it is not booked");
    let Reply::Ok { data } = reply(&fixture.refund_part("r1", Some(300))) else { panic!("no answer") };
    assert_eq!(data["outcome"], "pending", "requested again");

    let still = part(&fixture, "r1", 0, "pending");
    let began = fixture.now;
    listed(&mut fixture, &json!([still]), &json!([]));
    assert!(fixture.now.since(began) >= Duration::from_secs(60));
    let made = part(&fixture, "r1", 0, "made");
    listed(&mut fixture, &json!([made]), &json!([]));
    assert_eq!((fixture.payment().refunded_minor(), balances(&fixture)[3]), (300, 300));
    assert_eq!((due_review(&mut fixture), fixture.payment().is_open()), (None, false));
    let text = serde_json::to_string(fixture.payment()).unwrap();
    assert_eq!(&serde_json::from_str::<Payment>(&text).unwrap(), fixture.payment());
}

#[test]
fn a_refund_that_fails_later_is_kept_and_made_again_under_another_id() {
    let mut fixture = paid();
    fixture.refund_part("r1", Some(300));
    let first = fixture.intent().unwrap();
    fixture.part_answered("r1", 1, "pending");
    event(&mut fixture, "pi_1");
    let failed = part(&fixture, "r1", 0, "failed");
    listed(&mut fixture, &json!([failed]), &json!([]));
    assert_eq!(part_state(&fixture, "r1")["failed"]["detail"], "expired_card");
    assert_eq!((fixture.payment().refundable_minor(), fixture.payment().is_open()), (750, false), "it stays reserved");
    retry(&mut fixture, "another");
    assert_eq!(fixture.intent(), None);
    retry(&mut fixture, "r1");
    let second = fixture.intent().unwrap();
    assert_ne!(first.id, second.id);
    let refund_id = Refund::retry_id(Refund::part_id(&fixture.payment().approved_id(), "r1"), 1);
    let ProviderCall::Refund(refund) = second.what else { panic!("no refund") };
    assert_eq!(refund.refund_id, refund_id);
    fixture.answer(json!({ "operation": "refund", "call": refund.call, "outcome": "refunded", "refundId": refund_id }));
    assert_eq!(fixture.payment().refunded_minor(), 300);
    // The first one stays in the provider's list.
    event(&mut fixture, "pi_1");
    let both = json!([part(&fixture, "r1", 0, "failed"), part(&fixture, "r1", 1, "made")]);
    listed(&mut fixture, &both, &json!([]));
    assert_eq!(fixture.payment().refunded_minor(), 300);
    event(&mut fixture, "pi_1");
    let failed = part(&fixture, "r1", 1, "failed");
    listed(&mut fixture, &json!([failed]), &json!([]));
    assert_eq!((fixture.payment().refunded_minor(), balances(&fixture)[3]), (0, 0), "also after it was made");
}

#[test]
fn a_full_refund_may_be_pending_and_fail_and_is_made_again() {
    let mut fixture = paid();
    fixture.refund(1);
    assert_eq!(reply(&fixture.provider_answered("refund", 1, "pending")), done("refund_pending"));
    assert_eq!((fixture.status(), fixture.payment().refunded_minor(), balances(&fixture)[3]), ("refunding", 0, 0));
    assert_eq!(reply(&fixture.refund(2)), done("refund_pending"), "requested again");
    let whole = |fixture: &Fixture, retries, status: &str| {
        let payment = fixture.payment();
        let approval = payment.approvals.first().unwrap();
        let id = Refund::retry_id(Refund::whole_id(&payment.approved_id(), &approval.message), retries);
        json!([{ "id": format!("re_{retries}"), "refundId": id, "amountMinor": 1050, "status": status }])
    };
    let failed = whole(&fixture, 0, "failed");
    listed(&mut fixture, &failed, &json!([]));
    assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().is_open()), ("refunding", None, false));
    retry(&mut fixture, Refund::WHOLE);
    let call = fixture.payment().approvals.refund_calls;
    assert_eq!(fixture.provider_answered("refund", call, "pending"), []);
    let made = whole(&fixture, 1, "made");
    listed(&mut fixture, &made, &json!([]));
    assert_eq!((fixture.status(), fixture.payment().refunded_minor(), balances(&fixture)[3]), ("refunded", 1050, 1050));
    event(&mut fixture, "pi_1");
    let failed = whole(&fixture, 1, "failed");
    listed(&mut fixture, &failed, &json!([]));
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunding", 0), "also after it was made");
    let text = serde_json::to_string(fixture.payment()).unwrap();
    assert_eq!(&serde_json::from_str::<Payment>(&text).unwrap(), fixture.payment());
}

#[test]
fn a_compensation_ends_although_parts_are_pending() {
    let mut fixture = paid();
    fixture.refund_part("r1", None);
    fixture.refund(1);
    let sent = fixture.part_answered("r1", 1, "pending");
    assert_eq!((sent.len(), fixture.status(), balances(&fixture)[3]), (2, "refunded", 0));
    assert_eq!(reply(&sent[1..]), done("refund_pending"));
    let made = part(&fixture, "r1", 0, "made");
    listed(&mut fixture, &json!([made]), &json!([]));
    assert_eq!((fixture.payment().refunded_minor(), balances(&fixture)[3]), (1050, 1050));
}

#[test]
fn a_refund_of_the_providers_dashboard_is_booked_once_and_at_most_what_is_left() {
    let mut fixture = paid();
    fixture.refund_part("r1", Some(300));
    fixture.part_answered("r1", 1, "refunded");
    for _ in 0..2 {
        event(&mut fixture, "pi_1");
        let all =
            json!([part(&fixture, "r1", 0, "made"), external("re_x", 250, "made"), external("re_f", 9, "failed")]);
        listed(&mut fixture, &all, &json!([]));
        assert_eq!((fixture.payment().refunded_minor(), balances(&fixture)[3]), (550, 550));
        assert_eq!(fixture.payment().partial_refunds.list.len(), 2);
    }
    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([external("re_y", 9_999, "pending")]), &json!([]));
    assert_eq!((fixture.payment().refunded_minor(), fixture.payment().refundable_minor()), (550, 0));
    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([external("re_y", 9_999, "made")]), &json!([]));
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", 1050), "nothing is left");
    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([external("re_y", 9_999, "failed")]), &json!([]));
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("approved", 550));
    assert_eq!((part_state(&fixture, "re_y")["failed"].is_object(), fixture.payment().refundable_minor()), (true, 0));
    retry(&mut fixture, "re_y");
    let Some(ProviderCall::Refund(refund)) = fixture.intent().map(|intent| intent.what) else { panic!("no refund") };
    assert_eq!(refund.amount.map(|amount| amount.0), Some(500));
    fixture.answer(json!({ "operation": "refund", "call": refund.call, "outcome": "refunded",
        "refundId": refund.refund_id }));
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", 1050));
    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([external("re_y", 9_999, "failed")]), &json!([]));
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", 1050), "it was made again");
}

#[test]
fn a_full_refund_of_the_dashboard_leaves_nothing_for_the_compensation() {
    let mut fixture = paid();
    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([external("re_x", 1050, "pending")]), &json!([]));
    assert_eq!(reply(&fixture.refund(1)), done("refund_pending"));
    assert_eq!((fixture.status(), fixture.intent_id().is_some_and(|id| id.contains("refund"))), ("refunded", false));
}

#[test]
fn a_dispute_is_booked_until_it_is_won_or_lost() {
    let dispute =
        |status: &str| json!([{ "id": "dp_1", "amountMinor": 1050, "status": status, "reason": "fraudulent" }]);
    for (statuses, disputed, losses) in [
        (&["inquiry", "closed"][..], 0, 0),
        (&["inquiry", "open"][..], 1050, 0),
        (&["open", "open", "won"][..], 0, 0),
        (&["open", "lost"][..], 0, 1050),
    ] {
        let mut fixture = paid();
        for status in statuses {
            event(&mut fixture, "pi_1");
            listed(&mut fixture, &json!([]), &dispute(status));
        }
        let balances = balances(&fixture);
        assert_eq!(
            (balances[4], balances[5], balances[1]),
            (disputed, losses, 1050 - disputed - losses),
            "{statuses:?}"
        );
        let known = &fixture.payment().disputes;
        assert_eq!((known.len(), known[0].is_closed(), fixture.status()), (1, disputed == 0, "approved"));
        let text = serde_json::to_string(fixture.payment()).unwrap();
        assert_eq!(&serde_json::from_str::<Payment>(&text).unwrap(), fixture.payment());
    }
}

#[test]
fn the_disputes_are_bounded() {
    let mut fixture = paid();
    event(&mut fixture, "pi_1");
    let one = |n: usize| json!({ "id": format!("dp_{n}"), "amountMinor": 1, "status": "open" });
    listed(&mut fixture, &json!([]), &(0..99).map(one).collect());
    assert_eq!(fixture.payment().disputes.len(), crate::entity::review::MOST_DISPUTES);
}

#[test]
fn events_cause_one_review_at_a_time_and_only_of_this_payment() {
    let mut fixture = paid();
    event(&mut fixture, "pi_another");
    assert!(fixture.last_event().contains("does not fit"), "{}", fixture.last_event());
    assert_eq!(due_review(&mut fixture), None);
    for _ in 0..50 {
        event(&mut fixture, "pi_1");
    }
    assert_eq!(due_review(&mut fixture), Some(1));
    let began = fixture.now;
    listed(&mut fixture, &json!([]), &json!([]));
    assert_eq!(due_review(&mut fixture), Some(2), "an event arrived meanwhile");
    assert_eq!(fixture.now.since(began), Duration::from_secs(2));
    let stale =
        json!({ "operation": "review", "call": 1, "outcome": "listed", "refunds": [external("re_x", 1, "made")] });
    fixture.answer(stale);
    assert_eq!(fixture.payment().refunded_minor(), 0, "an answer that is not awaited");
    fixture.answer(json!({ "operation": "review", "call": 2, "outcome": "failed" }));
    assert_eq!(due_review(&mut fixture), Some(3), "a failed review is made again");
    listed(&mut fixture, &json!([]), &json!([]));
    assert_eq!((due_review(&mut fixture), fixture.payment().is_open()), (None, false));
}

/// A refund of the dashboard takes the place of one of its amount that failed or was dismissed.
fn replaced_in_dashboard(fixture: &mut Fixture, id: &str) {
    let payment = fixture.payment();
    let Some(replaced) = payment.partial_refunds.list.iter().find(|part| part.can_be_replaced()) else { return };
    let amount_minor = replaced.amount_minor;
    let left = payment.left_of(0);
    let refunded_minor = payment.refunded_minor();
    event(fixture, "pi_1");
    listed(fixture, &json!([external(id, amount_minor, "made")]), &json!([]));
    assert_eq!(fixture.payment().left_of(0), left, "its amount counts once: {:#?}", fixture.payment());
    assert_eq!(fixture.payment().refunded_minor(), refunded_minor + amount_minor, "{:#?}", fixture.payment());
}

/// Whatever happens in whatever order: no more is refunded than was paid, and every entry balances.
#[test]
fn refunds_and_disputes_in_any_order_stay_within_the_paid_amount_and_balance() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut fixture = paid();
        let mut retries = 0;
        for step in 0..40 {
            let id = format!("r{}", random.u8(0..3));
            match random.u8(0..10) {
                0 => drop(fixture.refund_part(&id, Some(random.i64(1..600)))),
                1 => drop(fixture.refund(step)),
                2 => drop(retry(&mut fixture, &id)),
                3 => drop(retry(&mut fixture, Refund::WHOLE)),
                9 => replaced_in_dashboard(&mut fixture, &format!("re_of_{step}")),
                8 => drop(dismiss(&mut fixture, if random.bool() { Refund::WHOLE } else { &id })),
                4 | 5 => {
                    let refund = fixture.payment().intents().into_iter().find_map(|intent| match intent.what {
                        ProviderCall::Refund(refund) => Some(refund),
                        ProviderCall::Request(_)
                        | ProviderCall::Query { .. }
                        | ProviderCall::Capture { .. }
                        | ProviderCall::Cancel { .. }
                        | ProviderCall::Review { .. } => None,
                    });
                    let outcome = ["refunded", "pending", "failed", "refused", "refund_failed"][random.usize(0..5)];
                    if let Some(refund) = refund {
                        assert!(refund.amount.is_none_or(|amount| amount.0 > 0), "seed {seed}: {refund:?}");
                        fixture.answer(json!({ "operation": "refund", "call": refund.call, "outcome": outcome,
                            "refundId": refund.refund_id }));
                    }
                }
                _ => {
                    event(&mut fixture, "pi_1");
                    retries = retries.max(random.u32(0..3));
                    let mut all: Vec<Value> = Vec::new();
                    for (n, retry) in (0..3).flat_map(|n| (0..=retries).map(move |retry| (n, retry))) {
                        let status = ["pending", "made", "failed"][random.usize(0..3)];
                        if random.bool() {
                            all.push(part(&fixture, &format!("r{n}"), retry, status));
                        }
                    }
                    let status = ["pending", "made", "failed"][random.usize(0..3)];
                    all.push(external(&format!("re_{}", random.u8(0..3)), random.i64(1..600), status));
                    let status = ["inquiry", "open", "won", "lost"][random.usize(0..4)];
                    let dispute = json!({ "id": "dp_1", "amountMinor": 1050, "status": status });
                    listed(&mut fixture, &all.into(), &json!([dispute]));
                }
            }
            let payment = fixture.payment();
            assert!((0..=1050).contains(&payment.refunded_minor()), "seed {seed}, step {step}: {payment:#?}");
            assert!(payment.left_of(0).is_some_and(|left| left >= 0), "seed {seed}, step {step}: {payment:#?}");
            let refunds = balances(&fixture)[3];
            assert_eq!(refunds, payment.refunded_minor(), "seed {seed}, step {step}");
            let waits_for = payment.intents().iter().any(|intent| matches!(intent.what, ProviderCall::Refund(_)));
            assert!(payment.waiting.is_none() || waits_for, "seed {seed}, step {step}: {payment:#?}");
            let text = serde_json::to_string(payment).unwrap();
            assert_eq!(&serde_json::from_str::<Payment>(&text).unwrap(), payment);
        }
    }
}

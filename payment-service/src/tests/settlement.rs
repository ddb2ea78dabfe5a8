//! The end of a compensation whose refunds fail or are pending, and operators' actions on them.

use common::journal::Entity as _;
use common::messages::{Outgoing, Reply};
use serde_json::json;

use super::fixture::*;
use super::partial_refunds::balances;
use super::reviews::{dismiss, due_review, event, external, listed, operator, paid, part, part_state, retry};
use crate::entity::Payment;
use crate::provider::call::{ProviderCall, Refund};

/// The refund that the provider is called for, without those of which the answer is known.
pub(super) fn called(fixture: &Fixture) -> Option<Refund> {
    fixture.payment().intents().into_iter().find_map(|intent| match intent.what {
        ProviderCall::Refund(refund) => Some(refund),
        ProviderCall::Request(_)
        | ProviderCall::Query { .. }
        | ProviderCall::Capture { .. }
        | ProviderCall::Cancel { .. }
        | ProviderCall::Review { .. } => None,
    })
}

/// Answers the call for a refund.
pub(super) fn answered(fixture: &mut Fixture, outcome: &str) -> Vec<Outgoing> {
    let refund = called(fixture).expect("no refund is called for");
    fixture.answer(json!({ "operation": "refund", "call": refund.call, "outcome": outcome,
        "refundId": refund.refund_id }))
}

/// A paid payment with the partial refund `r1` of 3.00, which failed after the provider had accepted it.
pub(super) fn with_failed_part() -> Fixture {
    let mut fixture = paid();
    fixture.refund_part("r1", Some(300));
    fixture.part_answered("r1", 1, "pending");
    event(&mut fixture, "pi_1");
    let failed = part(&fixture, "r1", 0, "failed");
    listed(&mut fixture, &json!([failed]), &json!([]));
    fixture
}

pub(super) fn is_readable_again(fixture: &Fixture) {
    let text = serde_json::to_string(fixture.payment()).unwrap();
    assert_eq!(&serde_json::from_str::<Payment>(&text).unwrap(), fixture.payment());
}

#[test]
fn a_compensation_makes_failed_parts_again_and_replies_when_all_money_is_known() {
    for (outcome, end, refunded_minor) in [("refunded", "refunded", 1050), ("pending", "refund_pending", 750)] {
        let mut fixture = with_failed_part();
        assert_eq!(fixture.refund(1), []);
        let first = called(&fixture).unwrap();
        assert_eq!(first.amount.map(|amount| amount.0), Some(300), "the failed part comes first");
        assert_eq!(answered(&mut fixture, outcome), []);
        assert_eq!(called(&fixture).unwrap().amount.map(|amount| amount.0), Some(750), "then the rest");
        assert_eq!(reply(&answered(&mut fixture, "refunded")), done(end));
        assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", refunded_minor));
        assert_eq!(balances(&fixture)[3], refunded_minor);
        assert_eq!(reply(&fixture.refund(2)), done(end), "requested again");
    }
}

#[test]
fn a_compensation_whose_part_fails_again_is_refused_and_can_be_requested_again() {
    let mut fixture = with_failed_part();
    fixture.refund(1);
    assert_eq!(answered(&mut fixture, "refund_failed"), []);
    assert_eq!(refused(&reply(&answered(&mut fixture, "refunded"))), "refund_failed");
    assert_eq!((fixture.status(), fixture.payment().refunded_minor(), called(&fixture)), ("refunded", 750, None));
    assert_eq!(fixture.refund(2), []);
    assert_eq!(refused(&reply(&answered(&mut fixture, "refused"))), "refund_failed", "its amount is not the rest's");
    assert_eq!((fixture.payment().refunded_minor(), balances(&fixture)[3]), (750, 750));
    assert_eq!(fixture.refund(3), []);
    assert_eq!(reply(&answered(&mut fixture, "refunded")), done("refunded"));
    assert_eq!((fixture.payment().refunded_minor(), balances(&fixture)[3]), (1050, 1050));
    is_readable_again(&fixture);
}

#[test]
fn a_compensation_of_a_payment_that_is_refunded_in_parts_leaves_it_paid_if_one_fails() {
    let mut fixture = paid();
    fixture.refund_part("r1", None);
    fixture.refund(1);
    let sent = answered(&mut fixture, "refund_failed");
    assert_eq!(sent.len(), 2, "the part's command and the compensation");
    assert!(sent.iter().all(|sent| refused(&reply(std::slice::from_ref(sent))) == "refund_failed"), "{sent:?}");
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("approved", 0));
    assert_eq!(fixture.refund(2), []);
    assert_eq!(reply(&answered(&mut fixture, "refunded")), done("refunded"));
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", 1050));
}

#[test]
fn a_full_refund_that_fails_at_once_is_refused_and_made_again_under_another_id() {
    let mut fixture = paid();
    fixture.refund(1);
    let first = called(&fixture).unwrap().refund_id;
    assert_eq!(refused(&reply(&answered(&mut fixture, "refund_failed"))), "refund_failed");
    assert_eq!((fixture.status(), called(&fixture), fixture.payment().is_open()), ("refunding", None, false));
    assert_eq!(fixture.refund(2), []);
    let second = called(&fixture).unwrap().refund_id;
    assert_ne!(first, second);
    assert_eq!(reply(&answered(&mut fixture, "refunded")), done("refunded"));
    is_readable_again(&fixture);
}

#[test]
fn a_part_that_fails_at_once_is_refused_and_made_again_under_another_id() {
    let mut fixture = paid();
    fixture.refund_part("r1", Some(300));
    let first = called(&fixture).unwrap().refund_id;
    assert_eq!(refused(&reply(&answered(&mut fixture, "refund_failed"))), "refund_failed");
    assert_eq!((called(&fixture), fixture.payment().refundable_minor()), (None, 750));
    assert_eq!(fixture.refund_part("r1", Some(300)), []);
    assert_ne!(called(&fixture).unwrap().refund_id, first);
    assert!(matches!(reply(&answered(&mut fixture, "refunded")), Reply::Ok { .. }));
}

#[test]
fn a_part_that_is_made_again_while_the_rest_is_refunded_keeps_no_answer_waiting() {
    let mut fixture = with_failed_part();
    fixture.refund(1);
    answered(&mut fixture, "refund_failed");
    let stale = called(&fixture).unwrap();
    assert_eq!(fixture.refund(2), [], "the attempt before timed out");
    assert_eq!(
        fixture.answer(json!({ "operation": "refund", "call": stale.call, "outcome": "refunded",
        "refundId": stale.refund_id })),
        []
    );
    assert_eq!(answered(&mut fixture, "refunded"), []);
    let again = called(&fixture).unwrap();
    assert_eq!((again.refund_id == stale.refund_id, again.call == stale.call), (true, false));
    assert_eq!(reply(&answered(&mut fixture, "refunded")), done("refunded"));
    assert_eq!(fixture.payment().refunded_minor(), 1050);
}

#[test]
fn a_failed_part_is_dismissed_once_and_no_other_refund_takes_its_amount() {
    let mut fixture = with_failed_part();
    dismiss(&mut fixture, "another");
    dismiss(&mut fixture, "r1");
    let state = part_state(&fixture, "r1");
    assert_eq!((&state["dismissed"]["reason"], &state["dismissed"]["by"]), (&json!("paid by transfer"), &json!("ana")));
    assert!(fixture.last_event().contains("refund r1 is dismissed by ana"), "{}", fixture.last_event());
    dismiss(&mut fixture, "r1");
    retry(&mut fixture, "r1");
    assert_eq!(part_state(&fixture, "r1"), state);
    assert_eq!((fixture.payment().refundable_minor(), fixture.payment().refunded_minor()), (750, 0));
    assert_eq!(refused(&reply(&fixture.refund_part("r1", Some(300)))), "refund_dismissed");
    is_readable_again(&fixture);
    fixture.refund(1);
    assert_eq!(called(&fixture).unwrap().amount.map(|amount| amount.0), Some(750));
    assert_eq!(reply(&answered(&mut fixture, "refunded")), done("refunded"));
    assert_eq!((fixture.payment().refunded_minor(), balances(&fixture)[3]), (750, 750));
}

#[test]
fn a_failed_full_refund_is_dismissed_and_nothing_is_booked() {
    let mut fixture = paid();
    dismiss(&mut fixture, Refund::WHOLE);
    fixture.refund(1);
    let first = called(&fixture).unwrap().refund_id;
    answered(&mut fixture, "refund_failed");
    dismiss(&mut fixture, Refund::WHOLE);
    assert_eq!((fixture.status(), fixture.payment().refunded_minor(), balances(&fixture)[3]), ("refunded", 0, 0));
    assert_eq!(part_state(&fixture, Refund::WHOLE)["dismissed"]["reason"], "paid by transfer");
    assert_eq!(reply(&fixture.refund(2)), done("refunded"), "the saga may continue");
    event(&mut fixture, "pi_1");
    let failed = json!([{ "id": "re_1", "refundId": first, "amountMinor": 1050, "status": "failed" }]);
    listed(&mut fixture, &failed, &json!([]));
    assert_eq!((fixture.status(), called(&fixture)), ("refunded", None), "the provider still lists it");
    is_readable_again(&fixture);
}

#[test]
fn a_refund_of_the_dashboard_takes_the_place_of_a_full_refund_that_failed() {
    let mut fixture = paid();
    fixture.refund(1);
    let first = called(&fixture).unwrap().refund_id;
    answered(&mut fixture, "refund_failed");
    for _ in 0..2 {
        event(&mut fixture, "pi_1");
        let failed = json!({ "id": "re_1", "refundId": first, "amountMinor": 1050, "status": "failed" });
        listed(&mut fixture, &json!([failed, external("re_x", 1050, "made")]), &json!([]));
        assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", 1050));
    }
    assert_eq!(reply(&fixture.refund(2)), done("refunded"));
}

#[test]
fn the_id_of_full_refunds_is_reserved() {
    let mut fixture = paid();
    assert_eq!(refused(&reply(&fixture.refund_part(Refund::WHOLE, Some(300)))), "reserved_refund_id");
    let refund = json!({ "action": "refund", "refundId": Refund::WHOLE, "amountMinor": 300 });
    assert_eq!(operator(&mut fixture, &refund), []);
    assert!(fixture.payment().partial_refunds.list.is_empty());
}

#[test]
fn a_refund_of_the_dashboard_is_booked_when_the_payment_is_approved_after_its_review() {
    let mut fixture = super::hints::pending();
    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([external("re_x", 250, "made")]), &json!([]));
    assert_eq!((due_review(&mut fixture), fixture.payment().refunded_minor()), (None, 0));
    is_readable_again(&fixture);
    super::hints::verdict(&mut fixture, "approved");
    listed(&mut fixture, &json!([external("re_x", 250, "made")]), &json!([]));
    assert_eq!((fixture.payment().refunded_minor(), balances(&fixture)[3]), (250, 250));
    assert_eq!(due_review(&mut fixture), None);
}

#[test]
fn a_review_that_is_refused_is_not_repeated_for_ever_and_an_operator_can_request_it_again() {
    let mut fixture = paid();
    event(&mut fixture, "pi_1");
    let mut refusals = 0;
    while let Some(call) = due_review(&mut fixture) {
        fixture.answer(json!({ "operation": "review", "call": call, "outcome": "refused" }));
        refusals += 1;
        assert!(refusals < 50, "the provider is asked for ever");
    }
    assert_eq!((refusals, fixture.payment().review.failed.as_deref()), (5, Some("no answer")));
    assert!(!fixture.payment().is_open());
    is_readable_again(&fixture);
    assert_eq!(operator(&mut fixture, &json!({ "action": "review" })), []);
    let call = due_review(&mut fixture).unwrap();
    fixture.answer(json!({ "operation": "review", "call": call, "outcome": "refused" }));
    assert!(due_review(&mut fixture).is_some(), "the refusals are counted anew");
    listed(&mut fixture, &json!([]), &json!([]));
    assert_eq!((due_review(&mut fixture), &fixture.payment().review.failed), (None, &None));
}

#[test]
fn a_payment_of_which_nothing_is_left_ends_also_if_a_part_is_dismissed() {
    for dismissed_first in [true, false] {
        let mut fixture = with_failed_part();
        if dismissed_first {
            dismiss(&mut fixture, "r1");
        }
        fixture.refund_part("r2", None);
        assert!(matches!(reply(&answered(&mut fixture, "refunded")), Reply::Ok { .. }));
        if !dismissed_first {
            assert_eq!(fixture.status(), "approved", "an operator can make it again");
            dismiss(&mut fixture, "r1");
        }
        assert_eq!(
            (fixture.status(), fixture.payment().refunded_minor(), balances(&fixture)[3]),
            ("refunded", 750, 750)
        );
        assert_eq!(reply(&fixture.refund(1)), done("refunded"));
        is_readable_again(&fixture);
    }
}

#[test]
fn a_compensation_that_is_sent_again_makes_no_failed_refund_again() {
    let mut whole = paid();
    whole.refund(1);
    answered(&mut whole, "refund_failed");
    let mut part = with_failed_part();
    part.refund(1);
    let call = called(&part);
    assert_eq!((part.refund(1), called(&part)), (vec![], call), "while it is under way");
    answered(&mut part, "refund_failed");
    answered(&mut part, "refunded");
    let mut parts = paid();
    parts.refund_part("r1", None);
    parts.refund(1);
    answered(&mut parts, "refund_failed");
    for (mut fixture, status) in [(whole, "refunding"), (part, "refunded"), (parts, "approved")] {
        for _ in 0..2 {
            let events = fixture.payment().history.0.len();
            assert_eq!(refused(&reply(&fixture.refund(1))), "refund_failed", "{status}");
            assert_eq!((called(&fixture), fixture.status()), (None, status));
            assert_eq!(fixture.payment().history.0.len(), events);
            is_readable_again(&fixture);
        }
        assert_eq!(fixture.refund(2), [], "{status}");
        assert!(called(&fixture).is_some(), "the next attempt makes it again: {status}");
        assert_eq!(reply(&answered(&mut fixture, "refunded")), done("refunded"));
        assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", 1050));
    }
}

#[test]
fn a_command_for_a_part_that_is_sent_again_does_not_make_it_again() {
    let mut fixture = paid();
    let value = json!({ "orderId": order(), "refundId": "r1", "amountMinor": 300 });
    assert_eq!(fixture.command_with_id("payment.refund", "r1", "c1", &value), []);
    assert_eq!(refused(&reply(&answered(&mut fixture, "refund_failed"))), "refund_failed");
    let again = fixture.command_with_id("payment.refund", "r1", "c1", &value);
    assert_eq!((refused(&reply(&again)), called(&fixture)), ("refund_failed", None));
    is_readable_again(&fixture);
    assert_eq!(fixture.command_with_id("payment.refund", "r1", "c2", &value), []);
    assert!(matches!(reply(&answered(&mut fixture, "refunded")), Reply::Ok { .. }));
}

//! The cases of failed refunds and disputes, and the decisions about them.

use common::messages::{Outgoing, Reply, header};
use serde_json::{Value, json};

use super::fixture::*;
use super::reviews::{dismiss, event, listed, paid, part_state, retry};
use super::settlement::{answered, called, is_readable_again, with_failed_part};
use crate::entity::cases::MOST_OPEN;
use crate::messages::DisputeStatus;
use crate::provider::call::Refund;

/// The kinds of the messages about cases so far.
fn kinds(fixture: &Fixture) -> Vec<&str> {
    fixture.cases.iter().map(|message| message.headers.get(header::TYPE).unwrap()).collect()
}

/// The value of the last message about a case.
fn last(fixture: &Fixture) -> Value {
    value(fixture.cases.last().unwrap())
}

/// Sends the decision of the saga of a case.
fn resolve(fixture: &mut Fixture, case: &Value, action: &str) -> Vec<Outgoing> {
    let command =
        json!({ "orderId": order(), "caseId": case["caseId"], "action": action, "by": "ana", "why": "a call" });
    fixture.saga_command("payment.resolve-case", "resolve", &command)
}

/// Ends the saga of a case.
fn conclude(fixture: &mut Fixture, case: &Value, status: &str) -> Vec<Outgoing> {
    let command = json!({ "orderId": order(), "caseId": case["caseId"], "status": status, "reason": "no answer" });
    fixture.saga_command("payment.conclude-case", "conclude", &command)
}

/// A paid payment with a dispute in this status.
fn disputed(status: &str) -> Fixture {
    let mut fixture = paid();
    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([]), &dispute(status));
    fixture
}

fn dispute(status: &str) -> Value {
    json!([{ "id": "dp_1", "amountMinor": 1050, "status": status, "reason": "fraudulent" }])
}

#[test]
fn a_dispute_under_review_awaits_no_answer() {
    let mut fixture = paid();
    event(&mut fixture, "pi_1");
    let with = |more: Value| {
        let mut disputes = dispute("open");
        disputes[0].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        disputes
    };
    let under_review = with(json!({ "underReview": true }));
    listed(&mut fixture, &json!([]), &under_review);
    assert_eq!((kinds(&fixture), fixture.payment().disputes.len()), (vec![], 1));

    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([]), &with(json!({ "answerBy": "2026-12-05T23:59:59.000Z" })));
    assert_eq!(last(&fixture)["answerBy"], "2026-12-05T23:59:59.000Z");
    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([]), &under_review);
    assert_eq!(kinds(&fixture), ["dispute.opened", "dispute.settled"]);
    assert_eq!(last(&fixture)["why"], "dispute dp_1 is under review");
    assert!(fixture.last_event().ends_with("is open and under review"), "{}", fixture.last_event());
    is_readable_again(&fixture);
}

#[test]
fn a_failed_refund_opens_one_case() {
    let mut fixture = with_failed_part();
    assert_eq!(kinds(&fixture), ["refund.failed"]);
    let case = last(&fixture);
    let sent = &fixture.cases[0];
    assert_eq!((sent.key.as_ref().and_then(|key| key.text()), &case["number"]), (case["caseId"].as_str(), &json!(1)));
    assert_eq!(
        (&case["refundId"], &case["amountMinor"], &case["currency"]),
        (&json!("r1"), &json!(300), &json!("BRL"))
    );
    assert_eq!((&case["reason"], case.get("refused")), (&json!("expired_card"), None));
    assert_eq!(fixture.payment().case_of_refund("r1").map(|id| json!(id)), Some(case["caseId"].clone()));
    fixture.result("approved");
    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([]), &json!([]));
    assert_eq!(fixture.cases.len(), 1, "nothing else changes it");
    is_readable_again(&fixture);
}

#[test]
fn the_decision_to_make_a_refund_again_is_carried_out_once() {
    let mut fixture = with_failed_part();
    let case = last(&fixture);
    for _ in 0..2 {
        assert_eq!(reply(&resolve(&mut fixture, &case, "retry")), Reply::done());
    }
    assert!(fixture.last_event().ends_with("refund r1 is made again by ana"), "{}", fixture.last_event());
    assert_eq!(reply(&conclude(&mut fixture, &case, "resolved")), Reply::done());
    assert_eq!((kinds(&fixture), fixture.payment().case_of_refund("r1")), (vec!["refund.failed"], None));
    answered(&mut fixture, "refund_failed");
    assert_eq!((kinds(&fixture).len(), &last(&fixture)["number"]), (2, &json!(2)), "it failed again");
    let second = last(&fixture);
    assert_eq!(reply(&resolve(&mut fixture, &case, "dismiss")), Reply::done(), "of the first case, which is over");
    assert_eq!(reply(&resolve(&mut fixture, &second, "dismiss")), Reply::done());
    let state = part_state(&fixture, "r1");
    assert_eq!((&state["dismissed"]["reason"], &state["dismissed"]["by"]), (&json!("a call"), &json!("ana")));
    assert_eq!(kinds(&fixture).len(), 2);
    is_readable_again(&fixture);
}

#[test]
fn a_full_refund_that_failed_is_made_again_by_a_decision() {
    let mut fixture = paid();
    fixture.refund(1);
    answered(&mut fixture, "refund_failed");
    let case = last(&fixture);
    assert_eq!((&case["refundId"], &case["amountMinor"]), (&json!(Refund::WHOLE), &json!(1050)));
    assert_eq!(reply(&resolve(&mut fixture, &case, "retry")), Reply::done());
    assert!(called(&fixture).is_some());
    answered(&mut fixture, "refunded");
    assert_eq!((fixture.status(), kinds(&fixture)), ("refunded", vec!["refund.failed"]));
}

#[test]
fn a_refund_that_is_settled_otherwise_settles_its_case() {
    let ways: [fn(&mut Fixture); 3] = [
        |fixture| assert_eq!(retry(fixture, "r1"), []),
        |fixture| assert_eq!(dismiss(fixture, "r1"), []),
        |fixture| assert_eq!(fixture.refund(1), []),
    ];
    for way in ways {
        let mut fixture = with_failed_part();
        let case = last(&fixture);
        way(&mut fixture);
        assert_eq!(kinds(&fixture), ["refund.failed", "refund.settled"]);
        let settled = last(&fixture);
        assert_eq!((&settled["caseId"], &settled["by"]), (&case["caseId"], &json!("payment-service")));
        assert_eq!(refused(&reply(&resolve(&mut fixture, &case, "retry"))), "case_not_open");
        assert_eq!(fixture.last_event(), "the decision retry of ana came too late: not carried out");
        assert_eq!(reply(&conclude(&mut fixture, &case, "settled")), Reply::done());
        assert_eq!(kinds(&fixture).len(), 2);
    }
}

#[test]
fn a_decision_that_cannot_be_carried_out_opens_another_case_that_says_why() {
    let mut fixture = with_failed_part();
    let case = last(&fixture);
    for _ in 0..2 {
        assert_eq!(refused(&reply(&resolve(&mut fixture, &case, "accept"))), "not_resolvable");
        conclude(&mut fixture, &case, "not_resolved");
    }
    assert_eq!(kinds(&fixture), ["refund.failed", "refund.failed"]);
    assert_eq!(last(&fixture)["refused"], "accept is no decision about a refund");
    let next = last(&fixture);
    assert_eq!(reply(&resolve(&mut fixture, &next, "retry")), Reply::done());

    let mut fixture = disputed("open");
    let case = last(&fixture);
    assert_eq!(refused(&reply(&resolve(&mut fixture, &case, "retry"))), "not_resolvable");
    assert_eq!(last(&fixture)["refused"], "retry is no decision about a dispute");
}

/// An operator can skip the step of the decision, or give it another result.
#[test]
fn a_missing_or_unknown_decision_opens_another_case() {
    let mut fixture = with_failed_part();
    let case = last(&fixture);
    let command = json!({ "orderId": order(), "caseId": case["caseId"] });
    let sent = fixture.saga_command("payment.resolve-case", "resolve", &command);
    assert_eq!(refused(&reply(&sent)), "not_resolvable");
    let case = last(&fixture);
    assert_eq!(refused(&reply(&resolve(&mut fixture, &case, "resend"))), "not_resolvable");
    assert_eq!((kinds(&fixture).len(), &last(&fixture)["refused"]), (3, &json!("there is no decision \"resend\"")));
}

/// Otherwise the parcel's saga would open the shipment again, and the customer could get another parcel and the refund.
#[test]
fn a_refund_of_a_saga_that_fails_at_once_is_a_case_and_the_saga_goes_on() {
    let mut fixture = paid();
    let id = "018f3f2a-0000-7000-8000-000000000007";
    let part = json!({ "orderId": order(), "refundId": id, "amountMinor": 300 });
    assert_eq!(fixture.saga_command("payment.refund-part", "refund", &part), []);
    let sent = answered(&mut fixture, "refund_failed");
    let Reply::Ok { data } = reply(&sent) else { panic!("{sent:?}") };
    assert_eq!((&data["outcome"], &data["refundedMinor"]), (&json!("failed"), &json!(300)));
    let Reply::Ok { data } = reply(&fixture.saga_command("payment.refund-part", "refund", &part)) else { panic!() };
    assert_eq!((&data["outcome"], called(&fixture)), (&json!("failed"), None), "requested again");
    let case = last(&fixture);
    assert_eq!(case["refundId"], id);
    assert_eq!(reply(&resolve(&mut fixture, &case, "retry")), Reply::done());
    assert_eq!(answered(&mut fixture, "refunded"), []);
    assert_eq!(fixture.payment().refunded_minor(), 300);
    is_readable_again(&fixture);
}

#[test]
fn the_refund_of_a_further_charge_cannot_be_dismissed() {
    let mut fixture = Fixture::pending();
    fixture.result("declined");
    fixture.result_of("p1", "approved");
    fixture.result_of("p2", "approved");
    answered(&mut fixture, "refunded");
    answered(&mut fixture, "refund_failed");
    let case = last(&fixture);
    assert_eq!(refused(&reply(&resolve(&mut fixture, &case, "dismiss"))), "not_resolvable");
    let next = last(&fixture);
    assert_eq!(next["refused"], "it can't be dismissed: its amount is that of a further charge, or unknown");
    assert_eq!(reply(&resolve(&mut fixture, &next, "retry")), Reply::done());
    answered(&mut fixture, "refunded");
    assert_eq!((fixture.status(), kinds(&fixture).len()), ("refunded", 2));
}

#[test]
fn a_case_whose_saga_did_not_resolve_it_is_followed_by_another() {
    let mut fixture = with_failed_part();
    let case = last(&fixture);
    conclude(&mut fixture, &case, "not_decided");
    assert_eq!((kinds(&fixture).len(), fixture.payment().cases.open.len()), (1, 1), "without a person it ends here");
    conclude(&mut fixture, &case, "not_resolved");
    assert_eq!((kinds(&fixture).len(), &last(&fixture)["refused"]), (2, &json!("no answer")));
}

#[test]
fn a_dispute_is_answered_once_and_an_inquiry_that_becomes_one_again() {
    let mut fixture = disputed("inquiry");
    let inquiry = last(&fixture);
    assert_eq!((&inquiry["disputeId"], &inquiry["status"]), (&json!("dp_1"), &json!("inquiry")));
    assert_eq!((&inquiry["amountMinor"], &inquiry["reason"]), (&json!(1050), &json!("fraudulent")));
    assert_eq!(reply(&resolve(&mut fixture, &inquiry, "contest")), Reply::done());
    assert_eq!(fixture.last_event(), "dispute dp_1 is contested by ana");
    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([]), &dispute("open"));
    assert_eq!(kinds(&fixture), ["dispute.opened", "dispute.opened"]);
    let open = last(&fixture);
    assert_eq!(reply(&resolve(&mut fixture, &open, "accept")), Reply::done());
    let answer = fixture.payment().disputes[0].answer.clone().unwrap();
    assert_eq!((answer.status, answer.action.name(), &*answer.by), (DisputeStatus::Open, "accept", "ana"));
    event(&mut fixture, "pi_1");
    listed(&mut fixture, &json!([]), &dispute("lost"));
    assert_eq!(kinds(&fixture).len(), 2, "an answered one is not settled");
    is_readable_again(&fixture);
}

#[test]
fn a_dispute_that_ends_before_it_is_answered_settles_its_case() {
    for (first, then, expected) in [
        ("open", "won", vec!["dispute.opened", "dispute.settled"]),
        ("open", "lost", vec!["dispute.opened", "dispute.settled"]),
        ("inquiry", "closed", vec!["dispute.opened", "dispute.settled"]),
        ("inquiry", "open", vec!["dispute.opened", "dispute.settled", "dispute.opened"]),
        ("won", "won", vec![]),
    ] {
        let mut fixture = disputed(first);
        event(&mut fixture, "pi_1");
        listed(&mut fixture, &json!([]), &dispute(then));
        assert_eq!(kinds(&fixture), expected, "{first} {then}");
        if expected.len() == 2 {
            assert_eq!(last(&fixture)["why"], format!("dispute dp_1 is {then}"));
        }
    }
}

#[test]
fn the_open_cases_are_bounded_and_the_next_is_opened_when_one_ends() {
    let mut fixture = paid();
    for number in 0..MOST_OPEN + 2 {
        fixture.refund_part(&format!("r{number}"), Some(1));
        answered(&mut fixture, "refund_failed");
    }
    assert_eq!((fixture.cases.len(), fixture.payment().cases.open.len()), (MOST_OPEN, MOST_OPEN));
    dismiss(&mut fixture, "r0");
    let sent: Vec<&str> = kinds(&fixture).split_off(MOST_OPEN);
    assert_eq!(sent, ["refund.settled", "refund.failed"]);
    assert_eq!(last(&fixture)["refundId"], format!("r{MOST_OPEN}"));
    assert_eq!(fixture.payment().cases.open.len(), MOST_OPEN);
}

#[test]
fn a_case_of_an_unknown_order_is_refused() {
    let mut fixture = Fixture::new();
    let case = json!({ "caseId": "018f3f2a-0000-7000-8000-000000000001" });
    assert_eq!(refused(&reply(&resolve(&mut fixture, &case, "retry"))), "no_payment");
    assert_eq!(reply(&conclude(&mut fixture, &case, "resolved")), Reply::done());
}

//! `payment.refund` of a part: identified by its id, never more than the paid amount, and in the ledger.

use std::collections::BTreeMap;

use common::journal::Trigger;
use common::messages::{Reply, header};
use common::topics;
use serde_json::{Value, json};

use super::fixture::*;
use crate::ledger::Account;
use crate::provider::call::{ProviderCall, Refund};

/// The balance of an account, debits less credits. Asserts that every entry balances.
fn balance(fixture: &Fixture, account: Account) -> i64 {
    let postings = fixture.payment().postings();
    let mut entries = BTreeMap::<u32, i64>::new();
    for posting in &postings {
        *entries.entry(posting.entry).or_default() += posting.debit_minor - posting.credit_minor;
    }
    assert!(entries.values().all(|sum| *sum == 0), "debits equal credits: {postings:?}");
    let of_account = postings.iter().filter(|posting| posting.account == account);
    of_account.map(|posting| posting.debit_minor - posting.credit_minor).sum()
}

pub(super) fn balances(fixture: &Fixture) -> [i64; 6] {
    Account::ALL.map(|account| balance(fixture, account))
}

#[test]
fn a_partial_refund_is_answered_when_it_is_made_and_the_payment_stays_paid() {
    let mut fixture = Fixture::approved();
    assert_eq!(fixture.refund_part("r1", Some(300)), []);
    let Some(ProviderCall::Refund(refund)) = fixture.intent().map(|intent| intent.what) else {
        panic!("no refund is intended")
    };
    assert_eq!((refund.amount.map(|amount| amount.0), refund.payment_id.as_str()), (Some(300), "p1"));
    let replies = Reply::Ok {
        data: json!({ "outcome": "refunded", "refundId": "r1", "amountMinor": 300, "refundedMinor": 300 }),
    };
    assert_eq!(reply(&fixture.part_answered("r1", 1, "refunded")), replies);
    assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().refunded_minor()), ("approved", None, 300));
    assert_eq!(reply(&fixture.refund_part("r1", Some(300))), replies, "requested again, it is answered as before");
    assert_eq!(reply(&fixture.refund_part("r1", None)), replies);
}

#[test]
fn the_same_id_with_another_amount_is_refused_and_changes_nothing() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", Some(300));
    assert_eq!(refused(&reply(&fixture.refund_part("r1", Some(301)))), "refund_id_reused");
    fixture.part_answered("r1", 1, "refunded");
    assert_eq!(refused(&reply(&fixture.refund_part("r1", Some(301)))), "refund_id_reused");
    assert_eq!(fixture.payment().refunded_minor(), 300);
}

#[test]
fn partial_refunds_never_exceed_the_paid_amount_also_while_they_are_under_way() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", Some(700));
    assert_eq!(refused(&reply(&fixture.refund_part("r2", Some(351)))), "refund_too_large");
    assert_eq!(fixture.refund_part("r3", Some(350)), []);
    assert_eq!(refused(&reply(&fixture.refund_part("r4", None))), "nothing_to_refund");
    assert_eq!(refused(&reply(&fixture.refund_part("r5", Some(-1)))), "nothing_to_refund");
    assert_eq!(fixture.payment().intents().len(), 2);
}

#[test]
fn a_payment_refunded_completely_in_parts_is_refunded() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", Some(700));
    fixture.refund_part("r2", None);
    fixture.part_answered("r2", 1, "refunded");
    assert_eq!(fixture.status(), "approved");
    fixture.part_answered("r1", 1, "refunded");
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", 1050));
    assert_eq!(reply(&fixture.refund(1)), done("refunded"));
    assert_eq!(refused(&reply(&fixture.refund_part("r3", Some(1)))), "not_refundable");
}

#[test]
fn a_full_refund_waits_for_the_parts_and_refunds_the_rest() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", Some(300));
    assert_eq!(fixture.refund(1), []);
    assert_eq!((fixture.status(), fixture.payment().intents().len()), ("refunding", 1));
    assert_eq!(fixture.part_answered("r1", 1, "refunded").len(), 1);
    let Some(ProviderCall::Refund(refund)) = fixture.intent().map(|intent| intent.what) else {
        panic!("no refund is intended")
    };
    assert_eq!(refund.amount.map(|amount| amount.0), Some(750));
    assert_eq!(reply(&fixture.provider_answered("refund", 1, "refunded")), done("refunded"));
    assert_eq!(fixture.payment().refunded_minor(), 1050);
    assert_eq!(balances(&fixture), [0, 0, -1050, 1050, 0, 0]);
}

/// The provider was not called yet: if it ended the payment, the calls for the parts would be lost at the next claim.
#[test]
fn an_answer_to_a_full_refund_that_waits_for_the_parts_changes_nothing() {
    for outcome in ["refunded", "failed", "refused"] {
        let mut fixture = Fixture::approved();
        fixture.refund_part("r1", Some(300));
        fixture.refund(1);
        assert_eq!(fixture.provider_answered("refund", 1, outcome), []);
        assert_eq!((fixture.status(), fixture.payment().intents().len()), ("refunding", 1));
        fixture.part_answered("r1", 1, "refunded");
        assert_eq!(reply(&fixture.provider_answered("refund", 1, "refunded")), done("refunded"));
    }
}

#[test]
fn a_full_refund_that_waits_for_the_last_part_ends_with_it() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", None);
    fixture.refund(1);
    let sent = fixture.part_answered("r1", 1, "refunded");
    let sent: Vec<Value> = sent.iter().map(value).collect();
    assert_eq!(sent[0]["data"]["refundId"], "r1");
    assert_eq!((sent[1]["data"]["outcome"].as_str(), fixture.status()), (Some("refunded"), "refunded"));
    assert_eq!(balances(&fixture), [0, 0, -1050, 1050, 0, 0]);
}

#[test]
fn a_failed_part_is_reported_and_made_again_under_the_same_id() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", Some(300));
    let sent = fixture.part_answered("r1", 1, "failed");
    assert_eq!(reply(&sent), Reply::Failed { error: "no answer".to_owned(), retry_after_ms: Some(2000) });
    let again = fixture.intent().unwrap();
    assert_eq!(again.due.since(fixture.now).as_secs(), 2);
    let ProviderCall::Refund(refund) = again.what else { panic!("no refund") };
    assert_eq!((refund.call, refund.refund_id), (2, Refund::part_id("p1", "r1")));
    assert_eq!(fixture.part_answered("r1", 1, "refunded"), [], "the call before is not awaited");
    fixture.part_answered("r1", 2, "refunded");
    assert_eq!(fixture.payment().refunded_minor(), 300);
}

#[test]
fn a_part_that_the_provider_refuses_is_refused_and_may_be_requested_again() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", Some(1050));
    assert_eq!(refused(&reply(&fixture.part_answered("r1", 1, "refused"))), "refund_refused");
    assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().refundable_minor()), ("approved", None, 1050));
    assert_eq!(fixture.refund_part("r1", Some(50)), []);
    assert_eq!(fixture.payment().partial_refunds.list.len(), 1);
}

#[test]
fn an_unpaid_payment_has_no_partial_refunds() {
    let mut declined = Fixture::pending();
    declined.result("declined");
    for mut fixture in [Fixture::pending(), declined] {
        assert_eq!(refused(&reply(&fixture.refund_part("r1", Some(1)))), "not_refundable");
    }
    assert_eq!(refused(&reply(&Fixture::new().refund_part("r1", Some(1)))), "no_payment");
}

#[test]
fn the_kept_refusals_are_bounded() {
    let mut fixture = Fixture::approved();
    for number in 0..100 {
        fixture.refund_part(&format!("r{number}"), Some(9999));
    }
    assert_eq!((fixture.payment().partial_refunds.list.len(), fixture.payment().partial_refunds.refused), (20, 100));
}

#[test]
fn without_an_id_every_attempt_of_a_step_is_the_same_refund() {
    let mut fixture = Fixture::approved();
    let value = json!({ "orderId": order(), "amountMinor": 300 });
    fixture.saga_command("payment.refund", "return", &value);
    fixture.saga_command("payment.refund", "return", &value);
    fixture.saga_command("payment.refund", "another return", &value);
    assert_eq!(fixture.payment().partial_refunds.list.len(), 2);
}

#[test]
fn a_request_by_http_has_no_reply() {
    let mut fixture = Fixture::approved();
    let command =
        json!({ "orderId": order(), "action": "refund", "refundId": "r1", "amountMinor": 50, "reason": "late" });
    let message = fixture.message(topics::PAYMENT_COMMANDS, &[(header::TYPE, "payment.asked")], &command.to_string());
    assert_eq!(fixture.decide(Trigger::Message(&message)), []);
    assert_eq!(fixture.part_answered("r1", 1, "refunded"), []);
    assert_eq!(fixture.payment().refunded_minor(), 50);
}

#[test]
fn the_ledger_follows_the_payment_and_debits_equal_credits() {
    let mut fixture = Fixture::pending();
    assert_eq!(balances(&fixture), [0, 0, 0, 0, 0, 0], "an unpaid payment has no postings");
    fixture.result_of("p1", "approved");
    assert_eq!(balances(&fixture), [0, 1050, -1050, 0, 0, 0]);
    fixture.refund_part("r1", Some(300));
    assert_eq!(balances(&fixture), [0, 1050, -1050, 0, 0, 0], "a refund under way has no postings");
    fixture.part_answered("r1", 1, "refunded");
    assert_eq!(balances(&fixture), [0, 750, -1050, 300, 0, 0]);
    fixture.refund(1);
    fixture.provider_answered("refund", 1, "refunded");
    assert_eq!(balances(&fixture), [0, 0, -1050, 1050, 0, 0]);
    fixture.result_of("p2", "approved");
    assert_eq!(balances(&fixture), [0, 1050, -2100, 1050, 0, 0], "the provider holds the amount to be refunded");
    fixture.provider_answered("refund", 2, "refunded");
    assert_eq!(balances(&fixture), [0, 0, -2100, 2100, 0, 0]);
}

#[test]
fn a_refund_by_http_records_the_authenticated_caller() {
    let mut fixture = Fixture::approved();
    let value = json!({ "orderId": order(), "action": "refund", "refundId": "r1", "amountMinor": 50, "by": "ana" });
    let message = fixture.message(topics::PAYMENT_COMMANDS, &[(header::TYPE, "payment.asked")], &value.to_string());
    assert_eq!(fixture.decide(Trigger::Message(&message)), []);
    assert_eq!(fixture.payment().partial_refunds.get("r1").unwrap().by.as_deref(), Some("ana"));
}

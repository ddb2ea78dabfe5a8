//! `payment.refund` of a part: known by its id, never more than was paid, and in the ledger.

use std::collections::BTreeMap;

use common::journal::Trigger;
use common::messages::{Reply, header};
use common::topics;
use serde_json::{Value, json};

use super::fixture::*;
use crate::ledger::Account;
use crate::provider::call::{ProviderCall, Refund};

/// What stands on an account, debits less credits; and that every entry balances.
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

pub(super) fn balances(fixture: &Fixture) -> [i64; 4] {
    Account::ALL.map(|account| balance(fixture, account))
}

#[test]
fn a_part_is_given_back_and_answered_then_and_the_payment_stays_paid() {
    let mut fixture = Fixture::approved();
    assert_eq!(fixture.refund_part("r1", Some(300)), []);
    let Some(ProviderCall::Refund(refund)) = fixture.intent().map(|intent| intent.what) else {
        panic!("no refund is wanted")
    };
    assert_eq!((refund.amount.map(|amount| amount.0), refund.payment_id.as_str()), (Some(300), "p1"));
    let told = Reply::Ok {
        data: json!({ "outcome": "refunded", "refundId": "r1", "amountMinor": 300, "refundedMinor": 300 }),
    };
    assert_eq!(reply(&fixture.part_answered("r1", 1, "refunded")), told);
    assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().refunded_minor()), ("approved", None, 300));
    assert_eq!(reply(&fixture.refund_part("r1", Some(300))), told, "asked again, it is answered as before");
    assert_eq!(reply(&fixture.refund_part("r1", None)), told);
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
fn all_parts_together_are_never_more_than_what_was_paid_also_while_they_are_under_way() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", Some(700));
    assert_eq!(refused(&reply(&fixture.refund_part("r2", Some(351)))), "refund_too_large");
    assert_eq!(fixture.refund_part("r3", Some(350)), []);
    assert_eq!(refused(&reply(&fixture.refund_part("r4", None))), "nothing_to_refund");
    assert_eq!(refused(&reply(&fixture.refund_part("r5", Some(-1)))), "nothing_to_refund");
    assert_eq!(fixture.payment().intents().len(), 2);
}

#[test]
fn when_all_of_it_is_given_back_in_parts_it_is_refunded() {
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
fn a_refund_of_the_whole_waits_for_the_parts_and_gives_back_what_is_left() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", Some(300));
    assert_eq!(fixture.refund(1), []);
    assert_eq!((fixture.status(), fixture.payment().intents().len()), ("refunding", 1));
    assert_eq!(fixture.part_answered("r1", 1, "refunded").len(), 1);
    let Some(ProviderCall::Refund(refund)) = fixture.intent().map(|intent| intent.what) else {
        panic!("no refund is wanted")
    };
    assert_eq!(refund.amount.map(|amount| amount.0), Some(750));
    assert_eq!(reply(&fixture.provider_answered("refund", 1, "refunded")), done("refunded"));
    assert_eq!(fixture.payment().refunded_minor(), 1050);
    assert_eq!(balances(&fixture), [0, 0, -1050, 1050]);
}

#[test]
fn a_refund_of_the_whole_that_waits_for_the_last_part_ends_with_it() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", None);
    fixture.refund(1);
    let sent = fixture.part_answered("r1", 1, "refunded");
    let said: Vec<Value> = sent.iter().map(value).collect();
    assert_eq!(said[0]["data"]["refundId"], "r1");
    assert_eq!((said[1]["data"]["outcome"].as_str(), fixture.status()), (Some("refunded"), "refunded"));
    assert_eq!(balances(&fixture), [0, 0, -1050, 1050]);
}

#[test]
fn a_part_that_fails_is_told_and_made_again_under_the_same_id() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", Some(300));
    let sent = fixture.part_answered("r1", 1, "failed");
    assert_eq!(reply(&sent), Reply::Failed { error: "no answer".to_owned(), retry_after_ms: Some(2000) });
    let again = fixture.intent().unwrap();
    assert_eq!(again.due.since(fixture.now).as_secs(), 2);
    let ProviderCall::Refund(refund) = again.what else { panic!("no refund") };
    assert_eq!((refund.call, refund.refund_id), (2, Refund::part_id("p1", "r1")));
    assert_eq!(fixture.part_answered("r1", 1, "refunded"), [], "the call before is not waited for");
    fixture.part_answered("r1", 2, "refunded");
    assert_eq!(fixture.payment().refunded_minor(), 300);
}

#[test]
fn a_part_that_the_provider_refuses_is_refused_and_may_be_asked_for_again() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", Some(1050));
    assert_eq!(refused(&reply(&fixture.part_answered("r1", 1, "refused"))), "refund_refused");
    assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().refundable_minor()), ("approved", None, 1050));
    assert_eq!(fixture.refund_part("r1", Some(50)), []);
    assert_eq!(fixture.payment().partial_refunds.list.len(), 1);
}

#[test]
fn what_is_not_paid_has_no_parts_to_give_back() {
    let mut declined = Fixture::pending();
    declined.result("declined");
    for mut fixture in [Fixture::pending(), declined] {
        assert_eq!(refused(&reply(&fixture.refund_part("r1", Some(1)))), "not_refundable");
    }
    assert_eq!(refused(&reply(&Fixture::new().refund_part("r1", Some(1)))), "no_payment");
}

#[test]
fn refusals_do_not_pile_up() {
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
fn what_is_asked_for_by_http_is_replied_to_by_the_state_alone() {
    let mut fixture = Fixture::approved();
    let asked =
        json!({ "orderId": order(), "action": "refund", "refundId": "r1", "amountMinor": 50, "reason": "late" });
    let message = fixture.message(topics::PAYMENT_COMMANDS, &[(header::TYPE, "payment.asked")], &asked.to_string());
    assert_eq!(fixture.decide(Trigger::Message(&message)), []);
    assert_eq!(fixture.part_answered("r1", 1, "refunded"), []);
    assert_eq!(fixture.payment().refunded_minor(), 50);
}

#[test]
fn the_ledger_follows_the_payment_and_debits_equal_credits() {
    let mut fixture = Fixture::pending();
    assert_eq!(balances(&fixture), [0, 0, 0, 0], "what is not paid is not booked");
    fixture.result_of("p1", "approved");
    assert_eq!(balances(&fixture), [0, 1050, -1050, 0]);
    fixture.refund_part("r1", Some(300));
    assert_eq!(balances(&fixture), [0, 1050, -1050, 0], "what is under way is not booked");
    fixture.part_answered("r1", 1, "refunded");
    assert_eq!(balances(&fixture), [0, 750, -1050, 300]);
    fixture.refund(1);
    fixture.provider_answered("refund", 1, "refunded");
    assert_eq!(balances(&fixture), [0, 0, -1050, 1050]);
    fixture.result_of("p2", "approved");
    assert_eq!(balances(&fixture), [0, 1050, -2100, 1050], "the provider holds what is to be given back");
    fixture.provider_answered("refund", 2, "refunded");
    assert_eq!(balances(&fixture), [0, 0, -2100, 2100]);
}

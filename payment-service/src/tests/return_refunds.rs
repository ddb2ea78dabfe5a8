//! `payment.refund-part`, a saga's partial refund for a return: made once for each id, and a refusal is final.

use super::partial_refunds::balances;
use common::journal::Trigger;
use common::messages::{Message, Outgoing, Reply, header};
use common::topics;
use serde_json::{Value, json};

use super::fixture::*;
use crate::provider::call::{ProviderCall, Refund};

/// The ids of two returns.
const RETURN: &str = "7d444840-9dc0-41d1-b245-5ffdce74fad2";
const ANOTHER: &str = "0191c7a0-0000-7000-8000-000000000001";

impl Fixture {
    /// Sends a return's refund command, an attempt of its step.
    fn refund_return(&mut self, id: &str, amount_minor: i64, attempt: u32) -> Vec<Outgoing> {
        let value = json!({ "orderId": order(), "refundId": id, "amountMinor": amount_minor, "reason": "too_small" });
        let message = self.return_command(id, &value, attempt);
        self.decide(Trigger::Message(&message))
    }

    fn return_command(&mut self, id: &str, value: &Value, attempt: u32) -> Message {
        let ce_id = format!("{id}/refund/{attempt}");
        let attempt = attempt.to_string();
        let headers = [
            (header::ID, ce_id.as_str()),
            (header::TYPE, "payment.refund-part"),
            (header::SAGA_ID, id),
            (header::STEP, "refund"),
            (header::ATTEMPT, attempt.as_str()),
            (header::ACTION, "execute"),
        ];
        self.message(topics::PAYMENT_COMMANDS, &headers, &value.to_string())
    }
}

/// The saga and the attempt that a reply answers.
fn answers(sent: &[Outgoing]) -> (&str, &str) {
    let header = |name| sent[0].headers.get(name).unwrap();
    (header(header::SAGA_ID), header(header::ATTEMPT))
}

fn refunded_part(amount: i64) -> Reply {
    let data = json!({ "outcome": "refunded", "refundId": RETURN, "amountMinor": amount, "refundedMinor": amount });
    Reply::ok(data)
}

#[test]
fn a_return_is_refunded_and_answered_when_the_provider_has_refunded_it() {
    let mut fixture = Fixture::approved();
    assert_eq!(fixture.refund_return(RETURN, 300, 1), []);
    let Some(ProviderCall::Refund(refund)) = fixture.intent().map(|intent| intent.what) else {
        panic!("no refund is intended")
    };
    assert_eq!((refund.amount.map(|amount| amount.0), refund.payment_id.as_str()), (Some(300), "p1"));
    let sent = fixture.part_answered(RETURN, 1, "refunded");
    assert_eq!((reply(&sent), answers(&sent)), (refunded_part(300), (RETURN, "1")));
    assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().refunded_minor()), ("approved", None, 300));
    assert_eq!(fixture.payment().partial_refunds.list[0].reason.as_deref(), Some("too_small"));
    assert_eq!(balances(&fixture), [0, 750, -1050, 300, 0, 0]);
}

#[test]
fn another_attempt_is_the_same_refund_and_is_answered_as_the_first_was() {
    let mut fixture = Fixture::approved();
    fixture.refund_return(RETURN, 300, 1);
    assert_eq!(fixture.refund_return(RETURN, 300, 2), [], "it waits for the same answer");
    assert_eq!(fixture.payment().intents().len(), 1);
    let sent = fixture.part_answered(RETURN, 1, "refunded");
    assert_eq!((reply(&sent), answers(&sent)), (refunded_part(300), (RETURN, "2")), "the last attempt is awaited");
    for attempt in [1, 2, 3] {
        assert_eq!(reply(&fixture.refund_return(RETURN, 300, attempt)), refunded_part(300));
    }
    assert_eq!((fixture.intent_id(), fixture.payment().refunded_minor()), (None, 300));
}

#[test]
fn the_id_of_a_refund_is_reserved_also_for_operators() {
    let mut fixture = Fixture::approved();
    fixture.refund_return(RETURN, 300, 1);
    assert_eq!(refused(&reply(&fixture.refund_return(RETURN, 301, 2))), "refund_id_reused");
    let command = json!({ "orderId": order(), "action": "refund", "refundId": RETURN, "amountMinor": 300 });
    let message = fixture.message(topics::PAYMENT_COMMANDS, &[(header::TYPE, "payment.asked")], &command.to_string());
    fixture.decide(Trigger::Message(&message));
    assert_eq!(fixture.payment().intents().len(), 1);
    let sent = fixture.part_answered(RETURN, 1, "refunded");
    assert_eq!(answers(&sent), (RETURN, "1"), "the return is still answered");
    assert_eq!(fixture.payment().refunded_minor(), 300);
}

#[test]
fn refunds_never_exceed_the_paid_amount() {
    let mut fixture = Fixture::approved();
    fixture.refund_return(RETURN, 700, 1);
    let replies = reply(&fixture.refund_return(ANOTHER, 351, 1));
    let detail = Some("at most 3.50 can still be refunded".to_owned());
    assert_eq!(replies, Reply::Refused { reason: "more_than_paid".to_owned(), detail });
    fixture.part_answered(RETURN, 1, "refunded");
    fixture.refund(1);
    fixture.provider_answered("refund", 1, "refunded");
    assert_eq!(fixture.status(), "refunded");
    let third = "0191c7a0-0000-7000-8000-000000000002";
    assert_eq!(refused(&reply(&fixture.refund_return(third, 1, 1))), "more_than_paid");
    assert_eq!(reply(&fixture.refund_return(RETURN, 700, 9)), refunded_part(700), "an earlier refund stays made");
    for amount in [0, -1] {
        let mut fixture = Fixture::approved();
        assert_eq!(refused(&reply(&fixture.refund_return(RETURN, amount, 1))), "nothing_to_refund");
    }
}

#[test]
fn without_an_amount_all_that_is_left_is_refunded_once() {
    let mut fixture = Fixture::approved();
    fixture.refund_return(RETURN, 300, 1);
    fixture.part_answered(RETURN, 1, "refunded");
    let rest = json!({ "orderId": order(), "refundId": ANOTHER, "reason": "lost" });
    let message = fixture.return_command(ANOTHER, &rest, 1);
    assert_eq!(fixture.decide(Trigger::Message(&message)), []);
    let data = json!({ "outcome": "refunded", "refundId": ANOTHER, "amountMinor": 750, "refundedMinor": 750 });
    assert_eq!(reply(&fixture.part_answered(ANOTHER, 1, "refunded")), Reply::ok(data.clone()));
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", 1050));
    let again = fixture.return_command(ANOTHER, &rest, 2);
    assert_eq!(reply(&fixture.decide(Trigger::Message(&again))), Reply::ok(data));
    let third = "0191c7a0-0000-7000-8000-000000000002";
    let nothing = fixture.return_command(third, &json!({ "orderId": order(), "refundId": third }), 1);
    assert_eq!(refused(&reply(&fixture.decide(Trigger::Message(&nothing)))), "more_than_paid");
    assert_eq!(fixture.payment().refunded_minor(), 1050);
}

#[test]
fn an_unpaid_payment_is_not_refunded() {
    let mut declined = Fixture::pending();
    declined.result("declined");
    for mut fixture in [Fixture::pending(), declined, Fixture::new()] {
        assert_eq!(refused(&reply(&fixture.refund_return(RETURN, 1, 1))), "not_paid");
        assert_eq!(refused(&reply(&fixture.refund_return(RETURN, 1, 1))), "not_paid");
    }
}

#[test]
fn a_refusal_is_final_because_the_saga_has_continued() {
    let mut fixture = Fixture::approved();
    fixture.refund_return(RETURN, 1000, 1);
    assert_eq!(refused(&reply(&fixture.refund_return(ANOTHER, 100, 1))), "more_than_paid");
    assert_eq!(refused(&reply(&fixture.part_answered(RETURN, 1, "refused"))), "refund_refused");
    assert_eq!(fixture.payment().refundable_minor(), 1050, "now both would be possible");
    assert_eq!(refused(&reply(&fixture.refund_return(ANOTHER, 100, 1))), "more_than_paid");
    assert_eq!(refused(&reply(&fixture.refund_return(RETURN, 1000, 1))), "refund_refused");
    assert_eq!(fixture.intent_id(), None);
    fixture.refund_part(RETURN, Some(1000));
    assert_eq!(fixture.payment().intents().len(), 1, "an operator may request it again");
}

#[test]
fn while_the_provider_is_down_the_reply_has_a_retry_time_and_the_refund_is_made_once() {
    let mut fixture = Fixture::approved();
    fixture.refund_return(RETURN, 300, 1);
    let sent = fixture.part_answered(RETURN, 1, "failed");
    assert_eq!(reply(&sent), Reply::Failed { error: "no answer".to_owned(), retry_after_ms: Some(2000) });
    let again = fixture.intent().unwrap();
    assert_eq!(again.due.since(fixture.now).as_secs(), 2, "it is called again by itself at that time");
    assert_eq!(fixture.refund_return(RETURN, 300, 2), []);
    let sent = fixture.part_answered(RETURN, 2, "refunded");
    assert_eq!((reply(&sent), answers(&sent)), (refunded_part(300), (RETURN, "2")));
    assert_eq!(balances(&fixture), [0, 750, -1050, 300, 0, 0]);
}

#[test]
fn an_open_circuit_has_a_retry_time_of_its_own() {
    let mut fixture = Fixture::approved();
    fixture.refund_return(RETURN, 300, 1);
    let refund_id = Refund::part_id("p1", RETURN);
    let answer =
        json!({ "operation": "refund", "call": 1, "outcome": "failed", "refundId": refund_id, "retryAfterMs": 9000 });
    let Reply::Failed { retry_after_ms, .. } = reply(&fixture.answer(answer)) else { panic!("not failed") };
    assert_eq!((retry_after_ms, fixture.intent().unwrap().due.since(fixture.now).as_secs()), (Some(9000), 9));
}

#[test]
fn a_full_refund_afterwards_refunds_the_rest() {
    let mut fixture = Fixture::approved();
    fixture.refund_return(RETURN, 300, 1);
    fixture.part_answered(RETURN, 1, "refunded");
    assert_eq!(fixture.refund(1), []);
    let Some(ProviderCall::Refund(refund)) = fixture.intent().map(|intent| intent.what) else {
        panic!("no refund is intended")
    };
    assert_eq!(refund.amount.map(|amount| amount.0), Some(750));
    assert_eq!(reply(&fixture.provider_answered("refund", 1, "refunded")), done("refunded"));
    assert_eq!((fixture.payment().refunded_minor(), balances(&fixture)), (1050, [0, 0, -1050, 1050, 0, 0]));
}

#[test]
fn an_unreadable_or_misplaced_command_goes_to_the_dead_letters_with_the_reason() {
    let mut fixture = Fixture::approved();
    let good = json!({ "orderId": order(), "refundId": RETURN, "amountMinor": 300 });
    for field in ["orderId", "refundId"] {
        let mut value = good.clone();
        value.as_object_mut().unwrap().remove(field);
        let message = fixture.return_command(RETURN, &value, 1);
        let sent = fixture.decide(Trigger::Message(&message));
        assert_eq!(sent[0].topic, topics::dead_letters(topics::PAYMENT_COMMANDS), "{field}");
    }
    let message =
        fixture.return_command(RETURN, &json!({ "orderId": order(), "refundId": "r1", "amountMinor": 300 }), 1);
    assert_eq!(fixture.decide(Trigger::Message(&message))[0].topic, topics::dead_letters(topics::PAYMENT_COMMANDS));
    let message = fixture.return_command(RETURN, &good, 1);
    fixture.partition = (home() + 1) % PARTITIONS;
    let sent = fixture.decide(Trigger::Message(&message));
    let why = sent[0].headers.get("__streams.errors.message").unwrap();
    assert!(why.contains("use it as the message's key"), "{why}");
    assert_eq!(fixture.payment().partial_refunds.list, []);
}

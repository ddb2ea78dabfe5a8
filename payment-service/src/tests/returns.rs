//! What a saga gives back of a payment, such as for what was returned (`payment.refund-part`): once for each id,
//! whoever asks how often, and a no stays a no.

use super::parts::balances;
use super::*;

/// The returns of these stories.
const RETURN: &str = "7d444840-9dc0-41d1-b245-5ffdce74fad2";
const ANOTHER: &str = "0191c7a0-0000-7000-8000-000000000001";

impl Desk {
    /// A return's command to give so much back, an attempt of its step.
    fn give_back(&mut self, id: &str, amount_minor: i64, attempt: u32) -> Vec<Outgoing> {
        let value = json!({ "orderId": order(), "refundId": id, "amountMinor": amount_minor, "reason": "too_small" });
        let message = self.return_command(id, &value, attempt);
        self.decide(Trigger::Message(&message))
    }

    fn return_command(&mut self, id: &str, value: &Value, attempt: u32) -> Message {
        let (ce_id, attempt) = (format!("{id}/refund/{attempt}"), attempt.to_string());
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

/// Where a reply goes, and which attempt it answers.
fn answers(sent: &[Outgoing]) -> (&str, &str) {
    let header = |name| sent[0].headers.get(name).unwrap();
    (header(header::SAGA_ID), header(header::ATTEMPT))
}

fn refunded_part(amount: i64) -> Reply {
    let data = json!({ "outcome": "refunded", "refundId": RETURN, "amountMinor": amount, "refundedMinor": amount });
    Reply::ok(data)
}

#[test]
fn what_was_returned_is_given_back_and_the_return_is_told_when_the_provider_has() {
    let mut desk = Desk::approved();
    assert_eq!(desk.give_back(RETURN, 300, 1), []);
    let Some(ProviderCall::Refund(refund)) = desk.intent().map(|intent| intent.what) else {
        panic!("no refund is wanted")
    };
    assert_eq!((refund.amount.map(|amount| amount.0), refund.payment_id.as_str()), (Some(300), "p1"));
    let sent = desk.provider_part(RETURN, 1, "refunded");
    assert_eq!((reply(&sent), answers(&sent)), (refunded_part(300), (RETURN, "1")));
    assert_eq!((desk.status(), desk.wants(), desk.payment().refunded_minor()), ("approved", None, 300));
    assert_eq!(desk.payment().partial_refunds[0].reason.as_deref(), Some("too_small"));
    assert_eq!(balances(&desk), [0, 750, -1050, 300]);
}

#[test]
fn another_attempt_is_the_same_refund_and_is_answered_as_the_first_was() {
    let mut desk = Desk::approved();
    desk.give_back(RETURN, 300, 1);
    assert_eq!(desk.give_back(RETURN, 300, 2), [], "it waits for the same answer");
    assert_eq!(desk.payment().intents().len(), 1);
    let sent = desk.provider_part(RETURN, 1, "refunded");
    assert_eq!((reply(&sent), answers(&sent)), (refunded_part(300), (RETURN, "2")), "the last attempt is waited for");
    for attempt in [1, 2, 3] {
        assert_eq!(reply(&desk.give_back(RETURN, 300, attempt)), refunded_part(300));
    }
    assert_eq!((desk.wants(), desk.payment().refunded_minor()), (None, 300));
}

#[test]
fn its_id_is_its_own_also_for_people() {
    let mut desk = Desk::approved();
    desk.give_back(RETURN, 300, 1);
    assert_eq!(refused(&reply(&desk.give_back(RETURN, 301, 2))), "refund_id_reused");
    let asked = json!({ "orderId": order(), "action": "refund", "refundId": RETURN, "amountMinor": 300 });
    let message = desk.message(topics::PAYMENT_COMMANDS, &[(header::TYPE, "payment.asked")], &asked.to_string());
    desk.decide(Trigger::Message(&message));
    assert_eq!(desk.payment().intents().len(), 1);
    let sent = desk.provider_part(RETURN, 1, "refunded");
    assert_eq!(answers(&sent), (RETURN, "1"), "the return is still answered");
    assert_eq!(desk.payment().refunded_minor(), 300);
}

#[test]
fn no_more_is_given_back_than_was_paid() {
    let mut desk = Desk::approved();
    desk.give_back(RETURN, 700, 1);
    let told = reply(&desk.give_back(ANOTHER, 351, 1));
    let detail = Some("at most 3.50 can still be given back".to_owned());
    assert_eq!(told, Reply::Refused { reason: "more_than_paid".to_owned(), detail });
    desk.provider_part(RETURN, 1, "refunded");
    desk.refund(1);
    desk.provider("refund", 1, "refunded");
    assert_eq!(desk.status(), "refunded");
    let third = "0191c7a0-0000-7000-8000-000000000002";
    assert_eq!(refused(&reply(&desk.give_back(third, 1, 1))), "more_than_paid");
    assert_eq!(reply(&desk.give_back(RETURN, 700, 9)), refunded_part(700), "what was given back before stays so");
    for amount in [0, -1] {
        let mut desk = Desk::approved();
        assert_eq!(refused(&reply(&desk.give_back(RETURN, amount, 1))), "nothing_to_refund");
    }
}

#[test]
fn what_was_not_paid_is_not_given_back() {
    let mut declined = Desk::pending();
    declined.says("declined");
    for mut desk in [Desk::pending(), declined, Desk::new()] {
        assert_eq!(refused(&reply(&desk.give_back(RETURN, 1, 1))), "not_paid");
        assert_eq!(refused(&reply(&desk.give_back(RETURN, 1, 1))), "not_paid");
    }
}

#[test]
fn a_no_stays_a_no_for_the_saga_has_gone_on() {
    let mut desk = Desk::approved();
    desk.give_back(RETURN, 1000, 1);
    assert_eq!(refused(&reply(&desk.give_back(ANOTHER, 100, 1))), "more_than_paid");
    assert_eq!(refused(&reply(&desk.provider_part(RETURN, 1, "refused"))), "refund_refused");
    assert_eq!(desk.payment().refundable_minor(), 1050, "now there would be room for both");
    assert_eq!(refused(&reply(&desk.give_back(ANOTHER, 100, 1))), "more_than_paid");
    assert_eq!(refused(&reply(&desk.give_back(RETURN, 1000, 1))), "refund_refused");
    assert_eq!(desk.wants(), None);
    desk.part(RETURN, Some(1000));
    assert_eq!(desk.payment().intents().len(), 1, "a person may ask for it again");
}

#[test]
fn while_the_provider_is_away_the_return_is_told_when_to_ask_again_and_it_is_made_once() {
    let mut desk = Desk::approved();
    desk.give_back(RETURN, 300, 1);
    let sent = desk.provider_part(RETURN, 1, "failed");
    assert_eq!(reply(&sent), Reply::Failed { error: "no line".to_owned(), retry_after_ms: Some(2000) });
    let again = desk.intent().unwrap();
    assert_eq!(again.due.since(desk.now).as_secs(), 2, "it is asked again by itself at that time");
    assert_eq!(desk.give_back(RETURN, 300, 2), []);
    let sent = desk.provider_part(RETURN, 2, "refunded");
    assert_eq!((reply(&sent), answers(&sent)), (refunded_part(300), (RETURN, "2")));
    assert_eq!(balances(&desk), [0, 750, -1050, 300]);
}

#[test]
fn an_open_circuit_says_itself_when_to_ask_again() {
    let mut desk = Desk::approved();
    desk.give_back(RETURN, 300, 1);
    let refund_id = Refund::id("p1", "part", RETURN);
    let answer =
        json!({ "operation": "refund", "call": 1, "outcome": "failed", "refundId": refund_id, "retryAfterMs": 9000 });
    let Reply::Failed { retry_after_ms, .. } = reply(&desk.answered(answer)) else { panic!("not failed") };
    assert_eq!((retry_after_ms, desk.intent().unwrap().due.since(desk.now).as_secs()), (Some(9000), 9));
}

#[test]
fn the_whole_that_is_refunded_afterwards_is_the_rest() {
    let mut desk = Desk::approved();
    desk.give_back(RETURN, 300, 1);
    desk.provider_part(RETURN, 1, "refunded");
    assert_eq!(desk.refund(1), []);
    let Some(ProviderCall::Refund(refund)) = desk.intent().map(|intent| intent.what) else {
        panic!("no refund is wanted")
    };
    assert_eq!(refund.amount.map(|amount| amount.0), Some(750));
    assert_eq!(reply(&desk.provider("refund", 1, "refunded")), done("refunded"));
    assert_eq!((desk.payment().refunded_minor(), balances(&desk)), (1050, [0, 0, -1050, 1050]));
}

#[test]
fn what_cannot_be_read_or_lies_on_another_partition_is_set_aside_with_the_reason() {
    let mut desk = Desk::approved();
    let good = json!({ "orderId": order(), "refundId": RETURN, "amountMinor": 300 });
    for field in ["orderId", "refundId", "amountMinor"] {
        let mut value = good.clone();
        value.as_object_mut().unwrap().remove(field);
        let message = desk.return_command(RETURN, &value, 1);
        let sent = desk.decide(Trigger::Message(&message));
        assert_eq!(sent[0].topic, topics::dead_letters(topics::PAYMENT_COMMANDS), "{field}");
    }
    let message = desk.return_command(RETURN, &json!({ "orderId": order(), "refundId": "r1", "amountMinor": 300 }), 1);
    assert_eq!(desk.decide(Trigger::Message(&message))[0].topic, topics::dead_letters(topics::PAYMENT_COMMANDS));
    let message = desk.return_command(RETURN, &good, 1);
    desk.partition = (home() + 1) % PARTITIONS;
    let sent = desk.decide(Trigger::Message(&message));
    let why = sent[0].headers.get("__streams.errors.message").unwrap();
    assert!(why.contains("write it with the order's id as the key"), "{why}");
    assert_eq!(desk.payment().partial_refunds, []);
}

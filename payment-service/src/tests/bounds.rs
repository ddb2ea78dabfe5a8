//! The largest payment, the largest record and messages that a decision about it makes, and what is over a bound.

use common::bounds::{KIB, json_bytes};
use common::events::{EVENT_ENVELOPE, LARGEST_EVENT};
use common::messages::{Headers, header};
use common::payments::{ACTION_TEXT_BYTES, Action, ActionKind, PaymentMethod};
use common::sensitive::Sensitive;
use common::time::Timestamp;
use common::topics;
use serde_json::json;
use uuid::Uuid;

use super::fixture::*;
use crate::entity::approval::{Approval, Approvals, CommandId, MOST_APPROVALS, Settling};
use crate::entity::cases::{Answer, Case, CaseOutcome, Cases, KEPT_OUTCOMES, MOST_OPEN, Subject};
use crate::entity::hints::Hints;
use crate::entity::history::{Event, History};
use crate::entity::partial_refund::{PartState, PartialRefund, PartialRefunds, Replacement};
use crate::entity::review::{Dispute, MOST_DISPUTES, Review};
use crate::entity::status::Status;
use crate::entity::surplus::{SurplusCharge, SurplusCharges};
use crate::entity::{ActionState, Cancellation, CaptureState, Payment, Price, ProviderState, Terms};
use crate::messages::cases::{CaseAction, DisputeOpened, RefundFailed};
use crate::messages::events::PaymentChanged;
use crate::messages::{
    DisputeStatus, LONGEST_ID, LONGEST_NAME, ListedDispute, ListedRefund, ListedStatus, MOST_LISTED, Operation,
    ProviderAnswered, Verdict,
};
use crate::provider::call::{Capture, ProviderKind};
use crate::rules::partial::MOST_PARTS_OF_ALL;

const TIME: Timestamp = Timestamp(1_700_000_000_000);
/// More than the bytes of the headers and the key of any message of the service.
const ENVELOPE: usize = 8 * KIB;
/// The most bytes of a text that `text::cut` bounds: 200 characters of 6 bytes.
const CUT: usize = 1_200;
/// The most bytes of a provider's code: 60 characters of 6 bytes.
const CODE: usize = 360;
/// The most bytes of a header, with quotes escaped.
const HEADER: usize = 512;

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn headers() -> Headers {
    let mut headers = Headers::default();
    for name in [header::ID, header::SAGA_ID, header::STEP, header::ATTEMPT, header::ACTION, header::TRACEPARENT] {
        headers.push(name, text(HEADER));
    }
    headers
}

fn largest_action() -> Action {
    Action {
        kind: ActionKind::Redirect,
        url: Some(text(ACTION_TEXT_BYTES)),
        client_secret: Some(Sensitive(text(ACTION_TEXT_BYTES))),
        code: Some(text(ACTION_TEXT_BYTES)),
        expires_at: Some(TIME),
    }
}

fn largest_dispute() -> Dispute {
    Dispute {
        id: text(LONGEST_ID),
        amount_minor: i64::MIN,
        status: DisputeStatus::Inquiry,
        reason: Some(text(CUT)),
        under_review: true,
        answer_by: Some(TIME),
        at: TIME,
        closed_at: Some(TIME),
        answer: Some(Answer {
            status: DisputeStatus::Inquiry,
            action: CaseAction::Contest,
            by: text(CUT),
            why: text(CUT),
            at: TIME,
        }),
    }
}

fn largest_cases() -> Cases {
    let about = Subject::Refund { id: text(CUT), retries: u32::MAX };
    Cases {
        opened: u32::MAX,
        open: vec![Case { number: u32::MAX, about }; MOST_OPEN],
        outcomes: vec![CaseOutcome { number: u32::MAX, refused: Some(text(CUT)) }; KEPT_OUTCOMES].into(),
    }
}

fn largest_review() -> Review {
    Review {
        due: Some(TIME),
        calls: u32::MAX,
        idle: u32::MAX,
        again: true,
        unbooked: true,
        refusals: u32::MAX,
        failed: Some(text(CUT)),
    }
}

fn largest_part() -> PartialRefund {
    PartialRefund {
        id: text(CUT),
        amount_minor: i64::MIN,
        replaced_minor: i64::MIN,
        reason: Some(text(CUT)),
        by: Some(text(CUT)),
        at: TIME,
        state: PartState::Dismissed { at: TIME, reason: text(CUT), by: Some(text(CUT)) },
        of_step: true,
        calls: u32::MAX,
        retries: u32::MAX,
        external: true,
        replacement: Some(Replacement { id: text(LONGEST_ID), retries: u32::MAX }),
        command: CommandId::of(&headers()),
        waiting: Some(headers()),
    }
}

fn largest_payment() -> Payment {
    let approval =
        Approval { message: text(HEADER), payment_id: Some(text(CUT)), at: Some(TIME), refunded_at: Some(TIME) };
    // An event is a sentence with at most two such texts.
    let what = text(2 * CUT + 200).into();
    let event = Event { at: TIME, what, unchanged: true, repeats: u32::MAX, last: Some(TIME) };
    Payment {
        order: order(),
        status: Status::Unrequested { verdict: Verdict::Authorized, until: TIME },
        terms: Some(Terms {
            price: Price { amount_minor: i64::MIN, currency: text(LONGEST_NAME) },
            capture: Capture::Manual,
            method: Some(PaymentMethod::Invoice),
            token: Some(Sensitive(text(LONGEST_NAME))),
        }),
        provider: ProviderState {
            kind: ProviderKind::Simulated,
            reference: Some(text(LONGEST_NAME)),
            refusal: Some(text(CUT)),
            requests: u32::MAX,
            queries: u32::MAX,
        },
        capture: CaptureState { amount_minor: Some(i64::MIN), calls: u32::MAX },
        approvals: Approvals {
            // Those that are not refunded, the first one, and one that the capture of an authorized payment adds.
            list: vec![approval.clone(); MOST_APPROVALS + 2],
            refunded: usize::MAX,
            refund_calls: u32::MAX,
            settling: Settling::Failed { at: TIME, detail: text(CUT) },
            retries: u32::MAX,
            command: CommandId::of(&headers()),
        },
        action: ActionState { required: Some(largest_action()), reports: u32::MAX },
        // Those that count, as many that the provider refused after they counted, the kept refused ones, and a
        // dismissed full refund.
        partial_refunds: PartialRefunds { list: vec![largest_part(); 2 * MOST_PARTS_OF_ALL + 21], refused: u32::MAX },
        surplus: SurplusCharges(vec![SurplusCharge { approval, due: TIME, calls: u32::MAX }; 40]),
        hints: Hints { asked: Some(TIME), due: Some(TIME), queries: u32::MAX, again: true },
        review: largest_review(),
        disputes: vec![largest_dispute(); MOST_DISPUTES],
        cases: largest_cases(),
        cancellation: Cancellation { due: Some(TIME), until: Some(TIME) },
        waiting: Some(headers()),
        trace: Some(text(HEADER)),
        history: History(vec![event; 40]),
    }
}

fn largest_case_event() -> RefundFailed {
    RefundFailed {
        case_id: Uuid::nil(),
        order_id: order(),
        payment_id: text(HEADER),
        refund_id: text(CUT),
        amount_minor: i64::MIN,
        currency: Some(text(LONGEST_NAME)),
        provider: ProviderKind::Simulated,
        reason: text(CUT),
        number: u32::MAX,
        refused: Some(text(CUT)),
        at: TIME,
    }
}

fn largest_dispute_event() -> DisputeOpened {
    DisputeOpened {
        case_id: Uuid::nil(),
        order_id: order(),
        payment_id: text(HEADER),
        dispute_id: text(LONGEST_ID),
        status: DisputeStatus::Inquiry,
        answer_by: Some(TIME),
        amount_minor: i64::MIN,
        currency: Some(text(LONGEST_NAME)),
        provider: ProviderKind::Simulated,
        reason: Some(text(CUT)),
        number: u32::MAX,
        refused: Some(text(CUT)),
        at: TIME,
    }
}

#[test]
fn the_largest_record_and_messages_fit() {
    // A reply has a reason and a detail, or the amounts; a report to order-service has an action.
    let reply = (4 * CUT).max(json_bytes(&largest_action()) + KIB) + ENVELOPE;
    assert!(reply <= topics::INPUT_MAX_BYTES);
    let event = PaymentChanged {
        order_id: order(),
        payment_id: text(HEADER),
        status: text(HEADER),
        amount_minor: Some(i64::MIN),
        currency: Some(text(LONGEST_NAME)),
        action: Some(ActionKind::Redirect),
        refund_id: Some(text(CUT)),
        charge_id: Some(text(HEADER)),
        dispute_id: Some(text(LONGEST_ID)),
        dispute_status: Some(DisputeStatus::Inquiry),
        at: TIME,
    };
    let event = json_bytes(&event) + EVENT_ENVELOPE;
    assert!(event <= LARGEST_EVENT, "{event}");
    // A review changes all refunds that count and all disputes, ends the refund of a charge and begins that of the
    // next; a request has three: it is requested, its status changes, and so does the refund of its charge.
    let events = (MOST_PARTS_OF_ALL + MOST_DISPUTES + 3) * event;
    let case = json_bytes(&largest_case_event()).max(json_bytes(&largest_dispute_event())) + EVENT_ENVELOPE;
    assert!(case <= topics::INPUT_MAX_BYTES, "{case}");
    // A decision settles all open cases, and opens as many.
    let cases = 2 * MOST_OPEN * case;
    // A decision changes one payment and sends two replies, or puts a result back, whose quotes are escaped.
    let decision = (json_bytes(&largest_payment()) + 2 * reply + events + cases).max(2 * topics::INPUT_MAX_BYTES);
    let record = decision + 2 * topics::BATCH_MAX_BYTES;
    assert!(record <= topics::JOURNAL_MAX_BYTES, "{record}");
}

#[test]
fn the_largest_list_of_refunds_and_disputes_is_one_message() {
    let refund = ListedRefund {
        id: text(LONGEST_ID),
        refund_id: Some(text(LONGEST_ID)),
        amount_minor: i64::MIN,
        status: ListedStatus::Pending,
        reason: Some(text(CODE)),
    };
    let dispute = ListedDispute {
        id: text(LONGEST_ID),
        amount_minor: i64::MIN,
        status: DisputeStatus::Inquiry,
        reason: Some(text(CODE)),
        under_review: true,
        answer_by: Some(TIME),
    };
    let mut answer = ProviderAnswered::failed(order(), Operation::Review, u32::MAX);
    answer.refunds = vec![refund; MOST_LISTED];
    answer.disputes = vec![dispute; 100];
    let bytes = json_bytes(&answer);
    assert!(bytes <= <ProviderAnswered as common::bounds::Bounded>::MAX_BYTES, "{bytes}");
}

#[test]
fn sagas_have_a_share_of_the_partial_refunds_of_their_own() {
    let mut fixture = Fixture::approved();
    for number in 0..100 {
        assert_eq!(fixture.refund_part(&format!("r{number}"), Some(1)), []);
    }
    assert_eq!(refused(&reply(&fixture.refund_part("r100", Some(1)))), "too_many_refunds");
    let part = |n: usize| {
        let id = format!("018f3f2a-0000-7000-8000-{n:012x}");
        json!({ "orderId": order(), "refundId": id, "amountMinor": 1 })
    };
    for number in 0..100 {
        assert_eq!(fixture.saga_command("payment.refund-part", &format!("s{number}"), &part(number)), [], "{number}");
    }
    let refusal = fixture.saga_command("payment.refund-part", "s100", &part(100));
    assert_eq!(refused(&reply(&refusal)), "too_many_refunds");
}

#[test]
fn the_approvals_are_bounded_and_one_too_many_is_a_dead_letter() {
    let mut fixture = Fixture::pending();
    fixture.result("declined");
    for number in 0..MOST_APPROVALS {
        assert_eq!(fixture.result_of(&format!("p{number}"), "approved"), []);
    }
    let before = fixture.payment().clone();
    let sent = fixture.result_of("one more", "approved");
    assert_eq!((sent.len(), &*sent[0].topic), (1, "payment-results.dlq"));
    assert!(sent[0].headers.get("__streams.errors.message").unwrap().contains("200 approvals"));
    assert_eq!(*fixture.payment(), before);
    assert_eq!(fixture.result_of("p7", "approved"), []);
    assert_eq!(fixture.payment().approvals, before.approvals);
}

#[test]
fn refunded_approvals_make_room_for_further_ones() {
    for in_parts in [false, true] {
        let mut fixture = if in_parts { Fixture::approved() } else { Fixture::pending() };
        if in_parts {
            fixture.refund_part("part", Some(1));
            fixture.part_answered("part", 1, "refunded");
            fixture.refund(1);
        } else {
            fixture.result("declined");
        }
        let mut number = 0;
        let mut fill = |fixture: &mut Fixture| {
            while !fixture.payment().approvals.is_full() {
                assert_eq!(fixture.result_of(&format!("n{number}"), "approved"), [], "{number}");
                number += 1;
                assert!(fixture.payment().approvals.list.len() <= MOST_APPROVALS + 1);
            }
            assert_eq!(&*fixture.result_of("one more", "approved")[0].topic, "payment-results.dlq");
        };
        let refund = |fixture: &mut Fixture| {
            let call = fixture.payment().approvals.refund_calls;
            fixture.provider_answered("refund", call, "refunded");
        };
        fill(&mut fixture);
        refund(&mut fixture);
        fill(&mut fixture);
        while fixture.status() == "refunding" {
            refund(&mut fixture);
        }
        assert_eq!(fixture.status(), "refunded");
        fill(&mut fixture);
        assert_eq!(fixture.status(), "refunding");
    }
}

#[test]
fn longer_values_and_names_are_dead_letters() {
    let mut fixture = Fixture::new();
    let request = json!({ "orderId": order(), "amountMinor": 1, "currency": text(1_001) });
    let answer = json!({ "orderId": order(), "operation": "request", "call": 1, "outcome": "accepted",
        "reference": text(1_001) });
    let sent = [
        fixture.saga_command("payment.request", "request", &request),
        fixture.saga_command("payment.provider-answered", "answer", &answer),
    ];
    for (sent, fault) in sent.iter().zip(["currency: 1001 bytes", "reference: 1001 bytes"]) {
        let reason = sent[0].headers.get("__streams.errors.message").unwrap();
        assert!(sent[0].topic.ends_with(".dlq") && reason.contains(fault), "{fault}: {reason}");
    }
}

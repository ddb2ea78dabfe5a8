//! The payment service's messages and journal, for the message contract.

use common::cases::{CaseSettled, ConcludeCase};
use common::contract::{Entry, Journal, Sort};
use common::schemas;
use common::topics::{CASES, PAYMENT_COMMANDS, PAYMENT_EVENTS, PAYMENT_RESULTS};

use crate::entity::Payment;
use crate::messages::cases::{
    CONCLUDE_CASE, DISPUTE_OPENED, DISPUTE_SETTLED, DisputeOpened, REFUND_FAILED, REFUND_SETTLED, RESOLVE_CASE,
    RefundFailed, ResolvePaymentCase,
};
use crate::messages::events::{PaymentChanged, PaymentEvent};
use crate::messages::{
    CAPTURE, CapturePayment, OPERATOR_COMMAND, OperatorCommand, PAYMENT_RESULT, PROVIDER_ANSWERED, PROVIDER_EVENT,
    PaymentResult, ProviderAnswered, ProviderEvent, REFUND, REFUND_PART, REQUEST, RefundPart, RefundPayment,
    RequestPayment,
};

/// The messages that the service reads and sends.
pub const MESSAGES: &[Entry] = &[
    Entry::of::<RequestPayment>(
        PAYMENT_COMMANDS,
        REQUEST,
        Sort::Command,
        "Request a payment; its result follows on payment-results.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","amountMinor":1050,"currency":"BRL"}"#,
    ),
    Entry::of::<CapturePayment>(
        PAYMENT_COMMANDS,
        CAPTURE,
        Sort::Command,
        "Capture an authorized payment: the whole price, or this amount.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","amountMinor":800}"#,
    ),
    Entry::of::<RefundPayment>(
        PAYMENT_COMMANDS,
        REFUND,
        Sort::Command,
        "Refund a payment: the whole, as a request's compensation, or a part.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"}"#,
    ),
    Entry::of::<RefundPart>(
        PAYMENT_COMMANDS,
        REFUND_PART,
        Sort::Command,
        "Refund a part of a payment, for example of returned goods.",
        concat!(
            r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","#,
            r#""refundId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","amountMinor":300}"#
        ),
    ),
    Entry::of::<ResolvePaymentCase>(
        PAYMENT_COMMANDS,
        RESOLVE_CASE,
        Sort::Command,
        "Carry out the decision about a failed refund (`retry`, `dismiss`) or a dispute (`contest`, `accept`).",
        concat!(
            r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e","#,
            r#""action":"retry","by":"ana","why":"the customer has a new card"}"#
        ),
    ),
    Entry::of::<ConcludeCase>(
        PAYMENT_COMMANDS,
        CONCLUDE_CASE,
        Sort::Command,
        "The saga of a case has ended. If it still needs a decision, another case is opened.",
        concat!(
            r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e","#,
            r#""status":"resolved"}"#
        ),
    ),
    Entry::of::<OperatorCommand>(
        PAYMENT_COMMANDS,
        OPERATOR_COMMAND,
        Sort::Event,
        "A request by HTTP.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","action":"refund","refundId":"r-1","amountMinor":300}"#,
    ),
    Entry::of::<ProviderAnswered>(
        PAYMENT_COMMANDS,
        PROVIDER_ANSWERED,
        Sort::Event,
        "The provider's answer to a call.",
        concat!(
            r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","operation":"request","call":1,"#,
            r#""outcome":"accepted","resultAfterMs":5000}"#
        ),
    ),
    Entry::of::<ProviderEvent>(
        PAYMENT_COMMANDS,
        PROVIDER_EVENT,
        Sort::Event,
        "The provider reports by itself that a payment changed.",
        concat!(
            r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","event":"evt_1","kind":"payment_intent.succeeded","#,
            r#""paymentId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6c","reference":"pi_1","amountMinor":1050,"#,
            r#""currency":"brl"}"#
        ),
    ),
    Entry::of::<RefundFailed>(
        CASES,
        REFUND_FAILED,
        Sort::Event,
        "A refund failed; starts the saga of its case. Key and subject are the case's id.",
        r#"{"caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "paymentId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6c","refundId":"r-1","amountMinor":300,"currency":"BRL",
 "provider":"stripe","reason":"expired_or_canceled_card","number":1,"at":"2026-11-24T12:00:00.000Z"}"#,
    ),
    Entry::of::<CaseSettled>(
        CASES,
        REFUND_SETTLED,
        Sort::Event,
        "The refund of a case was made again, or settled otherwise; ends the saga of the case.",
        r#"{"caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "by":"payment-service","why":"refund r-1 was made again, or settled otherwise"}"#,
    ),
    Entry::of::<DisputeOpened>(
        CASES,
        DISPUTE_OPENED,
        Sort::Event,
        "The customer's bank disputes a payment, or asks about it; starts the saga of its case. Key and subject are \
         the case's id.",
        r#"{"caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "paymentId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6c","disputeId":"dp_1","status":"open","amountMinor":1050,
 "answerBy":"2026-12-05T23:59:59.000Z","currency":"BRL","provider":"stripe","reason":"fraudulent","number":1,
 "at":"2026-11-28T12:00:00.000Z"}"#,
    ),
    Entry::of::<CaseSettled>(
        CASES,
        DISPUTE_SETTLED,
        Sort::Event,
        "The dispute of a case has ended or is under review, or an inquiry became a dispute; ends the saga of the \
         case.",
        r#"{"caseId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6e","orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "by":"payment-service","why":"dispute dp_1 is won"}"#,
    ),
    Entry::result::<PaymentResult>(
        PAYMENT_RESULTS,
        PAYMENT_RESULT,
        "The result of a payment.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","status":"approved"}"#,
        |bytes| schemas::PAYMENT_RESULT.parse(bytes).map(|_| ()),
    ),
];

/// The events for external systems.
pub const EVENTS: &[Entry] = &[
    event(PaymentEvent::Requested, "A payment was requested.", REQUESTED),
    event(
        PaymentEvent::ActionRequired,
        "The customer must do something before the payment can be completed.",
        ACTION_REQUIRED,
    ),
    event(PaymentEvent::Authorized, "The amount is reserved, and can be captured.", REQUESTED),
    event(PaymentEvent::Approved, "The order is paid.", APPROVED),
    event(PaymentEvent::Declined, "The payment was declined.", REQUESTED),
    event(PaymentEvent::Cancelled, "The payment was cancelled before it was paid.", REQUESTED),
    event(
        PaymentEvent::RefundStarted,
        "A part of the payment (refundId), or all that is left of a charge (chargeId), is to be refunded.",
        PART_REFUNDED,
    ),
    event(PaymentEvent::RefundPending, "The provider accepted a refund; the money is on its way.", PART_REFUNDED),
    event(
        PaymentEvent::RefundFailed,
        "A refund failed after the provider had accepted it. An operator can make it again.",
        PART_REFUNDED,
    ),
    event(PaymentEvent::RefundRefused, "A refund of a part was refused.", PART_REFUNDED),
    event(PaymentEvent::RefundDismissed, "An operator settled a failed refund otherwise.", PART_REFUNDED),
    event(PaymentEvent::PartRefunded, "A part of the payment is refunded.", PART_REFUNDED),
    event(PaymentEvent::Refunded, "All that was left of a charge is refunded.", REFUNDED),
    event(PaymentEvent::DisputeOpened, "The customer's bank asks about the payment, or takes it back.", DISPUTED),
    event(PaymentEvent::DisputeClosed, "A dispute has ended.", DISPUTED),
];

const fn event(event: PaymentEvent, about: &'static str, example: &'static str) -> Entry {
    Entry::of::<PaymentChanged>(PAYMENT_EVENTS, event.kind(), Sort::Event, about, example)
}

const REQUESTED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "paymentId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6c","status":"requested","amountMinor":1050,"currency":"BRL",
 "at":"2026-11-21T12:00:00.000Z"}"#;

const APPROVED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "paymentId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6c","status":"approved","amountMinor":1050,"currency":"BRL",
 "at":"2026-11-21T12:00:05.000Z"}"#;

const PART_REFUNDED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "paymentId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6c","status":"approved","amountMinor":300,"currency":"BRL",
 "refundId":"r-1","at":"2026-11-24T12:00:00.000Z"}"#;

const REFUNDED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "paymentId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6c","status":"refunded","amountMinor":750,"currency":"BRL",
 "chargeId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6d","at":"2026-11-25T12:00:00.000Z"}"#;

const ACTION_REQUIRED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "paymentId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6c","status":"pending","amountMinor":1050,"currency":"BRL",
 "action":"redirect","at":"2026-11-21T12:00:01.000Z"}"#;

const DISPUTED: &str = r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
 "paymentId":"0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6c","status":"approved","amountMinor":1050,"currency":"BRL",
 "disputeId":"dp_1","disputeStatus":"open","at":"2026-11-28T12:00:00.000Z"}"#;

/// The service's journal.
pub const JOURNAL: Journal = Journal::of::<Payment>("payment-journal");

//! The payment service's messages and journal, for the message contract.

use common::contract::{Entry, Journal, Sort};
use common::schemas;
use common::topics::{PAYMENT_COMMANDS, PAYMENT_RESULTS};

use crate::entity::Payment;
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
    Entry::result::<PaymentResult>(
        PAYMENT_RESULTS,
        PAYMENT_RESULT,
        "The result of a payment.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","status":"approved"}"#,
        |bytes| schemas::PAYMENT_RESULT.parse(bytes).map(|_| ()),
    ),
];

/// The service's journal.
pub const JOURNAL: Journal = Journal::of::<Payment>("payment-journal");

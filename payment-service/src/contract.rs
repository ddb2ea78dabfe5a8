//! The payment service's messages, for the contract: a line each, with an example.

use common::contract::{Entry, Journal, Sort};
use common::topics::{PAYMENT_COMMANDS, PAYMENT_RESULTS};

use crate::entity::Payment;
use crate::messages::{
    ASKED, CAPTURE, CapturePayment, PAYMENT_RESULT, PROVIDER_ANSWERED, PaymentAsked, PaymentResult, ProviderAnswered,
    REFUND, REFUND_PART, REQUEST, RefundPart, RefundPayment, RequestPayment,
};

/// What it reads and tells.
pub const MESSAGES: &[Entry] = &[
    Entry::of::<RequestPayment>(
        PAYMENT_COMMANDS,
        REQUEST,
        Sort::Command,
        "A payment is requested; its result comes later, on payment-results.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","amountMinor":1050,"currency":"BRL"}"#,
    ),
    Entry::of::<CapturePayment>(
        PAYMENT_COMMANDS,
        CAPTURE,
        Sort::Command,
        "What is set aside is taken: all of it, or this much.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","amountMinor":800}"#,
    ),
    Entry::of::<RefundPayment>(
        PAYMENT_COMMANDS,
        REFUND,
        Sort::Command,
        "A payment is given back: all of it, as a request's compensation, or a part.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"}"#,
    ),
    Entry::of::<RefundPart>(
        PAYMENT_COMMANDS,
        REFUND_PART,
        Sort::Command,
        "A part of a payment is given back, such as for what was returned.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","refundId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c","amountMinor":300}"#,
    ),
    Entry::of::<PaymentAsked>(
        PAYMENT_COMMANDS,
        ASKED,
        Sort::Event,
        "What somebody asks for by HTTP.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","action":"refund","refundId":"r-1","amountMinor":300}"#,
    ),
    Entry::of::<ProviderAnswered>(
        PAYMENT_COMMANDS,
        PROVIDER_ANSWERED,
        Sort::Event,
        "What the provider answered.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","operation":"request","call":1,"outcome":"accepted","resultAfterMs":5000}"#,
    ),
    Entry::of::<PaymentResult>(
        PAYMENT_RESULTS,
        PAYMENT_RESULT,
        Sort::Result,
        "How a payment ended.",
        r#"{"orderId":"0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b","status":"approved"}"#,
    ),
];

/// Its journal.
pub const JOURNAL: Journal = Journal::of::<Payment>("payment-journal");

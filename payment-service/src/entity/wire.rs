//! The JSON of a payment: one flat object, as in every release. Reading moves the fields, writing borrows them.

use std::borrow::Cow;

use common::ids::OrderId;
use common::messages::Headers;
use common::payments::{Action, PaymentMethod};
use common::sensitive::Sensitive;
use common::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::approval::{Approval, Approvals, CommandId, Settling};
use super::cases::Cases;
use super::hints::Hints;
use super::history::{Event, History};
use super::json::is_zero;
use super::partial_refund::{PartialRefund, PartialRefunds};
use super::review::{Dispute, Review};
use super::status::Status;
use super::surplus::{SurplusCharge, SurplusCharges};
use super::{ActionState, Cancellation, CaptureState, Payment, Price, ProviderState, Terms};
use crate::provider::call::{Capture, ProviderKind};

/// A payment as it is written. The order of the fields is that of the JSON. `method` is the provider's token, since the
/// first release.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FlatPayment<'a> {
    order: OrderId,
    provider: ProviderKind,
    status: Cow<'a, Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price: Option<Cow<'a, Price>>,
    #[serde(default, skip_serializing_if = "Capture::is_automatic")]
    capture: Capture,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method_kind: Option<PaymentMethod>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<Cow<'a, Action>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    action_reports: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capture_minor: Option<i64>,
    #[serde(default, skip_serializing_if = "<[PartialRefund]>::is_empty")]
    partial_refunds: Cow<'a, [PartialRefund]>,
    #[serde(default, skip_serializing_if = "<[SurplusCharge]>::is_empty")]
    surplus: Cow<'a, [SurplusCharge]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hints: Option<Cow<'a, Hints>>,
    #[serde(default)]
    refusals: u32,
    #[serde(default)]
    asks: u32,
    #[serde(default)]
    capture_calls: u32,
    calls: u32,
    refund_calls: u32,
    approvals: Cow<'a, [Approval]>,
    refunds: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late_result_due: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late_result_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Settling::is_none")]
    settling: Cow<'a, Settling>,
    #[serde(default, skip_serializing_if = "is_zero")]
    refund_retries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund_command: Option<CommandId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    review: Option<Cow<'a, Review>>,
    #[serde(default, skip_serializing_if = "<[Dispute]>::is_empty")]
    disputes: Cow<'a, [Dispute]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cases: Option<Cow<'a, Cases>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting: Option<Cow<'a, Headers>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<Cow<'a, str>>,
    history: Cow<'a, [Event]>,
}

impl<'a> From<&'a Payment> for FlatPayment<'a> {
    fn from(payment: &'a Payment) -> Self {
        let terms = payment.terms.as_ref();
        Self {
            order: payment.order,
            provider: payment.provider.kind,
            status: Cow::Borrowed(&payment.status),
            price: terms.map(|terms| Cow::Borrowed(&terms.price)),
            capture: payment.capture_mode(),
            method: terms.and_then(|terms| Some(Cow::Borrowed(terms.token.as_ref()?.reveal()))),
            method_kind: terms.and_then(|terms| terms.method),
            action: payment.action.required.as_ref().map(Cow::Borrowed),
            action_reports: payment.action.reports,
            reference: borrowed(&payment.provider.reference),
            refusal: borrowed(&payment.provider.refusal),
            capture_minor: payment.capture.amount_minor,
            partial_refunds: Cow::Borrowed(&payment.partial_refunds.list),
            surplus: Cow::Borrowed(&payment.surplus.0),
            hints: (payment.hints != Hints::default()).then_some(Cow::Borrowed(&payment.hints)),
            refusals: payment.partial_refunds.refused,
            asks: payment.provider.queries,
            capture_calls: payment.capture.calls,
            calls: payment.provider.requests,
            refund_calls: payment.approvals.refund_calls,
            approvals: Cow::Borrowed(&payment.approvals.list),
            refunds: payment.approvals.refunded,
            late_result_due: payment.cancellation.due,
            late_result_until: payment.cancellation.until,
            settling: Cow::Borrowed(&payment.approvals.settling),
            refund_retries: payment.approvals.retries,
            refund_command: payment.approvals.command,
            review: (payment.review != Review::default()).then_some(Cow::Borrowed(&payment.review)),
            disputes: Cow::Borrowed(&payment.disputes),
            cases: (payment.cases != Cases::default()).then_some(Cow::Borrowed(&payment.cases)),
            waiting: payment.waiting.as_ref().map(Cow::Borrowed),
            trace: borrowed(&payment.trace),
            history: Cow::Borrowed(&payment.history.0),
        }
    }
}

impl From<FlatPayment<'_>> for Payment {
    fn from(flat: FlatPayment<'_>) -> Self {
        let capture = flat.capture;
        let method = flat.method_kind;
        let token = owned(flat.method).map(Sensitive);
        let terms = flat.price.map(|price| Terms { price: price.into_owned(), capture, method, token });
        Self {
            order: flat.order,
            status: flat.status.into_owned(),
            terms,
            provider: ProviderState {
                kind: flat.provider,
                reference: owned(flat.reference),
                refusal: owned(flat.refusal),
                requests: flat.calls,
                queries: flat.asks,
            },
            capture: CaptureState { amount_minor: flat.capture_minor, calls: flat.capture_calls },
            approvals: Approvals {
                list: flat.approvals.into_owned(),
                refunded: flat.refunds,
                refund_calls: flat.refund_calls,
                settling: flat.settling.into_owned(),
                retries: flat.refund_retries,
                command: flat.refund_command,
            },
            action: ActionState { required: flat.action.map(Cow::into_owned), reports: flat.action_reports },
            partial_refunds: PartialRefunds { list: flat.partial_refunds.into_owned(), refused: flat.refusals },
            surplus: SurplusCharges(flat.surplus.into_owned()),
            hints: flat.hints.map(Cow::into_owned).unwrap_or_default(),
            cancellation: Cancellation { due: flat.late_result_due, until: flat.late_result_until },
            review: flat.review.map(Cow::into_owned).unwrap_or_default(),
            disputes: flat.disputes.into_owned(),
            cases: flat.cases.map(Cow::into_owned).unwrap_or_default(),
            waiting: flat.waiting.map(Cow::into_owned),
            trace: owned(flat.trace),
            history: History(flat.history.into_owned()),
        }
    }
}

fn borrowed(text: &Option<String>) -> Option<Cow<'_, str>> {
    text.as_deref().map(Cow::Borrowed)
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(Cow::into_owned)
}

impl Serialize for Payment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FlatPayment::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        FlatPayment::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field, in the order in which earlier releases wrote them.
    const FULL: &str = concat!(
        r#"{"order":"3852cb18-9c19-4326-ac77-a1a0264bd98c","provider":"stripe","status":{"capturing":{"due":"#,
        r#""2026-11-21T18:24:16.572Z"}},"price":{"amountMinor":1050,"currency":"BRL"},"capture":"manual","#,
        r#""method":"pm_1","methodKind":"card","action":{"type":"confirm","clientSecret":"s"},"actionReports":1,"#,
        r#""reference":"pi_1","refusal":"no","captureMinor":800,"partialRefunds":[{"id":"r1","#,
        r#""amountMinor":3,"at":"2026-11-21T18:24:16.572Z","state":{"refused":{"reason":"a","detail":"b"}},"#,
        r#""calls":1}],"#,
        r#""refusals":1,"asks":2,"captureCalls":3,"calls":4,"refundCalls":5,"approvals":[{"message":"m","#,
        r#""paymentId":"p"}],"refunds":1,"lateResultDue":"2026-11-21T18:24:16.573Z","#,
        r#""lateResultUntil":"2026-11-21T18:24:16.574Z","settling":{"pending":{"since":"2026-11-21T18:24:16.572Z"}},"#,
        r#""refundRetries":1,"refundCommand":"3852cb18-9c19-4326-ac77-a1a0264bd98c","review":{"calls":1,"idle":2},"#,
        r#""disputes":[{"id":"dp_1","amountMinor":1,"status":"open","#,
        r#""at":"2026-11-21T18:24:16.572Z","answer":{"status":"open","action":"accept","by":"ana","why":"no proof","#,
        r#""at":"2026-11-21T18:24:16.573Z"}}],"cases":{"opened":3,"open":[{"number":3,"about":{"refund":{"id":"r1","#,
        r#""retries":1}}}],"outcomes":[{"number":2,"refused":"no"}]},"waiting":[["ce_id","7"]],"trace":"t","#,
        r#""history":[{"at":"2026-11-21T18:24:16.572Z","what":"requested"}]}"#,
    );
    /// The fields that the first release wrote.
    const OLD: &str = concat!(
        r#"{"order":"3852cb18-9c19-4326-ac77-a1a0264bd98c","provider":"simulated","status":"cancelled","#,
        r#""calls":0,"refundCalls":0,"approvals":[],"refunds":0,"history":[]}"#,
    );

    #[test]
    fn a_flat_record_is_read_into_its_groups_and_written_byte_for_byte() {
        let payment: Payment = serde_json::from_str(FULL).unwrap();
        assert_eq!(payment.terms.as_ref().unwrap().token.as_ref().unwrap().reveal(), "pm_1");
        assert_eq!((payment.provider.requests, payment.provider.queries), (4, 2));
        assert_eq!((payment.capture.amount_minor, payment.capture.calls), (Some(800), 3));
        assert_eq!((payment.approvals.refunded, payment.approvals.refund_calls), (1, 5));
        assert_eq!(payment.partial_refunds.refused, 1);
        assert_eq!(serde_json::to_string(&payment).unwrap(), FULL);
    }

    #[test]
    fn a_record_without_the_newer_fields_is_read() {
        let payment: Payment = serde_json::from_str(OLD).unwrap();
        assert_eq!((payment.status.name(), payment.terms.is_none()), ("cancelled", true));
        assert_eq!(serde_json::from_str::<Payment>(&serde_json::to_string(&payment).unwrap()).unwrap(), payment);
    }
}

//! Odd payment results, given to the real handlers of the orchestrator and of payment-service: whatever one takes, the
//! other takes, and both refuse the rest for the same reason.

use std::collections::BTreeMap;

use common::journal::{Handler, Memory, Transaction, Trigger, decide_checked};
use common::messages::{Headers, Message, Unreadable, header};
use common::time::Timestamp;
use common::topics;
use orchestrator::entity::{Entity, saga_key};
use orchestrator::handler::SagaHandler;
use payment_service::entity::{Payment, key};
use payment_service::handler::Payments;
use payment_service::provider::call::ProviderKind;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use saga::StepStatus;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::definitions;

const ID: &str = "3852cb18-9c19-4326-ac77-a1a0264bd98c";

/// An order that waits for its payment's result, in both services.
struct Waiting {
    sagas: (SagaHandler, Memory<Entity>),
    payments: (Payments, Memory<Payment>),
    offset: i64,
}

/// The effect of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// The saga goes on, and the payment is approved.
    Approved,
    /// The saga compensates, and the payment is declined.
    Declined,
    /// Neither changes its decision.
    None,
}

/// A message that is larger than any topic takes is passed without the check: the rules themselves bound the
/// states.
fn decide<H: Handler>(handler: &H, memory: &mut Memory<H::Entity>, message: &Message) -> Result<(), Unreadable> {
    let nothing = BTreeMap::new();
    let mut tx = Transaction::over(memory, &nothing, 0, 1);
    if message.size() > topics::INPUT_MAX_BYTES {
        return handler.decide(&mut tx, Trigger::Message(message), message.timestamp);
    }
    decide_checked(handler, &mut tx, Trigger::Message(message), message.timestamp)
}

impl Waiting {
    fn new() -> Self {
        let mut waiting = Self {
            sagas: (SagaHandler::new(definitions::built_in()), Memory::default()),
            payments: (Payments { provider: ProviderKind::Manual, mac: None, events: false }, Memory::default()),
            offset: 0,
        };
        let order = json!({"orderId": ID, "amountMinor": 1_050, "currency": "BRL", "items": []});
        let created = [(header::TYPE, "order.created"), (header::SUBJECT, ID)];
        waiting.saga(topics::CREATED_ORDERS, &created, &order);
        for step in ["reserve", "request-payment"] {
            let reply =
                [(header::SAGA_ID, ID), (header::STEP, step), (header::ATTEMPT, "1"), (header::ACTION, "execute")];
            waiting.saga(topics::SAGA_REPLIES, &reply, &json!({"outcome": "ok"}));
        }
        let request = json!({"orderId": ID, "amountMinor": 1_050, "currency": "BRL"});
        waiting.payment("payment.request", &request);
        let accepted = json!({"orderId": ID, "operation": "request", "call": 1, "outcome": "accepted"});
        waiting.payment("payment.provider-answered", &accepted);
        assert_eq!(waiting.states(), (StepStatus::Running, "pending"));
        waiting
    }

    fn message(&mut self, topic: &str, headers: &[(&'static str, &str)], value: Vec<u8>) -> Message {
        self.offset += 1;
        let mut all = Headers::default();
        headers.iter().for_each(|(name, text)| all.push(*name, *text));
        let timestamp = Timestamp(1_000 + self.offset);
        let value = Some(value);
        Message { topic: topic.into(), partition: 0, offset: self.offset, timestamp, key: None, headers: all, value }
    }

    fn saga(&mut self, topic: &str, headers: &[(&'static str, &str)], value: &Value) {
        let message = self.message(topic, headers, value.to_string().into_bytes());
        decide(&self.sagas.0, &mut self.sagas.1, &message).unwrap();
    }

    fn payment(&mut self, kind: &str, value: &Value) {
        let headers = [(header::TYPE, kind), (header::SAGA_ID, ID), (header::STEP, "request-payment")];
        let message = self.message(topics::PAYMENT_COMMANDS, &headers, value.to_string().into_bytes());
        decide(&self.payments.0, &mut self.payments.1, &message).unwrap();
    }

    /// Both services read a result. Returns the reason if they refuse it.
    fn result(&mut self, headers: &[(&'static str, &str)], value: &[u8]) -> Result<(), String> {
        let message = self.message(topics::PAYMENT_RESULTS, headers, value.to_vec());
        let before = self.states();
        let by_saga = decide(&self.sagas.0, &mut self.sagas.1, &message).map_err(|reason| reason.to_string());
        let by_payment = decide(&self.payments.0, &mut self.payments.1, &message).map_err(|reason| reason.to_string());
        assert_eq!(by_saga, by_payment, "they disagree about {}", String::from_utf8_lossy(value));
        if by_saga.is_err() {
            assert_eq!(self.states(), before, "a refused result has an effect");
        }
        by_saga
    }

    fn states(&self) -> (StepStatus, &'static str) {
        let saga = self.sagas.1.get(&saga_key(ID.parse().unwrap())).unwrap().saga().unwrap();
        let payment = self.payments.1.get(&key(ID.parse().unwrap())).unwrap();
        (saga.step("payment-result").unwrap().status, payment.status.name())
    }

    fn effect(&self) -> Effect {
        match self.states() {
            (StepStatus::Done, "approved") => Effect::Approved,
            (StepStatus::Refused, "declined") => Effect::Declined,
            (StepStatus::Running, "pending" | "authorized") => Effect::None,
            other => panic!("the services disagree: {other:?}"),
        }
    }
}

/// An approval of the order with further fields.
fn approved(rest: &str) -> Vec<u8> {
    format!(r#"{{"orderId":"{ID}","status":"approved"{rest}}}"#).into_bytes()
}

/// A value in UTF-16, a gzip or zstd frame, … of the approval.
fn prefixed(prefix: &[u8]) -> Vec<u8> {
    [prefix, &approved("")].concat()
}

/// Results that both services take.
fn taken() -> Vec<(Vec<u8>, Effect)> {
    let of = |status: &str, rest: &str| format!(r#"{{"orderId":"{ID}","status":"{status}"{rest}}}"#).into_bytes();
    let numbers = vec!["1e15"; 190_000].join(",");
    vec![
        (approved(""), Effect::Approved),
        (approved("\n"), Effect::Approved),
        ([approved(""), b" \r\n".to_vec()].concat(), Effect::Approved),
        (prefixed(b"\xef\xbb\xbf"), Effect::Approved),
        (of(" Approved\\n", ""), Effect::Approved),
        (of("DECLINED", r#","reason":"no funds""#), Effect::Declined),
        (of("authorized", ""), Effect::None),
        (approved(r#","fee":1e999"#), Effect::Approved),
        (approved(r#","fee":1,"fee":{"status":"declined"}"#), Effect::Approved),
        (approved(&format!(r#","x":[{numbers}]"#)), Effect::Approved),
        (approved(r#","reason":null,"paymentId":null,"reference":null"#), Effect::Approved),
        (approved(&format!(r#","reason":"{}""#, "é".repeat(400_000))), Effect::Approved),
        (of("declined", &format!(r#","reason":"{}""#, "é".repeat(400_000))), Effect::Declined),
        (format!(r#"{{"status":"approved","orderId":"{}"}}"#, ID.to_uppercase()).into_bytes(), Effect::Approved),
        (format!(r#"{{"status":"approved","orderId":"{}"}}"#, ID.replace('-', "")).into_bytes(), Effect::Approved),
        (format!(r#"{{"status":"approved","orderId":" {ID}"}}"#).into_bytes(), Effect::Approved),
        (format!(r#"{{"st\u0061tus":"approved","orderId":"{ID}"}}"#).into_bytes(), Effect::Approved),
    ]
}

/// Results that both services refuse, and the beginning of the reason.
fn refused() -> Vec<(Vec<u8>, &'static str)> {
    let plain = String::from_utf8(approved("")).unwrap();
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let event = format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"payment.result","data":{plain}}}"#);
    let deep = format!(r#","x":{}{}"#, "[".repeat(80), "]".repeat(80));
    vec![
        (approved(r#","reason":{"code":"00"}"#), "reason is an object; it must be a text"),
        (approved(r#","reason":5"#), "reason is a number; it must be a text"),
        (approved(r#","reason":1e999"#), "reason is a number; it must be a text"),
        (approved(r#","reason":"a","reason":"b""#), "reason occurs twice"),
        (approved(r#","status":"declined""#), "status occurs twice"),
        (approved(r#","stat\u0075s":"declined""#), "status occurs twice"),
        (approved(&format!(r#","orderId":"{ID}""#)), "orderId occurs twice"),
        (approved(r#","paymentId":123"#), "paymentId is a number; it must be a text"),
        (approved(r#","paymentId":{"id":"p"}"#), "paymentId is an object; it must be a text"),
        (approved(&format!(r#","paymentId":"{}""#, "p".repeat(900_000))), "paymentId has 900000 characters"),
        (approved(&format!(r#","reference":"{}""#, "p".repeat(256))), "reference has 256 characters"),
        (approved(r#","reference":true"#), "reference is a boolean; it must be a text"),
        (approved(r#","reason":"\ud800""#), "reason is not a text"),
        (approved(&deep), "it is nested more than 64 levels deep"),
        (format!(r#"{{"orderId":"{ID}","status":"{}"}}"#, "x".repeat(900_000)).into_bytes(), "status 'xxx"),
        (
            format!(r#"{{"orderId":"{ID}","status":"perhaps"}}"#).into_bytes(),
            "status 'perhaps' is not one of: approved",
        ),
        (format!(r#"{{"orderId":"{ID}","status":true}}"#).into_bytes(), "status is a boolean"),
        (format!(r#"{{"orderId":"{ID}","status":["approved"]}}"#).into_bytes(), "status is a list"),
        (format!(r#"{{"orderId":"{ID}"}}"#).into_bytes(), "status is missing"),
        (format!(r#"{{"orderId":"{ID}","Status":"approved"}}"#).into_bytes(), "status is missing"),
        (br#"{"orderId":"me","status":"approved"}"#.to_vec(), "orderId 'me' is not a UUID"),
        (br#"{"orderId":7,"status":"approved"}"#.to_vec(), "orderId is a number; it must be a text with a UUID"),
        (br#"{"status":"approved"}"#.to_vec(), "orderId is missing"),
        (format!(r#"["{ID}","approved"]"#).into_bytes(), "it is a JSON list"),
        (format!("[{plain}]").into_bytes(), "it is a JSON list"),
        (Value::from(plain.clone()).to_string().into_bytes(), "it is a JSON string"),
        (b"null".to_vec(), "it is a JSON value without fields"),
        (b"".to_vec(), "it is empty"),
        (b"approved".to_vec(), "it is not JSON: expected value at line 1 column 1"),
        (format!("{plain}{plain}").into_bytes(), "it is not JSON: trailing characters"),
        (plain.replace('"', "'").into_bytes(), "it is not JSON: key must be a string"),
        (plain.replace("approved\"}", "approved\",}").into_bytes(), "it is not JSON: trailing comma"),
        (plain.as_bytes()[..plain.len() - 3].to_vec(), "it is not JSON: EOF while parsing a string"),
        ([&*approved(""), b"\xc3\x28"].concat(), "it is not text in UTF-8: byte 70 is invalid"),
        (prefixed(&[0, 0, 0, 0, 0x2a]), "it is in the Confluent wire format (a zero byte, then the schema id 42)"),
        (utf16.clone(), "it is a text in UTF-16"),
        ([&[0xff, 0xfe], &*utf16].concat(), "it is a text in UTF-16"),
        (prefixed(&[0x1f, 0x8b, 8]), "it is gzip"),
        (prefixed(&[0x28, 0xb5, 0x2f, 0xfd]), "it is zstd"),
        (format!("[{event}]").into_bytes(), "it is a batch of CloudEvents"),
        (event.into_bytes(), "it is a CloudEvent in structured mode"),
        (format!(r#"{{"schema":null,"payload":{plain}}}"#).into_bytes(), "it has the envelope of Kafka Connect"),
    ]
}

#[test]
fn both_services_take_the_same_results() {
    for (value, effect) in taken() {
        let mut waiting = Waiting::new();
        let text = String::from_utf8_lossy(&value[..value.len().min(200)]).into_owned();
        waiting.result(&[], &value).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(waiting.effect(), effect, "{text}");
    }
}

#[test]
fn both_services_refuse_the_same_results_for_the_same_reason() {
    let mut waiting = Waiting::new();
    for (value, why) in refused() {
        let reason = waiting.result(&[], &value).unwrap_err();
        let problem = reason.strip_prefix("the value is not of this topic's format: ").unwrap();
        assert!(problem.starts_with(why), "{problem}\nis not: {why}");
        assert!(problem.contains("; expected: a JSON object in UTF-8 with orderId (a text with a UUID)"), "{problem}");
        assert!(reason.len() < 1_000, "{reason}");
        assert_eq!(waiting.effect(), Effect::None);
    }
    waiting.result(&[], &approved("")).unwrap();
    assert_eq!(waiting.effect(), Effect::Approved);
}

/// An event in structured mode with this data and id.
fn structured(id: &str, data: &[u8]) -> Vec<u8> {
    let data = std::str::from_utf8(data).unwrap();
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/bank","type":"payment.result","data":{data}}}"#)
        .into_bytes()
}

const STRUCTURED: [(&str, &str); 1] = [(header::CONTENT_TYPE, "application/cloudevents+json")];

#[test]
fn both_services_take_events_in_structured_mode_as_results() {
    for (value, effect) in taken() {
        let Ok(text) = std::str::from_utf8(&value).map(|text| text.trim_start_matches('\u{feff}')) else { continue };
        let mut waiting = Waiting::new();
        let event = structured("e1", text.as_bytes());
        let short = text.get(..200).unwrap_or(text);
        waiting.result(&STRUCTURED, &event).unwrap_or_else(|why| panic!("{short}: {why}"));
        assert_eq!(waiting.effect(), effect, "{short}");
    }
}

#[test]
fn both_services_refuse_the_same_events_in_structured_mode_for_the_same_reason() {
    let batch = [(header::CONTENT_TYPE, "application/cloudevents-batch+json")];
    let mut waiting = Waiting::new();
    let result = approved("");
    let event = structured("e1", &result);
    let of_batch = [b"[", &*event, b"]"].concat();
    let declared = structured("e1", br#"{"orderId":"me","status":"approved"}"#);
    for (headers, value, why) in [
        (batch, &of_batch, "header content-type: application/cloudevents-batch+json: a batch is not read"),
        (batch, &event, "header content-type: application/cloudevents-batch+json: a batch is not read"),
        (STRUCTURED, &of_batch, "the value is not of this topic's format: it is no CloudEvent in structured mode"),
        (STRUCTURED, &result, "the value is not of this topic's format: it is no CloudEvent in structured mode"),
        (STRUCTURED, &structured("", &result), "the value is not of this topic's format: it is no CloudEvent"),
        (STRUCTURED, &structured("a\\u0001", &result), "header ce_id: it has a control character"),
        (STRUCTURED, &declared, "the value is not of this topic's format: orderId 'me' is not a UUID"),
    ] {
        let reason = waiting.result(&headers, value).unwrap_err();
        assert!(reason.starts_with(why), "{reason}\nis not: {why}");
        assert_eq!(waiting.effect(), Effect::None);
    }
    waiting.result(&STRUCTURED, &event).unwrap();
    assert_eq!(waiting.effect(), Effect::Approved);
}

/// The id of an event in structured mode counts as the header's would: the second one is a repetition.
#[test]
fn an_event_in_structured_mode_repeats_one_with_its_id_in_a_header() {
    let mut waiting = Waiting::new();
    waiting.result(&[], &format!(r#"{{"orderId":"{ID}","status":"declined"}}"#).into_bytes()).unwrap();
    let other = |id: &str| approved(&format!(r#","paymentId":"{id}""#));
    waiting.result(&[(header::ID, "e1")], &other("p1")).unwrap();
    waiting.result(&STRUCTURED, &structured("e1", &other("p2"))).unwrap();
    let payment = waiting.payments.1.get(&key(ID.parse().unwrap())).unwrap();
    assert_eq!(payment.approvals.list.len(), 1, "{:?}", payment.approvals);
    waiting.result(&STRUCTURED, &structured("e2", &other("p2"))).unwrap();
    let payment = waiting.payments.1.get(&key(ID.parse().unwrap())).unwrap();
    assert_eq!(payment.approvals.list.len(), 2, "{:?}", payment.approvals);
}

/// However large the parts of a result are, and however many there are.
#[test]
fn results_keep_every_state_small() {
    let long = "x".repeat(900_000);
    let mut waiting = Waiting::new();
    let unknown = Uuid::from_u128(9).to_string();
    let declined = format!(r#"{{"orderId":"{ID}","status":"declined","reason":"{long}"}}"#);
    waiting.result(&[(header::ID, &long), (header::TRACEPARENT, &long)], declined.as_bytes()).unwrap();
    for n in 0..12 {
        let id = format!("{long}{n}");
        let headers = [(header::ID, id.as_str()), (header::TRACEPARENT, long.as_str()), ("x", long.as_str())];
        waiting.result(&headers, &approved(&format!(r#","by":"{long}""#))).unwrap();
        let early = format!(r#"{{"orderId":"{unknown}","status":"approved","reason":"{long}","x":"{long}"}}"#);
        waiting.result(&headers, early.as_bytes()).unwrap();
        waiting.result(&headers, early.replace("approved", "declined").as_bytes()).unwrap();
    }
    for (key, state) in waiting.sagas.1.states() {
        let bytes = serde_json::to_vec(state).unwrap().len();
        assert!(bytes < 20_000, "{key} has {bytes} bytes");
    }
    for (key, state) in waiting.payments.1.states() {
        let bytes = serde_json::to_vec(state).unwrap().len();
        assert!(bytes < 20_000, "{key} has {bytes} bytes");
    }
}

proptest! {
    /// Results with damaged bytes and with any JSON as a field.
    #[test]
    fn both_services_agree_about_any_result(
        field in prop::sample::select(vec!["orderId", "status", "reason", "paymentId", "reference", "x", ""]),
        value in prop_oneof![
            "[ -~]{0,12}",
            prop::sample::select(vec![
                "null",
                r#""approved""#,
                r#""declined""#,
                "1e999",
                "[]",
                r#"{"a":1}"#,
                r#""\u0000""#,
            ])
            .prop_map(str::to_owned),
        ],
        damage in vec((any::<Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = approved(&format!(r#","{field}":{value}"#));
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut waiting = Waiting::new();
        // An order id that was damaged is another order's: nothing is asserted about it but that both agree.
        let _ = waiting.result(&[], &bytes);
        waiting.effect();
    }
}

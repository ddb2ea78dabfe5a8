//! Tests of messages: their bounds, the headers that are kept, and replies.

use serde::Deserialize;

use super::message::KEY_BYTES;
use super::*;
use crate::bounds::KIB;
use crate::time::Timestamp;

fn message(value: &str) -> Message {
    let mut headers = Headers::default();
    headers.push(header::ID, "7");
    headers.push(header::STEP, "reserve");
    headers.push(header::TRACEPARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let value = Some(value.as_bytes().to_vec());
    Message { topic: "t".into(), partition: 1, offset: 5, timestamp: Timestamp(0), key: None, headers, value }
}

#[test]
fn a_reply_names_its_command_and_is_the_same_twice() {
    let reply = |_| Outgoing::reply(&message("{}").reply_headers(), "o", Timestamp(1), &Reply::done());
    let first = reply(1);
    assert_eq!(first.headers.get(header::CORRELATION_ID), Some("7"));
    assert_eq!(first.headers.get(header::STEP), Some("reserve"));
    assert!(first.headers.get(header::TRACEPARENT).unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_eq!(first, reply(2));
}

#[test]
fn a_message_that_is_put_back_keeps_its_id() {
    for id in [None, Some(""), Some("7"), Some("x".repeat(900).as_str())] {
        let mut message = message("{}");
        message.headers.0.retain(|(name, _)| name != header::ID);
        if let Some(id) = id {
            message.headers.push(header::ID, id);
        }
        let back = Outgoing::put_back(&message, "o", 0);
        let copy = Message { partition: 0, offset: 9, headers: back.headers, ..message.clone() };
        assert_eq!(copy.id(), message.id(), "{id:?}");
    }
}

/// Any JSON.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Any(#[allow(dead_code, reason = "only read")] serde_json::Value);

crate::bounded! { Any: 4 * KIB, Reply: 4 * KIB }

#[test]
fn parts_over_their_bounds_are_rejected() {
    let refusal = |change: &dyn Fn(&mut Message)| {
        let mut message = message("{}");
        change(&mut message);
        message.check().unwrap_err().to_string()
    };
    message("{}").check().unwrap();
    let key = refusal(&|message| message.key = Some("k".repeat(KEY_BYTES + 1).into()));
    assert_eq!(key, "the key has 1025 bytes, at most 1024 are read");
    assert!(refusal(&|message| message.headers.push(header::STEP, "a\u{1}")).contains("control character"));
    let large = refusal(&|message| message.value = Some(vec![b' '; 30 << 20]));
    assert!(large.starts_with("the message has 31457"), "{large}");
    let long = message(&" ".repeat(5 * KIB)).json::<Any>().unwrap_err();
    assert_eq!(long, Unreadable::TooLong { what: "value", bytes: 5 * KIB, most: 4 * KIB });
}

#[test]
fn kept_headers_are_bounded() {
    let with = |name: &'static str, value: &str| {
        let mut message = message("{}");
        message.headers.set(name, value);
        message
    };
    let long = "x".repeat(900_000);
    let first = with(header::ID, &long).id();
    let second = with(header::ID, &format!("{long}y")).id();
    assert_eq!(first.len(), 36);
    assert_ne!(first, second, "different ids stay different");
    assert_eq!(with(header::ID, "").id().len(), 36, "an empty id is none");
    for name in [header::STEP, header::TRACEPARENT, header::SAGA_ID, header::ID] {
        let kept = with(name, &long).reply_headers();
        assert!(kept.0.iter().all(|(_, value)| value.0.len() <= HEADER_BYTES), "{name}");
    }
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(with(header::TRACEPARENT, trace).traceparent(), Some(trace));
    assert_eq!(with(header::TRACEPARENT, &format!("{trace}-{long}")).traceparent(), None);
}

#[test]
fn a_value_of_another_format_is_rejected_with_the_place() {
    let wrong = message(r#"{"outcome":"refused","reason":7}"#).json::<Reply>().unwrap_err();
    assert!(wrong.to_string().contains("expected a string"), "{wrong}");
    assert!(message("{} x").json::<Any>().is_err());
}

#[test]
fn values_too_deep_for_a_state_are_rejected() {
    let nested = |levels: usize| message(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
    assert!(nested(DEPTH).json::<Any>().is_ok());
    let refused = nested(DEPTH + 1).json::<Any>().unwrap_err();
    assert!(refused.to_string().contains("nested"), "{refused}");
    let brackets = format!(r#"{{"a\"{}": 1}}"#, "[".repeat(DEPTH + 1));
    assert!(message(&brackets).json::<Any>().is_ok(), "brackets within a string do not count");
}

#[test]
fn a_whole_number_of_a_message_may_have_a_fraction_of_zeros_or_an_exponent() {
    #[derive(Debug, Deserialize)]
    struct Pieces {
        quantity: u32,
    }
    crate::bounded! { Pieces: KIB }
    for number in ["1", "1.0", "1e0", "10E-1"] {
        let read: Pieces = message(&format!(r#"{{"quantity":{number}}}"#)).json().unwrap();
        assert_eq!(read.quantity, 1, "{number}");
    }
    for (number, why) in [("1.5", "quantity: invalid type"), ("1e400", "quantity: number out of range")] {
        let error = message(&format!(r#"{{"quantity":{number}}}"#)).json::<Pieces>().unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

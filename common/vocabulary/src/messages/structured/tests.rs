//! Tests of CloudEvents in structured mode.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::time::Timestamp;

const TYPE: &str = "application/cloudevents+json";

fn message(content_type: &str, value: &str) -> Message {
    let mut headers = Headers::default();
    headers.push(header::CONTENT_TYPE, content_type);
    headers.push("own", "kept");
    headers.push(header::ID, "not of the event");
    Message {
        topic: "t".into(),
        partition: 1,
        offset: 5,
        timestamp: Timestamp(7),
        key: Some("k".into()),
        headers,
        value: Some(value.as_bytes().to_vec()),
    }
}

fn event(fields: &Value) -> String {
    let mut event = json!({"specversion": "1.0", "id": "e1", "source": "/bank", "type": "payment.result"});
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event.to_string()
}

#[test]
fn an_event_in_structured_mode_becomes_one_in_binary_mode() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let fields = json!({"subject": "o1", "time": "2026-11-21T12:00:00Z", "traceparent": trace, "sagaid": "s1",
        "step": "reserve", "attempt": 2, "action": "execute", "correlationid": "c1", "unknown": true,
        "datacontenttype": "application/json; charset=utf-8", "subscriber": null, "data": {"a": 1}});
    for content_type in [TYPE, "Application/CloudEvents+JSON; charset=UTF-8"] {
        let message = message(content_type, &format!("\u{feff}{}", event(&fields)));
        let binary = message.in_binary_mode().unwrap().into_owned();
        assert_eq!(binary.value.as_deref(), Some(br#"{"a":1}"#.as_slice()));
        for (name, text) in [
            ("own", "kept"),
            (header::SPEC_VERSION, "1.0"),
            (header::ID, "e1"),
            (header::SOURCE, "/bank"),
            (header::TYPE, "payment.result"),
            (header::SUBJECT, "o1"),
            (header::TIME, "2026-11-21T12:00:00Z"),
            (header::TRACEPARENT, trace),
            (header::SAGA_ID, "s1"),
            (header::STEP, "reserve"),
            (header::ATTEMPT, "2"),
            (header::ACTION, "execute"),
            (header::CORRELATION_ID, "c1"),
            (header::CONTENT_TYPE, "application/json"),
        ] {
            let all: Vec<_> = binary.headers.0.iter().filter(|(known, _)| known == name).collect();
            assert_eq!((all.len(), binary.header(name)), (1, Some(text)), "{name}");
        }
        assert_eq!(binary.key, message.key);
        assert_eq!((binary.id().as_str(), message.given_id().as_deref()), ("e1", Some("e1")));
        assert!(matches!(binary.in_binary_mode(), Ok(Cow::Borrowed(_))), "it is in binary mode");
    }
}

#[test]
fn other_messages_stay_as_they_are() {
    for content_type in ["application/json", "application/cloud", "aplicação/cloudevents+json", ""] {
        let message = message(content_type, &event(&json!({"data": {}})));
        assert!(matches!(message.in_binary_mode(), Ok(Cow::Borrowed(_))), "{content_type}");
        assert_eq!(message.given_id().as_deref(), Some("not of the event"));
    }
}

#[test]
fn data_is_taken_as_it_is_written_also_from_base64() {
    let value = |text: &str| message(TYPE, text).in_binary_mode().unwrap().value.clone().unwrap();
    let written = r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"a": 1e999,"a":2} }"#;
    assert_eq!(value(written), br#"{"a": 1e999,"a":2}"#);
    assert_eq!(value(&event(&json!({"data_base64": "eyJhIjoxfQ=="}))), br#"{"a":1}"#);
    for media_type in ["application/vnd.shop+json", "text/json", "Text/JSON; charset=utf-8", "application/x+json"] {
        let declared = json!({"data": {}, "datacontenttype": media_type});
        assert_eq!(value(&event(&declared)), b"{}", "{media_type}");
    }
}

#[test]
fn extensions_are_strings_integers_or_booleans_and_others_are_missing() {
    for (extension, text) in [
        (json!("reserve"), Some("reserve")),
        (json!(3), Some("3")),
        (json!(-1), Some("-1")),
        (json!(true), Some("true")),
        (json!(1.5), None),
        (json!(u64::MAX), None),
        (json!(["reserve"]), None),
        (json!({"step": "reserve"}), None),
        (Value::Null, None),
    ] {
        for (name, own) in [("step", header::STEP), ("attempt", header::ATTEMPT), ("sagaid", header::SAGA_ID)] {
            let message = message(TYPE, &event(&json!({name: extension, "data": {}})));
            assert_eq!(message.in_binary_mode().unwrap().header(own), text, "{name}: {extension}");
        }
    }
}

#[test]
fn batches_other_formats_and_broken_events_are_refused_with_the_reason() {
    for (content_type, why) in [
        ("application/cloudevents-batch+json", "a batch is not read; send each event as a message of its own"),
        ("application/cloudevents+avro", "application/cloudevents+avro is not read; send events as"),
        ("application/cloudevents", "application/cloudevents is not read"),
    ] {
        let reason = message(content_type, &event(&json!({"data": {}}))).in_binary_mode().unwrap_err().to_string();
        assert!(reason.starts_with("header content-type: ") && reason.contains(why), "{reason}");
    }
    let deep = format!("{}{}", "[".repeat(80), "]".repeat(80));
    let twice = r#"{"specversion":"1.0","id":"1","id":"2","source":"s","type":"t","data":{}}"#;
    for (value, why) in [
        (event(&json!({})), "it has no data"),
        (event(&json!({"data": null})), "it has no data"),
        (event(&json!({"data": {}, "data_base64": "e30="})), "it has data and data_base64"),
        (event(&json!({"data_base64": "?"})), "its data_base64 is no Base64"),
        (event(&json!({"data": {}, "datacontenttype": "text/xml"})), "its data is text/xml, not application/json"),
        (event(&json!({"data": {}, "id": ""})), "its attribute id is missing or empty"),
        (event(&json!({"data": {}, "id": null})), "its attribute id is missing or empty"),
        (event(&json!({"data": {}, "source": null})), "its attribute source is missing"),
        (event(&json!({"data": {}, "type": null})), "its attribute type is missing"),
        (event(&json!({"data": {}, "specversion": "0.3"})), "its specversion is 0.3, not 1.0"),
        (event(&json!({"data": {}, "id": 7})), "invalid type: integer `7`, expected a string"),
        (twice.to_owned(), "duplicate field `id`"),
        (r#"{"orderId":"1","status":"approved"}"#.to_owned(), "it has no data"),
        ("[]".to_owned(), "invalid"),
        (format!("[{}]", event(&json!({"data": {}}))), "invalid"),
        ("approved".to_owned(), "expected value"),
        (String::new(), "EOF while parsing"),
        (format!("{}x", event(&json!({"data": {}}))), "trailing characters"),
        (event(&json!({"data": {}})).replace("{}", &deep), "its data is nested more than 64 levels deep"),
    ] {
        let reason = message(TYPE, &value).in_binary_mode().unwrap_err().to_string();
        let problem =
            reason.strip_prefix("the value is not of this topic's format: it is no CloudEvent in structured mode");
        assert!(problem.is_some_and(|problem| problem.contains(why)), "{reason}\nis not: {why}");
    }
    let tombstone = Message { value: None, ..message(TYPE, "") };
    assert_eq!(tombstone.in_binary_mode(), Err(Unreadable::Empty));
    assert_eq!(tombstone.given_id().as_deref(), Some("not of the event"));
}

proptest! {
    #[test]
    fn any_value_is_converted_or_refused(value in any::<Vec<u8>>(), id in any::<String>()) {
        let bytes = Message { value: Some(value), ..message(TYPE, "") };
        let _ = bytes.in_binary_mode();
        let valid = message(TYPE, &event(&json!({"id": id, "data": {"id": id}})));
        let binary = valid.in_binary_mode();
        prop_assert_eq!(binary.is_ok(), !id.is_empty());
        if let Ok(binary) = binary {
            prop_assert!(binary.size() <= valid.size() + 64, "no larger than it was received");
        }
    }
}

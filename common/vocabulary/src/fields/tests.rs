//! Tests of schemas: the values that they accept, and the reasons for refusing others.

use serde_json::{Value, json};

use super::{Field, Kind, Others, Schema};
use crate::schemas::PAYMENT_RESULT;

const ID: &str = "3852cb18-9c19-4326-ac77-a1a0264bd98c";

fn refusal(schema: &Schema, bytes: &[u8]) -> String {
    match schema.parse(bytes) {
        Ok(fields) => panic!("{} is accepted: {fields:?}", String::from_utf8_lossy(bytes)),
        Err(reason) => reason,
    }
}

fn result(rest: &str) -> String {
    format!(r#"{{"orderId":"{ID}","status":"approved"{rest}}}"#)
}

#[test]
fn named_fields_are_kept_in_their_canonical_form() {
    let text =
        format!("\u{feff} {{\"status\":\" Approved\\n\",\"orderId\":\"{}\",\"x\":[1e999]}}\n", ID.to_uppercase());
    let fields = PAYMENT_RESULT.parse(text.as_bytes()).unwrap();
    assert_eq!(fields.uuid("orderId").unwrap().to_string(), ID);
    assert_eq!(Value::Object(fields.into_object()), json!({"orderId": ID, "status": "approved"}));
}

#[test]
fn fields_that_are_not_named_are_ignored_whatever_they_contain() {
    for rest in [
        r#","fee":1e999"#,
        r#","x":1,"x":2"#,
        r#","x":{"status":"declined","status":5}"#,
        r#","x":"\ud800""#,
        r#","x":[1,[2,{"a":null}]]"#,
        r#","":0"#,
        r#","a.b":0"#,
    ] {
        let fields = PAYMENT_RESULT.parse(result(rest).as_bytes()).unwrap_or_else(|why| panic!("{rest}: {why}"));
        assert_eq!(fields.into_object().len(), 2, "{rest}");
    }
}

#[test]
fn null_is_a_missing_field() {
    assert!(PAYMENT_RESULT.parse(result(r#","reason":null,"paymentId":null"#).as_bytes()).is_ok());
    let without = format!(r#"{{"orderId":"{ID}","status":null}}"#);
    assert!(refusal(&PAYMENT_RESULT, without.as_bytes()).starts_with("status is missing; expected: a JSON object"));
}

#[test]
fn a_named_field_of_another_type_is_refused() {
    for (rest, why) in [
        (r#","reason":{"code":"00"}"#, "reason is an object; it must be a text of at most 200 characters at line 1"),
        (r#","reason":5"#, "reason is a number; it must be a text"),
        (r#","reason":1e999"#, "reason is a number; it must be a text"),
        (r#","reason":true"#, "reason is a boolean; it must be a text"),
        (r#","paymentId":123"#, "paymentId is a number; it must be a text of at most 255"),
        (r#","reference":["pi_1"]"#, "reference is a list; it must be a text"),
        (r#","reason":"a","reason":"b""#, "reason occurs twice"),
        (r#","status":"declined""#, "status occurs twice"),
        (r#","reason":"\ud800""#, "reason is not a text: "),
    ] {
        let reason = refusal(&PAYMENT_RESULT, result(rest).as_bytes());
        assert!(reason.starts_with(why), "{rest}: {reason}");
        assert!(
            reason.contains("expected: a JSON object in UTF-8 with orderId (a text with a UUID), status"),
            "{reason}"
        );
    }
    for (text, why) in [
        (r#"{"orderId":"me","status":"approved"}"#, "orderId 'me' is not a UUID"),
        (r#"{"orderId":123,"status":"approved"}"#, "orderId is a number; it must be a text with a UUID"),
        (r#"{"status":"approved"}"#, "orderId is missing"),
        ("{}", "orderId is missing"),
    ] {
        assert!(refusal(&PAYMENT_RESULT, text.as_bytes()).starts_with(why), "{text}");
    }
    let perhaps = format!(r#"{{"orderId":"{ID}","status":"{}"}}"#, "perhaps".repeat(130_000));
    let reason = refusal(&PAYMENT_RESULT, perhaps.as_bytes());
    assert!(reason.contains("is not one of: approved, authorized, declined") && reason.len() < 600, "{reason}");
}

#[test]
fn a_text_over_its_bound_is_cut_with_a_note_or_refused() {
    let fields = PAYMENT_RESULT.parse(result(&format!(r#","reason":"{}""#, "ü".repeat(1000))).as_bytes()).unwrap();
    let reason = fields.text("reason").unwrap();
    assert_eq!(reason.chars().count(), 200);
    assert!(reason.starts_with("üü") && reason.ends_with("ü… (cut: 1000 characters)"), "{reason}");
    let whole = PAYMENT_RESULT.parse(result(&format!(r#","reason":"{}""#, "ü".repeat(200))).as_bytes()).unwrap();
    assert_eq!(whole.text("reason"), Some(&*"ü".repeat(200)));
    let long = refusal(&PAYMENT_RESULT, result(&format!(r#","paymentId":"{}""#, "p".repeat(256))).as_bytes());
    assert!(long.starts_with("paymentId has 256 characters; at most 255 are allowed"), "{long}");
}

#[test]
fn other_formats_are_refused_by_name() {
    let plain = result("");
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_big: Vec<u8> = plain.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let with = |prefix: &[u8]| [prefix, plain.as_bytes()].concat();
    let event = format!(r#"{{"specversion":"1.0","id":"1","type":"t","source":"s","data":{plain}}}"#);
    let connect = format!(r#"{{"schema":{{}},"payload":{plain}}}"#);
    let twice = Value::from(plain.clone()).to_string();
    for (bytes, why) in [
        (with(&[0, 0, 0, 0, 0x2a]), "it is in the Confluent wire format (a zero byte, then the schema id 42)"),
        (utf16.clone(), "it is a text in UTF-16"),
        (utf16_big, "it is a text in UTF-16"),
        ([&[0xff, 0xfe], &*utf16].concat(), "it is a text in UTF-16"),
        (with(&[0x1f, 0x8b]), "it is gzip"),
        (with(&[0x28, 0xb5, 0x2f, 0xfd]), "it is zstd"),
        (format!("[{event}]").into_bytes(), "it is a batch of CloudEvents"),
        (
            event.into_bytes(),
            "it is a CloudEvent in structured mode; send it with the header content-type: application/cloudevents+json",
        ),
        (connect.into_bytes(), "it has the envelope of Kafka Connect's JsonConverter"),
        (format!(r#"["{ID}","approved"]"#).into_bytes(), "it is a JSON list"),
        (twice.into_bytes(), "it is a JSON string"),
        (b"7".to_vec(), "it is a JSON value without fields"),
        (b"<a/>".to_vec(), "it is XML or HTML"),
        (b"eyJvcmRlcklkIjoiMSJ9".to_vec(), "it is JSON in Base64"),
        (b" \n".to_vec(), "it is empty"),
        (b"approved".to_vec(), "it is not JSON: expected value at line 1 column 1"),
        (with(b"{"), "it is not JSON: "),
        ([plain.as_bytes(), b" x"].concat(), "it is not JSON: trailing characters"),
        ([plain.as_bytes(), plain.as_bytes()].concat(), "it is not JSON: trailing characters"),
        (b"{\"orderId\":\"\xff\"}".to_vec(), "it is not text in UTF-8: byte 12 is invalid"),
        (result(&format!(r#","x":{}{}"#, "[".repeat(70), "]".repeat(70))).into_bytes(), "it is nested more than 64"),
    ] {
        let reason = refusal(&PAYMENT_RESULT, &bytes);
        assert!(reason.starts_with(why), "{reason}\nis not: {why}");
        assert!(reason.contains("; expected: a JSON object in UTF-8"), "{reason}");
    }
}

#[test]
fn a_path_leads_through_objects_and_lists() {
    let fields = vec![
        Field::required("card.saga", Kind::Uuid),
        Field::optional("card.items.1.price", Kind::Number),
        Field::optional("card.at", Kind::Timestamp),
        Field::optional("good", Kind::Boolean),
    ];
    let schema = Schema { fields: fields.into(), others: Others::Ignored };
    let text = format!(
        r#"{{"card":{{"saga":"{ID}","items":[{{"price":1}},{{"price":1e15,"x":1}}],"at":"2026-11-21T13:00:00+01:00"}},
            "good":true,"card.saga":5}}"#
    );
    let kept = Value::Object(schema.parse(text.as_bytes()).unwrap().into_object());
    let at = "2026-11-21T12:00:00.000Z";
    let items = json!({"1": {"price": 1_000_000_000_000_000_i64}});
    assert_eq!(kept, json!({"card": {"saga": ID, "items": items, "at": at}, "good": true}));
    for (text, why) in [
        (r#"{"card":5}"#, "invalid type: integer `5`, expected an object as card"),
        (r#"{"card":null}"#, "card.saga is missing"),
        (r#"{"card":{},"card":{}}"#, "card occurs twice"),
        (r#"{"card":{"saga":1}}"#, "card.saga is a number"),
    ] {
        let reason = refusal(&schema, text.as_bytes());
        assert!(reason.starts_with(why), "{reason}");
    }
    let wrong = format!(r#"{{"card":{{"saga":"{ID}","items":[0,{{"price":1e999}}]}}}}"#);
    assert!(refusal(&schema, wrong.as_bytes()).starts_with("card.items.1.price is 1e999, which is out of range"));
}

#[test]
fn other_fields_are_kept_if_the_schema_says_so_up_to_a_bound() {
    let fields = vec![Field::required("id", Kind::Uuid)];
    let schema = Schema { fields: fields.into(), others: Others::Kept { max_bytes: 100 } };
    let text = format!(r#"{{"id":"{}","x":[1,2]}}"#, ID.to_uppercase());
    let kept = Value::Object(schema.parse(text.as_bytes()).unwrap().into_object());
    assert_eq!(kept, json!({"id": ID, "x": [1, 2]}));
    let long = format!(r#"{{"id":"{ID}","x":"{}"}}"#, "y".repeat(60));
    let reason = refusal(&schema, long.as_bytes());
    assert!(reason.starts_with(&format!("it has {} bytes; at most 100 are kept", long.len())), "{reason}");
}

//! Recognizes what a value is if it is not a JSON object: the reason of a dead letter names it.

use serde::de::IgnoredAny;

/// The format of bytes that are not text in UTF-8.
pub(super) fn binary(bytes: &[u8]) -> Option<String> {
    let format = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, b'{', 0, 0, 0, ..] | [b'{', 0, 0, 0, ..] => {
            "a text in UTF-32"
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, b'{', 0, ..] | [b'{', 0, ..] => "a text in UTF-16",
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        [0x04, 0x22, 0x4d, 0x18, ..] => "an LZ4 frame",
        [0xff, 0x06, 0x00, 0x00, b's', ..] | [0x82, b'S', b'N', b'A', b'P', ..] => "Snappy",
        [0x78, 0x01 | 0x9c | 0xda, ..] => "zlib",
        [b'P', b'K', 0x03, 0x04, ..] => "a ZIP archive",
        [b'O', b'b', b'j', 0x01, ..] => "an Avro file",
        [0, a, b, c, d, ..] => {
            let id = u32::from_be_bytes([*a, *b, *c, *d]);
            return Some(format!("it is in the Confluent wire format (a zero byte, then the schema id {id})"));
        }
        _ => return None,
    };
    Some(format!("it is {format}"))
}

/// The format of a text that does not begin with `{`.
pub(super) fn text(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return "it is empty".to_owned();
    }
    if text.starts_with('[') && head(text).contains("\"specversion\"") {
        return "it is a batch of CloudEvents; send each event's data as a message of its own".to_owned();
    }
    if text.starts_with("eyJ") && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=-_.".contains(&b)) {
        return "it is JSON in Base64".to_owned();
    }
    match (text.as_bytes().first(), serde_json::from_str::<IgnoredAny>(text)) {
        (Some(b'['), _) => "it is a JSON list".to_owned(),
        (Some(b'"'), Ok(_)) => "it is a JSON string".to_owned(),
        (Some(b'<'), _) => "it is XML or HTML".to_owned(),
        (_, Ok(_)) => "it is a JSON value without fields".to_owned(),
        (_, Err(error)) => format!("it is not JSON: {error}"),
    }
}

/// The first kilobyte.
fn head(text: &str) -> &str {
    text.get(..text.floor_char_boundary(1024)).unwrap_or(text)
}

/// Envelopes that hide the fields: names at the top of an object, and what they show.
#[derive(Default)]
pub(super) struct Envelope {
    specversion: bool,
    schema: bool,
    payload: bool,
}

impl Envelope {
    /// Notes a name at the top of the object.
    pub(super) fn note(&mut self, name: &str) {
        match name {
            "specversion" => self.specversion = true,
            "schema" => self.schema = true,
            "payload" => self.payload = true,
            _ => {}
        }
    }

    /// The format, if the names show one.
    pub(super) fn format(&self) -> Option<&'static str> {
        if self.specversion {
            Some(
                "it is a CloudEvent in structured mode; send it with the header content-type: \
                 application/cloudevents+json, or its data as the value, and its attributes as the headers ce_id, \
                 ce_type, …",
            )
        } else if self.schema && self.payload {
            Some("it has the envelope of Kafka Connect's JsonConverter; set value.converter.schemas.enable=false")
        } else {
            None
        }
    }
}

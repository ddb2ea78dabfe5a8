//! CloudEvents in structured mode (CloudEvents 1.0, Kafka protocol binding, section 3.3; JSON event format): a message
//! whose value is the whole event becomes one in binary mode, before it is decided. Dead letters keep it as it was
//! received.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::header;
use super::message::{DEPTH, Headers, Message, depth};
use super::unreadable::Unreadable;

/// The media types of CloudEvents begin with this.
const CLOUD_EVENTS: &str = "application/cloudevents";
/// The format that is read.
const JSON_FORMAT: &str = "+json";
/// The attributes of the event in a message's headers begin with this.
const ATTRIBUTE: &str = "ce_";

/// The attributes that are read. Further ones are ignored; `null` is a missing one.
#[derive(Deserialize)]
struct Event<'v> {
    specversion: Option<String>,
    id: Option<String>,
    source: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    subject: Option<String>,
    time: Option<String>,
    datacontenttype: Option<String>,
    traceparent: Option<Extension>,
    sagaid: Option<Extension>,
    step: Option<Extension>,
    attempt: Option<Extension>,
    action: Option<Extension>,
    correlationid: Option<Extension>,
    #[serde(borrow)]
    data: Option<&'v RawValue>,
    data_base64: Option<String>,
}

/// An extension attribute: a string, an integer or a boolean. A value of another JSON type is a missing one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Extension {
    Text(String),
    Number(i64),
    Flag(bool),
    Other(IgnoredAny),
}

impl Extension {
    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_string()),
            Self::Flag(flag) => Some(flag.to_string()),
            Self::Other(_) => None,
        }
    }
}

/// Where an event's attributes are.
enum Mode {
    /// Attributes in headers, or a message that is no event.
    Binary,
    /// The event as a JSON object.
    Structured,
}

impl Message {
    /// The message in binary mode. One in structured mode has its event's attributes as headers, in place of those of
    /// that name, and its event's data as the value; its other headers stay.
    ///
    /// # Errors
    /// [`Unreadable`]: a batch, a format other than JSON, or a value that is no such event.
    pub fn in_binary_mode(&self) -> Result<Cow<'_, Self>, Unreadable> {
        match self.mode()? {
            Mode::Binary => Ok(Cow::Borrowed(self)),
            Mode::Structured => {
                let bytes = self.value.as_deref().ok_or(Unreadable::Empty)?;
                let problem = |why| Unreadable::Malformed(format!("it is no CloudEvent in structured mode: {why}"));
                let (headers, value) = parts(&self.headers, bytes).map_err(problem)?;
                let converted =
                    Self { headers, value: Some(value), key: self.key.clone(), topic: self.topic.clone(), ..*self };
                Ok(Cow::Owned(converted))
            }
        }
    }

    /// The id that its sender gave it: the header `ce_id`, or the attribute `id` in structured mode.
    pub fn given_id(&self) -> Option<Cow<'_, str>> {
        match self.in_binary_mode() {
            Ok(Cow::Owned(event)) => event.header(header::ID).map(|id| Cow::Owned(id.to_owned())),
            Ok(Cow::Borrowed(_)) | Err(_) => self.header(header::ID).map(Cow::Borrowed),
        }
    }

    fn mode(&self) -> Result<Mode, Unreadable> {
        let Some(declared) = self.header(header::CONTENT_TYPE) else { return Ok(Mode::Binary) };
        // Almost no message is one: its type is compared without a copy.
        if !has_prefix(declared.trim_start(), CLOUD_EVENTS) {
            return Ok(Mode::Binary);
        }
        let media_type = media_type(declared);
        let Some(format) = media_type.strip_prefix(CLOUD_EVENTS) else { return Ok(Mode::Binary) };
        if format == JSON_FORMAT {
            return Ok(Mode::Structured);
        }
        let why = if format.starts_with("-batch") {
            format!("{media_type}: a batch is not read; send each event as a message of its own")
        } else {
            format!("{media_type} is not read; send events as {CLOUD_EVENTS}{JSON_FORMAT}, or in binary mode")
        };
        Err(Unreadable::Header(header::CONTENT_TYPE, why))
    }
}

/// Returns true if the text begins with `prefix`, in upper or lower case.
fn has_prefix(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// Returns true if it is JSON: `application/json`, `text/json` or such as `application/vnd.shop+json`.
fn is_json(media_type: &str) -> bool {
    media_type.split_once('/').is_some_and(|(_, format)| format == "json" || format.ends_with("+json"))
}

/// A media type without its parameters, in lower case.
fn media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The headers and the value in binary mode.
fn parts(own: &Headers, bytes: &[u8]) -> Result<(Headers, Vec<u8>), String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // The data is within the event.
    if depth(bytes) > DEPTH + 1 {
        return Err(format!("its data is nested more than {DEPTH} levels deep"));
    }
    let event: Event<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let value = data(&event)?;
    let is_own = |name: &str| !name.starts_with(ATTRIBUTE) && name != header::CONTENT_TYPE;
    let mut headers = Headers(own.0.iter().filter(|(name, _)| is_own(name)).cloned().collect());
    let required = |name: &str, text: Option<String>| {
        text.filter(|text| !text.is_empty()).ok_or_else(|| format!("its attribute {name} is missing or empty"))
    };
    let version = required("specversion", event.specversion)?;
    if version != "1.0" {
        return Err(format!("its specversion is {version}, not 1.0"));
    }
    headers.set(header::SPEC_VERSION, version);
    headers.set(header::ID, required("id", event.id)?);
    headers.set(header::SOURCE, required("source", event.source)?);
    headers.set(header::TYPE, required("type", event.kind)?);
    let extension = |value: Option<Extension>| value.and_then(Extension::into_text);
    let optional = [
        (header::SUBJECT, event.subject),
        (header::TIME, event.time),
        (header::TRACEPARENT, extension(event.traceparent)),
        (header::SAGA_ID, extension(event.sagaid)),
        (header::STEP, extension(event.step)),
        (header::ATTEMPT, extension(event.attempt)),
        (header::ACTION, extension(event.action)),
        (header::CORRELATION_ID, extension(event.correlationid)),
    ];
    for (name, text) in optional {
        if let Some(text) = text {
            headers.set(name, text);
        }
    }
    headers.set(header::CONTENT_TYPE, "application/json");
    Ok((headers, value))
}

/// The data, as it is written.
fn data(event: &Event<'_>) -> Result<Vec<u8>, String> {
    if let Some(declared) = &event.datacontenttype {
        let media_type = media_type(declared);
        if !is_json(&media_type) {
            return Err(format!("its data is {media_type}, not application/json"));
        }
    }
    match (event.data, &event.data_base64) {
        (Some(json), None) => Ok(json.get().as_bytes().to_vec()),
        (None, Some(text)) => STANDARD.decode(text).map_err(|error| format!("its data_base64 is no Base64: {error}")),
        (None, None) => Err("it has no data".to_owned()),
        (Some(_), Some(_)) => Err("it has data and data_base64".to_owned()),
    }
}

#[cfg(test)]
mod tests;

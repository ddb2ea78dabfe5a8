//! Bytes that are nearly always text or JSON, kept so that the journal stays readable with any Kafka tool and nothing is
//! lost when they are neither.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

/// Bytes that are usually text: a JSON string where they are printable UTF-8, else `{"base64": "…"}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob(pub Vec<u8>);

impl Blob {
    /// The text, when it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<&str> for Blob {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Blob {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[derive(Serialize, Deserialize)]
struct Base64 {
    base64: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Either {
    Text(String),
    Bytes(Base64),
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.text() {
            // A control character costs six bytes as an escape: base64 is shorter then, and bounded.
            Some(text) if !text.bytes().any(|b| b < b' ') => s.serialize_str(text),
            Some(_) | None => Base64 { base64: STANDARD.encode(&self.0) }.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Either::deserialize(d)? {
            Either::Text(text) => Ok(text.into()),
            Either::Bytes(b) => STANDARD.decode(b.base64).map(Self).map_err(de::Error::custom),
        }
    }
}

/// JSON text that is carried and never re-parsed on the way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json(Box<str>);

impl Json {
    /// Encodes `value`.
    ///
    /// # Errors
    /// As `serde_json::to_string`: a map with keys that are no strings, or a `Serialize` that fails.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(|s| Self(s.into()))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Decodes it.
    ///
    /// # Errors
    /// As `serde_json::from_str`.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(ser::Error::custom)?.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(d).map(|raw| Self(Box::<str>::from(raw)))
    }
}

/// What a message carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// JSON that we wrote.
    Json(Json),
    /// Whatever came, as it came.
    Bytes(Blob),
    /// No value at all (a Kafka tombstone).
    Null,
}

impl Payload {
    /// The bytes as they go into the Kafka record; none for a tombstone.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Json(json) => Some(json.text().as_bytes()),
            Self::Bytes(blob) => Some(&blob.0),
            Self::Null => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_survive_the_journal(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let payload = Payload::Bytes(Blob(bytes));
            let text = serde_json::to_string(&payload).unwrap();
            prop_assert_eq!(serde_json::from_str::<Payload>(&text).unwrap(), payload);
        }

        #[test]
        fn any_text_survives_the_journal(text in "\\PC*") {
            let blob = Blob::from(text.as_str());
            prop_assert_eq!(serde_json::from_str::<Blob>(&serde_json::to_string(&blob).unwrap()).unwrap(), blob);
        }
    }

    #[test]
    fn json_is_carried_as_it_was_written() {
        let json: Json = serde_json::from_str(r#"{ "b":1.10, "a":[ ] }"#).unwrap();
        assert_eq!(serde_json::to_string(&json).unwrap(), r#"{ "b":1.10, "a":[ ] }"#);
    }
}

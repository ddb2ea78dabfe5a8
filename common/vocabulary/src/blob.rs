//! Bytes that are nearly always text or JSON, in a form that any Kafka tool can read and that loses nothing if they are
//! neither.

use std::fmt;
use std::hash::{Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::{RawValue, to_raw_value};

/// Bytes that are usually text: a JSON string where they are printable UTF-8, else `{"base64": "…"}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob(pub Vec<u8>);

impl Blob {
    /// The text, if it is UTF-8.
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
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Blob;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or {\"base64\": \"…\"}")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Blob, E> {
                Ok(text.into())
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Blob, A::Error> {
                let Base64 { base64 } = Base64::deserialize(MapAccessDeserializer::new(map))?;
                STANDARD.decode(base64).map(Blob).map_err(de::Error::custom)
            }
        }
        d.deserialize_any(Either)
    }
}

/// JSON text that is passed on without parsing. Values are equal if their texts are.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Encodes `value`.
    ///
    /// # Errors
    /// As `serde_json::to_string`: a map with keys that are no strings, or a `Serialize` that fails.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        to_raw_value(value).map(Self)
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Decodes it.
    ///
    /// # Errors
    /// As `serde_json::from_str`.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.text())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Json {}

impl Hash for Json {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().hash(state);
    }
}

/// The value of a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// JSON that the service encoded.
    Json(Json),
    /// The original bytes of a received message.
    Bytes(Blob),
    /// No value (a Kafka tombstone).
    Null,
}

impl Payload {
    /// The bytes of the Kafka record; `None` for a tombstone.
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
    use proptest::prelude::*;

    use super::*;

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

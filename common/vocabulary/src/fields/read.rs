//! Reads JSON text into fields.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::format::{self, Envelope};
use super::kind;
use super::schema::{Field, Others, PathMatch, Schema};
use crate::messages::{DEPTH, Message, Unreadable, depth};

/// The fields of a message, as its schema names them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    named: BTreeMap<String, Value>,
    /// The whole value, for [`Others::Kept`].
    whole: Option<Value>,
}

impl Fields {
    /// The field at a path; `None` if the message does not have it.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.named.get(path)
    }

    /// A text, a word or a time.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path).and_then(Value::as_str)
    }

    /// A UUID.
    pub fn uuid(&self, path: &str) -> Option<Uuid> {
        self.text(path).and_then(|text| Uuid::parse_str(text).ok())
    }

    /// A JSON object of the fields: the named ones alone, unless the schema keeps the others.
    pub fn into_object(self) -> Map<String, Value> {
        let mut object = match self.whole {
            Some(Value::Object(object)) => object,
            Some(_) | None => Map::new(),
        };
        for (path, value) in self.named {
            put(&mut object, &path, value);
        }
        object
    }
}

/// Adds the members of an object to another; objects under the same name are merged.
pub fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(known)), Value::Object(more)) => merge(known, more),
            (_, value) => _ = into.insert(name, value),
        }
    }
}

/// Puts a value at a path of an object; objects on the path are created.
fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((name, rest)) = path.split_once('.') else {
        object.insert(path.to_owned(), value);
        return;
    };
    match object.entry(name).or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(inner) => put(inner, rest, value),
        Value::Array(list) => {
            let (index, rest) = rest.split_once('.').unwrap_or((rest, ""));
            match index.parse::<usize>().ok().and_then(|index| list.get_mut(index)) {
                Some(slot) if rest.is_empty() => *slot = value,
                Some(Value::Object(inner)) => put(inner, rest, value),
                Some(_) | None => {}
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl Schema {
    /// Reads a message.
    ///
    /// # Errors
    /// [`Unreadable`]: no value, or the first rule that it breaks, and what is expected.
    pub fn read(&self, message: &Message) -> Result<Fields, Unreadable> {
        self.parse(message.value.as_deref().ok_or(Unreadable::Empty)?).map_err(Unreadable::Malformed)
    }

    /// Reads the bytes of a message's value.
    ///
    /// # Errors
    /// The first rule that they break, and what is expected.
    pub fn parse(&self, bytes: &[u8]) -> Result<Fields, String> {
        self.parse_object(bytes).map_err(|problem| format!("{problem}; expected: {self}"))
    }

    fn parse_object(&self, bytes: &[u8]) -> Result<Fields, String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if let Some(format) = format::binary(bytes) {
            return Err(format);
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| format!("it is not text in UTF-8: byte {} is invalid", error.valid_up_to()))?;
        if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
            return Err(format::text(text));
        }
        if depth(bytes) > DEPTH {
            return Err(format!("it is nested more than {DEPTH} levels deep"));
        }
        let mut found = Found::default();
        let mut json = serde_json::Deserializer::from_str(text);
        let top = Node { schema: self, path: "", found: &mut found };
        top.deserialize(&mut json).and_then(|()| json.end()).map_err(problem)?;
        if let Some(missing) = self.fields.iter().find(|field| field.required && found.lacks(field)) {
            let envelope = found.envelope.format().map(str::to_owned);
            return Err(envelope.unwrap_or_else(|| format!("{} is missing", missing.path)));
        }
        Ok(Fields { named: found.named, whole: self.whole(text)? })
    }

    /// The whole value, if the schema keeps fields that it does not name.
    fn whole(&self, text: &str) -> Result<Option<Value>, String> {
        match self.others {
            Others::Ignored => Ok(None),
            Others::Kept { max_bytes } if text.len() > max_bytes => Err(format!(
                "it has {} bytes; at most {max_bytes} are kept of a message without named fields",
                text.len()
            )),
            Others::Kept { .. } => serde_json::from_str(text).map(Some).map_err(problem),
        }
    }
}

/// The reason for an error: a violation of the schema as it is, a syntax error as such.
fn problem(error: serde_json::Error) -> String {
    match error.classify() {
        Category::Data => error.to_string(),
        Category::Syntax | Category::Eof | Category::Io => format!("it is not JSON: {error}"),
    }
}

/// The fields found so far.
#[derive(Default)]
struct Found {
    named: BTreeMap<String, Value>,
    envelope: Envelope,
}

impl Found {
    fn lacks(&self, field: &Field) -> bool {
        !self.named.contains_key(&*field.path)
    }

    fn take(&mut self, field: &Field, json: &RawValue) -> Result<(), String> {
        let value = kind::read(&field.kind, json.get()).map_err(|wrong| format!("{} {wrong}", field.path))?;
        if let Some(value) = value {
            self.named.insert(field.path.to_string(), value);
        }
        Ok(())
    }
}

/// An object or a list that can contain fields.
struct Node<'r> {
    schema: &'r Schema,
    path: &'r str,
    found: &'r mut Found,
}

impl Node<'_> {
    /// The path of a member. A name with a dot is no path: the schema can't name it.
    fn member(&self, name: &str) -> Option<String> {
        match (self.path, name.contains('.')) {
            (_, true) => None,
            ("", false) => Some(name.to_owned()),
            (path, false) => Some(format!("{path}.{name}")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object as {}", self.path)
    }

    /// `null`: the fields within are missing.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = Vec::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if self.path.is_empty() {
                self.found.envelope.note(&name);
            }
            let path = self.member(&name).unwrap_or_default();
            let place = self.schema.place(&path);
            if !matches!(place, PathMatch::Other) {
                if seen.contains(&path) {
                    return Err(A::Error::custom(format!("{path} occurs twice")));
                }
                seen.push(path.clone());
            }
            match place {
                PathMatch::Field(field) => self.found.take(field, map.next_value()?).map_err(A::Error::custom)?,
                PathMatch::Parent => {
                    map.next_value_seed(Node { schema: self.schema, path: &path, found: &mut *self.found })?;
                }
                PathMatch::Other => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        for index in 0_usize.. {
            let path = self.member(&index.to_string()).unwrap_or_default();
            let more = match self.schema.place(&path) {
                PathMatch::Field(field) => match list.next_element()? {
                    Some(value) => self.found.take(field, value).map(Some).map_err(A::Error::custom)?,
                    None => None,
                },
                PathMatch::Parent => {
                    list.next_element_seed(Node { schema: self.schema, path: &path, found: &mut *self.found })?
                }
                PathMatch::Other => list.next_element::<IgnoredAny>()?.map(|_| ()),
            };
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }
}

//! Reads the value of a message into named, typed and bounded fields. It is one reader for all services that read a
//! topic, so they accept and refuse the same messages. Pure.
//!
//! The rules:
//! - The value is a JSON object in UTF-8; a byte order mark is skipped. Other formats are refused by their name: the
//!   Confluent wire format, UTF-16, gzip, CloudEvents in batch or structured mode, …
//! - A named field has its type and stays within its bound, or the message is refused. `null` is a missing field.
//! - A name of the schema that occurs twice in an object is refused.
//! - Fields that the schema does not name are ignored, whatever they contain, and never kept ([`Others::Ignored`]).
//! - The value is nested at most 64 levels deep.

mod document;
mod format;
mod kind;
mod read;
mod schema;
#[cfg(test)]
mod tests;

pub use self::read::{Fields, merge};
pub use self::schema::{Field, Kind, Others, Over, Schema, TEXT_MAX};

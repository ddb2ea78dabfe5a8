//! Common parts of the events for external systems.

use std::borrow::Cow;

use crate::bounds::KIB;
use crate::ids;

/// More than the bytes of the headers and the key of an event.
pub const EVENT_ENVELOPE: usize = KIB;
/// An event, with its headers and its key, is at most this long. Each service computes its largest one.
pub const LARGEST_EVENT: usize = 8 * KIB;

/// The most characters of a code, and of an id that a caller has chosen.
const LONGEST_CODE: usize = 64;

/// A reason, if it is a code such as `out_of_stock`: a lower-case letter, followed by such letters, digits, `_`, `-`
/// or `.`. A reason in words may contain personal data, and is left out of events.
pub fn reason_code(reason: Option<&str>) -> Option<String> {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
    let is_code = |text: &&str| {
        let begins = text.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        begins && text.len() <= LONGEST_CODE && text.bytes().all(is_part)
    };
    reason.filter(is_code).map(str::to_owned)
}

/// An id that a caller has chosen, if it has at most 64 letters, digits, `_` or `-`, as a UUID has. Any other may
/// contain personal data, and is replaced by a UUID that is derived from it.
pub fn published_id(id: &str) -> Cow<'_, str> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !id.is_empty() && id.len() <= LONGEST_CODE && id.bytes().all(is_part) {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(ids::derive(&["published", id]).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_are_reasons_of_events() {
        for code in ["out_of_stock", "e-42", "payment.timed_out"] {
            assert_eq!(reason_code(Some(code)).as_deref(), Some(code));
        }
        let long = "x".repeat(LONGEST_CODE + 1);
        for other in ["", "Ana", "ana called", "ana@example.com", "não", "4242424242424242", &long] {
            assert_eq!(reason_code(Some(other)), None, "{other}");
        }
        assert_eq!(reason_code(None), None);
    }

    #[test]
    fn ids_of_other_characters_are_replaced_by_derived_ones() {
        for id in ["r-1", "re_3PQ", "0192f0c1-2b6e-7c43-9a3f-0c5d2e6b7a81"] {
            assert_eq!(published_id(id), id);
        }
        let long = "x".repeat(LONGEST_CODE + 1);
        for id in ["", "maria.silva", "Ana Lima", "ana@example.com", "não", &long] {
            let published = published_id(id);
            assert!(published != id && published == published_id(id), "{id}");
            assert!(uuid::Uuid::parse_str(&published).is_ok(), "{published}");
        }
    }
}

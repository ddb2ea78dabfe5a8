//! Dead letters: copies of messages that can't be processed, bounded so that they can always be written.

use super::{Headers, Message, Outgoing, Unreadable, header};
use crate::blob::{Blob, Payload};
use crate::{bounds, topics};

/// Bytes of the value, the key, and all headers of a message that its dead letter keeps. A journal record holds them
/// even if Base64 or escapes double them.
const VALUE_BYTES: usize = 1024 * 1024;
const KEY_BYTES: usize = 16 * 1024;
const HEADER_BYTES: usize = 64 * 1024;
/// Bytes of the reason in JSON.
const REASON_BYTES: usize = 4 * 1024;

impl Outgoing {
    /// The dead letter of a message: its key, value and headers, and KIP-1034's headers with its origin and the reason.
    /// It keeps its partition. What is over the bounds is cut, and the header [`header::CUT`] names what was; it is
    /// also set if bytes could not be read. The origin of [`Unreadable::Damaged`] is its first offset.
    pub fn dead_letter(message: &Message, reason: &Unreadable) -> Self {
        let mut cut = Vec::new();
        let mut offset = message.offset;
        if let Unreadable::Damaged(damage) = reason {
            offset = damage.first;
            cut.push("its bytes could not all be read".to_owned());
        }
        let value = message.value.as_deref().map(|bytes| bounded("value", bytes, VALUE_BYTES, &mut cut));
        let key = message.key.as_ref().map(|key| bounded("key", &key.0, KEY_BYTES, &mut cut));
        let mut headers = bounded_headers(&message.headers, &mut cut);
        let reason = reason.to_string();
        headers.push("__streams.errors.exception", "Unreadable");
        headers.push("__streams.errors.message", &*bounds::cut(&reason, REASON_BYTES));
        headers.push("__streams.errors.topic", &*message.topic);
        headers.push("__streams.errors.partition", message.partition.to_string());
        headers.push("__streams.errors.offset", offset.to_string());
        if !cut.is_empty() {
            headers.push(header::CUT, cut.join("; "));
        }
        Self {
            topic: topics::dead_letters(&message.topic).into(),
            partition: Some(message.partition),
            key,
            headers,
            value: value.map_or(Payload::Null, Payload::Bytes),
            parent_span: None,
        }
    }
}

/// The first `limit` bytes. Notes in `cut` if there are more.
fn bounded(what: &str, bytes: &[u8], limit: usize, cut: &mut Vec<String>) -> Blob {
    if bytes.len() > limit {
        cut.push(format!("{what}: the first {limit} of {} bytes", bytes.len()));
    }
    Blob(bytes.iter().take(limit).copied().collect())
}

/// The headers that fit, in order.
fn bounded_headers(all: &Headers, cut: &mut Vec<String>) -> Headers {
    let mut left = HEADER_BYTES;
    let fits = |(name, value): &&(_, Blob)| {
        let name: &std::borrow::Cow<'static, str> = name;
        let bytes = name.len() + value.0.len();
        let fits = bytes <= left;
        left -= if fits { bytes } else { 0 };
        fits
    };
    let kept = Headers(all.0.iter().filter(fits).cloned().collect());
    if kept.0.len() < all.0.len() {
        cut.push(format!("headers: {} of {}", kept.0.len(), all.0.len()));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::Damage;
    use crate::time::Timestamp;

    fn message(key: usize, header: usize, value: usize) -> Message {
        let mut headers = Headers::default();
        headers.push(header::ID, "7");
        headers.push("x", "\"".repeat(header));
        Message {
            topic: "t".into(),
            partition: 1,
            offset: 5,
            timestamp: Timestamp(0),
            key: Some("k".repeat(key).into()),
            headers,
            value: Some(vec![0x01; value]),
        }
    }

    #[test]
    fn a_dead_letter_keeps_all_and_names_its_origin() {
        let letter = Outgoing::dead_letter(&message(1, 1, 9), &Unreadable::Empty);
        assert_eq!(letter.topic, "t.dlq");
        assert_eq!(letter.value.bytes(), Some([0x01; 9].as_slice()));
        assert_eq!(letter.headers.get("__streams.errors.offset"), Some("5"));
        assert_eq!(letter.headers.get(header::CUT), None);
        let text = serde_json::to_string(&letter).unwrap();
        assert_eq!(serde_json::from_str::<Outgoing>(&text).unwrap(), letter);
    }

    #[test]
    fn the_dead_letter_of_damaged_bytes_names_all_their_offsets_and_is_not_whole() {
        let damage = Damage { first: 3, last: 5, problem: "bad compression".to_owned() };
        let letter = Outgoing::dead_letter(&message(1, 1, 9), &Unreadable::Damaged(damage));
        assert_eq!(letter.headers.get("__streams.errors.offset"), Some("3"));
        let reason = letter.headers.get("__streams.errors.message");
        assert_eq!(reason, Some("offsets 3 to 5 can't be read: bad compression"));
        assert!(letter.headers.get(header::CUT).is_some());
    }

    #[test]
    fn the_dead_letter_of_any_message_fits_a_journal_record() {
        let huge = message(3 << 20, 3 << 20, 30 << 20);
        let letter = Outgoing::dead_letter(&huge, &Unreadable::Malformed("x".repeat(1 << 20)));
        let written = serde_json::to_vec(&letter).unwrap().len();
        assert!(written < topics::JOURNAL_MAX_BYTES / 2, "{written}");
        let cut = letter.headers.get(header::CUT).unwrap();
        assert_eq!(
            cut,
            "value: the first 1048576 of 31457280 bytes; key: the first 16384 of 3145728 bytes; headers: 1 of 2"
        );
        assert_eq!(letter.headers.get(header::ID), Some("7"), "headers that fit are kept");
        let reason = letter.headers.get("__streams.errors.message").unwrap();
        assert!(reason.len() <= REASON_BYTES && reason.ends_with('…'), "{}", reason.len());
    }
}

//! Copies messages out of librdkafka, of which a part may be unreadable or too large.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, Headers as _, Message as _};
use vocabulary::blob::Blob;
use vocabulary::messages::{Damage, Headers, Message, header};
use vocabulary::time::Timestamp;
use vocabulary::topics;

/// Bytes of a value that are kept of a message that is too large.
const KEPT_BYTES: usize = topics::INPUT_MAX_BYTES;
/// Headers of a message. Each takes memory besides its bytes.
const HEADERS: usize = 1_000;

/// A message, or what could be read of one.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) message: Message,
    pub(super) damage: Option<Damage>,
}

impl Received {
    /// Copies a message. One that is larger than its topic takes (only compression gets it there), or whose headers
    /// can't all be read, is damaged.
    pub(super) fn copy(message: &BorrowedMessage<'_>, topic: Arc<str>) -> Self {
        let limit = topics::max_bytes(&topic);
        let value = message.payload();
        let mut headers = Headers::default();
        let copied = message.headers().map_or(Ok(0), |all| copy_headers(all, limit, &mut headers));
        let bytes = bytes_of(value) + bytes_of(message.key()) + copied.as_ref().copied().unwrap_or(0);
        let mut problem = copied.err();
        if bytes > limit {
            problem = Some(format!("it has {bytes} bytes uncompressed, more than the {limit} that {topic} takes"));
        }
        let kept = if problem.is_some() { KEPT_BYTES } else { usize::MAX };
        let kept = |bytes: &[u8]| bytes.get(..kept).unwrap_or(bytes).to_vec();
        let offset = message.offset();
        Self {
            message: Message {
                topic,
                partition: message.partition(),
                offset,
                timestamp: Timestamp(message.timestamp().to_millis().unwrap_or_default()),
                key: message.key().map(|key| Blob(kept(key))),
                headers,
                value: value.map(kept),
            },
            damage: problem.map(|problem| Damage { first: offset, last: offset, problem }),
        }
    }

    /// Offsets of which nothing can be read.
    pub(super) fn nothing(topic: Arc<str>, partition: i32, damage: Damage) -> Self {
        let message = Message {
            topic,
            partition,
            offset: damage.last,
            timestamp: Timestamp(0),
            key: None,
            headers: Headers::default(),
            value: None,
        };
        Self { message, damage: Some(damage) }
    }
}

fn bytes_of(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(0, <[u8]>::len)
}

/// Copies the headers and returns their bytes. The headers before the first that can't be read, or is too much, are
/// copied even then.
///
/// # Errors
/// Why not all can be read.
fn copy_headers(all: &BorrowedHeaders, limit: usize, to: &mut Headers) -> Result<usize, String> {
    let count = all.count();
    let mut bytes = 0;
    to.0.reserve(count.min(HEADERS));
    let copy = AssertUnwindSafe(|| {
        for Header { key, value } in all.iter().take(HEADERS) {
            let value = value.unwrap_or_default();
            bytes += key.len() + value.len();
            if bytes > limit {
                break;
            }
            to.push(header::name(key), Blob(value.to_vec()));
        }
    });
    // rdkafka panics on a name that is not UTF-8.
    if catch_unwind(copy).is_err() {
        return Err(format!("the name of header {} of {count} is not UTF-8", to.0.len() + 1));
    }
    if count > HEADERS {
        return Err(format!("it has {count} headers, more than {HEADERS}"));
    }
    Ok(bytes)
}

//! Marks the messages that a service wrote itself: an HMAC (RFC 2104, SHA-256) over the message's id and value, made
//! with a secret that its readers share. Anyone may publish on a topic; only holders of the secret can make the mark.

use std::fmt;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::header;
use super::message::Message;
use super::outgoing::Outgoing;

/// The fewest bytes of a secret, so that it can't be guessed.
const SHORTEST_SECRET: usize = 16;
/// Separates these MACs from any others that are made with the same secret.
const PURPOSE: &[u8] = b"saga message mac 1";

/// Makes and verifies [`header::MAC`]: the id of the secret, `:`, and the MAC in hexadecimal.
#[derive(Clone)]
pub struct MessageMac {
    keyed: Hmac<Sha256>,
    secret_id: String,
}

/// The origin of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made with the same secret, and unchanged since.
    Verified,
    /// There is no MAC.
    Unmarked,
    /// The MAC is of another secret, another message, or malformed.
    Unverified,
}

/// A secret that can be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at least {SHORTEST_SECRET} characters")]
pub struct ShortSecret;

impl fmt::Debug for MessageMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageMac({})", self.secret_id)
    }
}

impl MessageMac {
    /// `None` for an empty secret.
    ///
    /// # Errors
    /// The secret is too short.
    pub fn new(secret: &str) -> Result<Option<Self>, ShortSecret> {
        if secret.is_empty() {
            return Ok(None);
        }
        if secret.len() < SHORTEST_SECRET {
            return Err(ShortSecret);
        }
        // HMAC takes a key of any length.
        let mut keyed = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| ShortSecret)?;
        keyed.update(PURPOSE);
        let id = keyed.clone().finalize().into_bytes();
        let secret_id = HEXLOWER.encode(&id[..4]);
        Ok(Some(Self { keyed, secret_id }))
    }

    /// A short name of the secret that does not reveal it, so that operators can compare two services.
    pub fn secret_id(&self) -> &str {
        &self.secret_id
    }

    /// Marks a message. It must have its id.
    #[must_use]
    pub fn mark(&self, mut message: Outgoing) -> Outgoing {
        let id = message.headers.get(header::ID).unwrap_or_default();
        let made = self.over(id, message.value.bytes().unwrap_or_default()).finalize().into_bytes();
        message.headers.set(header::MAC, format!("{}:{}", self.secret_id, HEXLOWER.encode(&made)));
        message
    }

    /// Marks a message if there is a secret.
    #[must_use]
    pub fn mark_with(mac: Option<&Self>, message: Outgoing) -> Outgoing {
        match mac {
            Some(mac) => mac.mark(message),
            None => message,
        }
    }

    /// Verifies a message, in constant time.
    pub fn verify(&self, message: &Message) -> Origin {
        let Some(mark) = message.header(header::MAC) else { return Origin::Unmarked };
        let given = mark.split_once(':').and_then(|(_, text)| HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok());
        let id = message.header(header::ID).unwrap_or_default();
        let right = self.over(id, message.value.as_deref().unwrap_or_default());
        match given {
            Some(given) if right.verify_slice(&given).is_ok() => Origin::Verified,
            Some(_) | None => Origin::Unverified,
        }
    }

    fn over(&self, id: &str, value: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        // The length keeps the border between id and value.
        mac.update(&u64::try_from(id.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(id.as_bytes());
        mac.update(value);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Payload;
    use crate::time::Timestamp;

    fn mac_of(secret: &str) -> MessageMac {
        MessageMac::new(secret).unwrap().unwrap()
    }

    fn received(sent: &Outgoing) -> Message {
        Message {
            topic: "t".into(),
            partition: 0,
            offset: 1,
            timestamp: Timestamp(0),
            key: sent.key.clone(),
            headers: sent.headers.clone(),
            value: sent.value.bytes().map(<[u8]>::to_vec),
        }
    }

    fn event() -> Outgoing {
        Outgoing::event("t", "k", "kind", "the-id", "s", Timestamp(0), "approved")
    }

    #[test]
    fn only_the_holder_of_the_secret_makes_the_mark_and_any_change_breaks_it() {
        let mac = mac_of("a secret of the tests");
        let other = mac_of("another secret of the tests");
        let good = received(&mac.mark(event()));
        assert_eq!(mac.verify(&good), Origin::Verified);
        assert_eq!(other.verify(&good), Origin::Unverified);
        assert_eq!(mac.verify(&received(&event())), Origin::Unmarked);
        let mut changed = good.clone();
        changed.value = Some(b"\"declined\"".to_vec());
        let mut renamed = good.clone();
        renamed.headers.set(header::ID, "the-i");
        renamed.value = Some(b"d\"approved\"".to_vec());
        let mut malformed = good.clone();
        malformed.headers.set(header::MAC, "xyz");
        let mut cut = good.clone();
        let text = good.header(header::MAC).unwrap().to_owned();
        cut.headers.set(header::MAC, text.split_at(text.len() - 2).0);
        for bad in [changed, renamed, malformed, cut] {
            assert_eq!(mac.verify(&bad), Origin::Unverified, "{bad:?}");
        }
        assert_eq!(MessageMac::mark_with(Some(&mac), event()), mac.mark(event()));
        assert_eq!(MessageMac::mark_with(None, event()), event());
        assert!(!format!("{mac:?}").contains("a secret"));
    }

    #[test]
    fn a_secret_is_empty_or_of_16_characters() {
        assert!(MessageMac::new("").unwrap().is_none());
        assert!(MessageMac::new("0123456789abcdef").unwrap().is_some());
        let why = MessageMac::new("0123456789abcde").unwrap_err();
        assert_eq!(why.to_string(), "must have at least 16 characters");
    }

    #[test]
    fn a_message_that_is_put_back_keeps_its_mark() {
        let mac = mac_of("a secret of the tests");
        let good = received(&mac.mark(event()));
        let back = Outgoing::put_back(&good, "another key", 1);
        assert_eq!(back.value, Payload::Bytes(crate::blob::Blob(good.value.clone().unwrap())));
        assert_eq!(mac.verify(&received(&back)), Origin::Verified);
    }
}

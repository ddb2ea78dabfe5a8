//! Signatures of webhooks: an HMAC-SHA256 (RFC 2104) over the time of signing and the body, as Stripe and Standard
//! Webhooks make it. No I/O: the time is an argument.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::time::Timestamp;

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Signed too long ago, or in the future: the request may be a replay.
    Stale,
    /// Signed with another key, or for other content.
    Wrong,
}

/// The content of a signature.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'s> {
    /// What precedes the body in the signed content, the time of signing among it.
    pub prefix: &'s str,
    /// The body.
    pub body: &'s [u8],
    /// The time of signing, in seconds since 1970.
    pub seconds: i64,
}

impl Signed<'_> {
    /// Checks that one of the given signatures is right, in constant time, and was made within `tolerance` of `now`.
    /// While a key is being replaced there is a signature with each.
    ///
    /// # Errors
    /// [`Rejection`]
    pub fn verify(
        self,
        key: &[u8],
        mut given: impl Iterator<Item = Vec<u8>>,
        tolerance: Duration,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        // HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| Rejection::Wrong)?;
        mac.update(self.prefix.as_bytes());
        mac.update(self.body);
        if !given.any(|signature| mac.clone().verify_slice(&signature).is_ok()) {
            return Err(Rejection::Wrong);
        }
        let signed = Timestamp(self.seconds.saturating_mul(1000));
        if now.since(signed).max(signed.since(now)) > tolerance {
            return Err(Rejection::Stale);
        }
        Ok(())
    }
}

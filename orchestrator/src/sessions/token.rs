//! The tokens of sessions: signed, so that any instance with the same key accepts them, also after a restart (JSON Web
//! Token, RFC 7519, with HMAC-SHA-256).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::user::Role;

/// The most tokens of ended sessions that are remembered; beyond it the one that expires first is forgotten.
const MAX_ENDED: usize = 10_000;

/// A session, as its token has it. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// Its id.
    pub(super) jti: String,
    /// The name of the user.
    pub(super) sub: String,
    /// A fingerprint of the user's password hash, or of the provider's settings: another one ends the sessions.
    pub(super) password: String,
    /// The permissions of a user of the identity provider; `None` for a local user, who has them by the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<Role>,
    /// The roles of tasks that such a user has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) task_roles: Vec<String>,
    /// The CSRF token of its forms.
    pub(super) csrf: String,
    /// When it was opened.
    pub(super) opened: i64,
    /// When it was last used.
    pub(super) used: i64,
}

/// The key of the tokens, and the sessions that ended before their time.
pub(super) struct Tokens {
    sign: EncodingKey,
    verify: DecodingKey,
    validation: Validation,
    /// The ids of ended sessions, with the time from which their tokens are invalid anyway.
    ended: Mutex<BTreeMap<String, i64>>,
}

impl Tokens {
    /// Tokens signed with a key.
    pub(super) fn new(key: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The times are checked by `Sessions`, to the millisecond.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        Self {
            sign: EncodingKey::from_secret(key.as_bytes()),
            verify: DecodingKey::from_secret(key.as_bytes()),
            validation,
            ended: Mutex::default(),
        }
    }

    /// The token of a session or of another value; `None` if it could not be signed.
    pub(super) fn sign<T: Serialize>(&self, claims: &T) -> Option<String> {
        encode(&Header::new(Algorithm::HS256), claims, &self.sign).ok()
    }

    /// The value of a token that was signed with this key.
    pub(super) fn verified<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        decode(token, &self.verify, &self.validation).ok().map(|token| token.claims)
    }

    /// The session of a token that was signed with this key and has not been ended.
    pub(super) fn read(&self, token: &str) -> Option<Claims> {
        let claims: Claims = self.verified(token)?;
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        (!ended.contains_key(&claims.jti)).then_some(claims)
    }

    /// Ends a session, whose tokens are invalid after `lifetime` anyway.
    pub(super) fn end(&self, claims: &Claims, lifetime: Duration, now: i64) {
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| *until > now);
        if ended.len() >= MAX_ENDED
            && let Some(first) = ended.iter().min_by_key(|(_, until)| **until).map(|(id, _)| id.clone())
        {
            ended.remove(&first);
        }
        ended.insert(claims.jti.clone(), claims.opened.saturating_add(lifetime));
    }
}

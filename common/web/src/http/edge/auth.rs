//! Authentication by API keys, compared with hashes, or by tokens (`tokens`), and the responses to rejected requests
//! (RFC 6750).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::caller::{Authenticated, Caller};
use super::tokens::Tokens;
use crate::http::problem::Problem;
use crate::settings::{ApiKey, AuthSettings, Role};

/// The header for a key that is not sent as a bearer token.
pub(super) const API_KEY: &str = "x-api-key";

/// Why a request is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// It has no credentials.
    Missing,
    /// It has several credentials.
    Twice,
    /// Its credentials are invalid.
    Wrong(String),
    /// Its caller lacks the right.
    Forbidden,
}

struct Key {
    caller: Caller,
    hash: [u8; 32],
}

/// The accepted credentials.
pub(super) struct Auth {
    keys: Vec<Key>,
    tokens: Option<Tokens>,
}

impl Auth {
    /// `None` if authentication is off.
    pub(super) fn new(settings: &AuthSettings) -> anyhow::Result<Option<Self>> {
        if !settings.is_on() {
            return Ok(None);
        }
        let keys = settings.keys.iter().map(Key::of).collect::<anyhow::Result<_>>()?;
        Ok(Some(Self { keys, tokens: Tokens::new(&settings.jwt)? }))
    }

    /// Authenticates the caller.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> Result<Authenticated, Denied> {
        let secret = credential(headers)?;
        if let Some(caller) = self.of_key(secret) {
            return Ok(Authenticated::for_ever(caller));
        }
        match &self.tokens {
            Some(tokens) if secret.split('.').count() == 3 => tokens.authenticate(secret).map_err(Denied::Wrong),
            Some(_) | None => Err(Denied::Wrong("the key is unknown".to_owned())),
        }
    }

    /// Keys are random, so that one round of SHA-256 can't be inverted by trial. All are compared, and each as a whole,
    /// so that the time depends on nothing secret.
    fn of_key(&self, secret: &str) -> Option<Caller> {
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let same = |key: &Key| bool::from(key.hash.ct_eq(&hash));
        self.keys.iter().fold(None, |found, key| if same(key) { Some(key.caller.clone()) } else { found })
    }
}

impl Key {
    fn of(key: &ApiKey) -> anyhow::Result<Self> {
        let bytes = HEXLOWER_PERMISSIVE.decode(key.hash.as_bytes()).ok();
        let hash = bytes.and_then(|bytes| bytes.try_into().ok());
        let hash = hash.ok_or_else(|| anyhow::anyhow!("auth.keys: the hash of {} is not SHA-256", key.name))?;
        let name = format!("key {}", key.name);
        let caller = match (key.role, key.customer_id) {
            (Role::Customer, Some(id)) => Caller::customer(&name, id),
            (Role::Operator, _) => Caller::operator(&name),
            (Role::Customer, None) => anyhow::bail!("auth.keys: {} is no customer's", key.name),
        };
        Ok(Self { caller, hash })
    }
}

/// `Authorization: Bearer …` or `X-API-Key: …`.
fn credential(headers: &HeaderMap) -> Result<&str, Denied> {
    let malformed = || Denied::Wrong("Authorization must be Bearer and a key or token".to_owned());
    let one = |name: &str| {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(Denied::Twice),
            (value, None) => Ok(value),
        }
    };
    match (one(header::AUTHORIZATION.as_str())?, one(API_KEY)?) {
        (Some(_), Some(_)) => Err(Denied::Twice),
        (None, None) => Err(Denied::Missing),
        (None, Some(key)) => key.to_str().map(str::trim).map_err(|_| malformed()),
        (Some(value), None) => {
            let (scheme, rest) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(malformed)?;
            if scheme.eq_ignore_ascii_case("bearer") { Ok(rest.trim()) } else { Err(malformed()) }
        }
    }
}

impl Denied {
    /// The response.
    pub(super) fn response(&self, realm: &str) -> Response {
        let (status, error, detail) = match self {
            Self::Missing => (
                StatusCode::UNAUTHORIZED,
                None,
                "This needs a key or a token: Authorization: Bearer KEY, or X-API-Key: KEY.".to_owned(),
            ),
            Self::Twice => (
                StatusCode::BAD_REQUEST,
                Some("invalid_request"),
                "Send one Authorization or one X-API-Key header, not several.".to_owned(),
            ),
            Self::Wrong(why) => {
                (StatusCode::UNAUTHORIZED, Some("invalid_token"), format!("This key or token is invalid: {why}."))
            }
            Self::Forbidden => (StatusCode::FORBIDDEN, Some("insufficient_scope"), "This is for operators.".to_owned()),
        };
        let mut challenge = format!("Bearer realm=\"{realm}\"");
        if let Some(error) = error {
            challenge = format!("{challenge}, error=\"{error}\"");
        }
        if let Self::Wrong(why) = self {
            challenge = format!("{challenge}, error_description=\"{}\"", why.replace(['"', '\\'], "'"));
        }
        let mut response = Problem::of(status, detail).into_response();
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ANA: Uuid = Uuid::from_u128(0xa);

    fn auth() -> Auth {
        let hash = |key: &str| Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let key =
            |name: &str, role, customer_id, key| ApiKey { name: name.to_owned(), role, customer_id, hash: hash(key) };
        let keys = vec![
            key("shop", Role::Customer, Some(ANA), "the shop's"),
            key("back office", Role::Operator, None, "the office's"),
        ];
        Auth::new(&AuthSettings { keys, ..AuthSettings::default() }).unwrap().unwrap()
    }

    fn with(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_key_in_either_header_identifies_its_caller() {
        for headers in
            [("authorization", "Bearer the shop's"), ("authorization", "bearer  the shop's"), (API_KEY, "the shop's")]
        {
            let shop = Authenticated::for_ever(Caller::customer("key shop", ANA));
            assert_eq!(auth().authenticate(&with(&[headers])), Ok(shop), "{headers:?}");
        }
        let office = Authenticated::for_ever(Caller::operator("key back office"));
        assert_eq!(auth().authenticate(&with(&[(API_KEY, "the office's")])), Ok(office));
    }

    #[test]
    fn a_rejection_has_its_reason() {
        let challenge = |pairs: &[(&'static str, &str)]| {
            let response = auth().authenticate(&with(pairs)).unwrap_err().response("orders");
            let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
            (response.status().as_u16(), challenge)
        };
        assert_eq!(challenge(&[]), (401, "Bearer realm=\"orders\"".to_owned()));
        let wrong = "Bearer realm=\"orders\", error=\"invalid_token\", error_description=";
        for headers in [[(API_KEY, "another")], [("authorization", "Basic YTpi")], [("authorization", "Bearer a.b.c")]]
        {
            let (status, challenged) = challenge(&headers);
            assert!(status == 401 && challenged.starts_with(wrong), "{headers:?}: {challenged}");
        }
        let (status, challenged) = challenge(&[(API_KEY, "the shop's"), ("authorization", "Bearer the office's")]);
        assert!(status == 400 && challenged.ends_with("error=\"invalid_request\""), "{challenged}");
        assert_eq!(challenge(&[(API_KEY, "the shop's"), (API_KEY, "the office's")]).0, 400);
    }

    #[test]
    fn without_keys_and_tokens_it_is_off() {
        assert!(Auth::new(&AuthSettings::default()).unwrap().is_none());
    }
}

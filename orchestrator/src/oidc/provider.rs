//! The requests to an identity provider: its description (OpenID Connect Discovery 1.0), its keys, and the exchange of
//! a code for an ID token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use common::bounds::first_chars;
use common::http::PublicKeys;
use common::responses::body_within;
use common::time::Timestamp;
use jsonwebtoken::{Algorithm, Validation};
use reqwest::{Client, RequestBuilder, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::claims::FederatedUser;
use super::end_session;
use super::settings::{Logout, OidcSettings};
use crate::sessions::{same, secret};

/// How long a request to the provider may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest response of the provider.
const MAX_RESPONSE: usize = 1 << 20;
/// How long the provider's description and keys are used.
const CACHED: Duration = Duration::from_secs(3_600);
/// The shortest time between two reads of the keys because of a token with an unknown one.
const RENEWAL: Duration = Duration::from_secs(10);
/// How long a logout waits for the description, if it is not yet known.
const LOGOUT: Duration = Duration::from_secs(3);
/// How long a login may take, in milliseconds.
const ATTEMPT: i64 = 10 * 60_000;
/// The tolerated difference between clocks, in seconds.
const LEEWAY: u64 = 60;
/// The most characters of a provider's error.
const ERROR: usize = 200;

/// Why a login with the provider failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The provider does not answer, or not as it must.
    #[error("the identity provider can't be used: {0}")]
    Unavailable(String),
    /// The provider refused the login.
    #[error("the identity provider refused the login: {0}")]
    Refused(String),
    /// The login was not started in this browser, or too long ago.
    #[error("the login has expired, or was not started in this browser")]
    Expired,
    /// The ID token is not valid.
    #[error("the ID token is not valid: {0}")]
    Invalid(String),
}

/// A login that was started: a signed cookie of the browser, until the provider leads back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginAttempt {
    state: String,
    nonce: String,
    verifier: String,
    redirect_uri: String,
    started: i64,
    /// The page to show after the login.
    pub next: String,
}

impl LoginAttempt {
    /// Returns true if the provider's response belongs to this attempt, which has not expired.
    pub fn owns(&self, state: &str) -> bool {
        let age = Timestamp::now().0.saturating_sub(self.started);
        same(&self.state, state) && (0..ATTEMPT).contains(&age)
    }
}

/// The provider's description of itself.
#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    end_session_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// What is known of the provider.
struct Known {
    metadata: Metadata,
    keys: PublicKeys,
    at: Instant,
}

/// A login that has ended well.
pub struct LoggedIn {
    /// The user.
    pub user: FederatedUser,
    /// The ID token that names the session when the provider is to end it; `None` if it is not to, or if the token is
    /// too long for a cookie.
    pub hint: Option<String>,
}

#[derive(Deserialize)]
struct TokenResponse {
    id_token: String,
}

/// An identity provider.
pub struct Provider {
    settings: OidcSettings,
    http: Client,
    known: Mutex<Option<Arc<Known>>>,
}

impl Provider {
    /// The provider of the settings. The first login contacts it.
    ///
    /// # Errors
    /// The HTTP client can't be made.
    pub fn new(settings: &OidcSettings) -> Result<Self, reqwest::Error> {
        let none = reqwest::redirect::Policy::none();
        let http = Client::builder().timeout(TIMEOUT).redirect(none).build()?;
        Ok(Self { settings: settings.clone(), http, known: Mutex::new(None) })
    }

    /// The dashboard's URL for browsers, if it is set.
    pub fn public_url(&self) -> Option<&str> {
        Some(self.settings.public_url.as_str()).filter(|url| !url.is_empty())
    }

    /// Returns true if a response is from this provider, as far as it names its issuer (RFC 9207).
    pub fn is_issuer(&self, named: Option<&str>) -> bool {
        named.is_none_or(|named| named == self.settings.issuer)
    }

    /// Starts a login that leads back to `redirect_uri` and then to `next`: the provider's URL for the browser, and the
    /// attempt.
    ///
    /// # Errors
    /// [`OidcError::Unavailable`].
    pub async fn begin(&self, redirect_uri: String, next: String) -> Result<(Url, LoginAttempt), OidcError> {
        let known = self.known(CACHED).await?;
        let started = Timestamp::now().0;
        let attempt =
            LoginAttempt { state: secret(), nonce: secret(), verifier: secret(), redirect_uri, started, next };
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(attempt.verifier.as_bytes()));
        let mut url = Url::parse(&known.metadata.authorization_endpoint)
            .map_err(|error| OidcError::Unavailable(format!("its authorization_endpoint: {error}")))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &attempt.redirect_uri)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok((url, attempt))
    }

    /// Ends a login: exchanges the code, and verifies the ID token.
    ///
    /// # Errors
    /// [`OidcError`].
    pub async fn finish(&self, attempt: &LoginAttempt, code: &str) -> Result<LoggedIn, OidcError> {
        let mut known = self.known(CACHED).await?;
        let token = self.exchange(&known.metadata, attempt, code).await?;
        if !known.keys.has_key_of(&token) {
            known = self.known(RENEWAL).await?;
        }
        let settings = &self.settings;
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.set_issuer(&[&settings.issuer]);
        rules.set_audience(&[&settings.client_id]);
        rules.leeway = LEEWAY;
        rules.validate_nbf = true;
        let claims: Map<String, Value> = known.keys.verify(&token, &rules).map_err(OidcError::Invalid)?;
        check(&claims, attempt, &settings.client_id).map_err(|why| OidcError::Invalid(why.to_owned()))?;
        let hint = end_session::hint(&token).filter(|_| settings.logout == Logout::Provider).map(str::to_owned);
        Ok(LoggedIn { user: FederatedUser::of(&claims, settings), hint })
    }

    /// The provider's URL that ends its own session and leads back to `back`. `None` if the settings leave that session
    /// open, or if the provider has no such URL or does not answer: the log has the reason.
    pub async fn end_session(&self, back: &str, hint: Option<&str>) -> Option<Url> {
        if self.settings.logout == Logout::Local {
            return None;
        }
        // A description of any age will do: a logout need not wait for a provider that answered once.
        let known = timeout(LOGOUT, self.known(Duration::MAX)).await.map_err(|_| "it does not answer".to_owned());
        let known = known.and_then(|read| read.map_err(|error| error.to_string()));
        let url = known.and_then(|known| {
            let endpoint = known.metadata.end_session_endpoint.as_deref().ok_or("its description has none")?;
            end_session::url(endpoint, &self.settings.client_id, back, hint)
        });
        url.inspect_err(|why| {
            tracing::warn!(target: "login", "the identity provider's end_session_endpoint can't be used: {why}");
        })
        .ok()
    }

    /// Exchanges a code for an ID token (RFC 6749, section 4.1.3).
    async fn exchange(&self, metadata: &Metadata, attempt: &LoginAttempt, code: &str) -> Result<String, OidcError> {
        let OidcSettings { client_id, client_secret, .. } = &self.settings;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &attempt.redirect_uri),
            ("code_verifier", &attempt.verifier),
        ];
        let mut request = self.http.post(&metadata.token_endpoint);
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let is_supported = |method: &str| methods.iter().any(|supported| supported == method);
        if client_secret.is_empty() {
            form.push(("client_id", client_id));
        } else if is_supported("client_secret_post") && !is_supported("client_secret_basic") {
            form.push(("client_id", client_id));
            form.push(("client_secret", client_secret.reveal()));
        } else {
            request = request.basic_auth(encoded(client_id), Some(encoded(client_secret.reveal())));
        }
        let response: TokenResponse = read(request.form(&form)).await?;
        Ok(response.id_token)
    }

    /// The provider's description and keys, if they were read within `age`, or read now.
    async fn known(&self, age: Duration) -> Result<Arc<Known>, OidcError> {
        let mut kept = self.known.lock().await;
        if let Some(known) = kept.as_ref().filter(|known| known.at.elapsed() < age) {
            return Ok(Arc::clone(known));
        }
        let issuer = &self.settings.issuer;
        let path = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = read(self.http.get(path)).await?;
        if metadata.issuer != *issuer {
            let found = first_chars(&metadata.issuer, ERROR);
            return Err(OidcError::Unavailable(format!("its issuer is {found:?}, not dashboard.oidc.issuer")));
        }
        let keys: Value = read(self.http.get(&metadata.jwks_uri)).await?;
        let keys = PublicKeys::read(keys.to_string().as_bytes())
            .map_err(|why| OidcError::Unavailable(format!("its keys: {why:#}")))?;
        let known = Arc::new(Known { metadata, keys, at: Instant::now() });
        *kept = Some(Arc::clone(&known));
        Ok(known)
    }
}

/// Checks the claims that the verification of the signature does not (OpenID Connect Core 1.0, section 3.1.3.7).
fn check(claims: &Map<String, Value>, attempt: &LoginAttempt, client_id: &str) -> Result<(), &'static str> {
    let nonce = claims.get("nonce").and_then(Value::as_str).unwrap_or_default();
    if !same(nonce, &attempt.nonce) {
        return Err("its nonce is not that of the login");
    }
    let has_several = claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    let party = claims.get("azp").and_then(Value::as_str);
    if party.is_some_and(|party| party != client_id) || has_several && party.is_none() {
        return Err("it was issued to another client");
    }
    Ok(())
}

/// Sends a request, and reads the JSON of its response. An error of the provider is its `error` (RFC 6749, section
/// 5.2).
async fn read<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, OidcError> {
    let unavailable = |why: String| OidcError::Unavailable(why);
    let failed = |error: reqwest::Error| unavailable(error.without_url().to_string());
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    let body = body_within(response, MAX_RESPONSE).await.map_err(failed)?;
    let body = body.ok_or_else(|| unavailable(format!("its response has more than {MAX_RESPONSE} bytes")))?;
    if status.is_client_error()
        && let Ok(Value::Object(fields)) = serde_json::from_slice(&body)
        && let Some(error) = fields.get("error").and_then(Value::as_str)
    {
        return Err(OidcError::Refused(first_chars(error, ERROR).to_owned()));
    }
    if !status.is_success() {
        return Err(unavailable(format!("it answers {status}")));
    }
    serde_json::from_slice(&body).map_err(|error| unavailable(format!("its response can't be read: {error}")))
}

/// A text as RFC 6749, section 2.3.1, requires it in credentials: form-encoded.
fn encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attempt() -> LoginAttempt {
        LoginAttempt {
            state: "s".repeat(64),
            nonce: "n".repeat(64),
            verifier: "v".repeat(64),
            redirect_uri: "https://sagas.example/login/callback".to_owned(),
            started: Timestamp::now().0,
            next: "/sagas".to_owned(),
        }
    }

    #[test]
    fn a_response_belongs_to_the_attempt_with_its_state_for_ten_minutes() {
        let attempt = attempt();
        assert!(attempt.owns(&"s".repeat(64)));
        assert!(!attempt.owns(&"x".repeat(64)) && !attempt.owns(""));
        let old = LoginAttempt { started: attempt.started - ATTEMPT, ..attempt };
        assert!(!old.owns(&"s".repeat(64)));
    }

    #[test]
    fn a_token_of_another_login_or_another_client_is_refused() {
        let nonce = "n".repeat(64);
        let checked = |claims: Value| check(claims.as_object().unwrap(), &attempt(), "dashboard");
        assert_eq!(checked(json!({"nonce": nonce, "aud": "dashboard"})), Ok(()));
        assert_eq!(checked(json!({"nonce": nonce, "aud": ["dashboard", "x"], "azp": "dashboard"})), Ok(()));
        for wrong in [
            json!({"aud": "dashboard"}),
            json!({"nonce": "x", "aud": "dashboard"}),
            json!({"nonce": nonce, "aud": ["dashboard", "x"]}),
            json!({"nonce": nonce, "aud": "dashboard", "azp": "x"}),
        ] {
            assert!(checked(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn credentials_are_form_encoded() {
        assert_eq!(encoded("a b:c/é~"), "a%20b%3Ac%2F%C3%A9~");
    }

    #[tokio::test]
    async fn a_provider_that_does_not_answer_is_an_error() {
        let settings = OidcSettings { issuer: "http://127.0.0.1:9".to_owned(), ..super::super::settings::of_test() };
        let begun = Provider::new(&settings).unwrap().begin(String::new(), "/".to_owned()).await;
        assert!(matches!(begun, Err(OidcError::Unavailable(_))), "{begun:?}");
    }

    /// The key of RFC 8037, appendix A.2.
    const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"a",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    /// A provider of which this description is known.
    fn described(logout: Logout, end_session_endpoint: Option<&str>) -> Provider {
        let settings =
            OidcSettings { issuer: "http://127.0.0.1:9".to_owned(), logout, ..super::super::settings::of_test() };
        let provider = Provider::new(&settings).unwrap();
        let metadata = Metadata {
            issuer: settings.issuer,
            authorization_endpoint: String::new(),
            token_endpoint: String::new(),
            jwks_uri: String::new(),
            end_session_endpoint: end_session_endpoint.map(str::to_owned),
            token_endpoint_auth_methods_supported: Vec::new(),
        };
        let keys = PublicKeys::read(KEYS.as_bytes()).unwrap();
        let known = Known { metadata, keys, at: Instant::now() };
        Provider { known: Mutex::new(Some(Arc::new(known))), ..provider }
    }

    #[tokio::test]
    async fn a_logout_leads_to_the_provider_if_the_settings_and_its_description_say_so() {
        let end = Some("https://idp.example/end");
        let led = described(Logout::Provider, end).end_session("https://sagas.example/login", Some("a.b.c")).await;
        let led = led.unwrap();
        assert!(led.as_str().starts_with("https://idp.example/end?client_id=dashboard&"), "{led}");
        assert!(led.as_str().ends_with("&id_token_hint=a.b.c"), "{led}");
        for (logout, endpoint) in
            [(Logout::Local, end), (Logout::Provider, None), (Logout::Provider, Some("http://idp.example/end"))]
        {
            assert_eq!(described(logout, endpoint).end_session("", None).await, None, "{logout:?} {endpoint:?}");
        }
    }

    #[tokio::test]
    async fn a_logout_does_not_fail_with_a_provider_that_does_not_answer() {
        let provider = Provider { known: Mutex::new(None), ..described(Logout::Provider, None) };
        assert_eq!(provider.end_session("https://sagas.example/login", None).await, None);
    }
}

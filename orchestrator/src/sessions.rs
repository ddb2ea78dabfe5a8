//! Authentication and sessions. A session is a signed cookie, so it survives a restart and is valid on every instance
//! with the same key; a logout is known to the instance that received it.

mod limit;
mod password;
mod token;
mod user;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use common::ids;
use common::time::Timestamp;
use uuid::Uuid;

use self::password::{Login, Passwords};
pub use self::password::{check_hash, is_password_of};
use self::token::{Claims, Tokens};
pub use self::user::{API_KEY, Authentication, Denied, Role, User};

/// The cookie's name.
pub const COOKIE: &str = "session";
/// The shortest key of the sessions, in bytes: that of an HMAC-SHA-256 (RFC 2104, section 3).
pub const MIN_KEY: usize = 32;
/// A token is replaced by a newer one once it is this old, in milliseconds.
const RENEWED: i64 = 60_000;

/// An authenticated user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The permissions.
    pub role: Role,
    /// The CSRF token in the forms of the session; empty without a session.
    pub csrf: String,
    /// The client's address, as far as the request is known.
    pub address: Option<IpAddr>,
}

impl Identity {
    /// Returns true if the user may act on sagas.
    pub const fn may_act(&self) -> bool {
        matches!(self.role, Role::Operator)
    }

    /// The same user at an address.
    #[must_use]
    pub fn at(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// The address, for the record of an act.
    pub fn from(&self) -> Option<String> {
        self.address.map(|address| address.to_string())
    }

    /// Returns true if this is the CSRF token of the session.
    pub fn owns_form(&self, csrf: &str) -> bool {
        !self.csrf.is_empty() && same(csrf, &self.csrf)
    }
}

/// Compares two secrets in constant time.
pub fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// A new secret: two random UUIDs, 244 random bits from the operating system.
pub fn secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// The sessions of this service.
#[derive(Clone)]
pub struct Sessions {
    idle: Duration,
    lifetime: Duration,
    users: Arc<[User]>,
    passwords: Arc<Passwords>,
    tokens: Arc<Tokens>,
}

impl Sessions {
    /// Sessions of these users, signed with `key`; with an empty one they end with the process. A session ends after
    /// `idle` without a request, and at the latest after `lifetime`.
    pub fn new(users: Vec<User>, key: &str, idle: Duration, lifetime: Duration) -> Self {
        let random = secret();
        let tokens = Arc::new(Tokens::new(if key.is_empty() { &random } else { key }));
        let passwords = Arc::new(Passwords::new(users.clone()));
        Self { idle, lifetime, users: users.into(), passwords, tokens }
    }

    /// Authenticates a request of a client at `address`: by its session, by name and password (RFC 7617), or by a
    /// bearer key (RFC 6750).
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn authenticate(&self, address: IpAddr, headers: &HeaderMap) -> Result<Identity, Denied> {
        if let Some(identity) = self.peek(headers) {
            return Ok(identity.at(address));
        }
        let (name, password, authentication) = match (basic(headers), bearer(headers)) {
            (Some((name, password)), _) => (name, password, Authentication::Password),
            (None, Some(key)) => (API_KEY.to_owned(), key, Authentication::Key),
            (None, None) => return Err(Denied::Wrong),
        };
        let login = Login { address, name: &name, authentication };
        let role = self.passwords.check_cached(login, password).await?;
        Ok(Identity { name, role, csrf: String::new(), address: Some(address) })
    }

    /// Opens a session for a client at `address` and returns its token.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn log_in(&self, address: IpAddr, name: &str, password: String) -> Result<String, Denied> {
        let login = Login { address, name, authentication: Authentication::Password };
        self.passwords.check(login, password).await?;
        let user = self.users.iter().find(|user| user.name == name).ok_or(Denied::Wrong)?;
        let now = Timestamp::now().0;
        let claims = Claims {
            jti: Uuid::new_v4().to_string(),
            sub: name.to_owned(),
            password: fingerprint(user),
            csrf: secret(),
            opened: now,
            used: now,
        };
        self.tokens.sign(&claims).ok_or(Denied::Wrong)
    }

    /// The token that replaces that of the request and extends its session, if it is time for it.
    pub fn renewed(&self, headers: &HeaderMap) -> Option<String> {
        let claims = self.claims(headers)?;
        self.identity(&claims)?;
        let now = Timestamp::now().0;
        let is_due = now.saturating_sub(claims.used) >= RENEWED.min(self.idle_ms() / 2);
        is_due.then(|| self.tokens.sign(&Claims { used: now, ..claims })).flatten()
    }

    /// The user of the request's session, without extending it: for pages that update themselves.
    pub fn peek(&self, headers: &HeaderMap) -> Option<Identity> {
        self.identity(&self.claims(headers)?)
    }

    /// Ends the request's session.
    pub fn log_out(&self, headers: &HeaderMap) {
        if let Some(claims) = self.claims(headers) {
            self.tokens.end(&claims, self.lifetime, Timestamp::now().0);
        }
    }

    fn claims(&self, headers: &HeaderMap) -> Option<Claims> {
        let claims = self.tokens.read(cookie(headers, COOKIE)?)?;
        let now = Timestamp::now().0;
        let lifetime = i64::try_from(self.lifetime.as_millis()).unwrap_or(i64::MAX);
        let is_open = now.saturating_sub(claims.used) < self.idle_ms() && now.saturating_sub(claims.opened) < lifetime;
        is_open.then_some(claims)
    }

    /// The user of a session, who must still have the same password.
    fn identity(&self, claims: &Claims) -> Option<Identity> {
        let is_same = |user: &&User| user.name == claims.sub && same(&fingerprint(user), &claims.password);
        let user = self.users.iter().filter(|user| user.authentication == Authentication::Password).find(is_same)?;
        Some(Identity { name: user.name.clone(), role: user.role, csrf: claims.csrf.clone(), address: None })
    }

    fn idle_ms(&self) -> i64 {
        i64::try_from(self.idle.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A name for a user's password that does not reveal its hash.
fn fingerprint(user: &User) -> String {
    ids::derive(&["password", &user.hash]).simple().to_string()
}

fn authorization<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(wanted).then(|| rest.trim())
}

/// `Authorization: Bearer KEY`
fn bearer(headers: &HeaderMap) -> Option<String> {
    authorization(headers, "bearer").map(str::to_owned)
}

/// `Authorization: Basic base64(user:password)`
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(authorization(headers, "basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// The value of a cookie.
pub fn cookie<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn with(token: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, format!("a=b; {COOKIE}={token}").parse().unwrap())])
    }

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    const HOUR: Duration = Duration::from_secs(3600);

    fn sessions(idle: Duration) -> Sessions {
        lasting(idle, HOUR)
    }

    fn lasting(idle: Duration, lifetime: Duration) -> Sessions {
        Sessions::new(users(), "", idle, lifetime)
    }

    fn users() -> Vec<User> {
        let defaults = include_str!("../config/default.toml");
        let hash = defaults.lines().find_map(|l| l.strip_prefix("password_hash = ")).unwrap().trim_matches('\'');
        check_hash("dashboard.password_hash", hash).unwrap();
        let user = |name: &str, role, authentication| User {
            name: name.to_owned(),
            hash: hash.to_owned(),
            role,
            authentication,
        };
        let operator = user("techlead", Role::Operator, Authentication::Password);
        let viewer = user("guest", Role::Viewer, Authentication::Password);
        let key = user(API_KEY, Role::Viewer, Authentication::Key);
        vec![operator, viewer, key]
    }

    #[tokio::test]
    async fn only_the_right_name_and_password_open_a_session() {
        let sessions = sessions(Duration::from_secs(60));
        assert_eq!(sessions.log_in(HERE, "techlead", "wrong".to_owned()).await, Err(Denied::Wrong));
        assert_eq!(sessions.log_in(HERE, "someone", "zup@123".to_owned()).await, Err(Denied::Wrong));
        let token = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
        let identity = sessions.peek(&with(&token)).unwrap();
        assert!(identity.may_act());
        assert!(identity.owns_form(&identity.csrf) && !identity.owns_form("") && !identity.owns_form("x"));
        assert_eq!(sessions.peek(&with("x")), None);
        sessions.log_out(&with(&token));
        assert_eq!(sessions.peek(&with(&token)), None);
    }

    #[tokio::test]
    async fn name_and_password_may_come_with_the_request() {
        let sessions = sessions(Duration::from_secs(60));
        for (value, name) in [
            ("Basic dGVjaGxlYWQ6enVwQDEyMw==", Some("techlead")),
            ("basic dGVjaGxlYWQ6enVwQDEyMw==", Some("techlead")),
            ("Basic dGVjaGxlYWQ6d3Jvbmc=", None),
            ("Bearer dGVjaGxlYWQ6enVwQDEyMw==", None),
            ("Bearer zup@123", Some(API_KEY)),
            // `api key:zup@123`: the key is not a password.
            ("Basic YXBpIGtleTp6dXBAMTIz", None),
            ("Basic ???", None),
            ("Basic", None),
        ] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(
                sessions.authenticate(HERE, &headers).await.ok().map(|identity| identity.name).as_deref(),
                name,
                "{value}"
            );
        }
        assert!(sessions.authenticate(HERE, &HeaderMap::new()).await.is_err());
    }

    #[tokio::test]
    async fn a_viewer_may_not_act() {
        let sessions = sessions(Duration::from_secs(60));
        let token = sessions.log_in(HERE, "guest", "zup@123".to_owned()).await.unwrap();
        assert!(!sessions.peek(&with(&token)).unwrap().may_act());
    }

    #[tokio::test]
    async fn an_idle_session_ends() {
        let sessions = sessions(Duration::ZERO);
        let token = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
        assert_eq!(sessions.peek(&with(&token)), None);
    }

    #[tokio::test]
    async fn a_session_ends_after_its_lifetime_however_much_it_is_used() {
        let sessions = lasting(HOUR, Duration::ZERO);
        let token = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
        assert_eq!(sessions.peek(&with(&token)), None);
    }

    #[tokio::test]
    async fn a_session_survives_a_restart_and_is_valid_on_another_instance() {
        let key = "a key of the tests, at least as long as needed";
        let of = |users, key| Sessions::new(users, key, HOUR, HOUR);
        let first = of(users(), key);
        let token = first.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
        let other = of(users(), key);
        let identity = other.peek(&with(&token)).unwrap();
        assert!(identity.may_act() && identity.owns_form(&first.peek(&with(&token)).unwrap().csrf));
        assert_eq!(of(users(), "another key of the tests, as long as needed").peek(&with(&token)), None);
        assert_eq!(of(users(), "").peek(&with(&token)), None, "without a key");
        let mut changed = users();
        changed.iter_mut().for_each(|user| user.hash = user.hash.replace('a', "b"));
        assert_eq!(of(changed, key).peek(&with(&token)), None, "with another password");
        let (head, _) = token.rsplit_once('.').unwrap();
        assert_eq!(other.peek(&with(&format!("{head}."))), None, "without a signature");
    }

    #[tokio::test]
    async fn a_used_session_gets_a_new_token_and_an_idle_one_ends() {
        let sessions = sessions(Duration::from_millis(2));
        let token = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
        let now = Timestamp::now().0;
        let claims = sessions.tokens.read(&token).unwrap();
        let at = |used| sessions.tokens.sign(&Claims { used, ..claims.clone() }).unwrap();
        assert_eq!(sessions.peek(&with(&at(now - 3_600_000))), None);
        let long = Sessions { idle: HOUR, ..sessions.clone() };
        let renewed = long.renewed(&with(&at(now - 120_000))).unwrap();
        assert!(long.tokens.read(&renewed).unwrap().used >= now);
        assert!(long.peek(&with(&at(now))).is_some());
        assert_eq!(long.renewed(&with(&at(now))), None, "not with each request");
        long.log_out(&with(&token));
        assert_eq!(long.peek(&with(&renewed)), None, "a logout ends all tokens of the session");
    }

    #[tokio::test]
    async fn wrong_passwords_are_limited_and_cached_ones_are_not() {
        let sessions = sessions(Duration::from_secs(60));
        let known = HeaderMap::from_iter([(header::AUTHORIZATION, "Basic dGVjaGxlYWQ6enVwQDEyMw==".parse().unwrap())]);
        assert!(sessions.authenticate(HERE, &known).await.is_ok());
        let mut denied = Denied::Wrong;
        for _ in 0..20 {
            denied = sessions.log_in(HERE, "techlead", "wrong".to_owned()).await.unwrap_err();
        }
        assert!(matches!(denied, Denied::TooMany(_)), "{denied:?}");
        let right = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await;
        assert!(matches!(right, Err(Denied::TooMany(_))), "the right password has to wait too: {right:?}");
        let elsewhere = sessions.log_in(ELSEWHERE, "techlead", "zup@123".to_owned()).await;
        assert!(elsewhere.is_ok(), "another address does not wait: {elsewhere:?}");
        assert!(sessions.log_in(HERE, "guest", "zup@123".to_owned()).await.is_ok(), "other users do not");
        assert!(sessions.authenticate(HERE, &known).await.is_ok(), "a cached script does not");
    }

    #[tokio::test]
    async fn known_and_unknown_names_get_the_same_answers() {
        let sessions = sessions(Duration::from_secs(60));
        let mut answers = Vec::new();
        for name in ["techlead", "guest", API_KEY, "someone", ""] {
            let mut of_name = Vec::new();
            for _ in 0..7 {
                let denied = sessions.log_in(HERE, name, "wrong".to_owned()).await.unwrap_err();
                of_name.push(matches!(denied, Denied::Wrong));
            }
            sessions.passwords.forget_attempts();
            answers.push(of_name);
        }
        assert!(
            answers.iter().all(|of_name| of_name[..] == [true, true, true, true, true, false, false]),
            "{answers:?}"
        );
    }

    #[test]
    fn a_setting_that_is_not_a_hash_is_named() {
        let wrong = check_hash("dashboard.viewer_password_hash", "zup@123").unwrap_err().to_string();
        assert!(wrong.starts_with("dashboard.viewer_password_hash: "), "{wrong}");
    }
}

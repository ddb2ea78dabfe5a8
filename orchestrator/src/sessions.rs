//! Authentication and sessions. Sessions live in the memory of the process: a restart ends them all.

mod limit;
mod password;
mod user;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use uuid::Uuid;

use self::password::{Login, Passwords};
pub use self::password::{check_hash, is_password_of};
pub use self::user::{API_KEY, Authentication, Denied, Role, User};

/// The cookie's name.
pub const COOKIE: &str = "session";
/// The maximum number of sessions; beyond it, the oldest ends.
const MAX_SESSIONS: usize = 1_000;

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

#[derive(Debug)]
struct Session {
    identity: Identity,
    opened: Instant,
    used: Instant,
}

/// The sessions of this process.
#[derive(Clone)]
pub struct Sessions {
    idle: Duration,
    lifetime: Duration,
    passwords: Arc<Passwords>,
    open: Arc<Mutex<HashMap<String, Session>>>,
}

impl Sessions {
    /// Starts without sessions. A session ends after `idle` without a request, and at the latest after `lifetime`.
    pub fn new(users: Vec<User>, idle: Duration, lifetime: Duration) -> Self {
        Self { idle, lifetime, passwords: Arc::new(Passwords::new(users)), open: Arc::default() }
    }

    /// Authenticates a request of a client at `address`: by its session, by name and password (RFC 7617), or by a
    /// bearer key (RFC 6750).
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn authenticate(&self, address: IpAddr, headers: &HeaderMap) -> Result<Identity, Denied> {
        if let Some(identity) = self.session(headers) {
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
        let role = self.passwords.check(login, password).await?;
        let token = secret();
        let mut open = self.open();
        open.retain(|_, session| self.is_open(session));
        if open.len() >= MAX_SESSIONS
            && let Some(oldest) = open.iter().min_by_key(|(_, session)| session.used).map(|(token, _)| token.clone())
        {
            open.remove(&oldest);
        }
        let identity = Identity { name: name.to_owned(), role, csrf: secret(), address: None };
        let now = Instant::now();
        open.insert(token.clone(), Session { identity, opened: now, used: now });
        Ok(token)
    }

    fn is_open(&self, session: &Session) -> bool {
        session.used.elapsed() < self.idle && session.opened.elapsed() < self.lifetime
    }

    /// The user of the request's session, if it has one. Extends the session.
    pub fn session(&self, headers: &HeaderMap) -> Option<Identity> {
        let identity = self.peek(headers)?;
        if let Some(session) = self.open().get_mut(token(headers)?) {
            session.used = Instant::now();
        }
        Some(identity)
    }

    /// Like [`Self::session`], without extending it: for pages that update themselves.
    pub fn peek(&self, headers: &HeaderMap) -> Option<Identity> {
        let token = token(headers)?;
        let mut open = self.open();
        let session = open.get(token)?;
        if self.is_open(session) {
            return Some(session.identity.clone());
        }
        open.remove(token);
        None
    }

    /// Ends the request's session.
    pub fn log_out(&self, headers: &HeaderMap) {
        if let Some(token) = token(headers) {
            self.open().remove(token);
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

fn token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE)
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
        Sessions::new(vec![operator, viewer, key], idle, lifetime)
    }

    #[tokio::test]
    async fn only_the_right_name_and_password_open_a_session() {
        let sessions = sessions(Duration::from_secs(60));
        assert_eq!(sessions.log_in(HERE, "techlead", "wrong".to_owned()).await, Err(Denied::Wrong));
        assert_eq!(sessions.log_in(HERE, "someone", "zup@123".to_owned()).await, Err(Denied::Wrong));
        let token = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
        let identity = sessions.session(&with(&token)).unwrap();
        assert!(identity.may_act());
        assert!(identity.owns_form(&identity.csrf) && !identity.owns_form("") && !identity.owns_form("x"));
        assert_eq!(sessions.session(&with("x")), None);
        sessions.log_out(&with(&token));
        assert_eq!(sessions.session(&with(&token)), None);
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
        assert!(!sessions.session(&with(&token)).unwrap().may_act());
    }

    #[tokio::test]
    async fn an_idle_session_ends() {
        let sessions = sessions(Duration::ZERO);
        let token = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
        assert_eq!(sessions.session(&with(&token)), None);
    }

    #[tokio::test]
    async fn a_session_ends_after_its_lifetime_however_much_it_is_used() {
        let sessions = lasting(HOUR, Duration::ZERO);
        let token = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
        assert_eq!(sessions.session(&with(&token)), None);
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

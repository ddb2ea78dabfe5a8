//! Who is logged in, and who may do what. Sessions live in this process's memory: a restart logs everybody out.

mod limit;
mod password;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use uuid::Uuid;

use self::password::Passwords;
pub use self::password::check_hash;

/// The cookie's name.
pub const COOKIE: &str = "session";
/// What a script with the key is called.
pub const API_KEY: &str = "api key";
/// Sessions at the same time; with more, the oldest ends.
const MOST: usize = 1_000;

/// What someone may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Look.
    Viewer,
    /// Look and act.
    Operator,
}

/// Someone who may log in.
#[derive(Debug, Clone)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password as a PHC string of Argon2id.
    pub hash: String,
    /// What they may do.
    pub role: Role,
    /// How they say who they are.
    pub by: By,
}

/// How somebody says who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By name and password.
    Password,
    /// A script, by a key alone (RFC 6750).
    Key,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What the forms of their session carry, so that only its own pages can send them; empty without a session.
    pub csrf: String,
}

impl Who {
    /// Whether they may act.
    pub const fn may_act(&self) -> bool {
        matches!(self.role, Role::Operator)
    }

    /// Whether a form is one of the session's own pages.
    pub fn sent(&self, csrf: &str) -> bool {
        !self.csrf.is_empty() && same(csrf, &self.csrf)
    }
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// A secret that can't be guessed: two random UUIDs are 244 random bits of the operating system.
pub fn secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// Why there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// Name and password don't go together.
    Wrong,
    /// Too many wrong ones: not before so long.
    TooMany(Duration),
}

#[derive(Debug)]
struct Session {
    who: Who,
    used: Instant,
}

/// The sessions of this process.
#[derive(Clone)]
pub struct Sessions {
    idle: Duration,
    passwords: Arc<Passwords>,
    open: Arc<Mutex<HashMap<String, Session>>>,
}

impl Sessions {
    /// No sessions yet.
    pub fn new(users: Vec<User>, idle: Duration) -> Self {
        Self { idle, passwords: Arc::new(Passwords::new(users)), open: Arc::default() }
    }

    /// Who asks: by a session, by name and password in the request (RFC 7617), or by a key.
    ///
    /// # Errors
    /// [`Turned`].
    pub async fn who(&self, headers: &HeaderMap) -> Result<Who, Turned> {
        if let Some(who) = self.knows(headers) {
            return Ok(who);
        }
        let (name, password, by) = match (basic(headers), bearer(headers)) {
            (Some((name, password)), _) => (name, password, By::Password),
            (None, Some(key)) => (API_KEY.to_owned(), key, By::Key),
            (None, None) => return Err(Turned::Wrong),
        };
        let role = self.passwords.check_again(&name, password, by).await?;
        Ok(Who { name, role, csrf: String::new() })
    }

    /// The new session's token, if name and password are right.
    ///
    /// # Errors
    /// [`Turned`].
    pub async fn log_in(&self, name: &str, password: String) -> Result<String, Turned> {
        let role = self.passwords.check(name, password, By::Password).await?;
        let token = secret();
        let mut open = self.open();
        open.retain(|_, session| session.used.elapsed() < self.idle);
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, session)| session.used).map(|(token, _)| token.clone())
        {
            open.remove(&oldest);
        }
        let who = Who { name: name.to_owned(), role, csrf: secret() };
        open.insert(token.clone(), Session { who, used: Instant::now() });
        Ok(token)
    }

    /// Who is logged in, if the request comes from someone who is; it keeps the session from ending.
    pub fn knows(&self, headers: &HeaderMap) -> Option<Who> {
        let who = self.still_knows(headers)?;
        if let Some(session) = self.open().get_mut(token(headers)?) {
            session.used = Instant::now();
        }
        Some(who)
    }

    /// The same, but a page that keeps itself up to date does not keep the session from ending.
    pub fn still_knows(&self, headers: &HeaderMap) -> Option<Who> {
        let token = token(headers)?;
        let mut open = self.open();
        let session = open.get(token)?;
        if session.used.elapsed() < self.idle {
            return Some(session.who.clone());
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
    use common::service::Program as _;

    use super::*;

    fn with(token: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, format!("a=b; {COOKIE}={token}").parse().unwrap())])
    }

    fn sessions(idle: Duration) -> Sessions {
        let defaults = crate::program::Orchestrator::DEFAULTS;
        let hash = defaults.lines().find_map(|l| l.strip_prefix("password_hash = ")).unwrap().trim_matches('\'');
        check_hash("dashboard.password_hash", hash).unwrap();
        let user = |name: &str, role, by| User { name: name.to_owned(), hash: hash.to_owned(), role, by };
        let operator = user("techlead", Role::Operator, By::Password);
        let (viewer, key) = (user("guest", Role::Viewer, By::Password), user(API_KEY, Role::Viewer, By::Key));
        Sessions::new(vec![operator, viewer, key], idle)
    }

    #[tokio::test]
    async fn only_the_right_name_and_password_open_a_session_until_it_ends() {
        let sessions = sessions(Duration::from_secs(60));
        assert_eq!(sessions.log_in("techlead", "wrong".to_owned()).await, Err(Turned::Wrong));
        assert_eq!(sessions.log_in("someone", "zup@123".to_owned()).await, Err(Turned::Wrong));
        let token = sessions.log_in("techlead", "zup@123".to_owned()).await.unwrap();
        let who = sessions.knows(&with(&token)).unwrap();
        assert!(who.may_act() && who.sent(&who.csrf) && !who.sent("") && !who.sent("x"));
        assert_eq!(sessions.knows(&with("x")), None);
        sessions.log_out(&with(&token));
        assert_eq!(sessions.knows(&with(&token)), None);
    }

    #[tokio::test]
    async fn name_and_password_may_come_with_the_request() {
        let sessions = sessions(Duration::from_secs(60));
        for (value, who) in [
            ("Basic dGVjaGxlYWQ6enVwQDEyMw==", Some("techlead")),
            ("basic dGVjaGxlYWQ6enVwQDEyMw==", Some("techlead")),
            ("Basic dGVjaGxlYWQ6d3Jvbmc=", None),
            ("Bearer dGVjaGxlYWQ6enVwQDEyMw==", None),
            ("Bearer zup@123", Some(API_KEY)),
            // `api key:zup@123`: the key is no password.
            ("Basic YXBpIGtleTp6dXBAMTIz", None),
            ("Basic ???", None),
            ("Basic", None),
        ] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(sessions.who(&headers).await.ok().map(|who| who.name).as_deref(), who, "{value}");
        }
        assert!(sessions.who(&HeaderMap::new()).await.is_err());
    }

    #[tokio::test]
    async fn a_viewer_only_looks() {
        let sessions = sessions(Duration::from_secs(60));
        let token = sessions.log_in("guest", "zup@123".to_owned()).await.unwrap();
        assert!(!sessions.knows(&with(&token)).unwrap().may_act());
    }

    #[tokio::test]
    async fn an_idle_session_ends() {
        let sessions = sessions(Duration::ZERO);
        let token = sessions.log_in("techlead", "zup@123".to_owned()).await.unwrap();
        assert_eq!(sessions.knows(&with(&token)), None);
    }

    #[tokio::test]
    async fn guessing_is_held_up_and_those_who_are_known_are_not() {
        let sessions = sessions(Duration::from_secs(60));
        let known = HeaderMap::from_iter([(header::AUTHORIZATION, "Basic dGVjaGxlYWQ6enVwQDEyMw==".parse().unwrap())]);
        assert!(sessions.who(&known).await.is_ok());
        let mut turned = Turned::Wrong;
        for _ in 0..20 {
            turned = sessions.log_in("techlead", "wrong".to_owned()).await.unwrap_err();
        }
        assert!(matches!(turned, Turned::TooMany(_)), "{turned:?}");
        let right = sessions.log_in("techlead", "zup@123".to_owned()).await;
        assert!(matches!(right, Err(Turned::TooMany(_))), "even the right one has to wait: {right:?}");
        assert!(sessions.log_in("guest", "zup@123".to_owned()).await.is_ok(), "others do not");
        assert!(sessions.who(&known).await.is_ok(), "a script that was known goes on");
    }

    #[test]
    fn a_setting_that_is_no_hash_is_named() {
        let wrong = check_hash("dashboard.viewer_password_hash", "zup@123").unwrap_err().to_string();
        assert!(wrong.starts_with("dashboard.viewer_password_hash: "), "{wrong}");
    }
}

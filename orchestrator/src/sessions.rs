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
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use self::password::{Login, Passwords};
pub use self::password::{check_hash, is_password_of};
use self::token::{Claims, Tokens};
pub use self::user::{API_KEY, Authentication, Denied, Role, TaskRoles, User};

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
    /// The tasks on which the user may work, if the permissions allow acting.
    pub task_roles: TaskRoles,
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

    /// Returns true if the user may work on tasks of a role. `managed` are the roles that the identity provider gives;
    /// a task of another role, or of none, is for every operator.
    pub fn may_work_on(&self, role: Option<&str>, managed: &[String]) -> bool {
        self.may_act()
            && match (&self.task_roles, role) {
                (TaskRoles::All, _) | (TaskRoles::Only(_), None) => true,
                (TaskRoles::Only(own), Some(role)) => {
                    let is_among = |roles: &[String]| roles.iter().any(|known| known == role);
                    !is_among(managed) || is_among(own)
                }
            }
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
    /// The fingerprint of the identity provider's settings, if users may log in with one.
    provider: Option<Arc<str>>,
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
        Self { idle, lifetime, users: users.into(), provider: None, passwords, tokens }
    }

    /// The same, also for users of the identity provider whose settings have this fingerprint.
    #[must_use]
    pub fn with_provider(self, fingerprint: Option<String>) -> Self {
        Self { provider: fingerprint.map(Arc::from), ..self }
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
        let csrf = String::new();
        Ok(Identity { name, role, task_roles: TaskRoles::All, csrf, address: Some(address) })
    }

    /// Opens a session for a client at `address` and returns its token.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn log_in(&self, address: IpAddr, name: &str, password: String) -> Result<String, Denied> {
        let login = Login { address, name, authentication: Authentication::Password };
        self.passwords.check(login, password).await?;
        let user = self.users.iter().find(|user| user.name == name).ok_or(Denied::Wrong)?;
        self.open(name, fingerprint(user), None, Vec::new()).ok_or(Denied::Wrong)
    }

    /// Opens a session of a user of the identity provider and returns its token; `None` without a provider.
    pub fn open_federated(&self, name: &str, role: Role, task_roles: Vec<String>) -> Option<String> {
        self.open(name, self.provider.as_deref()?.to_owned(), Some(role), task_roles)
    }

    fn open(&self, name: &str, password: String, role: Option<Role>, task_roles: Vec<String>) -> Option<String> {
        let now = Timestamp::now().0;
        let jti = Uuid::new_v4().to_string();
        let sub = name.to_owned();
        let claims = Claims { jti, sub, password, role, task_roles, csrf: secret(), opened: now, used: now };
        self.tokens.sign(&claims)
    }

    /// Signs a value for a cookie.
    pub fn seal<T: Serialize>(&self, value: &T) -> Option<String> {
        self.tokens.sign(value)
    }

    /// The value of a cookie that was signed with the same key.
    pub fn unseal<T: DeserializeOwned>(&self, sealed: &str) -> Option<T> {
        self.tokens.verified(sealed)
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

    /// Ends the request's session. Returns true if its user has logged in with the identity provider.
    pub fn log_out(&self, headers: &HeaderMap) -> bool {
        let Some(claims) = self.claims(headers) else { return false };
        self.tokens.end(&claims, self.lifetime, Timestamp::now().0);
        claims.role.is_some()
    }

    fn claims(&self, headers: &HeaderMap) -> Option<Claims> {
        let claims = self.tokens.read(cookie(headers, COOKIE)?)?;
        let now = Timestamp::now().0;
        let lifetime = i64::try_from(self.lifetime.as_millis()).unwrap_or(i64::MAX);
        let is_open = now.saturating_sub(claims.used) < self.idle_ms() && now.saturating_sub(claims.opened) < lifetime;
        is_open.then_some(claims)
    }

    /// The user of a session, who must still have the same password, or the same provider.
    fn identity(&self, claims: &Claims) -> Option<Identity> {
        if let Some(role) = claims.role {
            self.provider.as_deref().filter(|provider| same(provider, &claims.password))?;
            let task_roles = TaskRoles::Only(claims.task_roles.clone());
            return Some(of_session(claims, role, task_roles));
        }
        let is_same = |user: &&User| user.name == claims.sub && same(&fingerprint(user), &claims.password);
        let user = self.users.iter().filter(|user| user.authentication == Authentication::Password).find(is_same)?;
        Some(of_session(claims, user.role, TaskRoles::All))
    }

    fn idle_ms(&self) -> i64 {
        i64::try_from(self.idle.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The user of a session.
fn of_session(claims: &Claims, role: Role, task_roles: TaskRoles) -> Identity {
    Identity { name: claims.sub.clone(), role, task_roles, csrf: claims.csrf.clone(), address: None }
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
mod tests;

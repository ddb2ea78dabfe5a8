//! Who is logged in. Sessions live in this process's memory: a restart logs everybody out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use axum::http::{HeaderMap, header};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// The cookie's name.
pub const COOKIE: &str = "session";
/// Sessions at the same time; with more, the oldest ends.
const MOST: usize = 1_000;

/// Checks that a setting is a hash that passwords can be compared with.
///
/// # Errors
/// What is wrong, with the key's name.
pub fn check_hash(hash: &str) -> anyhow::Result<()> {
    let told = |e| anyhow!("dashboard.password_hash: it is not a PHC string of Argon2 ({e})");
    let parsed = PasswordHash::new(hash).map_err(told)?;
    if !parsed.algorithm.as_str().starts_with("argon2") {
        return Err(anyhow!("dashboard.password_hash: {} is not Argon2", parsed.algorithm));
    }
    Ok(())
}

/// The sessions of this process.
#[derive(Clone)]
pub struct Sessions {
    user: String,
    hash: String,
    idle: Duration,
    open: Arc<Mutex<HashMap<String, Instant>>>,
    /// One password at a time is compared: guessing is slow, and can't take the machine away from the sagas.
    turn: Arc<Semaphore>,
}

impl Sessions {
    /// No sessions yet.
    pub fn new(user: &str, hash: &str, idle: Duration) -> Self {
        let turn = Arc::new(Semaphore::new(1));
        Self { user: user.to_owned(), hash: hash.to_owned(), idle, open: Arc::default(), turn }
    }

    async fn is_right(&self, user: &str, password: String) -> bool {
        let Ok(_turn) = self.turn.acquire().await else { return false };
        let hash = self.hash.clone();
        let compare = move || Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok();
        let right = tokio::task::spawn_blocking(compare).await.unwrap_or(false);
        right && user == self.user
    }

    /// Who asks: by a session, or by name and password in the request (RFC 7617).
    pub async fn who(&self, headers: &HeaderMap) -> Option<String> {
        if self.knows(headers) {
            return Some(self.user.clone());
        }
        let (user, password) = basic(headers)?;
        self.is_right(&user, password).await.then_some(user)
    }

    /// The new session's token, if name and password are right.
    pub async fn log_in(&self, user: &str, password: String) -> Option<String> {
        if !self.is_right(user, password).await {
            return None;
        }
        // Two random UUIDs: 244 random bits of the operating system.
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, used| used.elapsed() < self.idle);
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, used)| **used).map(|(token, _)| token.clone())
        {
            open.remove(&oldest);
        }
        open.insert(token.clone(), Instant::now());
        Some(token)
    }

    /// Whether the request comes from someone who is logged in.
    pub fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(token) = token(headers) else { return false };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(token) {
            Some(used) if used.elapsed() < self.idle => {
                *used = Instant::now();
                true
            }
            Some(_) => {
                open.remove(token);
                false
            }
            None => false,
        }
    }

    /// Ends the request's session.
    pub fn log_out(&self, headers: &HeaderMap) {
        if let Some(token) = token(headers) {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(token);
        }
    }
}

/// `Authorization: Basic base64(user:password)`
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use common::service::Program as _;

    use super::*;

    fn cookie(token: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, format!("a=b; {COOKIE}={token}").parse().unwrap())])
    }

    fn sessions(idle: Duration) -> Sessions {
        let defaults = crate::program::Orchestrator::DEFAULTS;
        let hash = defaults.lines().find_map(|l| l.strip_prefix("password_hash = ")).unwrap().trim_matches('\'');
        check_hash(hash).unwrap();
        Sessions::new("techlead", hash, idle)
    }

    #[tokio::test]
    async fn only_the_right_name_and_password_open_a_session_until_it_ends() {
        let sessions = sessions(Duration::from_secs(60));
        assert!(sessions.log_in("techlead", "wrong".to_owned()).await.is_none());
        assert!(sessions.log_in("someone", "zup@123".to_owned()).await.is_none());
        let token = sessions.log_in("techlead", "zup@123".to_owned()).await.unwrap();
        assert!(sessions.knows(&cookie(&token)));
        assert!(!sessions.knows(&cookie("x")));
        sessions.log_out(&cookie(&token));
        assert!(!sessions.knows(&cookie(&token)));
    }

    #[tokio::test]
    async fn name_and_password_may_come_with_the_request() {
        let sessions = sessions(Duration::from_secs(60));
        for (value, who) in [
            ("Basic dGVjaGxlYWQ6enVwQDEyMw==", Some("techlead")),
            ("basic dGVjaGxlYWQ6enVwQDEyMw==", Some("techlead")),
            ("Basic dGVjaGxlYWQ6d3Jvbmc=", None),
            ("Bearer dGVjaGxlYWQ6enVwQDEyMw==", None),
            ("Basic ???", None),
            ("Basic", None),
        ] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(sessions.who(&headers).await.as_deref(), who, "{value}");
        }
        assert_eq!(sessions.who(&HeaderMap::new()).await, None);
    }

    #[tokio::test]
    async fn an_idle_session_ends() {
        let sessions = sessions(Duration::ZERO);
        let token = sessions.log_in("techlead", "zup@123".to_owned()).await.unwrap();
        assert!(!sessions.knows(&cookie(&token)));
    }

    #[test]
    fn a_setting_that_is_no_hash_is_named() {
        assert!(check_hash("zup@123").unwrap_err().to_string().starts_with("dashboard.password_hash: "));
    }
}

//! Verifies passwords against their hashes. One verification takes tens of milliseconds on purpose; for a script that
//! sends its password with each request, the result is cached under a keyed hash of the password.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use tokio::sync::Semaphore;

use super::limit::Limit;
use super::user::{Authentication, Denied, Role, User};

/// How long a verified password is cached.
const CACHED: Duration = Duration::from_secs(60);

/// An attempt to log in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login<'a> {
    /// The client's address.
    pub(super) address: IpAddr,
    /// The given name.
    pub(super) name: &'a str,
    /// The kind of the given secret.
    pub(super) authentication: Authentication,
}

/// Checks that a setting is a PHC string of Argon2.
///
/// # Errors
/// The problem, with the setting's key.
pub fn check_hash(key: &str, hash: &str) -> anyhow::Result<()> {
    let invalid = |error| anyhow!("{key}: it is not a PHC string of Argon2 ({error})");
    let parsed = PasswordHash::new(hash).map_err(invalid)?;
    if !parsed.algorithm.as_str().starts_with("argon2") {
        return Err(anyhow!("{key}: {} is not Argon2", parsed.algorithm));
    }
    Ok(())
}

/// Returns true if this is the password of the hash. Takes tens of milliseconds.
pub fn is_password_of(hash: &str, password: &str) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

/// The users, and their recent attempts.
pub(super) struct Passwords {
    users: Vec<User>,
    /// Permits one verification at a time, so that guessing is slow and leaves the processor to the sagas.
    permit: Semaphore,
    limit: Mutex<Limit>,
    /// `SipHash` with two random keys of this process: a 128-bit keyed hash.
    keys: [RandomState; 2],
    cache: Mutex<HashMap<[u64; 2], Cached>>,
}

/// The role of a verified password, and when it was verified.
struct Cached {
    role: Role,
    at: Instant,
}

impl Passwords {
    pub(super) fn new(users: Vec<User>) -> Self {
        Self {
            users,
            permit: Semaphore::new(1),
            limit: Mutex::default(),
            keys: Default::default(),
            cache: Mutex::default(),
        }
    }

    /// Verifies a password, and returns the role of its user. The time and the answer to a wrong one do not depend on
    /// the name: the password is compared with the hashes of all users, and each name has a counter.
    pub(super) async fn check(&self, login: Login<'_>, password: String) -> Result<Role, Denied> {
        let Login { address, name, authentication } = login;
        self.check_wait(&login)?;
        let Ok(_permit) = self.permit.acquire().await else { return Err(Denied::Wrong) };
        self.check_wait(&login)?;
        let hashes: Vec<String> = self.users.iter().map(|user| user.hash.clone()).collect();
        let verify = move || hashes.iter().map(|hash| is_password_of(hash, &password)).collect::<Vec<_>>();
        let right = tokio::task::spawn_blocking(verify).await.unwrap_or_default();
        let is_named = |user: &User| user.name == name && user.authentication == authentication;
        let found = self.users.iter().zip(right).find(|(user, _)| is_named(user));
        match found {
            Some((user, true)) => {
                self.limit().right(address, name);
                Ok(user.role)
            }
            Some((_, false)) | None => {
                self.limit().wrong(address, name, Instant::now());
                // An unknown name may be a password.
                let user = if found.is_some() { name } else { "(unknown)" };
                tracing::warn!(target: "login", %address, user, "a login failed: wrong user, password or key");
                Err(Denied::Wrong)
            }
        }
    }

    fn check_wait(&self, login: &Login<'_>) -> Result<(), Denied> {
        let wait = self.limit().wait(login.address, login.name, Instant::now());
        wait.map_or(Ok(()), |wait| Err(Denied::TooMany(wait)))
    }

    /// Like [`Self::check`], with a cache: for a password that is sent with each request.
    pub(super) async fn check_cached(&self, login: Login<'_>, password: String) -> Result<Role, Denied> {
        let credentials = (login.name, password.as_str(), login.authentication == Authentication::Key);
        let key = self.keys.each_ref().map(|state| state.hash_one(credentials));
        let cached = self.cache().get(&key).filter(|cached| cached.at.elapsed() < CACHED).map(|cached| cached.role);
        if let Some(role) = cached {
            return Ok(role);
        }
        let role = self.check(login, password).await?;
        let mut cache = self.cache();
        cache.retain(|_, cached| cached.at.elapsed() < CACHED);
        cache.insert(key, Cached { role, at: Instant::now() });
        Ok(role)
    }

    #[cfg(test)]
    pub(super) fn forget_attempts(&self) {
        *self.limit() = Limit::default();
    }

    fn limit(&self) -> MutexGuard<'_, Limit> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<[u64; 2], Cached>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

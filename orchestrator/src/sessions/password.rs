//! Verifies passwords against their hashes. One verification takes tens of milliseconds on purpose; for a script that
//! sends its password with each request, the result is cached under a keyed hash of the password.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
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
/// The name under which attempts with unknown names are counted.
const UNKNOWN_USER: &str = "";

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

    /// Verifies a password, and returns the role of its user.
    pub(super) async fn check(
        &self,
        name: &str,
        password: String,
        authentication: Authentication,
    ) -> Result<Role, Denied> {
        let user = self.users.iter().find(|user| user.name == name && user.authentication == authentication);
        let counted = user.map_or(UNKNOWN_USER, |user| user.name.as_str());
        let Ok(_permit) = self.permit.acquire().await else { return Err(Denied::Wrong) };
        if let Some(wait) = self.limit().wait(counted, Instant::now()) {
            return Err(Denied::TooMany(wait));
        }
        // An unknown name takes as long.
        let Some(hash) = user.or(self.users.first()).map(|user| user.hash.clone()) else { return Err(Denied::Wrong) };
        let verify = move || Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok();
        let right = tokio::task::spawn_blocking(verify).await.unwrap_or(false);
        match user.filter(|_| right) {
            Some(user) => {
                self.limit().right(counted);
                Ok(user.role)
            }
            None => {
                self.limit().wrong(counted, Instant::now());
                Err(Denied::Wrong)
            }
        }
    }

    /// Like [`Self::check`], with a cache: for a password that is sent with each request.
    pub(super) async fn check_cached(
        &self,
        name: &str,
        password: String,
        authentication: Authentication,
    ) -> Result<Role, Denied> {
        let credentials = (name, password.as_str(), authentication == Authentication::Key);
        let key = self.keys.each_ref().map(|state| state.hash_one(credentials));
        let cached = self.cache().get(&key).filter(|cached| cached.at.elapsed() < CACHED).map(|cached| cached.role);
        if let Some(role) = cached {
            return Ok(role);
        }
        let role = self.check(name, password, authentication).await?;
        let mut cache = self.cache();
        cache.retain(|_, cached| cached.at.elapsed() < CACHED);
        cache.insert(key, Cached { role, at: Instant::now() });
        Ok(role)
    }

    fn limit(&self) -> MutexGuard<'_, Limit> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<[u64; 2], Cached>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

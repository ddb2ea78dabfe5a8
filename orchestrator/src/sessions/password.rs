//! Comparing passwords with their hashes. One comparison takes tens of milliseconds on purpose; a script that sends its
//! password with each request has it compared once in a while, and is known by a keyed hash of it in between.

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
use super::{By, Role, Turned, User};

/// How long a password that was right is known.
const KNOWN: Duration = Duration::from_secs(60);
/// The name under which names that do not exist are counted.
const NOBODY: &str = "";

/// Checks that a setting is a hash that passwords can be compared with.
///
/// # Errors
/// What is wrong, with the key's name.
pub fn check_hash(key: &str, hash: &str) -> anyhow::Result<()> {
    let told = |e| anyhow!("{key}: it is not a PHC string of Argon2 ({e})");
    let parsed = PasswordHash::new(hash).map_err(told)?;
    if !parsed.algorithm.as_str().starts_with("argon2") {
        return Err(anyhow!("{key}: {} is not Argon2", parsed.algorithm));
    }
    Ok(())
}

/// The users, and what was tried.
pub(super) struct Passwords {
    users: Vec<User>,
    /// One password at a time is compared: guessing is slow, and can't take the machine away from the sagas.
    turn: Semaphore,
    limit: Mutex<Limit>,
    /// SipHash with two random keys of this process: 128 bits that say nothing to whoever does not know the keys.
    keys: (RandomState, RandomState),
    known: Mutex<HashMap<(u64, u64), (Role, Instant)>>,
}

impl Passwords {
    pub(super) fn new(users: Vec<User>) -> Self {
        let (limit, keys, known) = (Mutex::default(), Default::default(), Mutex::default());
        Self { users, turn: Semaphore::new(1), limit, keys, known }
    }

    /// What this user may do, if the password is right.
    pub(super) async fn check(&self, name: &str, password: String, by: By) -> Result<Role, Turned> {
        let user = self.users.iter().find(|user| user.name == name && user.by == by);
        let counted = user.map_or(NOBODY, |user| user.name.as_str());
        let Ok(_turn) = self.turn.acquire().await else { return Err(Turned::Wrong) };
        if let Some(wait) = self.limit().wait(counted, Instant::now()) {
            return Err(Turned::TooMany(wait));
        }
        // A name that does not exist takes as long.
        let Some(hash) = user.or(self.users.first()).map(|user| user.hash.clone()) else { return Err(Turned::Wrong) };
        let compare = move || Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok();
        let right = tokio::task::spawn_blocking(compare).await.unwrap_or(false);
        match user.filter(|_| right) {
            Some(user) => {
                self.limit().right(counted);
                Ok(user.role)
            }
            None => {
                self.limit().wrong(counted, Instant::now());
                Err(Turned::Wrong)
            }
        }
    }

    /// The same for a password that comes with each request.
    pub(super) async fn check_again(&self, name: &str, password: String, by: By) -> Result<Role, Turned> {
        let said = (name, password.as_str(), by == By::Key);
        let key = (self.keys.0.hash_one(said), self.keys.1.hash_one(said));
        let known = self.known().get(&key).filter(|(_, at)| at.elapsed() < KNOWN).map(|(role, _)| *role);
        if let Some(role) = known {
            return Ok(role);
        }
        let role = self.check(name, password, by).await?;
        let mut known = self.known();
        known.retain(|_, (_, at)| at.elapsed() < KNOWN);
        known.insert(key, (role, Instant::now()));
        Ok(role)
    }

    fn limit(&self) -> MutexGuard<'_, Limit> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(u64, u64), (Role, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

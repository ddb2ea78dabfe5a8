//! Bearer tokens of an identity provider (JWT, RFC 7519), verified with the public keys in a file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::caller::{Authenticated, Caller};
use crate::http::jwks::PublicKeys;
use crate::settings::JwtSettings;

/// How often the file is checked for changes.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The content of the file when it was last read.
struct KeyFile {
    checked: Instant,
    stamp: Option<(SystemTime, u64)>,
    keys: Arc<PublicKeys>,
}

/// Verifies tokens.
pub(super) struct Tokens {
    file: PathBuf,
    rules: Validation,
    seen: Mutex<KeyFile>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// Required, and in the future, once the token is verified.
    #[serde(default)]
    exp: f64,
    #[serde(default)]
    role: Value,
    #[serde(default)]
    roles: Value,
}

impl Tokens {
    /// `None` if tokens are not accepted.
    pub(super) fn new(settings: &JwtSettings) -> anyhow::Result<Option<Self>> {
        let file = settings.jwks_file.clone();
        if file.as_os_str().is_empty() {
            return Ok(None);
        }
        let keys = read(&file).with_context(|| format!("auth.jwt.jwks_file = {:?}", file.display().to_string()))?;
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.set_issuer(&[&settings.issuer]);
        rules.set_audience(&[&settings.audience]);
        rules.leeway = settings.leeway.as_secs();
        rules.validate_nbf = true;
        let seen = KeyFile { checked: Instant::now(), stamp: stamp(&file), keys: Arc::new(keys) };
        Ok(Some(Self { file, rules, seen: Mutex::new(seen) }))
    }

    /// The caller that the token identifies, or why it is invalid.
    pub(super) fn authenticate(&self, token: &str) -> Result<Authenticated, String> {
        let claims: Claims = self.keys().verify(token, &self.rules)?;
        Ok(Authenticated { caller: caller(&claims)?, expires: self.end(&claims) })
    }

    /// When a token is no longer accepted.
    fn end(&self, claims: &Claims) -> Option<SystemTime> {
        let seconds = Duration::try_from_secs_f64(claims.exp).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(seconds)?.checked_add(Duration::from_secs(self.rules.leeway))
    }

    /// The keys, read again if the file has changed. If the file can't be read, the old keys stay.
    fn keys(&self) -> Arc<PublicKeys> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.checked.elapsed() >= CHECK_INTERVAL {
            seen.checked = Instant::now();
            let now = stamp(&self.file);
            if now != seen.stamp {
                seen.stamp = now;
                match read(&self.file) {
                    Ok(keys) => {
                        tracing::info!(keys = keys.len(), "the keys of auth.jwt.jwks_file were reloaded");
                        seen.keys = Arc::new(keys);
                    }
                    Err(why) => tracing::error!("auth.jwt.jwks_file: {why:#}; the old keys stay in use"),
                }
            }
        }
        Arc::clone(&seen.keys)
    }
}

fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let data = std::fs::metadata(file).ok()?;
    Some((data.modified().ok()?, data.len()))
}

fn read(file: &Path) -> anyhow::Result<PublicKeys> {
    PublicKeys::read(&std::fs::read(file).context("it can't be read")?)
}

/// An operator if any role is `operator`; a customer's id is `sub`.
fn caller(claims: &Claims) -> Result<Caller, String> {
    let has = |role: &str| {
        let has_role =
            |value: &Value| value == role || value.as_array().is_some_and(|all| all.iter().any(|one| one == role));
        has_role(&claims.role) || has_role(&claims.roles)
    };
    let name = format!("sub {}", claims.sub);
    if has("operator") {
        return Ok(Caller::operator(&name));
    }
    if !has("customer") {
        return Err("neither role nor roles has customer or operator".to_owned());
    }
    let id = Uuid::parse_str(&claims.sub).map_err(|_| "sub is not a customer's id, a UUID".to_owned())?;
    Ok(Caller::customer(&name, id))
}

#[cfg(test)]
mod tests;

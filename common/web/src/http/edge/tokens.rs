//! Bearer tokens of an identity provider (JWT, RFC 7519), verified with its public keys (JWKS, RFC 7517). The key
//! determines the algorithm, never the token.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, ensure};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::caller::{Authenticated, Caller};
use crate::settings::JwtSettings;

/// How often the file is checked for changes.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A public key of the provider.
struct PublicKey {
    name: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// The content of the file when it was last read.
struct KeyFile {
    checked: Instant,
    stamp: Option<(SystemTime, u64)>,
    keys: Arc<Vec<PublicKey>>,
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
        let header = decode_header(token).map_err(|error| describe(error.kind()))?;
        let keys = self.keys();
        let named = |key: &&PublicKey| header.kid.is_none() || key.name == header.kid;
        let mut wrong = "no key of the provider matches".to_owned();
        for key in keys.iter().filter(named).filter(|key| key.algorithm == header.alg) {
            let rules = Validation { algorithms: vec![key.algorithm], ..self.rules.clone() };
            match decode::<Claims>(token, &key.key, &rules) {
                Ok(read) => {
                    return Ok(Authenticated { caller: caller(&read.claims)?, expires: self.end(&read.claims) });
                }
                Err(error) => wrong = describe(error.kind()),
            }
        }
        Err(wrong)
    }

    /// When a token is no longer accepted.
    fn end(&self, claims: &Claims) -> Option<SystemTime> {
        let seconds = Duration::try_from_secs_f64(claims.exp).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(seconds)?.checked_add(Duration::from_secs(self.rules.leeway))
    }

    /// The keys, read again if the file has changed. If the file can't be read, the old keys stay.
    fn keys(&self) -> Arc<Vec<PublicKey>> {
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

fn read(file: &Path) -> anyhow::Result<Vec<PublicKey>> {
    let text = std::fs::read(file).context("it can't be read")?;
    let set: JwkSet = serde_json::from_slice(&text).context("it is not a JWKS (RFC 7517)")?;
    let keys: Vec<_> = set.keys.iter().filter_map(PublicKey::of).collect();
    ensure!(!keys.is_empty(), "it has no public key for RS256, ES256 or EdDSA");
    Ok(keys)
}

impl PublicKey {
    /// `None` for a key that is not for signatures, or not of the three kinds; above all for a secret key.
    fn of(jwk: &Jwk) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Algorithm::ES256,
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
            AlgorithmParameters::EllipticCurve(_)
            | AlgorithmParameters::OctetKeyPair(_)
            | AlgorithmParameters::OctetKey(_)
            | AlgorithmParameters::Other(_)
            | _ => return None,
        };
        let common = &jwk.common;
        let for_signing = common.public_key_use.as_ref().is_none_or(|is| *is == PublicKeyUse::Signature);
        let of_kind = common.key_algorithm.is_none_or(|is| is == KeyAlgorithm::from(algorithm));
        let key = DecodingKey::from_jwk(jwk).ok().filter(|_| for_signing && of_kind)?;
        Some(Self { name: common.key_id.clone(), algorithm, key })
    }
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

/// The reason, without any content of the token.
fn describe(kind: &ErrorKind) -> String {
    let known = [
        (ErrorKind::ExpiredSignature, "the token has expired"),
        (ErrorKind::ImmatureSignature, "the token is not valid yet"),
        (ErrorKind::InvalidAudience, "the token is for another audience"),
        (ErrorKind::InvalidIssuer, "the token is from another issuer"),
        (ErrorKind::InvalidSignature, "the signature is wrong"),
    ];
    if let ErrorKind::MissingRequiredClaim(name) = kind {
        return format!("the token has no {name}");
    }
    let words = known.iter().find(|(of, _)| of == kind).map_or("the token can't be read", |(_, words)| words);
    words.to_owned()
}

#[cfg(test)]
mod tests;

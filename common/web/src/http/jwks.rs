//! The public keys of an identity provider (JWKS, RFC 7517), and the verification of its tokens (JWT, RFC 7519). The
//! key determines the algorithm, never the token.

use anyhow::{Context as _, ensure};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::de::DeserializeOwned;

/// A public key of the provider.
struct PublicKey {
    name: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// The public keys of a provider.
pub struct PublicKeys(Vec<PublicKey>);

impl PublicKeys {
    /// Reads the keys for RS256, ES256 and EdDSA.
    ///
    /// # Errors
    /// It is not a JWKS, or has no such key.
    pub fn read(text: &[u8]) -> anyhow::Result<Self> {
        let set: JwkSet = serde_json::from_slice(text).context("it is not a JWKS (RFC 7517)")?;
        let keys: Vec<_> = set.keys.iter().filter_map(PublicKey::of).collect();
        ensure!(!keys.is_empty(), "it has no public key for RS256, ES256 or EdDSA");
        Ok(Self(keys))
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if one of the keys has the name that the token gives its key.
    pub fn has_key_of(&self, token: &str) -> bool {
        let name = decode_header(token).ok().and_then(|header| header.kid);
        self.0.iter().any(|key| name.is_none() || key.name == name)
    }

    /// The claims of a token, or why it is invalid. The algorithms of `rules` are those of the keys.
    ///
    /// # Errors
    /// The reason, without any content of the token.
    pub fn verify<T: DeserializeOwned>(&self, token: &str, rules: &Validation) -> Result<T, String> {
        let header = decode_header(token).map_err(|error| describe(error.kind()))?;
        let named = |key: &&PublicKey| header.kid.is_none() || key.name == header.kid;
        let mut wrong = "no key of the provider matches".to_owned();
        for key in self.0.iter().filter(named).filter(|key| key.algorithm == header.alg) {
            let rules = Validation { algorithms: vec![key.algorithm], ..rules.clone() };
            match decode::<T>(token, &key.key, &rules) {
                Ok(read) => return Ok(read.claims),
                Err(error) => wrong = describe(error.kind()),
            }
        }
        Err(wrong)
    }
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

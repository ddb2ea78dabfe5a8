//! What a token must be to be taken, with keys made for the test.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::json;

use super::*;

const ANA: &str = "e081ad0f-f83e-4f81-b2d7-23655ac04b8a";

/// The provider's side of a key.
struct Signer {
    name: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    fn new(name: &'static str, algorithm: Algorithm) -> Self {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let key = if algorithm == Algorithm::RS256 {
            let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
            // PKCS#8 is 26 bytes around PKCS#1, which is what is wanted here.
            EncodingKey::from_rsa_der(pair.as_der().unwrap().as_ref().get(26..).unwrap())
        } else if algorithm == Algorithm::ES256 {
            let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            EncodingKey::from_ec_der(pair.as_ref())
        } else {
            EncodingKey::from_ed_der(Ed25519KeyPair::generate_pkcs8v1(&random).unwrap().as_ref())
        };
        Self { name, algorithm, key }
    }

    fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.name.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.name.to_owned()), ..Header::new(self.algorithm) };
        encode(&header, claims, &self.key).unwrap()
    }
}

fn claims() -> Value {
    let now = get_current_timestamp();
    json!({"sub": ANA, "role": "customer", "iss": "https://id.example", "aud": ["orders"], "exp": now + 60, "iat": now})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

struct Provider {
    file: tempfile::NamedTempFile,
    tokens: Tokens,
}

fn provider(keys: &[Value]) -> Provider {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!({ "keys": keys }).to_string()).unwrap();
    let settings = JwtSettings {
        jwks_file: file.path().to_owned(),
        issuer: "https://id.example".to_owned(),
        audience: "orders".to_owned(),
        leeway: Duration::from_secs(5),
    };
    let tokens = Tokens::new(&settings).unwrap().unwrap();
    Provider { file, tokens }
}

fn ana() -> Caller {
    Caller::customer(&format!("sub {ANA}"), ANA.parse().unwrap())
}

#[test]
fn a_signed_token_says_who_it_is_with_each_of_the_three_algorithms() {
    let signers = [("r", Algorithm::RS256), ("e", Algorithm::ES256), ("d", Algorithm::EdDSA)];
    let signers = signers.map(|(name, algorithm)| Signer::new(name, algorithm));
    let provider = provider(&signers.each_ref().map(Signer::jwk));
    for signer in &signers {
        assert_eq!(provider.tokens.who(&signer.sign(&claims())), Ok(ana()), "{:?}", signer.algorithm);
    }
}

#[test]
fn roles_say_what_they_may_do() {
    let signer = Signer::new("d", Algorithm::EdDSA);
    let tokens = provider(&[signer.jwk()]).tokens;
    let who = |claims: Value| tokens.who(&signer.sign(&claims));
    let mut operator = with("role", Value::Null);
    operator["roles"] = json!(["reader", "operator"]);
    assert_eq!(who(operator), Ok(Caller::operator(&format!("sub {ANA}"))));
    assert!(who(with("role", json!("king"))).unwrap_err().contains("neither role nor roles"));
    assert!(who(with("sub", json!("ana"))).unwrap_err().starts_with("sub is not a customer's id"));
}

#[test]
fn expired_foreign_and_incomplete_tokens_are_refused() {
    let signer = Signer::new("d", Algorithm::EdDSA);
    let tokens = provider(&[signer.jwk()]).tokens;
    let now = get_current_timestamp();
    for (claims, why) in [
        (with("exp", json!(now - 60)), "the token has expired"),
        (with("nbf", json!(now + 60)), "the token is not valid yet"),
        (with("aud", json!("payments")), "the token is for another audience"),
        (with("iss", json!("https://id.elsewhere")), "the token is from another issuer"),
        (with("aud", Value::Null), "the token has no aud"),
        (json!({"sub": ANA, "role": "customer", "iss": "https://id.example", "aud": "orders"}), "the token has no exp"),
    ] {
        assert_eq!(tokens.who(&signer.sign(&claims)), Err(why.to_owned()), "{claims}");
    }
    assert_eq!(tokens.who(&signer.sign(&with("exp", json!(now - 2)))), Ok(ana()), "within the leeway");
}

#[test]
fn a_forged_token_is_refused_whatever_it_says_of_itself() {
    let (signer, forger) = (Signer::new("r", Algorithm::RS256), Signer::new("r", Algorithm::RS256));
    let provider = provider(&[signer.jwk()]);
    let who = |token: &str| provider.tokens.who(token).unwrap_err();
    assert_eq!(who(&forger.sign(&claims())), "the signature is not right");

    // The public key, taken for the secret of an HMAC.
    let header = Header { kid: Some("r".to_owned()), ..Header::new(Algorithm::HS256) };
    let public = std::fs::read(provider.file.path()).unwrap();
    let confused = encode(&header, &claims(), &EncodingKey::from_secret(&public)).unwrap();
    assert_eq!(who(&confused), "no key of the provider goes with it");

    let text = |part: &Value| {
        use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
        BASE64_URL_SAFE_NO_PAD.encode(part.to_string())
    };
    let unsigned = format!("{}.{}.", text(&json!({"alg": "none", "typ": "JWT"})), text(&claims()));
    assert_eq!(who(&unsigned), "the token can't be read");

    let good = signer.sign(&claims());
    let [head, _, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let changed = format!("{head}.{}.{signature}", text(&with("role", json!("operator"))));
    assert_eq!(who(&changed), "the signature is not right");
}

#[test]
fn a_new_key_is_taken_when_the_file_has_changed_and_a_broken_file_changes_nothing() {
    let (old, new) = (Signer::new("1", Algorithm::EdDSA), Signer::new("2", Algorithm::EdDSA));
    let provider = provider(&[old.jwk()]);
    let (file, tokens) = (provider.file.path().to_owned(), provider.tokens);
    let look_again = || tokens.seen.lock().unwrap().looked -= LOOK;
    assert!(tokens.who(&new.sign(&claims())).is_err());
    std::fs::write(&file, "{\"keys\":").unwrap();
    look_again();
    assert_eq!(tokens.who(&old.sign(&claims())), Ok(ana()));
    std::fs::write(&file, json!({ "keys": [new.jwk()] }).to_string()).unwrap();
    look_again();
    assert_eq!(tokens.who(&new.sign(&claims())), Ok(ana()));
    assert!(tokens.who(&old.sign(&claims())).is_err(), "a key that is gone is gone");
}

#[test]
fn keys_that_are_no_public_signing_keys_are_not_used_and_a_file_without_any_stops_the_start() {
    let secret = json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"});
    let mut for_encryption = Signer::new("d", Algorithm::EdDSA).jwk();
    for_encryption["use"] = json!("enc");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!({ "keys": [secret, for_encryption] }).to_string()).unwrap();
    let settings = |jwks_file: PathBuf| JwtSettings { jwks_file, ..JwtSettings::default() };
    let told = |jwks_file| format!("{:#}", Tokens::new(&settings(jwks_file)).err().unwrap());
    assert!(told(file.path().to_owned()).ends_with("it holds no public key for RS256, ES256 or EdDSA"));
    let none = told("none.json".into());
    assert!(none.starts_with("auth.jwt.jwks_file = \"none.json\": it can't be read"), "{none}");
}

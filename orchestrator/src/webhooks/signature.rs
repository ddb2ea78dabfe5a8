//! The signature of Standard Webhooks 1.0
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::entity::webhooks::subscription::SigningSecret;

/// The header `webhook-signature`: for each secret `v1,` and the HMAC-SHA256 of id, time and body, joined by points.
/// `None` without a secret.
pub fn signature<'s>(
    secrets: impl IntoIterator<Item = &'s SigningSecret>,
    id: &str,
    seconds: i64,
    body: &str,
) -> Option<String> {
    let sign = |secret: &SigningSecret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret.key()?).ok()?;
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
    };
    let all: Option<Vec<String>> = secrets.into_iter().map(sign).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference implementations.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn sign(secrets: &[SigningSecret]) -> Option<String> {
        signature(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#)
    }

    #[test]
    fn a_webhook_has_the_signature_of_the_specifications_example() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        assert_eq!(sign(std::slice::from_ref(&secret)).as_deref(), Some(SIGNATURE));
        let other = SigningSecret::of(&[7; 32]);
        let two = sign(&[other.clone(), secret]).unwrap();
        let (first, second) = two.split_once(' ').unwrap();
        assert_eq!((sign(&[other]).as_deref(), second), (Some(first), SIGNATURE));
        assert_eq!(sign(&[]), None);
    }
}

//! `[edge]` and `[auth]`: who may call a service, how often and from where. By default everyone may, without limits.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use uuid::Uuid;

use super::units;

/// `[edge]`: rate limits, proxies and cross-origin requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeSettings {
    /// Requests that one client may send per `rate_window`; 0 means no limit.
    pub rate_limit: u32,
    /// The time in which a client's whole `rate_limit` is restored.
    #[serde(with = "units::duration")]
    pub rate_window: Duration,
    /// Event streams that one client may have open.
    pub streams_per_client: usize,
    /// The proxies whose `X-Forwarded-For` is trusted: addresses and networks.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The origins of web pages that may read responses; `*` means all.
    pub cors_origins: Vec<String>,
}

/// `[auth]`: who may call. Without keys and tokens everyone may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// Refuses to start without keys and tokens.
    pub required: bool,
    /// API keys of programs.
    pub keys: Vec<ApiKey>,
    /// Tokens signed by an identity provider.
    pub jwt: JwtSettings,
}

/// One of `auth.keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The name of its bearer, for logs and limits.
    pub name: String,
    /// The role of its bearer.
    pub role: Role,
    /// The bearer's customer id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Uuid>,
    /// SHA-256 of the key, in hexadecimal digits.
    pub hash: String,
}

/// The rights of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May place orders, and see and change their own.
    Customer,
    /// May do everything.
    Operator,
}

/// `[auth.jwt]`: tokens (RFC 7519) of an identity provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSettings {
    /// The file of the provider's public keys (RFC 7517); empty if tokens are not accepted.
    pub jwks_file: PathBuf,
    /// The `iss` that tokens must have.
    pub issuer: String,
    /// The `aud` that tokens must have.
    pub audience: String,
    /// The tolerated difference between clocks.
    #[serde(with = "units::duration")]
    pub leeway: Duration,
}

#[cfg(test)]
impl Default for EdgeSettings {
    /// Without limits that a test reaches.
    fn default() -> Self {
        Self {
            rate_limit: 0,
            rate_window: Duration::from_secs(60),
            streams_per_client: 100,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
        }
    }
}

fn networks<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(d)?;
    let network = |text: &String| text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse()).ok();
    let wrong = || D::Error::custom("must be IP addresses or networks, such as \"10.0.0.7\" or \"10.0.0.0/8\"");
    texts.iter().map(|text| network(text).ok_or_else(wrong)).collect()
}

/// Returns true for an origin (RFC 6454): `https://shop.example`, without a path.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:[]".contains(&b))
    })
}

impl EdgeSettings {
    /// Calls `fault` with the key of each invalid value, and the allowed values.
    pub(super) fn check(&self, fault: &mut dyn FnMut(&[&str], &str)) {
        if self.rate_limit > 1_000_000 {
            fault(&["edge", "rate_limit"], "must be from 0 (no limit) to 1000000");
        }
        if self.rate_window < Duration::from_secs(1) || self.rate_window > Duration::from_secs(24 * 3600) {
            fault(&["edge", "rate_window"], "must be from 1s to 1day");
        }
        if !(1..=1_000_000).contains(&self.streams_per_client) {
            fault(&["edge", "streams_per_client"], "must be from 1 to 1000000");
        }
        let all = self.cors_origins == ["*"];
        if !all && !self.cors_origins.iter().all(|origin| is_origin(origin)) {
            let allowed =
                "must be origins such as \"https://shop.example\", in lower case and without a path, or \"*\" alone";
            fault(&["edge", "cors_origins"], allowed);
        }
    }
}

impl AuthSettings {
    /// Returns true if callers must authenticate.
    pub fn is_on(&self) -> bool {
        !self.keys.is_empty() || !self.jwt.jwks_file.as_os_str().is_empty()
    }

    /// Calls `fault` with the key of each invalid value, and the allowed values.
    pub(super) fn check(&self, fault: &mut dyn FnMut(&[&str], &str)) {
        for (n, key) in self.keys.iter().enumerate() {
            let at = format!("[{n}]");
            let mut fault = |name: &str, allowed: &str| fault(&["auth", "keys", &at, name], allowed);
            if key.name.trim().is_empty() || self.keys.iter().take(n).any(|other| other.name == key.name) {
                fault("name", "must be a name that no other key has");
            }
            if key.hash.len() != 64 || !key.hash.bytes().all(|b| b.is_ascii_hexdigit()) {
                fault("hash", "must be the key's SHA-256 in 64 hexadecimal digits: printf %s KEY | sha256sum");
            }
            match (key.role, key.customer_id) {
                (Role::Customer, None) => fault("customer_id", "is needed where the role is customer: a UUID"),
                (Role::Operator, Some(_)) => fault("customer_id", "must be left out where the role is operator"),
                (Role::Customer, Some(_)) | (Role::Operator, None) => {}
            }
        }
        let JwtSettings { jwks_file, issuer, audience, leeway } = &self.jwt;
        let tokens = !jwks_file.as_os_str().is_empty();
        for (name, value) in [("issuer", issuer), ("audience", audience)] {
            if tokens && value.is_empty() {
                fault(&["auth", "jwt", name], "must be set where auth.jwt.jwks_file is");
            } else if !tokens && !value.is_empty() {
                fault(&["auth", "jwt", name], "does nothing without auth.jwt.jwks_file");
            }
        }
        if *leeway > Duration::from_secs(300) {
            fault(&["auth", "jwt", "leeway"], "must be at most 5m");
        }
    }
}

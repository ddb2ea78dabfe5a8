//! The settings that only the orchestrator has.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use common::messages::MessageMac;
use common::settings::{EventSettings, Secret};
use serde::{Deserialize, Serialize};

use crate::oidc::OidcSettings;
use crate::sessions::{self, API_KEY, Authentication, Role, User};
use crate::webhooks::settings::WebhookSettings;

/// The password of the default `dashboard.password_hash`.
const PUBLISHED_PASSWORD: &str = "zup@123";
/// The most groups of other services: each is read with several requests to the brokers.
const MAX_GROUPS: usize = 50;
/// The most instances whose circuit breakers are read.
const MAX_HEALTH_URLS: usize = 16;
/// The shortest time that acts are shown.
const MIN_AUDIT: Duration = Duration::from_secs(3_600);
/// The placeholder for the id of the trace in `dashboard.trace_url`.
const TRACE_ID: &str = "{trace_id}";
/// The shortest lifetime of a session.
const MIN_LIFETIME: Duration = Duration::from_secs(60);

/// The settings that only the orchestrator has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[auth]`
    pub auth: Auth,
    /// `[sagas]`
    pub sagas: Sagas,
    /// `[payments]`
    pub payments: PaymentResults,
    /// `[dashboard]`
    pub dashboard: Dashboard,
    /// `[events]`
    pub events: EventSettings,
    /// `[webhooks]`
    pub webhooks: WebhookSettings,
}

/// Whether the published default password is refused.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Refuses to start with the published default password.
    pub required: bool,
}

/// Which payment results count.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentResults {
    /// The secret shared with payment-service; empty: all results count.
    pub results_secret: Secret,
}

impl PaymentResults {
    /// Recognizes the results of payment-service; `None` without a secret.
    ///
    /// # Errors
    /// The secret is too short.
    pub fn mac(&self) -> anyhow::Result<Option<MessageMac>> {
        MessageMac::new(self.results_secret.reveal())
            .map_err(|why| anyhow::anyhow!("payments.results_secret = ***: {why}"))
    }
}

/// Where the definitions are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sagas {
    /// A directory of `*.toml`; empty for the built-in definitions.
    pub directory: PathBuf,
}

/// The dashboard: its users, sessions and links.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// Whether the two users below may log in with their passwords.
    pub local_users: bool,
    /// The operator's user name.
    pub user: String,
    /// The operator's password as a PHC string of Argon2id.
    pub password_hash: String,
    /// The viewer's user name; empty for no viewer.
    pub viewer: String,
    /// The viewer's password as a PHC string of Argon2id.
    pub viewer_password_hash: String,
    /// The key of read-only scripts as a PHC string of Argon2id; empty for no key.
    pub api_key_hash: String,
    /// Whether cookies are always `Secure`, even without `X-Forwarded-Proto: https`.
    pub secure_cookies: bool,
    /// The URL of order-service for browsers.
    pub orders_url: String,
    /// The URL of inventory-service for browsers.
    pub inventory_url: String,
    /// The URL of payment-service for browsers.
    pub payments_url: String,
    /// The URL of a trace for browsers, with `{trace_id}`; empty: traces are not linked.
    pub trace_url: String,
    /// The consumer groups of the other services.
    pub groups: Vec<String>,
    /// The URLs of instances whose circuit breakers are causes.
    pub health_urls: Vec<String>,
    /// How long an act is shown on the page Audit.
    #[serde(with = "common::settings::units::duration")]
    pub audit_retention: Duration,
    /// The key that signs sessions; empty: a random one, so that they end with the process.
    pub session_secret: Secret,
    /// A session ends after this time without a request.
    #[serde(with = "common::settings::units::duration")]
    pub session_idle: Duration,
    /// A session ends after this time, however much it is used.
    #[serde(with = "common::settings::units::duration")]
    pub session_lifetime: Duration,
    /// `[dashboard.oidc]`
    pub oidc: OidcSettings,
}

impl Dashboard {
    /// The users who may log in with a password or a key.
    pub fn users(&self) -> Vec<User> {
        let operator = User {
            name: self.user.clone(),
            hash: self.password_hash.clone(),
            role: Role::Operator,
            authentication: Authentication::Password,
        };
        let viewer = User {
            name: self.viewer.clone(),
            hash: self.viewer_password_hash.clone(),
            role: Role::Viewer,
            authentication: Authentication::Password,
        };
        let script = User {
            name: API_KEY.to_owned(),
            hash: self.api_key_hash.clone(),
            role: Role::Viewer,
            authentication: Authentication::Key,
        };
        let all = [operator, viewer, script];
        let may = |user: &User| self.local_users || user.authentication == Authentication::Key;
        all.into_iter().filter(|user| !user.name.is_empty() && !user.hash.is_empty() && may(user)).collect()
    }

    /// The URL of a trace, if traces are linked.
    pub fn trace_link(&self, trace: &str) -> Option<String> {
        (!self.trace_url.is_empty()).then(|| self.trace_url.replace(TRACE_ID, trace))
    }

    /// Returns true if a user has the published password of the defaults, with any salt.
    pub fn has_published_password(&self) -> bool {
        self.users().iter().any(|user| sessions::is_password_of(&user.hash, PUBLISHED_PASSWORD))
    }

    /// Checks the values.
    ///
    /// # Errors
    /// The first invalid value, with its key.
    pub fn check(&self) -> anyhow::Result<()> {
        self.oidc.check()?;
        ensure!(
            self.local_users || self.oidc.is_on(),
            "dashboard.local_users = false: no user could log in without dashboard.oidc.issuer"
        );
        ensure!(!self.user.is_empty(), "dashboard.user = \"\": a name is required");
        sessions::check_hash("dashboard.password_hash", &self.password_hash)?;
        if !self.viewer.is_empty() {
            ensure!(self.viewer != self.user, "dashboard.viewer = {:?}: dashboard.user has that name", self.viewer);
            sessions::check_hash("dashboard.viewer_password_hash", &self.viewer_password_hash)?;
        }
        if !self.api_key_hash.is_empty() {
            sessions::check_hash("dashboard.api_key_hash", &self.api_key_hash)?;
        }
        let is_group = |name: &String| !name.is_empty() && !name.contains(char::is_whitespace);
        ensure!(
            self.groups.len() <= MAX_GROUPS && self.groups.iter().all(is_group),
            "dashboard.groups = {:?}: write at most {MAX_GROUPS} names of consumer groups, without spaces",
            self.groups
        );
        let is_url = |url: &String| is_http(url) && !url.ends_with('/') && !url.contains(char::is_whitespace);
        ensure!(
            self.health_urls.len() <= MAX_HEALTH_URLS && self.health_urls.iter().all(is_url),
            "dashboard.health_urls = {:?}: write at most {MAX_HEALTH_URLS} of http://host:port, without a trailing /",
            self.health_urls
        );
        let audit = self.audit_retention;
        ensure!(audit >= MIN_AUDIT, "dashboard.audit_retention = {audit:?}: it must be at least 1h");
        let key = self.session_secret.reveal().len();
        ensure!(
            key == 0 || key >= sessions::MIN_KEY,
            "dashboard.session_secret = ***: it has {key} bytes, write at least {}",
            sessions::MIN_KEY
        );
        let lifetime = self.session_lifetime;
        ensure!(lifetime >= MIN_LIFETIME, "dashboard.session_lifetime = {lifetime:?}: it must be at least 1m");
        let trace = &self.trace_url;
        let is_trace = is_http(trace) && trace.contains(TRACE_ID) && !trace.contains(char::is_whitespace);
        ensure!(
            trace.is_empty() || is_trace,
            "dashboard.trace_url = {trace:?}: write a URL such as https://traces.example/{TRACE_ID}, or nothing"
        );
        let urls = [("orders", &self.orders_url), ("inventory", &self.inventory_url), ("payments", &self.payments_url)];
        for (name, url) in urls {
            ensure!(
                is_http(url) && !url.ends_with('/'),
                "dashboard.{name}_url = {url:?}: write http://host:port, without a trailing /"
            );
        }
        Ok(())
    }
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_trace_url(url: &str) -> Dashboard {
        #[derive(Deserialize)]
        struct File {
            dashboard: Dashboard,
        }
        let file: File = toml::from_str(include_str!("../config/default.toml")).unwrap();
        Dashboard { trace_url: url.to_owned(), ..file.dashboard }
    }

    #[test]
    fn a_key_of_sessions_is_optional_and_not_short() {
        let with = |key: &str| Dashboard { session_secret: key.into(), ..with_trace_url("") };
        assert!(with("").check().is_ok() && with(&"k".repeat(32)).check().is_ok());
        let why = with("a short key").check().unwrap_err().to_string();
        assert!(why.starts_with("dashboard.session_secret = ***") && !why.contains("short key"), "{why}");
    }

    #[test]
    fn without_local_users_there_must_be_a_provider_and_no_password_counts() {
        let with = |local_users, issuer: &str| {
            let mut dashboard = Dashboard { local_users, ..with_trace_url("") };
            dashboard.oidc.issuer = issuer.to_owned();
            dashboard.oidc.client_id = if issuer.is_empty() { String::new() } else { "dashboard".to_owned() };
            dashboard.oidc.operator_roles = vec!["operators".to_owned()];
            dashboard
        };
        assert!(with(false, "").check().unwrap_err().to_string().starts_with("dashboard.local_users = false"));
        let federated = with(false, "https://idp.example");
        federated.check().unwrap();
        assert!(federated.users().is_empty() && !federated.has_published_password());
        assert!(with(true, "https://idp.example").has_published_password());
    }

    #[test]
    fn a_trace_is_linked_by_a_template() {
        let trace = with_trace_url("https://traces.example/trace/{trace_id}?x=1");
        trace.check().unwrap();
        assert_eq!(trace.trace_link("0af7").as_deref(), Some("https://traces.example/trace/0af7?x=1"));
        let none = with_trace_url("");
        none.check().unwrap();
        assert_eq!(none.trace_link("0af7"), None);
        for wrong in ["https://traces.example/", "javascript:alert({trace_id})", "https://a b/{trace_id}"] {
            let why = with_trace_url(wrong).check().unwrap_err().to_string();
            assert!(why.starts_with("dashboard.trace_url = "), "{why}");
        }
    }

    #[test]
    fn urls_of_instances_are_few_and_without_a_trailing_slash() {
        let with = |urls: Vec<String>| Dashboard { health_urls: urls, ..with_trace_url("") };
        assert!(with(Vec::new()).check().is_ok() && with(vec!["http://payments:8082".to_owned()]).check().is_ok());
        let many = (0..=MAX_HEALTH_URLS).map(|n| format!("http://payments:{n}")).collect();
        for wrong in [vec!["payments:8082".to_owned()], vec!["http://payments:8082/".to_owned()], many] {
            let why = with(wrong).check().unwrap_err().to_string();
            assert!(why.starts_with("dashboard.health_urls = "), "{why}");
        }
    }

    #[test]
    fn a_secret_for_results_is_optional_and_not_short() {
        let mac = |secret: &str| PaymentResults { results_secret: secret.into() }.mac();
        assert!(mac("").unwrap().is_none());
        assert!(mac("a secret of the tests").unwrap().is_some());
        let why = mac("too short").unwrap_err().to_string();
        assert!(why.starts_with("payments.results_secret") && !why.contains("too short"), "{why}");
    }
}

//! `[dashboard.oidc]`

use anyhow::ensure;
use common::ids;
use common::settings::Secret;
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// `[dashboard.oidc]`: the identity provider, and which of its users may do what.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcSettings {
    /// The provider's issuer; empty: no login with a provider.
    pub issuer: String,
    /// The dashboard's client id at the provider.
    pub client_id: String,
    /// Its secret; empty for a public client.
    pub client_secret: Secret,
    /// The dashboard's URL for browsers; empty: the host of the request.
    pub public_url: String,
    /// The requested scopes.
    pub scopes: Vec<String>,
    /// The claim with the user's name.
    pub name_claim: String,
    /// The claim with the user's roles; dots lead into objects.
    pub roles_claim: String,
    /// The roles that make an operator.
    pub operator_roles: Vec<String>,
    /// The roles that make a viewer.
    pub viewer_roles: Vec<String>,
    /// The roles that tasks of definitions can name.
    pub task_roles: Vec<String>,
    /// Which session a logout ends.
    pub logout: Logout,
}

/// Which session the logout of a provider's user ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Logout {
    /// The dashboard's alone.
    Local,
    /// The dashboard's, then the provider's.
    Provider,
}

impl OidcSettings {
    /// Returns true if users may log in with a provider.
    pub const fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// A name for these settings that reveals none: sessions that were opened under others end.
    pub fn fingerprint(&self) -> Option<String> {
        let operators = self.operator_roles.join("\n");
        let viewers = self.viewer_roles.join("\n");
        let tasks = self.task_roles.join("\n");
        let mut parts = vec!["oidc", &self.issuer, &self.client_id, &self.roles_claim, &operators, &viewers];
        // Without them the sessions of earlier releases go on.
        parts.extend((!tasks.is_empty()).then_some(tasks.as_str()));
        self.is_on().then(|| ids::derive(&parts).simple().to_string())
    }

    /// Checks the values.
    ///
    /// # Errors
    /// The first invalid value, with its key.
    pub fn check(&self) -> anyhow::Result<()> {
        if !self.is_on() {
            ensure!(self.client_id.is_empty(), "dashboard.oidc.client_id does nothing without dashboard.oidc.issuer");
            ensure!(
                self.logout == Logout::Local,
                "dashboard.oidc.logout = \"provider\" does nothing without dashboard.oidc.issuer"
            );
            return Ok(());
        }
        let issuer = &self.issuer;
        ensure!(
            is_protected(issuer) && !issuer.contains(['?', '#', ' ']),
            "dashboard.oidc.issuer = {issuer:?}: write an https URL, as in the provider's tokens, or http on this \
             machine"
        );
        ensure!(
            !self.client_id.is_empty(),
            "dashboard.oidc.client_id = \"\": it is required with dashboard.oidc.issuer"
        );
        let url = &self.public_url;
        let is_url = url.starts_with("http://") || url.starts_with("https://");
        ensure!(
            url.is_empty() || is_url && !url.ends_with('/') && !url.contains([' ', '?', '#']),
            "dashboard.oidc.public_url = {url:?}: write a URL such as https://sagas.example, without a trailing /"
        );
        let scopes = &self.scopes;
        ensure!(
            scopes.iter().any(|scope| scope == "openid") && scopes.iter().all(|scope| is_word(scope)),
            "dashboard.oidc.scopes = {scopes:?}: write names without spaces, openid among them"
        );
        for (key, claim) in [("name_claim", &self.name_claim), ("roles_claim", &self.roles_claim)] {
            ensure!(is_word(claim), "dashboard.oidc.{key} = {claim:?}: write the name of a claim");
        }
        ensure!(
            !self.operator_roles.is_empty() || !self.viewer_roles.is_empty(),
            "dashboard.oidc.operator_roles and viewer_roles are empty: no user could log in"
        );
        Ok(())
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns true for an https URL, and for http on this machine, without credentials.
pub(super) fn is_protected(url: &str) -> bool {
    let Ok(parsed) = Url::parse(url) else { return false };
    let is_on_this_machine = parsed.host_str().is_some_and(|host| ["localhost", "127.0.0.1"].contains(&host));
    let has_credentials = !parsed.username().is_empty() || parsed.password().is_some();
    !has_credentials && (parsed.scheme() == "https" || parsed.scheme() == "http" && is_on_this_machine)
}

#[cfg(test)]
pub(super) fn of_test() -> OidcSettings {
    OidcSettings {
        issuer: "https://idp.example".to_owned(),
        client_id: "dashboard".to_owned(),
        client_secret: "".into(),
        public_url: String::new(),
        scopes: vec!["openid".to_owned()],
        name_claim: "preferred_username".to_owned(),
        roles_claim: "realm_access.roles".to_owned(),
        operator_roles: vec!["operators".to_owned()],
        viewer_roles: vec!["viewers".to_owned()],
        task_roles: vec!["warehouse".to_owned()],
        logout: Logout::Local,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_needs_an_issuer_a_client_and_roles() {
        of_test().check().unwrap();
        let off = OidcSettings { issuer: String::new(), client_id: String::new(), ..of_test() };
        off.check().unwrap();
        assert_eq!(off.fingerprint(), None);
        let with = |change: fn(&mut OidcSettings)| {
            let mut settings = of_test();
            change(&mut settings);
            settings.check().unwrap_err().to_string()
        };
        for (key, why) in [
            ("issuer", with(|s| s.issuer = "http://idp.example".to_owned())),
            ("issuer", with(|s| s.issuer = "http://localhost.evil.example".to_owned())),
            ("issuer", with(|s| s.issuer = "idp.example".to_owned())),
            ("issuer", with(|s| s.issuer = "http://localhost:80@evil.example".to_owned())),
            (
                "logout",
                with(|s| {
                    s.issuer.clear();
                    s.client_id.clear();
                    s.logout = Logout::Provider;
                }),
            ),
            ("client_id", with(|s| s.client_id.clear())),
            ("client_id", with(|s| s.issuer.clear())),
            ("public_url", with(|s| s.public_url = "https://sagas.example/".to_owned())),
            ("scopes", with(|s| s.scopes = vec!["profile".to_owned()])),
            ("roles_claim", with(|s| s.roles_claim.clear())),
            ("operator_roles", with(|s| (s.operator_roles, s.viewer_roles) = Default::default())),
        ] {
            assert!(why.starts_with(&format!("dashboard.oidc.{key}")), "{key}: {why}");
        }
        for issuer in ["http://127.0.0.1:4000", "http://localhost/realm", "https://idp.example/realms/a"] {
            OidcSettings { issuer: issuer.to_owned(), ..of_test() }.check().unwrap();
        }
    }

    #[test]
    fn other_roles_end_the_sessions() {
        let other = OidcSettings { viewer_roles: vec!["all".to_owned()], ..of_test() };
        assert!(of_test().fingerprint().is_some() && of_test().fingerprint() != other.fingerprint());
        let other = OidcSettings { task_roles: Vec::new(), ..of_test() };
        assert_ne!(of_test().fingerprint(), other.fingerprint());
    }
}

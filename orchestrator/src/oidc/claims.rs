//! Who a verified ID token is about, and what that user may do.

use common::bounds::first_chars;
use serde_json::{Map, Value};

use super::settings::OidcSettings;
use crate::sessions::Role;

/// The most characters of a name.
const NAME: usize = 100;

/// A user that a provider has authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederatedUser {
    /// The name in the audit: the provider's, after `oidc:`, so that it is no local user's.
    pub name: String,
    /// The permissions; `None` if the user has no role of the dashboard.
    pub role: Option<Role>,
    /// The roles of tasks that the user has.
    pub task_roles: Vec<String>,
}

impl FederatedUser {
    /// The user of an ID token's claims.
    pub(super) fn of(claims: &Map<String, Value>, settings: &OidcSettings) -> Self {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let name = text(&settings.name_claim).or_else(|| text("sub")).unwrap_or("unknown");
        let shown: String = first_chars(name, NAME).chars().filter(|c| !c.is_control()).collect();
        let own = roles(claims, settings);
        let has = |wanted: &[String]| wanted.iter().any(|role| own.contains(&role.as_str()));
        // An operator's role takes precedence.
        let role = if has(&settings.operator_roles) {
            Some(Role::Operator)
        } else {
            has(&settings.viewer_roles).then_some(Role::Viewer)
        };
        let task_roles = settings.task_roles.iter().filter(|role| own.contains(&role.as_str())).cloned().collect();
        Self { name: format!("oidc:{shown}"), role, task_roles }
    }
}

/// The roles at the claim of the settings.
fn roles<'c>(claims: &'c Map<String, Value>, settings: &OidcSettings) -> Vec<&'c str> {
    let mut path = settings.roles_claim.split('.');
    // A claim's name may contain dots, such as a URL.
    let found = claims.get(&settings.roles_claim).or_else(|| {
        let first = claims.get(path.next()?);
        path.fold(first, |value, name| value?.get(name))
    });
    match found {
        Some(Value::String(role)) => vec![role],
        Some(Value::Array(roles)) => roles.iter().filter_map(Value::as_str).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::settings::of_test;
    use super::*;

    fn user(claims: Value, roles_claim: &str) -> FederatedUser {
        let settings = OidcSettings { roles_claim: roles_claim.to_owned(), ..of_test() };
        FederatedUser::of(claims.as_object().unwrap(), &settings)
    }

    #[test]
    fn roles_of_tasks_are_those_of_the_settings_that_the_user_has() {
        let all = json!({"groups": ["operators", "warehouse", "elsewhere"]});
        assert_eq!(user(all, "groups").task_roles, ["warehouse"]);
        assert!(user(json!({"groups": "operators"}), "groups").task_roles.is_empty());
    }

    #[test]
    fn roles_are_texts_or_lists_at_the_claim() {
        for (claims, claim, role) in [
            (json!({"realm_access": {"roles": ["x", "operators"]}}), "realm_access.roles", Some(Role::Operator)),
            (json!({"groups": ["viewers", "operators"]}), "groups", Some(Role::Operator)),
            (json!({"groups": "viewers"}), "groups", Some(Role::Viewer)),
            (json!({"https://a.example/roles": ["viewers"]}), "https://a.example/roles", Some(Role::Viewer)),
            (json!({"groups": ["Operators", "operators2", 7, null]}), "groups", None),
            (json!({"groups": {"operators": true}}), "groups", None),
            (json!({"realm_access": "operators"}), "realm_access.roles", None),
            (json!({}), "groups", None),
        ] {
            assert_eq!(user(claims.clone(), claim).role, role, "{claims}");
        }
    }

    #[test]
    fn a_name_is_never_that_of_a_local_user_and_is_bounded() {
        assert_eq!(user(json!({"preferred_username": "techlead", "sub": "7"}), "groups").name, "oidc:techlead");
        assert_eq!(user(json!({"preferred_username": " ", "sub": "7"}), "groups").name, "oidc:7");
        let long = user(json!({"preferred_username": format!("a\n{}", "é".repeat(200))}), "groups").name;
        assert!(long.chars().count() <= NAME + "oidc:".len() && !long.contains('\n'), "{long}");
    }
}

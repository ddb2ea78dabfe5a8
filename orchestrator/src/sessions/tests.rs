//! Tests of the sessions.

use std::net::Ipv4Addr;

use super::*;

fn with(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::COOKIE, format!("a=b; {COOKIE}={token}").parse().unwrap())])
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const HOUR: Duration = Duration::from_secs(3600);

fn sessions(idle: Duration) -> Sessions {
    lasting(idle, HOUR)
}

fn lasting(idle: Duration, lifetime: Duration) -> Sessions {
    Sessions::new(users(), "", idle, lifetime)
}

fn users() -> Vec<User> {
    let defaults = include_str!("../../config/default.toml");
    let hash = defaults.lines().find_map(|l| l.strip_prefix("password_hash = ")).unwrap().trim_matches('\'');
    check_hash("dashboard.password_hash", hash).unwrap();
    let user =
        |name: &str, role, authentication| User { name: name.to_owned(), hash: hash.to_owned(), role, authentication };
    let operator = user("techlead", Role::Operator, Authentication::Password);
    let viewer = user("guest", Role::Viewer, Authentication::Password);
    let key = user(API_KEY, Role::Viewer, Authentication::Key);
    vec![operator, viewer, key]
}

#[tokio::test]
async fn only_the_right_name_and_password_open_a_session() {
    let sessions = sessions(Duration::from_secs(60));
    assert_eq!(sessions.log_in(HERE, "techlead", "wrong".to_owned()).await, Err(Denied::Wrong));
    assert_eq!(sessions.log_in(HERE, "someone", "zup@123".to_owned()).await, Err(Denied::Wrong));
    let token = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
    let identity = sessions.peek(&with(&token)).unwrap();
    assert!(identity.may_act());
    assert!(identity.owns_form(&identity.csrf) && !identity.owns_form("") && !identity.owns_form("x"));
    assert_eq!(sessions.peek(&with("x")), None);
    sessions.log_out(&with(&token));
    assert_eq!(sessions.peek(&with(&token)), None);
}

#[tokio::test]
async fn name_and_password_may_come_with_the_request() {
    let sessions = sessions(Duration::from_secs(60));
    for (value, name) in [
        ("Basic dGVjaGxlYWQ6enVwQDEyMw==", Some("techlead")),
        ("basic dGVjaGxlYWQ6enVwQDEyMw==", Some("techlead")),
        ("Basic dGVjaGxlYWQ6d3Jvbmc=", None),
        ("Bearer dGVjaGxlYWQ6enVwQDEyMw==", None),
        ("Bearer zup@123", Some(API_KEY)),
        // `api key:zup@123`: the key is not a password.
        ("Basic YXBpIGtleTp6dXBAMTIz", None),
        ("Basic ???", None),
        ("Basic", None),
    ] {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(
            sessions.authenticate(HERE, &headers).await.ok().map(|identity| identity.name).as_deref(),
            name,
            "{value}"
        );
    }
    assert!(sessions.authenticate(HERE, &HeaderMap::new()).await.is_err());
}

#[tokio::test]
async fn a_viewer_may_not_act() {
    let sessions = sessions(Duration::from_secs(60));
    let token = sessions.log_in(HERE, "guest", "zup@123".to_owned()).await.unwrap();
    assert!(!sessions.peek(&with(&token)).unwrap().may_act());
}

#[tokio::test]
async fn an_idle_session_ends() {
    let sessions = sessions(Duration::ZERO);
    let token = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
    assert_eq!(sessions.peek(&with(&token)), None);
}

#[tokio::test]
async fn a_session_ends_after_its_lifetime_however_much_it_is_used() {
    let sessions = lasting(HOUR, Duration::ZERO);
    let token = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
    assert_eq!(sessions.peek(&with(&token)), None);
}

#[tokio::test]
async fn a_session_survives_a_restart_and_is_valid_on_another_instance() {
    let key = "a key of the tests, at least as long as needed";
    let of = |users, key| Sessions::new(users, key, HOUR, HOUR);
    let first = of(users(), key);
    let token = first.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
    let other = of(users(), key);
    let identity = other.peek(&with(&token)).unwrap();
    assert!(identity.may_act() && identity.owns_form(&first.peek(&with(&token)).unwrap().csrf));
    assert_eq!(of(users(), "another key of the tests, as long as needed").peek(&with(&token)), None);
    assert_eq!(of(users(), "").peek(&with(&token)), None, "without a key");
    let mut changed = users();
    changed.iter_mut().for_each(|user| user.hash = user.hash.replace('a', "b"));
    assert_eq!(of(changed, key).peek(&with(&token)), None, "with another password");
    let (head, _) = token.rsplit_once('.').unwrap();
    assert_eq!(other.peek(&with(&format!("{head}."))), None, "without a signature");
}

#[tokio::test]
async fn a_used_session_gets_a_new_token_and_an_idle_one_ends() {
    let sessions = sessions(Duration::from_millis(2));
    let token = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await.unwrap();
    let now = Timestamp::now().0;
    let claims = sessions.tokens.read(&token).unwrap();
    let at = |used| sessions.tokens.sign(&Claims { used, ..claims.clone() }).unwrap();
    assert_eq!(sessions.peek(&with(&at(now - 3_600_000))), None);
    let long = Sessions { idle: HOUR, ..sessions.clone() };
    let renewed = long.renewed(&with(&at(now - 120_000))).unwrap();
    assert!(long.tokens.read(&renewed).unwrap().used >= now);
    assert!(long.peek(&with(&at(now))).is_some());
    assert_eq!(long.renewed(&with(&at(now))), None, "not with each request");
    assert!(!long.log_out(&with(&token)), "a local user is none of the provider");
    assert_eq!(long.peek(&with(&renewed)), None, "a logout ends all tokens of the session");
}

#[tokio::test]
async fn wrong_passwords_are_limited_and_cached_ones_are_not() {
    let sessions = sessions(Duration::from_secs(60));
    let known = HeaderMap::from_iter([(header::AUTHORIZATION, "Basic dGVjaGxlYWQ6enVwQDEyMw==".parse().unwrap())]);
    assert!(sessions.authenticate(HERE, &known).await.is_ok());
    let mut denied = Denied::Wrong;
    for _ in 0..20 {
        denied = sessions.log_in(HERE, "techlead", "wrong".to_owned()).await.unwrap_err();
    }
    assert!(matches!(denied, Denied::TooMany(_)), "{denied:?}");
    let right = sessions.log_in(HERE, "techlead", "zup@123".to_owned()).await;
    assert!(matches!(right, Err(Denied::TooMany(_))), "the right password has to wait too: {right:?}");
    let elsewhere = sessions.log_in(ELSEWHERE, "techlead", "zup@123".to_owned()).await;
    assert!(elsewhere.is_ok(), "another address does not wait: {elsewhere:?}");
    assert!(sessions.log_in(HERE, "guest", "zup@123".to_owned()).await.is_ok(), "other users do not");
    assert!(sessions.authenticate(HERE, &known).await.is_ok(), "a cached script does not");
}

#[tokio::test]
async fn known_and_unknown_names_get_the_same_answers() {
    let sessions = sessions(Duration::from_secs(60));
    let mut answers = Vec::new();
    for name in ["techlead", "guest", API_KEY, "someone", ""] {
        let mut of_name = Vec::new();
        for _ in 0..7 {
            let denied = sessions.log_in(HERE, name, "wrong".to_owned()).await.unwrap_err();
            of_name.push(matches!(denied, Denied::Wrong));
        }
        sessions.passwords.forget_attempts();
        answers.push(of_name);
    }
    assert!(answers.iter().all(|of_name| of_name[..] == [true, true, true, true, true, false, false]), "{answers:?}");
}

#[test]
fn a_setting_that_is_not_a_hash_is_named() {
    let wrong = check_hash("dashboard.viewer_password_hash", "zup@123").unwrap_err().to_string();
    assert!(wrong.starts_with("dashboard.viewer_password_hash: "), "{wrong}");
}

#[test]
fn a_session_of_the_provider_ends_with_the_providers_settings() {
    let key = "a key of the tests, at least as long as needed";
    let of =
        |provider: Option<&str>| Sessions::new(users(), key, HOUR, HOUR).with_provider(provider.map(str::to_owned));
    let sessions = of(Some("a"));
    let token = sessions.open_federated("oidc:ana", Role::Viewer, Vec::new()).unwrap();
    let identity = sessions.peek(&with(&token)).unwrap();
    assert_eq!((identity.name.as_str(), identity.may_act()), ("oidc:ana", false));
    assert!(identity.owns_form(&identity.csrf));
    for other in [of(Some("b")), of(None)] {
        assert_eq!(other.peek(&with(&token)), None);
    }
    assert_eq!(of(None).open_federated("oidc:ana", Role::Operator, Vec::new()), None, "without a provider");
    assert!(sessions.log_out(&with(&token)), "a user of the provider");
    assert!(!sessions.log_out(&with(&token)), "the session has ended");
    assert_eq!(sessions.peek(&with(&token)), None);
}

#[test]
fn a_sealed_value_is_no_session_and_is_read_with_the_same_key_only() {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Attempt {
        state: String,
    }
    let sessions = sessions(HOUR);
    let attempt = Attempt { state: "x".to_owned() };
    let sealed = sessions.seal(&attempt).unwrap();
    assert_eq!(sessions.unseal::<Attempt>(&sealed), Some(attempt));
    assert_eq!(sessions.peek(&with(&sealed)), None);
    assert_eq!(super::tests::sessions(HOUR).unseal::<Attempt>(&sealed), None, "another key");
    let of_provider = sessions.clone().with_provider(Some("a".to_owned()));
    let token = of_provider.open_federated("oidc:ana", Role::Viewer, Vec::new()).unwrap();
    assert_eq!(sessions.unseal::<Attempt>(&token), None);
}

#[test]
fn a_role_of_the_provider_is_needed_for_its_tasks_only() {
    let sessions = sessions(HOUR).with_provider(Some("a".to_owned()));
    let managed = ["warehouse".to_owned(), "finance".to_owned()];
    let of = |role: Role| {
        let token = sessions.open_federated("oidc:ana", role, vec!["warehouse".to_owned()]).unwrap();
        sessions.peek(&with(&token)).unwrap()
    };
    let ana = of(Role::Operator);
    for (role, may) in [(None, true), (Some("warehouse"), true), (Some("finance"), false), (Some("other"), true)] {
        assert_eq!(ana.may_work_on(role, &managed), may, "{role:?}");
    }
    assert!(ana.may_work_on(Some("finance"), &[]), "without roles of the provider every operator may");
    assert!(!of(Role::Viewer).may_work_on(Some("warehouse"), &managed));
    let local = Identity { task_roles: TaskRoles::All, ..ana };
    assert!(local.may_work_on(Some("finance"), &managed));
}

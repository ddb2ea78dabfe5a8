//! Login with an identity provider: oidc-provider, a certified implementation of OpenID Connect, in a process of its
//! own.

use std::process::Command;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, ensure};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use tests::cluster::{Cluster, PASSWORD, USER};
use tests::process::{Group, Name};
use tests::wait::{SOON, until};
use tests::{files, machine};

use crate::browser::{Chromium, Tab};

crate::browser_tests::browser_tests!(a_user_of_the_identity_provider_has_the_rights_of_its_roles);

/// The field of the provider that asks for the user's name.
const ASKED: &str = "input[name=login]";
/// The button of the provider that confirms a logout.
const CONFIRM: &str = "button[name=logout]";

/// The secret of the dashboard at the provider.
const CLIENT_SECRET: &str = "the secret of the tests";
/// The folder below the target directory where `./dev test` installs oidc-provider.
const PACKAGE: &str = "oidc/node_modules/oidc-provider/lib/index.js";

/// The port of the provider.
fn port() -> Result<u16> {
    static PORT: OnceLock<u16> = OnceLock::new();
    match PORT.get() {
        Some(port) => Ok(*port),
        None => Ok(*PORT.get_or_init({
            let port = machine::free_ports(1)?;
            move || port
        })),
    }
}

/// The settings of the dashboard.
pub(crate) fn settings() -> Result<Vec<(Name, &'static str, &'static str)>> {
    let issuer: &'static str = Box::leak(format!("http://127.0.0.1:{}", port()?).into_boxed_str());
    let of = |key, value| (Name::Orchestrator, key, value);
    Ok(vec![
        of("DASHBOARD__OIDC__ISSUER", issuer),
        of("DASHBOARD__OIDC__CLIENT_ID", "dashboard"),
        of("DASHBOARD__OIDC__CLIENT_SECRET", CLIENT_SECRET),
        of("DASHBOARD__OIDC__SCOPES", "openid"),
        of("DASHBOARD__OIDC__LOGOUT", "provider"),
        of("DASHBOARD__OIDC__OPERATOR_ROLES", "saga-operators"),
        of("DASHBOARD__OIDC__VIEWER_ROLES", "saga-viewers"),
    ])
}

/// Starts the provider of the settings.
async fn provider(cluster: &Cluster) -> Result<Group> {
    let package = files::target()?.join(PACKAGE);
    ensure!(
        package.is_file(),
        "{} does not exist: ./dev test fetches it (npm install --prefix target/oidc oidc-provider)",
        package.display()
    );
    let script = files::root().join("tests/dashboard/oidc-provider.mjs");
    let dashboard = cluster.service(Name::Orchestrator)?;
    let callback = dashboard.url("/login/callback");
    let login = dashboard.url("/login");
    let port = port()?.to_string();
    let mut command = Command::new("node");
    command.arg(script).arg(files::target()?.join("oidc")).args([&port, &callback, &login]);
    let provider = Group::start(&mut command, &cluster.scratch("oidc")?.join("log"))?;
    let url = format!("http://127.0.0.1:{port}/.well-known/openid-configuration");
    let answers = || async { Ok(cluster.http.get(&url).send().await.ok()) };
    until("the identity provider to answer", SOON, answers).await?;
    Ok(provider)
}

/// Logs in at the provider, from the login of the dashboard.
async fn log_in(tab: &Tab<'_>, user: &str) -> Result<()> {
    tab.go("/login?next=%2Fsagas%3Fstatus%3Drunning").await?;
    tab.submit("a.provider").await?;
    tab.fill(ASKED, user).await?;
    tab.fill("input[name=password]", "any").await?;
    tab.submit("button[type=submit]").await
}

async fn a_user_of_the_identity_provider_has_the_rights_of_its_roles(
    cluster: &Arc<Cluster>,
    chromium: &mut Chromium,
) -> Result<()> {
    let refused = cluster.http.get(cluster.service(Name::Orchestrator)?.url("/login/provider")).send().await?;
    ensure!(refused.status() == StatusCode::SERVICE_UNAVAILABLE, "without a provider: {}", refused.status());
    let provider = provider(cluster).await?;

    let tab = chromium.tab().await?;
    tab.go("/login").await?;
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    log_in(&tab, "ana").await?;
    tab.wait_until("the page", "location.pathname + location.search === '/sagas?status=running'").await?;
    let who = tab.text(".who").await?.unwrap_or_default();
    ensure!(who.contains("oidc:ana") && !who.contains("read-only"), "{who}");
    a_logout_ends_the_session_of_the_provider(&tab).await?;

    let tab = chromium.tab().await?;
    log_in(&tab, "bia").await?;
    tab.wait_for_text(".who", "oidc:bia (read-only)").await?;

    let tab = chromium.tab().await?;
    log_in(&tab, "eve").await?;
    tab.wait_for_text("[role=alert]", "oidc:eve has no role of this dashboard").await?;
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    tab.go("/sagas").await?;
    ensure!(tab.location().await?.starts_with("/login"), "a user without a role has a session");

    // Local users log in as before.
    let tab = chromium.tab().await?;
    tab.log_in(USER, PASSWORD).await?;
    tab.wait_for_text(".who", USER).await?;
    tab.submit("form.out button").await?;
    ensure!(tab.location().await? == "/login", "{}", tab.location().await?);

    responses_of_other_logins_are_refused(cluster).await?;
    provider.stop().await
}

/// Logs out of the dashboard, which leads to the provider. Its certified implementation always asks to confirm.
async fn log_out(tab: &Tab<'_>) -> Result<()> {
    tab.submit("form.out button").await?;
    tab.wait_until("the logout of the provider", &format!("!!document.querySelector('{CONFIRM}')")).await?;
    let at = tab.location().await?;
    for parameter in ["client_id=dashboard", "post_logout_redirect_uri=http", "%2Flogin&", "id_token_hint=ey"] {
        ensure!(at.contains(parameter), "{parameter} is missing: {at}");
    }
    Ok(())
}

/// Ends both sessions of a logged-in user, first without the provider's consent.
async fn a_logout_ends_the_session_of_the_provider(tab: &Tab<'_>) -> Result<()> {
    log_out(tab).await?;
    tab.go("/sagas").await?;
    ensure!(tab.location().await?.starts_with("/login"), "a session after the logout: {}", tab.location().await?);
    tab.submit("a.provider").await?;
    tab.wait_for_text(".who", "oidc:ana").await.context("the provider's session goes on until its own logout")?;

    log_out(tab).await?;
    tab.submit(CONFIRM).await?;
    tab.wait_until("the login", "location.pathname === '/login' && !!document.querySelector('a.provider')").await?;
    tab.go("/sagas").await?;
    ensure!(tab.location().await?.starts_with("/login"), "a session after the logout: {}", tab.location().await?);
    tab.submit("a.provider").await?;
    let asked = format!("!!document.querySelector('{ASKED}')");
    tab.wait_until("the provider to ask who it is", &asked).await
}

/// The response to a request to `path` with a cookie.
async fn requested(cluster: &Cluster, path: &str, attempt: &str) -> Result<Response> {
    let client = Client::builder().redirect(Policy::none()).build()?;
    let url = cluster.service(Name::Orchestrator)?.url(path);
    let request = client.get(url).header(COOKIE, format!("attempt={attempt}")).header("accept-language", "pt");
    Ok(request.send().await?)
}

async fn responses_of_other_logins_are_refused(cluster: &Cluster) -> Result<()> {
    let begun = requested(cluster, "/login/provider?next=//evil.example", "").await?;
    ensure!(begun.status() == StatusCode::SEE_OTHER, "{}", begun.status());
    let header = |name| begun.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let to = header(LOCATION);
    ensure!(to.contains("code_challenge_method=S256") && to.contains("nonce="), "{to}");
    let cookie = header(SET_COOKIE);
    ensure!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let attempt = cookie.split(['=', ';']).nth(1).context("no attempt")?.to_owned();
    let state = to.split("state=").nth(1).and_then(|rest| rest.split('&').next()).context("no state")?.to_owned();
    let (head, _) = attempt.rsplit_once('.').context("no signature")?;
    for (attempt, query, status, text) in [
        (attempt.as_str(), "code=x&state=tampered".to_owned(), StatusCode::BAD_REQUEST, "não foi iniciado"),
        (attempt.as_str(), "code=x".to_owned(), StatusCode::BAD_REQUEST, "não foi iniciado"),
        ("", format!("code=x&state={state}"), StatusCode::BAD_REQUEST, "não foi iniciado"),
        (&format!("{head}.x"), format!("code=x&state={state}"), StatusCode::BAD_REQUEST, "não foi iniciado"),
        (&attempt, format!("code=x&state={state}&iss=http://evil"), StatusCode::FORBIDDEN, "não é válida"),
        (
            &attempt,
            format!("error=access_denied&state={state}"),
            StatusCode::FORBIDDEN,
            "recusou o login: access_denied",
        ),
        (&attempt, format!("code=x&state={state}"), StatusCode::FORBIDDEN, "recusou o login: invalid_grant"),
    ] {
        let response = requested(cluster, &format!("/login/callback?{query}"), attempt).await?;
        let cookies = response.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        ensure!(!cookies.into_iter().any(|cookie| cookie.starts_with("session=")), "{query} has opened a session");
        let found = response.status();
        let page = response.text().await?;
        ensure!(found == status && page.contains(text), "{query}: {found} {page}");
    }
    Ok(())
}

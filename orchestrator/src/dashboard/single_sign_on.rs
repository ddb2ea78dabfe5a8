//! Logging in with the identity provider, to it and back, and logging out from it.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use common::bounds::first_chars;
use maud::html;

use super::context::Pages;
use super::cookies::{SameSite, is_tls, set_cookie, set_cookie_for};
use super::layout;
use super::next_page::local;
use super::query::Query;
use crate::i18n::Lang;
use crate::oidc::{FederatedUser, LoggedIn, LoginAttempt, OidcError, Provider};
use crate::sessions::{COOKIE, cookie};

/// The path that leads to the provider.
pub(super) const BEGIN: &str = "/login/provider";
/// The path to which the provider leads back.
pub(super) const CALLBACK: &str = "/login/callback";
/// The path of the logout.
pub(super) const LOGOUT: &str = "/logout";

/// The cookie with the login that was started.
const ATTEMPT: &str = "attempt";
/// The cookie with the ID token that names the session which the provider is to end. It has a path of its own, so that
/// no other request has it: a session's token is sent with each.
const HINT: &str = "id_token_hint";
/// The longest code and state of a provider's response.
const LONGEST: usize = 4_096;

/// `GET /login/provider?next=/sagas`: leads to the provider.
pub(super) async fn begin(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(provider) = &pages.provider else { return Redirect::to("/login").into_response() };
    let next = local(Query::of(&uri).get("next")).to_owned();
    match provider.begin(own_url(&pages, provider, &headers, CALLBACK), next).await {
        Ok((url, attempt)) => {
            let Some(sealed) = pages.api.sessions.seal(&attempt) else { return failed(&headers, &OidcError::Expired) };
            let mut response = Redirect::to(url.as_str()).into_response();
            let pair = format!("{ATTEMPT}={sealed}; Path={CALLBACK}; Max-Age=600");
            set_cookie_for(&pages, &headers, &mut response, &pair, SameSite::Lax);
            response
        }
        Err(error) => failed(&headers, &error),
    }
}

/// The URL of a path of the dashboard: by the settings, or by the host of the request, which was checked.
fn own_url(pages: &Pages, provider: &Provider, headers: &HeaderMap, path: &str) -> String {
    if let Some(base) = provider.public_url() {
        return format!("{base}{path}");
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let scheme = if is_tls(pages, headers) { "https" } else { "http" };
    format!("{scheme}://{host}{path}")
}

/// Leads a user whose session has ended to the provider, which ends its own and leads back to the login; to the login
/// at once if the provider's session is to stay, or can't be ended.
pub(super) async fn leave(pages: &Pages, headers: &HeaderMap) -> Response {
    let url = match &pages.provider {
        Some(provider) => {
            let back = own_url(pages, provider, headers, "/login");
            provider.end_session(&back, cookie(headers, HINT)).await
        }
        None => None,
    };
    let lang = Lang::of(headers);
    // Not a redirect: browsers apply `form-action` of the page with the form to all redirects of its response, also to
    // those from one site of the provider to another.
    let mut response = match url {
        Some(url) => onward(lang, lang.text("Logged out", "Sessão encerrada"), url.as_str()),
        None => Redirect::to("/login").into_response(),
    };
    keep_hint(pages, headers, &mut response, None);
    response
}

/// Keeps the ID token of a login until the logout, or removes that of an earlier login.
fn keep_hint(pages: &Pages, headers: &HeaderMap, response: &mut Response, hint: Option<&str>) {
    let pair = match hint {
        Some(token) => format!("{HINT}={token}; Path={LOGOUT}"),
        None => format!("{HINT}=; Path={LOGOUT}; Max-Age=0"),
    };
    set_cookie(pages, headers, response, &pair);
}

/// `GET /login/callback?code=…&state=…`: opens a session, and leads to the page.
pub(super) async fn callback(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    let answered = finish(&pages, &uri, &headers).await;
    let mut response = match answered {
        Ok((LoggedIn { user: FederatedUser { name, role: Some(role), task_roles }, hint }, next)) => {
            tracing::info!(target: "login", name, ?role, "a user of the identity provider has logged in");
            match pages.api.sessions.open_federated(&name, role, task_roles) {
                Some(token) => {
                    let lang = Lang::of(&headers);
                    let mut response = onward(lang, lang.text("Logged in", "Sessão iniciada"), &next);
                    set_cookie(&pages, &headers, &mut response, &format!("{COOKIE}={token}; Path=/"));
                    keep_hint(&pages, &headers, &mut response, hint.as_deref());
                    response
                }
                None => failed(&headers, &OidcError::Expired),
            }
        }
        Ok((LoggedIn { user: FederatedUser { name, role: None, .. }, .. }, _)) => {
            tracing::warn!(target: "login", name, "a user of the identity provider has no role of the dashboard");
            without_role(&headers, &name)
        }
        Err(error) => failed(&headers, &error),
    };
    let ended = format!("{ATTEMPT}=; Path={CALLBACK}; Max-Age=0");
    set_cookie_for(&pages, &headers, &mut response, &ended, SameSite::Lax);
    response
}

/// Ends the login that the browser's cookie has.
async fn finish(pages: &Pages, uri: &Uri, headers: &HeaderMap) -> Result<(LoggedIn, String), OidcError> {
    let provider = pages.provider.as_ref().ok_or(OidcError::Expired)?;
    let query = Query::of(uri);
    let given = |name: &str| query.get(name).filter(|text| text.len() <= LONGEST).unwrap_or_default();
    let attempt = cookie(headers, ATTEMPT).and_then(|sealed| pages.api.sessions.unseal::<LoginAttempt>(sealed));
    let attempt = attempt.filter(|attempt| attempt.owns(given("state"))).ok_or(OidcError::Expired)?;
    if !provider.is_issuer(query.get("iss")) {
        return Err(OidcError::Invalid("the response names another issuer".to_owned()));
    }
    if let Some(error) = query.get("error") {
        return Err(OidcError::Refused(first_chars(error, 200).to_owned()));
    }
    let logged_in = provider.finish(&attempt, given("code")).await?;
    Ok((logged_in, local(Some(&attempt.next)).to_owned()))
}

/// A page that leads on: a redirect of a request that another site caused would not send the session's cookie.
fn onward(lang: Lang, title: &str, next: &str) -> Response {
    let body = html! {
        meta http-equiv="refresh" content={ "0;url=" (next) };
        header { span.brand { (layout::brand(lang)) } }
        main id="main" { div.login {
            h1 { (title) }
            a.provider href=(next) { (lang.text("Continue", "Continuar")) }
        } }
    };
    layout::shell(lang, title, false, &body).into_response()
}

fn failed(headers: &HeaderMap, error: &OidcError) -> Response {
    tracing::warn!(target: "login", "a login with the identity provider failed: {error}");
    let lang = Lang::of(headers);
    let (status, text) = match error {
        OidcError::Expired => (
            StatusCode::BAD_REQUEST,
            lang.text(
                "The login has expired, or was not started in this browser. Log in again.",
                "O login expirou ou não foi iniciado neste navegador. Entre novamente.",
            )
            .to_owned(),
        ),
        OidcError::Unavailable(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            lang.text(
                "The identity provider can't be used now. Try again later; the log of the orchestrator has the reason.",
                "O provedor de identidade não está disponível. Tente mais tarde; o log do orquestrador tem o motivo.",
            )
            .to_owned(),
        ),
        OidcError::Invalid(_) => (
            StatusCode::FORBIDDEN,
            lang.text(
                "The answer of the identity provider is not valid. The log of the orchestrator has the reason.",
                "A resposta do provedor de identidade não é válida. O log do orquestrador tem o motivo.",
            )
            .to_owned(),
        ),
        OidcError::Refused(why) => (
            StatusCode::FORBIDDEN,
            match lang {
                Lang::En => format!("The identity provider has refused the login: {why}."),
                Lang::Pt => format!("O provedor de identidade recusou o login: {why}."),
            },
        ),
    };
    error_page(lang, status, &text)
}

fn without_role(headers: &HeaderMap, name: &str) -> Response {
    let lang = Lang::of(headers);
    let text = match lang {
        Lang::En => format!("{name} has no role of this dashboard. Ask its administrator."),
        Lang::Pt => format!("{name} não tem papel neste painel. Fale com o administrador."),
    };
    error_page(lang, StatusCode::FORBIDDEN, &text)
}

fn error_page(lang: Lang, status: StatusCode, text: &str) -> Response {
    let title = lang.text("Log in", "Entrar");
    let body = html! {
        header { span.brand { (layout::brand(lang)) } }
        main id="main" { div.login {
            h1 { (title) }
            p.wrong role="alert" { (text) }
            a.provider href="/login" { (lang.text("Back to the login", "Voltar ao login")) }
        } }
    };
    (status, layout::shell(lang, title, false, &body)).into_response()
}

//! Logging in with the identity provider: to it and back.

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
use crate::oidc::{FederatedUser, LoginAttempt, OidcError};
use crate::sessions::{COOKIE, cookie};

/// The path that leads to the provider.
pub(super) const BEGIN: &str = "/login/provider";
/// The path to which the provider leads back.
pub(super) const CALLBACK: &str = "/login/callback";

/// The cookie with the login that was started.
const ATTEMPT: &str = "attempt";
/// The longest code and state of a provider's response.
const LONGEST: usize = 4_096;

/// `GET /login/provider?next=/sagas`: leads to the provider.
pub(super) async fn begin(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(provider) = &pages.provider else { return Redirect::to("/login").into_response() };
    let next = local(Query::of(&uri).get("next")).to_owned();
    let base = provider.public_url().map_or_else(|| own_url(&pages, &headers), str::to_owned);
    match provider.begin(format!("{base}{CALLBACK}"), next).await {
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

/// The dashboard's URL, by the host of the request, which was checked.
fn own_url(pages: &Pages, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let scheme = if is_tls(pages, headers) { "https" } else { "http" };
    format!("{scheme}://{host}")
}

/// `GET /login/callback?code=…&state=…`: opens a session, and leads to the page.
pub(super) async fn callback(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    let answered = finish(&pages, &uri, &headers).await;
    let mut response = match answered {
        Ok((FederatedUser { name, role: Some(role), task_roles }, next)) => {
            tracing::info!(target: "login", name, ?role, "a user of the identity provider has logged in");
            match pages.api.sessions.open_federated(&name, role, task_roles) {
                Some(token) => {
                    let mut response = onward(&headers, &next);
                    set_cookie(&pages, &headers, &mut response, &format!("{COOKIE}={token}; Path=/"));
                    response
                }
                None => failed(&headers, &OidcError::Expired),
            }
        }
        Ok((FederatedUser { name, role: None, .. }, _)) => {
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
async fn finish(pages: &Pages, uri: &Uri, headers: &HeaderMap) -> Result<(FederatedUser, String), OidcError> {
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
    let user = provider.finish(&attempt, given("code")).await?;
    Ok((user, local(Some(&attempt.next)).to_owned()))
}

/// A page that leads on: a redirect of a request that another site caused would not send the session's cookie.
fn onward(headers: &HeaderMap, next: &str) -> Response {
    let lang = Lang::of(headers);
    let title = lang.text("Logged in", "Sessão iniciada");
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

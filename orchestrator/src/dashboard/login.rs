//! Logging in and out.

use axum::extract::{Form, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use common::http::ClientAddress;
use maud::html;
use serde::Deserialize;

use super::context::Pages;
use super::cookies::set_cookie;
use super::layout;
use super::next_page::local;
use super::query::{Query, encoded};
use super::single_sign_on::{self, BEGIN};
use crate::i18n::Lang;
use crate::sessions::{COOKIE, Denied, cookie, same, secret};

/// The cookie whose value the login form must repeat, against cross-site requests.
const LOGIN: &str = "login";

/// `GET /login?next=/sagas`: the form; with a session that is still open, it leads to the page.
pub(super) async fn page(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    let next = local(Query::of(&uri).get("next")).to_owned();
    if pages.api.sessions.peek(&headers).is_some() {
        return Redirect::to(&next).into_response();
    }
    form(&pages, &headers, StatusCode::OK, &next, None)
}

fn form(pages: &Pages, headers: &HeaderMap, status: StatusCode, next: &str, error: Option<String>) -> Response {
    let lang = Lang::of(headers);
    // All login forms of a browser share the token: several may be open.
    let known =
        cookie(headers, LOGIN).filter(|token| token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit()));
    let token = known.map_or_else(secret, str::to_owned);
    let begin = pages.provider.is_some().then(|| format!("{BEGIN}?next={}", encoded(next)));
    let body = html! {
        header { span.brand { (layout::brand(lang)) } }
        main id="main" {
            form.login method="post" action="/login" {
                h1 { (lang.text("Log in", "Entrar")) }
                @if let Some(error) = error { p.wrong role="alert" { (error) } }
                @if let Some(begin) = begin {
                    a.provider href=(begin) {
                        (lang.text("Log in with the identity provider", "Entrar com o provedor de identidade"))
                    }
                }
                @if pages.api.context.settings.dashboard.local_users {
                    input type="hidden" name="csrf" value=(token);
                    input type="hidden" name="next" value=(next);
                    label for="user" { (lang.text("User", "Usuário")) }
                    input id="user" name="user" autocomplete="username" required autofocus;
                    label for="password" { (lang.text("Password", "Senha")) }
                    input id="password" name="password" type="password" autocomplete="current-password" required;
                    button.main type="submit" { (lang.text("Log in", "Entrar")) }
                }
            }
        }
    };
    let mut response = (status, layout::shell(lang, lang.text("Log in", "Entrar"), false, &body)).into_response();
    set_cookie(pages, headers, &mut response, &format!("{LOGIN}={token}; Path=/login"));
    response
}

#[derive(Deserialize)]
pub(super) struct Login {
    user: String,
    password: String,
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn log_in(
    State(pages): State<Pages>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Response {
    let lang = Lang::of(&headers);
    let next = local(Some(&login.next));
    if !cookie(&headers, LOGIN).is_some_and(|token| same(token, &login.csrf)) {
        let error = lang.text("The form has expired: try again.", "O formulário expirou: tente novamente.");
        return form(&pages, &headers, StatusCode::FORBIDDEN, next, Some(error.to_owned()));
    }
    match pages.api.sessions.log_in(address, &login.user, login.password).await {
        Ok(token) => {
            let mut response = Redirect::to(next).into_response();
            set_cookie(&pages, &headers, &mut response, &format!("{COOKIE}={token}; Path=/"));
            response
        }
        Err(Denied::Wrong) => {
            let error = lang.text("Wrong user or password.", "Usuário ou senha incorretos.");
            form(&pages, &headers, StatusCode::UNAUTHORIZED, next, Some(error.to_owned()))
        }
        Err(Denied::TooMany(wait)) => {
            let seconds = wait.as_secs() + 1;
            let error = match lang {
                Lang::En => format!("Too many wrong passwords: try again in {seconds} s."),
                Lang::Pt => format!("Muitas senhas incorretas: tente novamente em {seconds} s."),
            };
            let mut response = form(&pages, &headers, StatusCode::TOO_MANY_REQUESTS, next, Some(error));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    }
}

/// `POST /logout`: ends the session; that of the identity provider too, depending on `dashboard.oidc.logout`.
pub(super) async fn log_out(State(pages): State<Pages>, headers: HeaderMap, body: String) -> Response {
    let form = Query::parse(&body);
    let identity = pages.api.sessions.peek(&headers);
    let is_own = identity.is_some_and(|identity| identity.owns_form(form.get("csrf").unwrap_or_default()));
    if !is_own {
        return Redirect::to("/login").into_response();
    }
    // The dashboard's session ends before the provider is asked for anything.
    let mut response = if pages.api.sessions.log_out(&headers) {
        single_sign_on::leave(&pages, &headers).await
    } else {
        Redirect::to("/login").into_response()
    };
    set_cookie(&pages, &headers, &mut response, &format!("{COOKIE}=; Path=/; Max-Age=0"));
    response
}

/// Extends the session of a request with a new cookie, when it is time for it. A page that updates itself does not, nor
/// does a response that caches share.
pub(super) async fn renew(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let is_use = request.uri().path() != "/live";
    let renewed = is_use.then(|| pages.api.sessions.renewed(&headers)).flatten();
    let mut response = next.run(request).await;
    let sets = response.headers().get_all(header::SET_COOKIE).iter();
    let is_set = sets.filter_map(|value| value.to_str().ok()).any(|text| text.starts_with(&format!("{COOKIE}=")));
    if let Some(token) = renewed.filter(|_| !is_set && !is_public(response.headers())) {
        set_cookie(&pages, &headers, &mut response, &format!("{COOKIE}={token}; Path=/"));
    }
    response
}

/// Returns true for a response that a cache may store for all users (RFC 9111, section 5.2.2.9).
fn is_public(response: &HeaderMap) -> bool {
    let values = response.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|directive| directive.trim().eq_ignore_ascii_case("public"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_that_caches_share_are_known_as_such_and_pages_are_not() {
        for file in [
            layout::style().await.into_response(),
            layout::script().await.into_response(),
            layout::icon().await.into_response(),
        ] {
            assert!(is_public(file.headers()), "{:?}", file.headers());
        }
        let page = layout::shell(Lang::En, "", true, &html! {}).into_response();
        assert!(!is_public(page.headers()), "{:?}", page.headers());
        let of = |value: &'static str| HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(value))]);
        assert!(is_public(&of("max-age=60, Public")) && !is_public(&of("private")) && !is_public(&HeaderMap::new()));
    }
}

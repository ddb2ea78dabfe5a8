//! Logging in and out.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::query::{Query, encoded};
use super::{Pages, layout};
use crate::sessions::{COOKIE, Turned, cookie, same, secret};
use crate::words::Lang;

/// The cookie that has to come with the login's form, and with the same value in it.
const LOGIN: &str = "login";

/// The way to the login, and from there back to what was asked for.
pub(super) fn way(asked: &Uri) -> String {
    match asked.path_and_query().map(|whole| whole.as_str()).unwrap_or("/") {
        "/" => "/login".to_owned(),
        next => format!("/login?next={}", encoded(next)),
    }
}

/// A path of this site: nothing that a browser could take for another one.
fn local(next: Option<&str>) -> &str {
    let fine = |next: &&str| next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    next.filter(fine).unwrap_or("/")
}

pub(super) async fn page(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    let next = local(Query::of(&uri).get("next")).to_owned();
    form(&pages, &headers, StatusCode::OK, &next, None)
}

fn form(pages: &Pages, headers: &HeaderMap, status: StatusCode, next: &str, wrong: Option<String>) -> Response {
    let lang = Lang::of(headers);
    // The same for all forms of a browser: it may have several of them open.
    let known =
        cookie(headers, LOGIN).filter(|token| token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit()));
    let token = known.map_or_else(secret, str::to_owned);
    let body = html! {
        header { span.brand { "Order sagas" } }
        main id="main" {
            form.login method="post" action="/login" {
                h1 { (lang.say("Log in", "Entrar")) }
                @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
                input type="hidden" name="csrf" value=(token);
                input type="hidden" name="next" value=(next);
                label for="user" { (lang.say("User", "Usuário")) }
                input id="user" name="user" autocomplete="username" required autofocus;
                label for="password" { (lang.say("Password", "Senha")) }
                input id="password" name="password" type="password" autocomplete="current-password" required;
                button.main type="submit" { (lang.say("Log in", "Entrar")) }
            }
        }
    };
    let mut response = (status, layout::shell(lang, lang.say("Log in", "Entrar"), false, &body)).into_response();
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

pub(super) async fn log_in(State(pages): State<Pages>, headers: HeaderMap, Form(login): Form<Login>) -> Response {
    let (lang, next) = (Lang::of(&headers), local(Some(&login.next)));
    if !cookie(&headers, LOGIN).is_some_and(|token| same(token, &login.csrf)) {
        let wrong = lang.say("The form is too old: try again.", "O formulário é antigo demais: tente de novo.");
        return form(&pages, &headers, StatusCode::FORBIDDEN, next, Some(wrong.to_owned()));
    }
    match pages.api.sessions.log_in(&login.user, login.password).await {
        Ok(token) => {
            let mut response = Redirect::to(next).into_response();
            set_cookie(&pages, &headers, &mut response, &format!("{COOKIE}={token}; Path=/"));
            response
        }
        Err(Turned::Wrong) => {
            let wrong = lang.say("This user and password don't go together.", "Usuário e senha não combinam.");
            form(&pages, &headers, StatusCode::UNAUTHORIZED, next, Some(wrong.to_owned()))
        }
        Err(Turned::TooMany(wait)) => {
            let seconds = wait.as_secs() + 1;
            let wrong = match lang {
                Lang::En => format!("Too many wrong passwords: try again in {seconds} s."),
                Lang::Pt => format!("Senhas erradas demais: tente de novo em {seconds} s."),
            };
            let mut response = form(&pages, &headers, StatusCode::TOO_MANY_REQUESTS, next, Some(wrong));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    }
}

pub(super) async fn log_out(State(pages): State<Pages>, headers: HeaderMap, body: String) -> Response {
    let csrf = Query::read(&body);
    let own = pages.api.sessions.knows(&headers).filter(|who| who.sent(csrf.get("csrf").unwrap_or_default()));
    if own.is_some() {
        pages.api.sessions.log_out(&headers);
    }
    let mut response = Redirect::to("/login").into_response();
    if own.is_some() {
        set_cookie(&pages, &headers, &mut response, &format!("{COOKIE}=; Path=/; Max-Age=0"));
    }
    response
}

fn set_cookie(pages: &Pages, headers: &HeaderMap, response: &mut Response, pair: &str) {
    let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tls = pages.api.context.settings.dashboard.secure_cookies || proto.eq_ignore_ascii_case("https");
    let text = format!("{pair}; HttpOnly; SameSite=Strict{}", if tls { "; Secure" } else { "" });
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_leads_back_to_this_site_only() {
        for (next, to) in [
            (Some("/sagas?status=running"), "/sagas?status=running"),
            (Some("//evil.example"), "/"),
            (Some("https://evil.example"), "/"),
            (Some("/\\evil.example"), "/"),
            (None, "/"),
        ] {
            assert_eq!(local(next), to);
        }
        assert_eq!(way(&"/sagas?a=b".parse().unwrap()), "/login?next=%2Fsagas%3Fa%3Db");
    }
}

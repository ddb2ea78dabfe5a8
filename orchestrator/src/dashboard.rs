//! The page behind the login: the newest sagas and where each of them is.

use axum::Router;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use common::http::Problem;
use common::service::Context;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use crate::filter::Filter;
use crate::program::Settings;
use crate::sessions::{COOKIE, Sessions};
use crate::view::{self, Listed};

const SHOWN: usize = 100;
/// Seconds until the page asks again.
const REFRESH: &str = "5";
const STYLE: &str = include_str!("dashboard.css");

#[derive(Clone)]
struct Pages {
    context: Context<Settings>,
    sessions: Sessions,
}

/// The routes of the page and its login.
pub fn router(context: Context<Settings>, sessions: Sessions) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/login", get(login_page).post(log_in))
        .route("/logout", post(log_out))
        .route("/dashboard.css", get(style))
        .with_state(Pages { context, sessions })
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=300")], STYLE)
}

async fn home(State(pages): State<Pages>, headers: HeaderMap) -> Result<Response, Problem> {
    if !pages.sessions.knows(&headers) {
        return Ok(Redirect::to("/login").into_response());
    }
    let found = pages.context.view.read(|c| Ok((counts(c)?, view::list(c, &Filter::default(), None, SHOWN)?))).await?;
    let lag = pages.context.status.view_lag().as_millis();
    Ok(page("Sagas", true, &sagas(&found.0, &found.1, lag)).into_response())
}

fn counts(connection: &rusqlite::Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    let mut all = std::collections::BTreeMap::new();
    for total in crate::stats::totals(connection)? {
        *all.entry(total.status).or_default() += total.count;
    }
    Ok(all.into_iter().collect())
}

fn sagas(counts: &[(String, u64)], listed: &[Listed], lag_ms: u128) -> Markup {
    html! {
        p.counts {
            @for (status, count) in counts { span class={ "status " (status) } { (status) " " strong { (count) } } }
            span.lag { "data as of " (lag_ms) " ms ago" }
        }
        @if listed.is_empty() {
            p { "No order has been placed yet. Place one with curl, as the README shows." }
        } @else {
            div.scroll { table {
                caption { "The newest " (listed.len()) " sagas" }
                thead { tr { th scope="col" { "Saga" } th scope="col" { "Definition" } th scope="col" { "Status" }
                    th scope="col" { "Current step" } th scope="col" { "Started" } th scope="col" { "Last change" } } }
                tbody { @for saga in listed { tr {
                    td { a href={ "/api/sagas/" (saga.id) } { code { (saga.id) } } }
                    td { (saga.definition) " v" (saga.version) }
                    td { span class={ "status " (saga.status) } { (saga.status) } }
                    td { @if saga.step.is_empty() { "–" } @else { (saga.step) } }
                    td { (saga::Timestamp(saga.started)) }
                    td { (saga::Timestamp(saga.updated)) }
                } } }
            } }
        }
    }
}

async fn login_page() -> Response {
    login_form(StatusCode::OK, None)
}

fn login_form(status: StatusCode, wrong: Option<&str>) -> Response {
    let form = html! {
        form.login method="post" action="/login" {
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            label for="user" { "User" }
            input id="user" name="user" autocomplete="username" required autofocus;
            label for="password" { "Password" }
            input id="password" name="password" type="password" autocomplete="current-password" required;
            button type="submit" { "Log in" }
        }
    };
    (status, page("Log in", false, &form)).into_response()
}

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

async fn log_in(State(pages): State<Pages>, Form(login): Form<Login>) -> Response {
    match pages.sessions.log_in(&login.user, login.password).await {
        Some(token) => {
            let cookie = format!("{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/");
            ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        None => login_form(StatusCode::UNAUTHORIZED, Some("This user and password don't go together.")),
    }
}

async fn log_out(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    pages.sessions.log_out(&headers);
    let cookie = format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response()
}

/// A whole page. Nothing on it comes from elsewhere, and nothing on it is a script.
fn page(title: &str, inside: bool, body: &Markup) -> impl IntoResponse {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if inside { meta http-equiv="refresh" content=(REFRESH); }
                title { (title) " · Order sagas" }
                link rel="stylesheet" href="/dashboard.css";
            }
            body {
                header { h1 { "Order sagas" } @if inside { form method="post" action="/logout" { button { "Log out" } } } }
                main { (body) }
            }
        }
    };
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "no-store")], markup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_escaped() {
        let saga = Listed {
            id: "<script>".to_owned(),
            definition: "order".to_owned(),
            version: 1,
            status: "running".to_owned(),
            step: "<b>".to_owned(),
            customer: None,
            waiting: None,
            started: 0,
            updated: 0,
        };
        let text = sagas(&[], &[saga], 3).into_string();
        assert!(text.contains("&lt;script&gt;") && !text.contains("<script>") && !text.contains("<b>"), "{text}");
    }
}

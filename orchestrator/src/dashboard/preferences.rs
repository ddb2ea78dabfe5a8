//! The choices that a browser keeps: the columns of lists.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::columns::{COOKIE, Columns};
use super::context::Pages;
use super::query::Query;
use super::{cookies, next_page};

/// How long a browser keeps a choice, in seconds: a year.
const KEPT: u32 = 365 * 24 * 3_600;

/// `POST /sagas/columns`: keeps the chosen columns, and leads back to the list.
pub(super) async fn columns(State(pages): State<Pages>, headers: HeaderMap, body: String) -> Response {
    let form = Query::parse(&body);
    let identity = pages.api.sessions.peek(&headers);
    if !identity.is_some_and(|identity| identity.owns_form(form.get("csrf").unwrap_or_default())) {
        return Redirect::to("/login").into_response();
    }
    let columns = Columns::named(form.all("column"));
    let mut response = Redirect::to(next_page::local(form.get("back"))).into_response();
    let cookie = format!("{COOKIE}={}; Path=/; Max-Age={KEPT}", columns.to_cookie());
    cookies::set_cookie(&pages, &headers, &mut response, &cookie);
    response
}

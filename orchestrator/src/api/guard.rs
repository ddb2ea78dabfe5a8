//! Authorization of the API: every route under `/api` needs a login, and every change the role of an operator.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::http::{ClientAddress, Problem};

use super::state::Api;
use crate::sessions::Denied;

/// Adds the [`crate::sessions::Identity`] of an authorized request to its extensions.
pub(super) async fn guard(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    mut request: Request,
    next: Next,
) -> Response {
    let identity = match api.sessions.authenticate(address, request.headers()).await {
        Ok(identity) => identity,
        Err(reason) => return denied(reason),
    };
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read && !identity.may_act() {
        let detail = format!("{} is read-only; actions need the user of dashboard.user.", identity.name);
        return Problem::of(StatusCode::FORBIDDEN, detail).into_response();
    }
    request.extensions_mut().insert(identity);
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn denied(reason: Denied) -> Response {
    match reason {
        Denied::Wrong => {
            let detail = "This needs the dashboard's user and password: a session, or Authorization: Basic.";
            let mut response = Problem::of(StatusCode::UNAUTHORIZED, detail).into_response();
            let challenge = HeaderValue::from_static("Basic realm=\"orchestrator\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        Denied::TooMany(wait) => {
            let seconds = wait.as_secs() + 1;
            let detail = format!("Too many wrong passwords: try again in {seconds} s.");
            let mut response = Problem::of(StatusCode::TOO_MANY_REQUESTS, detail).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    }
}

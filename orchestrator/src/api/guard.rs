//! Who may ask: everything under `/api` needs a login, and what changes anything an operator's.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::http::Problem;

use super::Api;
use crate::sessions::Turned;

/// Lets a request through with who asks ([`crate::sessions::Who`]) among its extensions.
pub(super) async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let who = match api.sessions.who(request.headers()).await {
        Ok(who) => who,
        Err(turned) => return denied(turned),
    };
    let looks = matches!(*request.method(), Method::GET | Method::HEAD);
    if !looks && !who.may_act() {
        let detail = format!("{} may only look; acting needs the user of dashboard.user.", who.name);
        return Problem::of(StatusCode::FORBIDDEN, detail).into_response();
    }
    request.extensions_mut().insert(who);
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn denied(turned: Turned) -> Response {
    match turned {
        Turned::Wrong => {
            let detail = "This needs the dashboard's user and password: a session, or Authorization: Basic.";
            let mut response = Problem::of(StatusCode::UNAUTHORIZED, detail).into_response();
            let challenge = HeaderValue::from_static("Basic realm=\"orchestrator\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        Turned::TooMany(wait) => {
            let seconds = wait.as_secs() + 1;
            let detail = format!("Too many wrong passwords: try again in {seconds} s.");
            let mut response = Problem::of(StatusCode::TOO_MANY_REQUESTS, detail).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    }
}

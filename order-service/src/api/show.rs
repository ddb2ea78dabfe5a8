//! `GET /orders/{id}`: shows an order, on request once it has ended.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::HeaderName;
use axum::response::{IntoResponse, Response};
use common::http::{Caller, PathId, Problem};
use common::service::Context;

use super::body::OrderBody;
use super::lookup;
use crate::order;
use crate::settings::Settings;
use crate::view;

/// The limit of `Prefer: wait`, in seconds.
const LONGEST_WAIT: u64 = 60;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// An order. `Prefer: wait=N` waits up to N seconds for its end.
#[utoipa::path(get, path = "/orders/{id}",
    params(("id" = Uuid, Path, description = "The order's id."),
        ("Prefer" = Option<String>, Header,
            description = "`wait=N`: how many seconds to wait for its end (RFC 7240).")),
    responses((status = 200, body = OrderBody), (status = 404, description = "There is no such order.")))]
pub(super) async fn show(
    State(context): State<Context<Settings>>,
    caller: Caller,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wait = wait_of(&headers);
    if let Some(seconds) = wait {
        let key = order::key(id);
        let wanted = key.clone();
        let ended = move |connection: &_| Ok(view::has_ended(connection, &wanted)?.then_some(()));
        context.view.until(&key, Duration::from_secs(seconds), ended).await?;
    }
    // The order may have been placed during the wait, after the ownership check.
    let order = lookup::get(&context, id).await?;
    if !caller.sees(order.placed.customer_id) {
        return Err(lookup::unknown(id));
    }
    let body = Json(OrderBody::whole(&order));
    Ok(match wait {
        Some(seconds) => ([(PREFERENCE_APPLIED, format!("wait={seconds}"))], body).into_response(),
        None => body.into_response(),
    })
}

/// The seconds of `Prefer: wait` (RFC 7240, section 4.3), at most [`LONGEST_WAIT`]. Malformed preferences are ignored,
/// as the RFC requires.
fn wait_of(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(','));
    let seconds = preferences.find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').parse::<u64>().ok())?
    });
    seconds.map(|seconds| seconds.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, value.parse().unwrap());
        }
        wait_of(&headers)
    }

    #[test]
    fn prefer_wait_is_parsed_as_in_rfc_7240() {
        assert_eq!(wait(&["wait=10"]), Some(10));
        assert_eq!(wait(&["respond-async, Wait = \"10\""]), Some(10));
        assert_eq!(wait(&["return=minimal", "wait=5; x=y"]), Some(5));
        assert_eq!(wait(&["wait=86400"]), Some(60), "at most a minute");
        assert_eq!((wait(&["wait=soon"]), wait(&["wait"]), wait(&[])), (None, None, None));
    }
}

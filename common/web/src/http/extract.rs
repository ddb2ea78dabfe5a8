//! Extractors for a JSON body, the query, ids in the path, and the trace. Problems locate the error.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use uuid::Uuid;
use vocabulary::bounds::first_chars;
use vocabulary::ids::OrderId;
use vocabulary::messages::{DEPTH, SpanId, TraceContext, depth, header as names};
use vocabulary::number::whole_numbers;
use vocabulary::serde_messages::reword;

use super::card_number;
use super::problem::Problem;

/// A JSON body, read as `T`.
///
/// 415 without a JSON content type, 413 over `http.body_limit`, 400 if it is not JSON or nested too deeply, 422 if it
/// is not a `T` or has what looks like a card number, with a JSON pointer to the place. `1.0` and `1e0` are the
/// integer 1.
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "The body must be JSON, with the header Content-Type: application/json.";
            return Err(Problem::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        // A message that contains a deeper value could not be read.
        if depth(&bytes) > DEPTH {
            return Err(Problem::bad_request(format!("The body is nested more than {DEPTH} levels deep.")));
        }
        card_number::refuse(&bytes)?;
        read(&whole_numbers(&bytes)).map(Self)
    }
}

fn unread(rejection: BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::of(StatusCode::PAYLOAD_TOO_LARGE, "The body is longer than this service accepts (http.body_limit).")
    } else {
        Problem::bad_request("The body ended too early.")
    }
}

/// `application/json`, or any type that ends in `+json` (RFC 6839).
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json")
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut de = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut de).map_err(|error| {
        let reason = error.inner();
        let (what, at) = plain(&reason.to_string());
        // It is JSON, but beyond the range of a double.
        if reason.is_data() || what == OUT_OF_RANGE {
            let place = pointer(error.path());
            let shown = if place.is_empty() { "its root" } else { &place };
            Problem::unprocessable(format!("The body is invalid at {shown} ({at}): {what}.")).at(&place, what)
        } else {
            not_json(reason)
        }
    })?;
    de.end().map_err(|reason| not_json(&reason))?;
    Ok(value)
}

/// serde_json's message about a number such as `1e400`.
const OUT_OF_RANGE: &str = "number out of range";

fn not_json(reason: &serde_json::Error) -> Problem {
    Problem::bad_request(format!("The body is not JSON: {reason}."))
}

/// Splits `what at line 1 column 2`, and rewords the first part.
fn plain(reason: &str) -> (String, String) {
    match reason.rsplit_once(" at line ") {
        Some((what, at)) => (reword(what), format!("line {at}")),
        None => (reword(reason), "in the body".to_owned()),
    }
}

/// The path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut all = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        all.push('/');
        all.push_str(&name);
    }
    all
}

/// The longest `Idempotency-Key`, in bytes.
const LONGEST_KEY: usize = 255;

/// The client's `Idempotency-Key`, if any (draft-ietf-httpapi-idempotency-key-header): requests with the same key are
/// one request. The draft requires a quoted string; unquoted ones are accepted too.
///
/// # Errors
/// 400 if there are several different ones, or if one is empty, too long, or has other than visible ASCII characters
/// and spaces.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter().map(one_key);
    let Some(first) = keys.next().transpose()? else { return Ok(None) };
    for other in keys {
        if other? != first {
            return Err(Problem::bad_request("The request has several Idempotency-Key headers: send one."));
        }
    }
    Ok(Some(first))
}

fn one_key(value: &HeaderValue) -> Result<String, Problem> {
    let text = value.to_str().unwrap_or_default().trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if text.is_empty() || text.len() > LONGEST_KEY {
        let detail = format!("Idempotency-Key must be 1 to {LONGEST_KEY} visible ASCII characters.");
        return Err(Problem::bad_request(detail));
    }
    Ok(text.to_owned())
}

/// The value of a query parameter, if present.
///
/// # Errors
/// 400, with the parameter's name and the `allowed` values.
pub fn parameter<T>(
    name: &str,
    value: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
    allowed: &str,
) -> Result<Option<T>, Problem> {
    let Some(text) = value else { return Ok(None) };
    parse(text).map(Some).ok_or_else(|| {
        let shown = first_chars(text, 80);
        let detail = format!("'{shown}' is not an allowed value: {allowed}");
        let errors = serde_json::json!([{ "detail": &detail, "parameter": name }]);
        Problem::bad_request(format!("The parameter {name} is invalid: {detail}.")).with("errors", errors)
    })
}

/// The query, read as `T`; 400 if it is not one.
#[derive(Clone, Copy, Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text).to_owned();
                let problem = Problem::bad_request(format!("The query is invalid: {reason}."));
                Err(match reason.split_once(": ") {
                    Some((name, what)) if !name.contains(' ') => {
                        problem.with("errors", serde_json::json!([{ "detail": what, "parameter": name }]))
                    }
                    Some(_) | None => problem,
                })
            }
        }
    }
}

/// The parameters of the path, read as `T` (a text, a number, a tuple of several); 400 if they are not one.
#[derive(Clone, Copy, Debug)]
pub struct PathParams<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let reason = text.strip_prefix("Invalid URL: ").unwrap_or(&text).replace('`', "'");
                Err(Problem::bad_request(format!("The path is invalid: {reason}.")))
            }
        }
    }
}

/// The first parameter of the path as an order's id; 400 if it is not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathId(pub OrderId);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let raw =
            RawPathParams::from_request_parts(parts, state).await.map_err(|e| Problem::bad_request(e.body_text()))?;
        let text = raw.iter().next().map_or("", |(_, value)| value);
        match text.parse() {
            Ok(id) => Ok(Self(id)),
            Err(_) => {
                let shown = first_chars(text, 80);
                let example = "3852cb18-9c19-4326-ac77-a1a0264bd98c";
                Err(Problem::bad_request(format!("'{shown}' in the path is not a UUID such as {example}.")))
            }
        }
    }
}

/// The `traceparent` that causes this request's effects: of the request's span, of its caller, or, without either, of a
/// new trace that is not sampled (W3C Trace Context).
pub fn trace_of(headers: &HeaderMap) -> String {
    let context = context_of(headers).unwrap_or_else(|| {
        let trace = Uuid::new_v4().as_u128();
        let (span, _) = Uuid::new_v4().as_u64_pair();
        TraceContext { trace, span: SpanId(span.max(1)), is_sampled: false }
    });
    context.to_string()
}

/// The trace context of a request's headers.
pub(super) fn context_of(headers: &HeaderMap) -> Option<TraceContext> {
    let value = headers.get(names::TRACEPARENT)?.to_str().ok()?;
    TraceContext::parse(value)
}

#[cfg(test)]
mod tests;

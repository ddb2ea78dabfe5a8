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
use vocabulary::messages::{self, DEPTH, depth, header as names};
use vocabulary::number::whole_numbers;
use vocabulary::serde_messages::reword;

use super::problem::Problem;

/// A JSON body, read as `T`.
///
/// 415 without a JSON content type, 413 over `http.body_limit`, 400 if it is not JSON or nested too deeply, 422 if it
/// is not a `T`, with a JSON pointer to the place. `1.0` and `1e0` are the integer 1.
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

/// The `traceparent` of this request's effects: a child of the request's own, or the first of a new trace
/// (W3C Trace Context).
pub fn trace_of(headers: &HeaderMap) -> String {
    let own = Uuid::new_v4();
    let parent = headers.get(names::TRACEPARENT).and_then(|value| value.to_str().ok());
    parent.and_then(|parent| messages::child_trace(parent, &own.to_string())).unwrap_or_else(|| {
        let (span, _) = Uuid::new_v4().as_u64_pair();
        format!("00-{}-{:016x}-01", own.simple(), span.max(1))
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::response::Response;
    use axum::routing::{get, post};
    use serde::Deserialize;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Order {
        items: Vec<Item>,
    }

    #[derive(Deserialize)]
    struct Item {
        quantity: u32,
    }

    #[derive(Deserialize)]
    struct Page {
        limit: Option<u32>,
    }

    fn router() -> Router {
        let sum =
            |Body(order): Body<Order>| async move { order.items.iter().map(|i| i.quantity).sum::<u32>().to_string() };
        Router::new()
            .route("/orders", post(sum))
            .route("/orders", get(|Params(page): Params<Page>| async move { format!("{:?}", page.limit) }))
            .route(
                "/letters/{topic}/{offset}",
                get(|PathParams(at): PathParams<(String, i64)>| async move { format!("{at:?}") }),
            )
            .route("/orders/{id}", get(|PathId(id): PathId| async move { id.to_string() }))
            .layer(axum::extract::DefaultBodyLimit::max(100))
    }

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    async fn post_as(kind: &str, body: &str) -> (u16, String) {
        let request = Request::post("/orders")
            .header("content-type", kind)
            .body(axum::body::Body::from(body.to_owned()))
            .unwrap();
        let response = router().oneshot(request).await.unwrap();
        (response.status().as_u16(), text(response).await)
    }

    async fn get_of(uri: &str) -> (u16, String) {
        let response = router().oneshot(Request::get(uri).body(axum::body::Body::empty()).unwrap()).await.unwrap();
        (response.status().as_u16(), text(response).await)
    }

    fn problem(answer: &(u16, String)) -> Value {
        serde_json::from_str(&answer.1).unwrap()
    }

    #[tokio::test]
    async fn a_body_is_read() {
        let body = r#"{"items":[{"quantity":2},{"quantity":3}]}"#;
        assert_eq!(post_as("application/json; charset=utf-8", body).await, (200, "5".to_owned()));
        assert_eq!(post_as("application/cloudevents+json", body).await.0, 200);
    }

    #[tokio::test]
    async fn a_whole_number_may_have_a_fraction_of_zeros_or_an_exponent() {
        for [two, three] in [["2.0", "3.000"], ["2e0", "30E-1"]] {
            let body = format!(r#"{{"items":[{{"quantity":{two}}},{{"quantity":{three}}}]}}"#);
            assert_eq!(post_as("application/json", &body).await, (200, "5".to_owned()));
        }
        for (number, what) in [
            ("2.5", "must be a whole number from 0 to 4294967295"),
            ("1e10", "must be a whole number from 0 to 4294967295"),
            ("1e400", "number out of range"),
        ] {
            let answer = post_as("application/json", &format!(r#"{{"items":[{{"quantity":{number}}}]}}"#)).await;
            let errors = json!([{ "detail": what, "pointer": "#/items/0/quantity" }]);
            assert_eq!((answer.0, &problem(&answer)["errors"]), (422, &errors), "{number}: {}", answer.1);
        }
    }

    #[test]
    fn two_different_idempotency_keys_are_rejected() {
        let of = |keys: &[&'static str]| {
            let mut headers = HeaderMap::new();
            keys.iter().for_each(|key| _ = headers.append("idempotency-key", HeaderValue::from_static(key)));
            idempotency_key(&headers)
        };
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&["\"a\""]).unwrap().as_deref(), Some("a"));
        assert_eq!(of(&["a", "\"a\""]).unwrap().as_deref(), Some("a"));
        for keys in [&["a", "b"][..], &["a", "a", "b"], &["a", ""], &[""]] {
            assert_eq!(of(keys).unwrap_err().status(), StatusCode::BAD_REQUEST, "{keys:?}");
        }
    }

    #[tokio::test]
    async fn an_invalid_body_is_rejected_with_the_place() {
        let answer = post_as("application/json", r#"{"items":[{"quantity":2},{"quantity":-3}]}"#).await;
        assert_eq!(answer.0, 422);
        let what = "must be a whole number from 0 to 4294967295";
        assert_eq!(problem(&answer)["errors"], json!([{ "detail": what, "pointer": "#/items/1/quantity" }]));
        let detail = format!("The body is invalid at /items/1/quantity (line 1 column 39): {what}.");
        assert_eq!(problem(&answer)["detail"], detail);

        let answer = post_as("application/json", r#"{"itms":[]}"#).await;
        assert_eq!((answer.0, &problem(&answer)["errors"][0]["pointer"]), (422, &json!("#/itms")));
    }

    #[tokio::test]
    async fn a_body_that_is_not_json_or_too_long_or_of_another_type_is_rejected() {
        for (kind, body, status) in [
            ("application/json", "{\"items\":", 400),
            ("application/json", "{\"items\":[]} x", 400),
            ("application/json", "", 400),
            ("application/x-www-form-urlencoded", "{\"items\":[]}", 415),
        ] {
            let answer = post_as(kind, body).await;
            assert_eq!(answer.0, status, "{body}");
            assert_eq!(problem(&answer)["status"], status);
        }
        let long = format!("{{\"items\":[{}]}}", " ".repeat(200));
        assert_eq!(post_as("application/json", &long).await.0, 413);
        let deep = "[".repeat(DEPTH + 1);
        let answer = post_as("application/json", &deep).await;
        assert_eq!(answer.0, 400);
        assert_eq!(problem(&answer)["detail"], "The body is nested more than 64 levels deep.");
    }

    #[tokio::test]
    async fn an_invalid_query_is_rejected_with_the_parameter() {
        assert_eq!(get_of("/orders?limit=5").await, (200, "Some(5)".to_owned()));
        let answer = get_of("/orders?limit=many").await;
        assert_eq!(answer.0, 400);
        assert_eq!(
            problem(&answer)["errors"],
            json!([{ "detail": "invalid digit found in string", "parameter": "limit" }])
        );
    }

    #[tokio::test]
    async fn an_id_in_the_path() {
        let upper = get_of("/orders/3852CB18-9C19-4326-AC77-A1A0264BD98C").await;
        assert_eq!(upper, (200, "3852cb18-9c19-4326-ac77-a1a0264bd98c".to_owned()));
        let answer = get_of("/orders/7").await;
        assert_eq!(answer.0, 400);
        let detail = "'7' in the path is not a UUID such as 3852cb18-9c19-4326-ac77-a1a0264bd98c.";
        assert_eq!(problem(&answer)["detail"], detail);
    }

    #[tokio::test]
    async fn an_invalid_path_is_a_problem() {
        assert_eq!(get_of("/letters/t/7").await, (200, "(\"t\", 7)".to_owned()));
        for path in ["/letters/t/seven", "/letters/%FF/7"] {
            let answer = get_of(path).await;
            let detail = problem(&answer)["detail"].as_str().unwrap().to_owned();
            assert!(answer.0 == 400 && detail.starts_with("The path is invalid: "), "{path}: {detail}");
        }
    }

    #[test]
    fn a_trace_is_continued_or_started() {
        let mut headers = HeaderMap::new();
        let new = trace_of(&headers);
        assert!(messages::child_trace(&new, "x").is_some(), "{new}");
        headers.insert("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap());
        let child = trace_of(&headers);
        assert!(child.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && !child.contains("00f067aa0ba902b7"));
    }
}

//! Errors as `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use vocabulary::retry::Retryable;

/// The error of a request, for programs and operators. `type` is omitted, which means `about:blank`: the status is the
/// kind of problem (RFC 9457, section 4.2.1).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    #[serde(serialize_with = "number")]
    status: StatusCode,
    title: Cow<'static, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: Cow<'static, str>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

fn number<S: serde::Serializer>(status: &StatusCode, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem: `title` is the same for all of its kind, `detail` describes this one and may be empty.
    pub fn new(status: StatusCode, title: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, title: title.into(), detail: detail.into(), more: Map::new() }
    }

    /// A problem with the status' own phrase as its title.
    pub fn of(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, status.canonical_reason().unwrap_or("Error"), detail)
    }

    /// 400: the request is unreadable.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, detail)
    }

    /// 404: the resource does not exist.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::of(StatusCode::NOT_FOUND, detail)
    }

    /// 409: the resource is in another state than the request requires.
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::of(StatusCode::CONFLICT, detail)
    }

    /// 422: the request is readable, but its content is invalid.
    pub fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::of(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 503: not available now, or the outcome is unknown.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::of(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// 500. The reason goes to the log, not to the client.
    pub fn internal(reason: impl std::fmt::Display) -> Self {
        tracing::error!("internal error: {reason}");
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, "an internal error occurred; the service's log has the reason")
    }

    /// Adds a member, such as `errors` (RFC 9457, section 3.2).
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Adds an entry to `errors`, about the value at `pointer` (a JSON pointer, RFC 6901) of the body.
    #[must_use]
    pub fn at(mut self, pointer: &str, detail: impl Into<String>) -> Self {
        let entry = serde_json::json!({ "detail": detail.into(), "pointer": format!("#{pointer}") });
        if let Value::Array(all) = self.more.entry("errors").or_insert_with(|| Value::Array(Vec::new())) {
            all.push(entry);
        }
        self
    }

    /// Of a problem whose outcome is unknown: names the `Idempotency-Key` with which the same request can be sent again
    /// and takes effect once. Other problems are unchanged.
    #[must_use]
    pub fn repeatable(mut self, key: &str) -> Self {
        if self.status != StatusCode::SERVICE_UNAVAILABLE {
            return self;
        }
        let detail =
            format!("{} Sent again with the header Idempotency-Key: {key}, it takes effect once.", self.detail);
        self.detail = Cow::Owned(detail);
        self.with("idempotencyKey", key)
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The detail.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// 503 for an error that may not recur, and 500 for any other.
impl<E: Retryable> From<E> for Problem {
    fn from(error: E) -> Self {
        if error.is_retryable() { Self::unavailable(error.to_string()) } else { Self::internal(error) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let content = [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
        let mut response = (self.status, content, body).into_response();
        // `response_headers` adds the request's id.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_with_an_unknown_outcome_names_the_key_to_repeat_it() {
        let problem = Problem::unavailable("No answer.").repeatable("k-1");
        assert!(problem.detail().ends_with("Idempotency-Key: k-1, it takes effect once."), "{}", problem.detail());
        assert_eq!(serde_json::to_value(&problem).unwrap()["idempotencyKey"], "k-1");
        assert_eq!(Problem::conflict("no").repeatable("k-1"), Problem::conflict("no"));
    }

    #[test]
    fn a_problem_is_the_json_of_rfc_9457() {
        let problem = Problem::unprocessable("2 values are wrong.")
            .at("/items/0/quantity", "must be at least 1")
            .at("/amount", "must be positive")
            .with("orderId", "7");
        let json = serde_json::to_value(&problem).unwrap();
        let expected = serde_json::json!({
            "status": 422, "title": "Unprocessable Entity", "detail": "2 values are wrong.", "orderId": "7",
            "errors": [
                { "detail": "must be at least 1", "pointer": "#/items/0/quantity" },
                { "detail": "must be positive", "pointer": "#/amount" },
            ],
        });
        assert_eq!(json, expected);
        let response = problem.into_response();
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}

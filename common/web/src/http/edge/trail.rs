//! The marks on every answer: the request's id, by which its log lines are found, and what browsers must not do with it.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use uuid::Uuid;

use crate::http::Problem;

/// Names a request in the logs of all who handle it.
pub(in crate::http) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest that is taken from a client.
const LONGEST: usize = 128;

/// The request's id: the client's, where it is one that a log can hold, else a new one.
pub(in crate::http) fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let sane = |id: &&str| {
        (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    given.filter(sane).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Whether a proxy says that the client came over TLS.
pub(in crate::http) fn is_https(headers: &HeaderMap) -> bool {
    let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()).unwrap_or_default();
    proto.split(',').next().is_some_and(|first| first.trim().eq_ignore_ascii_case("https"))
}

/// What was asked, as far as the answer's marks depend on it.
pub(in crate::http) struct Asked {
    pub(in crate::http) id: String,
    pub(in crate::http) method: Method,
    /// Not a person's data: the API's description and its page.
    pub(in crate::http) is_public: bool,
    pub(in crate::http) https: bool,
}

/// Puts the marks on an answer. What a handler has said itself stays.
pub(in crate::http) fn mark(asked: &Asked, mut response: Response) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>()
        && asked.method != Method::HEAD
    {
        let told = problem.with("requestId", asked.id.as_str());
        *response.body_mut() = Body::from(serde_json::to_vec(&told).unwrap_or_default());
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&asked.id) {
        headers.insert(REQUEST_ID, id);
    }
    let mut say = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if !asked.is_public {
        say(header::CACHE_CONTROL, "no-store");
    }
    if asked.https {
        say(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A browser that shows a PDF or a page needs more than one that shows nothing but text.
    let is_data = kind.is_empty() || kind.starts_with("text/plain") || kind.contains("json");
    let policy = if is_data { "default-src 'none'; frame-ancestors 'none'" } else { "frame-ancestors 'none'" };
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(policy));
    response
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::response::IntoResponse as _;
    use serde_json::Value;

    use super::*;

    fn of(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    }

    fn asked(https: bool, is_public: bool) -> Asked {
        Asked { id: "7".to_owned(), method: Method::GET, is_public, https }
    }

    #[test]
    fn an_id_that_a_log_can_hold_is_taken_and_any_other_is_not() {
        assert_eq!(request_id(&of("x-request-id", "shop-17_a.b:c")), "shop-17_a.b:c");
        for wrong in ["", "a b", "a\"b", &"x".repeat(129)] {
            let made = request_id(&of("x-request-id", wrong));
            assert!(Uuid::parse_str(&made).is_ok(), "{wrong}: {made}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }

    #[test]
    fn a_proxy_says_whether_it_was_tls() {
        assert!(is_https(&of("x-forwarded-proto", "https")) && is_https(&of("x-forwarded-proto", "HTTPS, http")));
        assert!(!is_https(&of("x-forwarded-proto", "http, https")) && !is_https(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn a_problem_names_the_request() {
        let response = mark(&asked(true, false), Problem::not_found("nothing here").into_response());
        assert_eq!(response.headers()["x-request-id"], "7");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
        let body: Value = serde_json::from_slice(&to_bytes(response.into_body(), 1000).await.unwrap()).unwrap();
        assert_eq!((&body["requestId"], &body["detail"]), (&"7".into(), &"nothing here".into()));
    }

    #[test]
    fn what_a_handler_says_stays_and_pages_may_load_what_they_need() {
        let page = [(header::CONTENT_TYPE, "text/html"), (header::CACHE_CONTROL, "max-age=60")];
        let response = mark(&asked(false, true), (page, "<p>").into_response());
        assert_eq!(response.headers()["cache-control"], "max-age=60");
        assert_eq!(response.headers()["content-security-policy"], "frame-ancestors 'none'");
        assert!(!response.headers().contains_key("strict-transport-security"));
    }
}

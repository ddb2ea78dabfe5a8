//! The headers of every response: the request's id, which its log lines have, and the browser's security policy.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use uuid::Uuid;

use crate::http::problem::Problem;

/// Identifies a request in the logs of all services and proxies.
pub(in crate::http) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id accepted from a client.
const LONGEST: usize = 128;

/// The request's id: the client's, if it is safe to log, else a new one.
pub(in crate::http) fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_safe = |id: &&str| {
        (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    given.filter(is_safe).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Returns true if a proxy reports that the client used TLS.
pub(in crate::http) fn is_https(headers: &HeaderMap) -> bool {
    let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()).unwrap_or_default();
    proto.split(',').next().is_some_and(|first| first.trim().eq_ignore_ascii_case("https"))
}

/// The parts of a request on which the response's headers depend.
pub(in crate::http) struct RequestInfo {
    pub(in crate::http) id: String,
    pub(in crate::http) method: Method,
    /// True for the API's description and its page, which have no personal data.
    pub(in crate::http) is_public: bool,
    pub(in crate::http) https: bool,
}

/// Adds the headers to a response. Headers that the handler has set stay.
pub(in crate::http) fn add(info: &RequestInfo, mut response: Response) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>()
        && info.method != Method::HEAD
    {
        let problem = problem.with("requestId", info.id.as_str());
        *response.body_mut() = Body::from(serde_json::to_vec(&problem).unwrap_or_default());
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&info.id) {
        headers.insert(REQUEST_ID, id);
    }
    let mut set_default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set_default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if !info.is_public {
        set_default(header::CACHE_CONTROL, "no-store");
    }
    if info.https {
        set_default(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Pages and PDFs need more than data in a browser.
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

    fn info(https: bool, is_public: bool) -> RequestInfo {
        RequestInfo { id: "7".to_owned(), method: Method::GET, is_public, https }
    }

    #[test]
    fn an_id_that_is_safe_to_log_is_accepted_and_any_other_replaced() {
        assert_eq!(request_id(&of("x-request-id", "shop-17_a.b:c")), "shop-17_a.b:c");
        for wrong in ["", "a b", "a\"b", &"x".repeat(129)] {
            let made = request_id(&of("x-request-id", wrong));
            assert!(Uuid::parse_str(&made).is_ok(), "{wrong}: {made}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }

    #[test]
    fn a_proxy_reports_tls() {
        assert!(is_https(&of("x-forwarded-proto", "https")) && is_https(&of("x-forwarded-proto", "HTTPS, http")));
        assert!(!is_https(&of("x-forwarded-proto", "http, https")) && !is_https(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn a_problem_has_the_requests_id() {
        let response = add(&info(true, false), Problem::not_found("nothing here").into_response());
        assert_eq!(response.headers()["x-request-id"], "7");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
        let body: Value = serde_json::from_slice(&to_bytes(response.into_body(), 1000).await.unwrap()).unwrap();
        assert_eq!((&body["requestId"], &body["detail"]), (&"7".into(), &"nothing here".into()));
    }

    #[test]
    fn a_handlers_headers_stay_and_pages_may_load_their_files() {
        let page = [(header::CONTENT_TYPE, "text/html"), (header::CACHE_CONTROL, "max-age=60")];
        let response = add(&info(false, true), (page, "<p>").into_response());
        assert_eq!(response.headers()["cache-control"], "max-age=60");
        assert_eq!(response.headers()["content-security-policy"], "frame-ancestors 'none'");
        assert!(!response.headers().contains_key("strict-transport-security"));
    }
}

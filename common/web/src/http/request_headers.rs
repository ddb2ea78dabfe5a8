//! Rejects requests by headers that have the same meaning everywhere: several different `Content-Type`s or
//! `Idempotency-Key`s, and bodies in codings that no service reads, which would otherwise be taken for broken JSON:
//! compressed ones (RFC 9110, section 8.4) and texts that are not UTF-8 (RFC 8259, section 8.1).

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use vocabulary::bounds::first_chars;

use super::extract::idempotency_key;
use super::problem::Problem;

/// Admits or rejects a request.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    match rejection(request.headers()) {
        None => next.run(request).await,
        Some(rejection) => rejection,
    }
}

/// The response to a request that is not accepted.
fn rejection(headers: &HeaderMap) -> Option<Response> {
    let coding = headers.get_all(header::CONTENT_ENCODING).iter().find(|value| !is_identity(value));
    if let Some(coding) = coding {
        let detail =
            format!("A body with Content-Encoding: {} is not accepted: send it uncompressed.", display_text(coding));
        return Some(unsupported(detail, header::ACCEPT_ENCODING, "identity"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = types.next();
    if types.any(|other| Some(other) != kind) {
        let detail = "The request has several Content-Type headers: send one.";
        return Some(Problem::bad_request(detail).into_response());
    }
    if headers.get_all("idempotency-key").iter().nth(1).is_some()
        && let Err(several) = idempotency_key(headers)
    {
        return Some(several.into_response());
    }
    let charset = kind.and_then(|kind| kind.to_str().ok()).and_then(charset).filter(|charset| !is_utf8(charset))?;
    let shown = first_chars(charset, 40);
    let detail = format!("A body with charset={shown} is not accepted: send it as UTF-8.");
    Some(unsupported(detail, header::ACCEPT, "application/json"))
}

/// 415, with a header that names what is accepted.
fn unsupported(detail: String, name: HeaderName, accepted: &'static str) -> Response {
    let mut response = Problem::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).into_response();
    response.headers_mut().insert(name, HeaderValue::from_static(accepted));
    response
}

fn is_identity(coding: &HeaderValue) -> bool {
    let all = coding.to_str().unwrap_or("?");
    all.split(',').map(str::trim).all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity"))
}

fn display_text(coding: &HeaderValue) -> &str {
    first_chars(coding.to_str().unwrap_or("?"), 40)
}

/// The parameter `charset` of a media type.
fn charset(kind: &str) -> Option<&str> {
    let parameters = kind.split(';').skip(1).filter_map(|parameter| parameter.trim().split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charsets.next().map(|(_, value)| value.trim().trim_matches('"'))
}

/// Returns true for UTF-8, and for ASCII, which is a part of it.
fn is_utf8(charset: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(pairs: &[(&'static str, &'static str)]) -> (u16, HeaderMap) {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        pairs.for_each(|(name, value)| _ = headers.append(name, value));
        rejection(&headers).map_or_else(
            || (200, HeaderMap::new()),
            |rejected| (rejected.status().as_u16(), rejected.headers().clone()),
        )
    }

    #[test]
    fn compressed_bodies_are_rejected_with_what_is_accepted() {
        for coding in ["gzip", "br", "GZIP", "identity, deflate", "zstd"] {
            let (status, headers) = checked(&[("content-encoding", coding)]);
            assert_eq!((status, &headers["accept-encoding"]), (415, &HeaderValue::from_static("identity")), "{coding}");
            assert_eq!(headers["content-type"], "application/problem+json");
        }
        for coding in ["identity", "Identity", ""] {
            assert_eq!(checked(&[("content-encoding", coding)]).0, 200, "{coding}");
        }
        assert_eq!(checked(&[("content-encoding", "identity"), ("content-encoding", "br")]).0, 415);
    }

    #[test]
    fn only_utf_8_is_accepted() {
        for kind in
            ["application/json; charset=utf-16", "application/json;CHARSET=\"ISO-8859-1\"", "a/b; x=y; charset=x"]
        {
            let (status, headers) = checked(&[("content-type", kind)]);
            assert_eq!((status, headers.contains_key("accept")), (415, true), "{kind}");
        }
        for kind in ["application/json", "application/json; charset=utf-8", "a/b; charset=\"UTF-8\"", "a/b; charset"] {
            assert_eq!(checked(&[("content-type", kind)]).0, 200, "{kind}");
        }
        assert_eq!(checked(&[("content-type", "application/json"), ("content-type", "text/plain")]).0, 400);
        assert_eq!(checked(&[]).0, 200);
    }

    #[test]
    fn two_different_idempotency_keys_are_rejected_whether_the_route_reads_them_or_not() {
        assert_eq!(checked(&[("idempotency-key", "a"), ("idempotency-key", "b")]).0, 400);
        assert_eq!(checked(&[("idempotency-key", "a"), ("idempotency-key", "\"a\"")]).0, 200);
        assert_eq!(checked(&[("idempotency-key", "a")]).0, 200);
    }
}

//! The cookies of the pages.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::context::Pages;

/// Which requests of other sites have a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SameSite {
    /// None.
    Strict,
    /// Navigations, such as the one by which an identity provider leads back.
    Lax,
}

/// Returns true if the browser uses TLS, by the settings or by what a proxy reports.
pub(super) fn is_tls(pages: &Pages, headers: &HeaderMap) -> bool {
    let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()).unwrap_or_default();
    pages.api.context.settings.dashboard.secure_cookies || proto.eq_ignore_ascii_case("https")
}

/// Sets a cookie that scripts cannot read, and that other sites do not send.
pub(super) fn set_cookie(pages: &Pages, headers: &HeaderMap, response: &mut Response, pair: &str) {
    set_cookie_for(pages, headers, response, pair, SameSite::Strict);
}

/// Sets a cookie that scripts cannot read.
pub(super) fn set_cookie_for(
    pages: &Pages,
    headers: &HeaderMap,
    response: &mut Response,
    pair: &str,
    same_site: SameSite,
) {
    let same_site = match same_site {
        SameSite::Strict => "Strict",
        SameSite::Lax => "Lax",
    };
    let secure = if is_tls(pages, headers) { "; Secure" } else { "" };
    if let Ok(value) = HeaderValue::from_str(&format!("{pair}; HttpOnly; SameSite={same_site}{secure}")) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

//! The page to which a login leads back.

use axum::http::Uri;

use super::page::{DEFINITION_FILES, Page};
use super::query::encoded;

/// The path of the login, which leads back to the requested page.
pub(super) fn path_for(requested: &Uri) -> String {
    match requested.path_and_query().map(|whole| whole.as_str()).unwrap_or("/") {
        "/" => "/login".to_owned(),
        next => format!("/login?next={}", encoded(next)),
    }
}

/// The path of a page, with its query; `/` for any other text, which a browser might resolve to another site.
pub(super) fn local(next: Option<&str>) -> &str {
    next.filter(|next| is_page(next)).unwrap_or("/")
}

/// Returns true for the path of a page. The URL standard removes tabs and line breaks, reads `\` as `/`, and `//` as
/// the beginning of a host, so none of these are accepted.
fn is_page(next: &str) -> bool {
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_path = next.starts_with('/') && !next.starts_with("//");
    is_plain && is_path && next.parse::<Uri>().is_ok_and(|uri| Page::of(uri.path()).is_ok() || is_file(uri.path()))
}

/// Returns true for a file of a definition.
fn is_file(path: &str) -> bool {
    let page = path.rsplit_once('/').filter(|(_, file)| DEFINITION_FILES.contains(file)).map(|(page, _)| page);
    matches!(page.map(Page::of), Some(Ok(Page::Definition { .. })))
}

#[cfg(test)]
mod tests {
    use super::super::query::Query;
    use super::*;

    #[test]
    fn the_login_leads_back_to_this_site_only() {
        for (next, to) in [
            (Some("/sagas?status=running"), "/sagas?status=running"),
            (Some("/dead-letters/a%2Eb.dlq"), "/dead-letters/a%2Eb.dlq"),
            (Some("/definitions/order/3/flow.svg"), "/definitions/order/3/flow.svg"),
            (Some("/definitions/order/3/other.svg"), "/"),
            (Some("/sagas?text=%C3%A9%0A//x"), "/sagas?text=%C3%A9%0A//x"),
            (Some("//evil.example"), "/"),
            (Some("///evil.example"), "/"),
            (Some("https://evil.example"), "/"),
            (Some("evil.example"), "/"),
            (Some("/\\evil.example"), "/"),
            (Some("/\t/evil.example"), "/"),
            (Some("/\n/evil.example"), "/"),
            (Some("/\r\nset-cookie: a=b"), "/"),
            (Some("/sagas?text=é"), "/"),
            (Some("/login"), "/"),
            (Some("/.//evil.example"), "/"),
            (Some(""), "/"),
            (None, "/"),
        ] {
            assert_eq!(local(next), to, "{next:?}");
        }
        for query in ["next=/%09/evil.example", "next=/%0a/evil.example", "next=%2F%2Fevil.example", "next=%5C/evil"] {
            assert_eq!(local(Query::parse(query).get("next")), "/", "{query}");
        }
        assert_eq!(path_for(&"/sagas?a=b".parse().unwrap()), "/login?next=%2Fsagas%3Fa%3Db");
    }
}

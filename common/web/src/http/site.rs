//! Rejects requests that a foreign web page makes a browser send: by their `Host`, against DNS rebinding, and by
//! `Sec-Fetch-Site` and `Origin`, against cross-site requests (Fetch Metadata; RFC 6454). Other clients send neither of
//! these two headers, and are not affected.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use vocabulary::bounds::first_chars;

use super::problem::Problem;
use crate::settings::Http;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The names of a service, and the origins whose pages may send requests.
pub(super) struct Site {
    listen: IpAddr,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Site {
    /// `origins` are those of `edge.cors_origins`.
    pub(super) fn new(http: &Http, origins: Vec<String>) -> Self {
        let hosts = http.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Self { listen: http.listen.ip().to_canonical(), hosts, origins }
    }

    /// Checks that the request is for a name of this service, and not sent by a page that may not send it.
    fn check(&self, request: &Request) -> Result<(), Problem> {
        let host = host(request)?;
        if let Some(host) = &host
            && !self.has_name(host.host())
        {
            let name = display_text(host.host());
            let detail = format!("This service does not have the name '{name}'. If it should, add it to http.hosts.");
            return Err(Problem::of(StatusCode::MISDIRECTED_REQUEST, detail));
        }
        let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        if is_safe || !self.is_foreign(request.headers(), host.as_ref()) {
            return Ok(());
        }
        let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let page = display_text(origin.unwrap_or("another site"));
        let detail = format!("A web page of {page} sent this. If it may, add its origin to edge.cors_origins.");
        Err(Problem::of(StatusCode::FORBIDDEN, detail))
    }

    /// Returns true for `localhost` and the names below it (RFC 6761), for loopback addresses, the listen address (if
    /// it is unspecified, for any address: a page can't rebind an address), and `http.hosts`.
    fn has_name(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if self.hosts.iter().any(|known| known == "*" || *known == host) {
            return true;
        }
        match address(&host) {
            Some(ip) => ip.is_loopback() || self.listen.is_unspecified() || ip == self.listen,
            None => host == "localhost" || host.ends_with(".localhost"),
        }
    }

    /// Returns true if a page of another origin sent the request. Only browsers send the two headers, and pages can't
    /// change them.
    fn is_foreign(&self, headers: &HeaderMap, host: Option<&Authority>) -> bool {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let origin = text(header::ORIGIN);
        if origin.is_some_and(|origin| self.origins.iter().any(|known| known == "*" || known == origin)) {
            return false;
        }
        match (text(SEC_FETCH_SITE), origin) {
            (Some(site), _) => site != "same-origin" && site != "none",
            (None, None) => false,
            (None, Some(origin)) => {
                let own = host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, o)| is_same(o, host)));
                !own
            }
        }
    }
}

/// The requested host: of the target, else of the header `Host`; `None` if the client named none (HTTP/1.0).
fn host(request: &Request) -> Result<Option<Authority>, Problem> {
    let invalid = || Problem::bad_request("Send one Host header, with a host name and an optional port.");
    let mut lines = request.headers().get_all(header::HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(invalid());
    }
    if let Some(target) = request.uri().authority() {
        return Ok(Some(target.clone()));
    }
    let Some(line) = line else { return Ok(None) };
    let parsed = Authority::try_from(line.as_bytes()).map_err(|_| invalid())?;
    if parsed.as_str().contains('@') { Err(invalid()) } else { Ok(Some(parsed)) }
}

/// An address as a host: `127.0.0.1`, `[::1]`.
fn address(host: &str) -> Option<IpAddr> {
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let ip = match v6 {
        Some(v6) => IpAddr::V6(v6.parse::<Ipv6Addr>().ok()?),
        None => host.parse().ok()?,
    };
    Some(ip.to_canonical())
}

/// The beginning of a text that a client chose.
fn display_text(text: &str) -> &str {
    first_chars(text, 100)
}

/// Returns true if an origin's host and port are those of the request. A browser omits the scheme's own port in both.
fn is_same(origin: &str, host: &Authority) -> bool {
    origin.eq_ignore_ascii_case(host.as_str())
}

/// Admits or rejects a request.
pub(super) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    match site.check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            tracing::info!(target: "http", detail = problem.detail(), "a request is denied");
            problem.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn site(listen: &str, hosts: &[&str], origins: &[&str]) -> Site {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let listen = listen.parse().unwrap();
        let http = Http { listen, hosts: texts(hosts), ..Http::default() };
        Site::new(&http, texts(origins))
    }

    fn status(site: &Site, method: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let checked = site.check(&request.body(Body::empty()).unwrap());
        checked.map_or_else(|problem| problem.status().as_u16(), |()| 200)
    }

    #[test]
    fn only_the_names_of_the_service_are_answered() {
        let local = site("127.0.0.1:8080", &[], &[]);
        let host = |site: &Site, host: &str| status(site, "GET", &[("host", host)]);
        for name in
            ["localhost", "LOCALHOST:8080", "a.localhost:80", "localhost.", "127.0.0.1", "127.1.2.3:9", "[::1]:8080"]
        {
            assert_eq!(host(&local, name), 200, "{name}");
        }
        for name in
            ["evil.example", "evil.example:8080", "localhost.evil.example", "10.0.0.7", "order-service", "0.0.0.0"]
        {
            assert_eq!(host(&local, name), 421, "{name}");
        }
        for name in ["", "a b", "user@localhost", "localhost:x:y"] {
            assert_eq!(host(&local, name), 400, "{name:?}");
        }
        assert_eq!(status(&local, "GET", &[("host", "localhost"), ("host", "evil.example")]), 400);
        assert_eq!(status(&local, "GET", &[]), 200, "HTTP/1.0");
        let one = site("10.0.0.7:80", &["order-service", "Orders.example"], &[]);
        for name in ["10.0.0.7", "order-service:8080", "orders.example", "localhost"] {
            assert_eq!(host(&one, name), 200, "{name}");
        }
        assert_eq!(host(&one, "10.0.0.8"), 421);
        let every = site("0.0.0.0:80", &[], &[]);
        assert_eq!((host(&every, "10.0.0.8"), host(&every, "evil.example")), (200, 421));
        assert_eq!(host(&site("127.0.0.1:80", &["*"], &[]), "evil.example"), 200);
        let absolute = Request::get("http://evil.example/").header("host", "localhost").body(Body::empty()).unwrap();
        assert_eq!(local.check(&absolute).unwrap_err().status(), 421, "the target has precedence");
    }

    #[test]
    fn pages_of_other_origins_may_not_send_changes() {
        let site = site("127.0.0.1:8080", &[], &["https://shop.example"]);
        let sent = |method: &str, pairs: &[(&str, &str)]| {
            let host = [("host", "localhost:8080")];
            status(&site, method, &[&host, pairs].concat())
        };
        for headers in [
            vec![],
            vec![("sec-fetch-site", "same-origin")],
            vec![("sec-fetch-site", "none")],
            vec![("origin", "http://localhost:8080")],
            vec![("sec-fetch-site", "same-origin"), ("origin", "https://behind.a.proxy")],
            vec![("sec-fetch-site", "cross-site"), ("origin", "https://shop.example")],
            vec![("origin", "https://shop.example")],
        ] {
            assert_eq!(sent("POST", &headers), 200, "{headers:?}");
        }
        for headers in [
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site"), ("origin", "http://localhost:3000")],
            vec![("sec-fetch-site", "")],
            vec![("origin", "http://localhost:3000")],
            vec![("origin", "null")],
            vec![("origin", "https://evil.example")],
            vec![("origin", "https://shop.example.evil.example")],
        ] {
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                assert_eq!(sent(method, &headers), 403, "{method} {headers:?}");
            }
            assert_eq!(sent("GET", &headers), 200, "{headers:?}");
        }
    }
}

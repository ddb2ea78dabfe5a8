//! The edge around a service of three paths.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::http::{Observed, finish};
use crate::settings::{ApiKey, Http, Role};

fn hash(key: &str) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn keys() -> AuthSettings {
    let customer = Some(uuid::Uuid::from_u128(0xa));
    let key = |name: &str, role, customer_id| ApiKey { name: name.to_owned(), role, customer_id, hash: hash(name) };
    let keys = vec![key("shop", Role::Customer, customer), key("office", Role::Operator, None)];
    AuthSettings { keys, ..AuthSettings::default() }
}

fn access_of(_: &Method, path: &str) -> Access {
    match path {
        "/open" => Access::Open,
        "/own" | "/events" => Access::Authenticated,
        _ => Access::Operator,
    }
}

fn service(edge: &EdgeSettings, auth: Option<&AuthSettings>) -> Router {
    let name = |caller: Caller| async move { caller.name().unwrap_or("someone").to_owned() };
    let routes = Router::new()
        .route("/open", get(name))
        .route("/own", get(name))
        .route("/all", get(name))
        .route("/events", get(|| async { ([("content-type", "text/event-stream")], "data: 1\n\n") }))
        .route("/metrics", get(|| async { "counts" }))
        .route("/health/live", get(|| async { "up" }));
    finish(routes, &Http::default(), Edge::new("test", edge, auth, access_of).unwrap(), Observed::default()).unwrap()
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

async fn ask(service: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = service.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let headers = response.headers().clone();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

#[tokio::test]
async fn the_path_decides_which_callers_are_admitted() {
    let auth = keys();
    let quiet = EdgeSettings::default();
    let service = service(&quiet, Some(&auth));
    let shop = ("x-api-key", "shop");
    let office = ("authorization", "Bearer office");
    for (path, headers, status, text) in [
        ("/open", vec![], 200, "someone"),
        ("/own", vec![shop], 200, "key shop"),
        ("/own", vec![office], 200, "key office"),
        ("/all", vec![office], 200, "key office"),
        ("/health/live", vec![], 200, "up"),
        ("/metrics", vec![], 200, "counts"),
    ] {
        let answer = ask(&service, "GET", path, &headers).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (status, text), "{path}");
    }
    for (path, headers, status) in
        [("/own", vec![], 401), ("/all", vec![], 401), ("/nothing", vec![], 401), ("/all", vec![shop], 403)]
    {
        let answer = ask(&service, "GET", path, &headers).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer realm=\"test\""));
        let problem: Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(problem["requestId"], answer.headers["x-request-id"].to_str().unwrap(), "{problem}");
    }
}

#[tokio::test]
async fn without_settings_every_request_is_admitted() {
    let off = AuthSettings::default();
    for auth in [None, Some(&off)] {
        let service = service(&EdgeSettings::default(), auth);
        let answer = ask(&service, "GET", "/all", &[("authorization", "Bearer whatever")]).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "someone"));
        assert!(
            !answer.headers.contains_key("ratelimit") && !answer.headers.contains_key("access-control-allow-origin")
        );
    }
}

#[tokio::test]
async fn a_client_over_its_limit_waits_and_others_and_health_do_not() {
    let auth = keys();
    let service = service(&EdgeSettings { rate_limit: 1, ..EdgeSettings::default() }, Some(&auth));
    let first = ask(&service, "GET", "/own", &[("x-api-key", "shop")]).await;
    assert_eq!(
        (first.status.as_u16(), &first.headers["ratelimit"]),
        (200, &HeaderValue::from_static("\"requests\";r=0;t=60"))
    );
    let second = ask(&service, "GET", "/own", &[("x-api-key", "shop")]).await;
    assert_eq!((second.status.as_u16(), second.headers.contains_key("retry-after")), (429, true), "{}", second.text);
    assert_eq!(second.headers["ratelimit-policy"], "\"requests\";q=1;w=60");
    assert_eq!(ask(&service, "GET", "/own", &[("x-api-key", "office")]).await.status, 200);
    assert_eq!(ask(&service, "GET", "/own", &[("x-api-key", "a guess")]).await.status, 401);
    assert_eq!(ask(&service, "GET", "/own", &[("x-api-key", "another")]).await.status, 429, "guessing is counted");
    for _ in 0..3 {
        assert_eq!(ask(&service, "GET", "/health/live", &[]).await.status, 200);
    }
}

#[tokio::test]
async fn a_client_has_a_limited_number_of_event_streams() {
    let auth = keys();
    let service = service(&EdgeSettings { streams_per_client: 1, ..EdgeSettings::default() }, Some(&auth));
    let open = |key: &'static str| {
        let request = Request::get("/events").header("x-api-key", key).body(Body::empty()).unwrap();
        service.clone().oneshot(request)
    };
    let first = open("shop").await.unwrap();
    assert_eq!(first.status(), 200);
    let second = ask(&service, "GET", "/events", &[("x-api-key", "shop")]).await;
    assert!(second.status == 429 && second.text.contains("edge.streams_per_client"), "{}", second.text);
    assert_eq!(open("office").await.unwrap().status(), 200, "other clients have their own");
    assert_eq!(to_bytes(first.into_body(), 100).await.unwrap(), "data: 1\n\n");
    assert_eq!(open("shop").await.unwrap().status(), 200, "an ended stream does not count");
}

#[tokio::test]
async fn a_web_page_of_an_allowed_origin_may_send_and_read() {
    let auth = keys();
    let cors_origins = vec!["https://shop.example".to_owned()];
    let service = service(&EdgeSettings { cors_origins, ..EdgeSettings::default() }, Some(&auth));
    let preflight = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    let answer = ask(&service, "OPTIONS", "/own", &preflight).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.headers["access-control-allow-origin"], "https://shop.example");
    assert!(answer.headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    let headers = [("origin", "https://shop.example"), ("x-api-key", "shop")];
    let answer = ask(&service, "GET", "/own", &headers).await;
    assert_eq!(answer.headers["access-control-allow-origin"], "https://shop.example");
    assert!(answer.headers["access-control-expose-headers"].to_str().unwrap().contains("ratelimit"));
    let refused = ask(&service, "GET", "/own", &[("origin", "https://shop.example")]).await;
    assert_eq!(refused.headers["access-control-allow-origin"], "https://shop.example", "a page may read the rejection");
    let other = ask(&service, "OPTIONS", "/own", &[("origin", "https://else.example"), preflight[1]]).await;
    assert!(!other.headers.contains_key("access-control-allow-origin"));
}

#[test]
fn only_trusted_proxies_are_trusted() {
    let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
    let behind = |peer: &str, lines: &[&str]| {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        forwarded(peer.parse().unwrap(), &headers, &proxies).to_string()
    };
    assert_eq!(behind("192.0.2.1", &["198.51.100.7"]), "192.0.2.1", "an untrusted peer's header is ignored");
    assert_eq!(behind("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
    assert_eq!(
        behind("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.0.0.2"]),
        "198.51.100.7",
        "the last that is no trusted proxy"
    );
    assert_eq!(behind("10.0.0.1", &["203.0.113.9", "[2001:db8::1]:99"]), "2001:db8::1");
    assert_eq!(behind("10.0.0.1", &["unknown"]), "10.0.0.1");
    assert_eq!(behind("10.0.0.1", &[]), "10.0.0.1");
}

#[tokio::test]
async fn every_response_has_the_requests_id() {
    let service = service(&EdgeSettings::default(), None);
    let answer = ask(&service, "GET", "/own", &[("x-request-id", "shop-17")]).await;
    assert_eq!(answer.headers["x-request-id"], "shop-17");
    let none = ask(&service, "GET", "/none", &[("x-request-id", "shop-18")]).await;
    let problem: Value = serde_json::from_str(&none.text).unwrap();
    assert_eq!((&problem["requestId"], &problem["status"]), (&json!("shop-18"), &json!(404)));
}

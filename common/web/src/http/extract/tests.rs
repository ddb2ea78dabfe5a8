//! Tests of the extractors.

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
    let sum = |Body(order): Body<Order>| async move { order.items.iter().map(|i| i.quantity).sum::<u32>().to_string() };
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
    let request =
        Request::post("/orders").header("content-type", kind).body(axum::body::Body::from(body.to_owned())).unwrap();
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
    let new = TraceContext::parse(&trace_of(&headers)).unwrap();
    assert!(!new.is_sampled, "{new}");
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    headers.insert("traceparent", given.parse().unwrap());
    assert_eq!(trace_of(&headers), given);
}

//! The description of a service's API (OpenAPI 3.1) at `/openapi.json`, and a page at `/docs` to read it and try it
//! out. The page (Swagger UI) is part of the binary; it loads nothing from other hosts.
//!
//! A service derives `utoipa::OpenApi` and merges [`docs_of`] its [`document`] into its routes. The problems that all
//! operations have in common are added here.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema};
use utoipa_swagger_ui::Config;

use super::extract::PathParams;
use super::problem::Problem;

/// The path of the description.
const DESCRIPTION: &str = "/openapi.json";
/// The media type of problems.
const PROBLEM: &str = "application/problem+json";

/// The error of a request (RFC 9457). It may have further members.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code)]
struct ProblemBody {
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// The kind of problem.
    title: String,
    /// This occurrence of the problem.
    detail: Option<String>,
    /// The request's id in the log (X-Request-Id).
    #[schema(rename = "requestId")]
    request_id: Option<String>,
    /// Each invalid value.
    errors: Option<Vec<WrongValue>>,
}

/// An invalid value.
#[derive(ToSchema)]
#[allow(dead_code)]
struct WrongValue {
    /// The error.
    detail: String,
    /// Its place in the body (a JSON pointer, RFC 6901, as a URI fragment).
    pointer: Option<String>,
    /// Its query parameter.
    parameter: Option<String>,
}

/// The OpenAPI document of a service, as JSON. Every operation gets, besides its own responses, those that any can
/// have: `400` for unreadable parameters (and for bodies `413`, `415` and `422`), `503` for an unknown outcome, and a
/// problem by default.
pub fn document(description: OpenApi) -> String {
    complete(description).to_json().unwrap_or_default()
}

/// `GET /openapi.json` and the page at `/docs`, for a complete description as JSON.
pub fn docs_of(description: impl Into<String>) -> Router {
    let text = Arc::new(description.into());
    let config = Arc::new(Config::from(DESCRIPTION).validator_url("none").try_it_out_enabled(true));
    let page = move |path: String| {
        let config = Arc::clone(&config);
        async move { file(&path, config) }
    };
    let index = page.clone();
    Router::new()
        .route(
            DESCRIPTION,
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], text.to_string()) }),
        )
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(move || index(String::new())))
        .route("/docs/{file}", get(move |PathParams(path): PathParams<String>| page(path)))
}

fn file(path: &str, config: Arc<Config<'static>>) -> Response {
    match utoipa_swagger_ui::serve(path, config) {
        Ok(Some(file)) => {
            let headers =
                [(header::CONTENT_TYPE, file.content_type), (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned())];
            (StatusCode::OK, headers, file.bytes.into_owned()).into_response()
        }
        Ok(None) => Problem::not_found(format!("There is nothing at /docs/{path}.")).into_response(),
        Err(error) => Problem::internal(error).into_response(),
    }
}

fn complete(mut description: OpenApi) -> OpenApi {
    let components = description.components.get_or_insert_default();
    let mut schemas = vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
    ProblemBody::schemas(&mut schemas);
    for (name, schema) in schemas {
        components.schemas.insert(name, schema);
    }
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A key of auth.keys, or a JWT."));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    let key = ApiKeyValue::with_description("X-API-Key", "A key of auth.keys.");
    components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
    // No scheme is required: authentication may be off.
    let ways = [SecurityRequirement::default(), of_scheme("bearer"), of_scheme("apiKey")];
    description.security.get_or_insert_default().extend(ways);
    for item in description.paths.paths.values_mut() {
        let all = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        all.into_iter().flatten().for_each(add_problems);
    }
    description
}

fn of_scheme(name: &str) -> SecurityRequirement {
    SecurityRequirement::new(name, Vec::<String>::new())
}

fn add_problems(operation: &mut Operation) {
    let mut common = BTreeMap::from([("default", "Any other error.")]);
    common.insert("401", "The caller is not authenticated, if authentication is on.");
    common.insert("403", "The caller may not do this, if authentication is on.");
    common.insert(
        "429",
        "Too many requests of this client, if they are limited; Retry-After has the pause before the next.",
    );
    common.insert("503", "Not available now, or the outcome was not known in time.");
    if operation.parameters.as_ref().is_some_and(|all| !all.is_empty()) {
        common.insert("400", "A parameter is invalid.");
    }
    if operation.request_body.is_some() {
        common.insert("400", "The request can't be read.");
        common.insert("413", "The body is longer than http.body_limit.");
        common.insert("415", "The body's Content-Type is not JSON.");
        common.insert("422", "The body is readable, but its content is invalid.");
    }
    for (status, what) in common {
        let own = &mut operation.responses.responses;
        own.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(what)));
    }
    // OpenAPI 3.1 requires a description of every response.
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
            response.description =
                status.and_then(|status| status.canonical_reason()).unwrap_or("A response").to_owned();
        }
    }
    // The operation's own problems get the common schema.
    let of_problems = operation.responses.responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5']));
    for (_, response) in of_problems {
        if let RefOr::T(response) = response
            && response.content.is_empty()
        {
            *response = problem(&response.description);
        }
    }
}

fn problem(what: &str) -> utoipa::openapi::Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
    ResponseBuilder::new().description(what).content(PROBLEM, content).build()
}

/// Checks that every reference in a description has a target, and that no two operations have the same id: generated
/// clients have a function for each. For the services' tests.
///
/// # Errors
/// The references without a target, or the ids.
pub fn check_description(description: &Value) -> Result<(), String> {
    fn references<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                all.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, all));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, all)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut all = Vec::new();
    references(description, &mut all);
    let lost =
        |reference: &&&str| reference.strip_prefix('#').and_then(|pointer| description.pointer(pointer)).is_none();
    let lost: Vec<_> = all.iter().filter(lost).collect();
    let repeated = repeated_ids(description);
    if lost.is_empty() && repeated.is_empty() { Ok(()) } else { Err(json!([lost, repeated]).to_string()) }
}

/// The ids that several operations of an OpenAPI document have.
fn repeated_ids(description: &Value) -> Vec<&str> {
    let items = description["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    let operations = items.filter_map(Value::as_object).flat_map(|item| item.values());
    let mut ids: Vec<&str> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    ids.sort_unstable();
    ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;
    use utoipa::OpenApi as _;

    use super::*;

    /// Returns the number of things.
    #[utoipa::path(get, path = "/things/{id}", params(("id" = String, Path)), responses((status = 200, body = u32),
        (status = 404, description = "There is no such thing.")))]
    #[allow(dead_code)]
    fn things() {}

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(things))]
    struct Api;

    async fn get_of(uri: &str) -> (u16, String, String) {
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = docs_of(document(Api::openapi())).oneshot(request).await.unwrap();
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 4 << 20).await.unwrap();
        (status, kind.unwrap_or_default(), String::from_utf8_lossy(&bytes).into_owned())
    }

    #[tokio::test]
    async fn the_description_is_openapi_3_1_and_every_operation_has_its_problems() {
        let (status, kind, text) = get_of("/openapi.json").await;
        assert_eq!((status, kind.as_str()), (200, "application/json"));
        let description: Value = serde_json::from_str(&text).unwrap();
        assert!(description["openapi"].as_str().unwrap().starts_with("3.1"), "{text}");
        check_description(&description).unwrap();
        let responses = &description["paths"]["/things/{id}"]["get"]["responses"];
        assert!(description["components"]["securitySchemes"]["bearer"].is_object(), "{text}");
        for status in ["400", "401", "403", "404", "429", "503", "default"] {
            let schema = &responses[status]["content"][PROBLEM]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{status}: {responses}");
        }
        assert_eq!(responses["200"]["description"], "OK");
        assert_eq!(responses["404"]["description"], "There is no such thing.");
        assert!(check_description(&json!({ "a": [{ "$ref": "#/nowhere" }] })).is_err());
        let twice =
            json!({ "paths": {"/a": {"get": {"operationId": "show"}}, "/b": {"get": {"operationId": "show"}}} });
        assert_eq!(check_description(&twice).unwrap_err(), r#"[[],["show"]]"#);
    }

    #[tokio::test]
    async fn the_page_has_all_its_files_and_uses_no_other_host() {
        let (status, kind, page) = get_of("/docs/").await;
        assert_eq!((status, kind.as_str()), (200, "text/html"));
        assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
        let wanted = page.split('"').filter_map(|part| part.strip_prefix("./"));
        let mut files = 0;
        for file in wanted.filter(|file| file.ends_with(".js") || file.ends_with(".css")) {
            let (status, _, text) = get_of(&format!("/docs/{file}")).await;
            assert_eq!((status, text.is_empty()), (200, false), "{file}");
            files += 1;
        }
        assert!(files >= 3, "{page}");
        let (_, _, begins) = get_of("/docs/swagger-initializer.js").await;
        assert!(begins.contains("/openapi.json") && begins.contains("\"validatorUrl\": \"none\""), "{begins}");
        assert_eq!(get_of("/docs/nothing.js").await.0, 404);
        assert_eq!(get_of("/docs").await.0, 308);
    }
}

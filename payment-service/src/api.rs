//! The HTTP API. Its JSON is in `representation`.

mod ledger;
mod operations;
mod payments;
mod query;
mod refund_body;
mod refunds;
mod representation;
mod requests;
mod simulated;
mod webhooks;

use axum::Router;
use axum::routing::{get, post};
use common::http::{docs_of, document};
use common::service::Context;
use utoipa::OpenApi;

use crate::settings::Settings;

/// The routes.
pub fn router(context: Context<Settings>) -> Router {
    Router::new()
        .route("/payments", get(payments::list))
        .route("/payments/{id}", get(payments::show))
        .route("/payments/{id}/approve", post(operations::approve))
        .route("/payments/{id}/decline", post(operations::decline))
        .route("/payments/{id}/capture", post(operations::capture))
        .route("/payments/{id}/cancel", post(operations::cancel))
        .route("/payments/{id}/refunds", post(refunds::refund))
        .route("/payments/{id}/refunds/{refund}/retry", post(refunds::retry))
        .route("/payments/{id}/refunds/{refund}/dismiss", post(refunds::dismiss))
        .route("/payments/{id}/review", post(refunds::review))
        .route("/simulated/actions/{id}", post(simulated::act))
        .route("/ledger", get(ledger::show))
        .route("/providers", get(payments::providers))
        .route("/webhooks/stripe", post(webhooks::stripe))
        .with_state(context)
        .merge(docs_of(description()))
}

/// The OpenAPI document, as JSON.
pub fn description() -> String {
    document(Description::openapi())
}

/// The OpenAPI description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "payment-service",
        description = "Payments of orders, the operators' operations on them, and the ledger."
    ),
    paths(
        payments::list,
        payments::show,
        operations::approve,
        operations::decline,
        operations::capture,
        operations::cancel,
        refunds::refund,
        refunds::retry,
        refunds::dismiss,
        refunds::review,
        simulated::act,
        ledger::show,
        payments::providers,
        webhooks::stripe
    )
)]
pub struct Description;

#[cfg(test)]
mod tests {
    use utoipa::OpenApi as _;

    use super::*;
    use crate::entity::status::Status;

    #[test]
    fn the_description_has_every_status() {
        let description = serde_json::to_value(Description::openapi()).unwrap();
        let schemas = &description["components"]["schemas"];
        assert!(schemas["Payment"]["properties"]["orderId"].is_object(), "{description:#}");
        let text = description.to_string();
        for status in Status::NAMES {
            assert!(text.contains(&format!("\"{status}\"")), "{status}");
        }
    }
}

//! The HTTP API: payments, the list of them, and the providers that take them. What people do is in `acts`, what Stripe
//! tells in `webhooks`, the ledger in `ledger`, and how all of it looks as JSON in `shown`.

mod ledger;
mod metrics;
mod operations;
mod payments;
mod query;
mod representation;
mod webhooks;

use axum::Router;
use axum::routing::{get, post};
use common::http::docs_routes;
use common::service::Context;
use utoipa::OpenApi;

use crate::settings::Settings;

/// The routes.
pub fn router(context: Context<Settings>) -> Router {
    Router::new()
        .route("/payments", get(payments::list))
        .route("/payments/{id}", get(payments::one))
        .route("/payments/{id}/approve", post(operations::approve))
        .route("/payments/{id}/decline", post(operations::decline))
        .route("/payments/{id}/capture", post(operations::capture))
        .route("/payments/{id}/cancel", post(operations::cancel))
        .route("/payments/{id}/refunds", post(operations::refund))
        .route("/ledger", get(ledger::show))
        .route("/providers", get(payments::providers))
        .route("/metrics", get(metrics::show))
        .route("/webhooks/stripe", post(webhooks::stripe))
        .with_state(context)
        .merge(docs_routes(Description::openapi()))
}

/// The API, described.
#[derive(OpenApi)]
#[openapi(
    info(title = "payment-service", description = "Payments of orders, what people do about them, and the ledger."),
    paths(
        payments::list,
        payments::one,
        operations::approve,
        operations::decline,
        operations::capture,
        operations::cancel,
        operations::refund,
        ledger::show,
        payments::providers,
        metrics::show,
        webhooks::stripe
    )
)]
pub struct Description;

#[cfg(test)]
mod tests {
    use utoipa::OpenApi as _;

    use super::*;
    use crate::entity::Status;

    #[test]
    fn the_description_leads_nowhere_else_and_knows_every_status() {
        let description = serde_json::to_value(Description::openapi()).unwrap();
        let schemas = &description["components"]["schemas"];
        assert!(schemas["Payment"]["properties"]["orderId"].is_object(), "{description:#}");
        let text = description.to_string();
        for status in Status::NAMES {
            assert!(text.contains(&format!("\"{status}\"")), "{status}");
        }
    }
}

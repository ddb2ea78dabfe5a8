//! The HTTP API of the inventory. Every write is sent as a message, and answered when the view of this instance shows
//! its effect.

mod changes;
mod label;
mod movements;
mod requests;
mod reservations;
mod resolve;
mod returns;
mod shipment_body;
mod shipments;
mod stock;
mod webhooks;

use axum::Router;
use axum::routing::{get, post};
use common::http::{docs_of, document};
use common::service::Context;
use utoipa::OpenApi;

use crate::settings::Settings;

/// All routes.
pub fn router(context: Context<Settings>) -> Router {
    Router::new()
        .route("/stock", get(stock::list))
        .route("/stock/{item}", get(stock::show).put(stock::set))
        .route("/stock/{item}/movements", get(movements::movements))
        .route("/stock/{item}/adjustments", post(changes::adjust))
        .route("/stock/{item}/receipts", post(changes::receive))
        .route("/stock/{item}/counts", post(changes::count))
        .route("/reservations/{order}", get(reservations::reservation))
        .route("/shipments", get(shipments::list))
        .route("/shipments/{id}", get(shipments::show))
        .route("/shipments/{id}/events", post(shipments::event))
        .route("/shipments/{id}/resolve", post(resolve::resolve))
        .route("/shipments/{id}/label", get(shipments::label))
        .route("/carrier/webhooks/tracking", post(webhooks::tracking))
        .route("/returns/{id}", get(returns::show))
        .route("/returns/{id}/receipt", post(returns::receive))
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
        title = "inventory-service",
        description = "Stock, reservations, shipments and returns. An order is reserved in one warehouse and shipped \
                       from it: orders over several warehouses are out of scope."
    ),
    paths(
        stock::list,
        stock::show,
        stock::set,
        movements::movements,
        changes::adjust,
        changes::receive,
        changes::count,
        reservations::reservation,
        shipments::list,
        shipments::show,
        shipments::event,
        shipments::label,
        resolve::resolve,
        webhooks::tracking,
        returns::show,
        returns::receive
    )
)]
pub struct Description;

#[cfg(test)]
mod tests {
    use common::http::check_description;
    use utoipa::OpenApi as _;

    use super::*;
    use crate::entity::ShipmentStatus;
    use crate::movement::Account;

    #[test]
    fn the_description_has_no_foreign_references_and_contains_every_status() {
        let description = serde_json::to_value(Description::openapi()).unwrap();
        let text = description.to_string();
        let statuses = ShipmentStatus::ALL.map(ShipmentStatus::name);
        for name in statuses.into_iter().chain(Account::ALL.map(Account::name)).chain(["expired", "restocked"]) {
            assert!(text.contains(&format!("\"{name}\"")), "{name}");
        }
        check_description(&description).unwrap();
        assert!(text.contains("several warehouses are out of scope"));
    }
}

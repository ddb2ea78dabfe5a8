//! The HTTP API: its routes and its OpenAPI description.

mod body;
mod cancel;
mod credit_notes;
mod events;
mod format;
mod invoice;
mod list;
mod lookup;
mod ownership;
mod payment_body;
pub mod place_body;
mod place_order;
mod request;
mod returns;
mod shipment_body;
mod show;
mod timeline;

use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use common::http::{docs_of, document};
use common::service::Context;
use utoipa::OpenApi;

use crate::invoice::fonts::LazyFonts;
use crate::settings::Settings;

/// All routes.
pub fn router(context: Context<Settings>) -> Router {
    // Every path of one order belongs here, behind the ownership check.
    let of_an_order = Router::new()
        .route("/orders/{id}", get(show::show))
        .route("/orders/{id}/cancel", post(cancel::cancel))
        .route("/orders/{id}/returns", post(returns::request_return))
        .route("/orders/{id}/returns/{return}", get(returns::show_return))
        .route("/orders/{id}/invoice", get(invoice::invoice))
        .route("/orders/{id}/credit-notes", get(credit_notes::credit_notes))
        .route("/orders/{id}/credit-notes/{number}", get(credit_notes::credit_note))
        .route("/orders/{id}/events", get(events::events))
        .layer(Extension(LazyFonts::of(context.settings.invoices.fonts.clone())))
        .route_layer(middleware::from_fn_with_state(context.clone(), ownership::require_ownership));
    Router::new()
        .route("/orders", get(list::list).post(place_order::place))
        .merge(of_an_order)
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
        title = "order-service",
        description = "Orders: place, follow, cancel and return them. An order is taken from one warehouse; place one \
        order for each warehouse if there are several."
    ),
    paths(
        place_order::place,
        list::list,
        show::show,
        cancel::cancel,
        returns::request_return,
        returns::show_return,
        invoice::invoice,
        credit_notes::credit_notes,
        credit_notes::credit_note,
        events::events
    ),
    components(schemas(events::OrderEvent))
)]
pub struct Description;

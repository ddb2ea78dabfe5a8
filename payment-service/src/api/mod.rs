//! The HTTP API: payments, the list of them, and the providers that take them. What people do is in `acts`, what Stripe
//! tells in `webhooks`, the ledger in `ledger`, and how all of it looks as JSON in `shown`.

mod acts;
mod ledger;
mod metrics;
mod shown;
mod webhooks;

use axum::extract::State;
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use common::http::{Params, PathId, Problem, docs_routes, parameter};
use common::ids::OrderId;
use common::service::Context;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use crate::payment::{Payment, Status, key};
use crate::program::Settings;
use crate::view;
use shown::{PaymentBody, PaymentPage, ProviderBody, Providers};

/// Of a page, unless asked for otherwise; and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;

/// The routes.
pub fn router(context: Context<Settings>) -> Router {
    Router::new()
        .route("/payments", get(list))
        .route("/payments/{id}", get(one))
        .route("/payments/{id}/approve", post(acts::approve))
        .route("/payments/{id}/decline", post(acts::decline))
        .route("/payments/{id}/capture", post(acts::capture))
        .route("/payments/{id}/cancel", post(acts::cancel))
        .route("/payments/{id}/refunds", post(acts::refund))
        .route("/ledger", get(ledger::show))
        .route("/providers", get(providers))
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
        list,
        one,
        acts::approve,
        acts::decline,
        acts::capture,
        acts::cancel,
        acts::refund,
        ledger::show,
        providers,
        metrics::show,
        webhooks::stripe
    )
)]
pub struct Description;

/// The payment of an order.
#[utoipa::path(get, path = "/payments/{id}", params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    responses((status = 200, body = PaymentBody), (status = 404, description = "There is no payment for this order.")))]
async fn one(State(context): State<Context<Settings>>, PathId(order): PathId) -> Result<Json<PaymentBody>, Problem> {
    Ok(Json(PaymentBody::whole(&find(&context, order).await?)))
}

async fn find(context: &Context<Settings>, order: OrderId) -> Result<Payment, Problem> {
    let found = context.view.entity::<Payment>(&key(order)).await?;
    found.ok_or_else(|| Problem::not_found(format!("There is no payment for order {order}.")))
}

/// The query of `GET /payments`, as text: each value is read by itself, so that what is wrong can be named.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Query {
    /// Only those that stand so.
    #[param(inline, value_type = Option<shown::StatusName>)]
    status: Option<String>,
    /// From the `next` of the page before.
    #[param(value_type = Option<uuid::Uuid>)]
    cursor: Option<String>,
    /// At most so many.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

fn read_limit(value: Option<&str>) -> Result<usize, Problem> {
    let number = |text: &str| text.parse().ok().filter(|n| (1..=LARGEST_PAGE).contains(n));
    Ok(parameter("limit", value, number, &format!("a number from 1 to {LARGEST_PAGE}"))?.unwrap_or(PAGE))
}

/// The payments of the newest orders first.
#[utoipa::path(get, path = "/payments", params(Query), responses((status = 200, body = PaymentPage)))]
async fn list(State(context): State<Context<Settings>>, Params(query): Params<Query>) -> Result<Response, Problem> {
    let known = |text: &str| Status::NAMES.into_iter().find(|name| *name == text);
    let status = parameter("status", query.status.as_deref(), known, &Status::NAMES.join(", "))?;
    let id = |text: &str| text.parse::<OrderId>().ok();
    let before = parameter("cursor", query.cursor.as_deref(), id, "the next of an earlier page, as it was")?;
    let limit = read_limit(query.limit.as_deref())?;
    let (found, more) = context.view.read(move |db| view::page(db, status, before, limit)).await?;
    let next = found.last().filter(|_| more).map(|last| last.order.to_string());
    let of_status = status.map(|status| format!("&status={status}")).unwrap_or_default();
    let link =
        next.as_ref().map(|next| [(LINK, format!("</payments?limit={limit}{of_status}&cursor={next}>; rel=\"next\""))]);
    let page = Json(PaymentPage { items: found.iter().map(PaymentBody::in_list).collect(), next });
    Ok(match link {
        Some(link) => (link, page).into_response(),
        None => page.into_response(),
    })
}

/// The providers, which of them takes new payments, and how their circuit breakers stand in this instance.
#[utoipa::path(get, path = "/providers", responses((status = 200, body = Providers)))]
async fn providers(State(context): State<Context<Settings>>) -> Json<Providers> {
    let seen = context.settings.providers().map(|providers| providers.seen()).unwrap_or_default();
    let items = seen.into_iter().map(|(kind, chosen, seen)| ProviderBody::of(kind, chosen, seen)).collect();
    Json(Providers { items })
}

#[cfg(test)]
mod tests {
    use utoipa::OpenApi as _;

    use super::*;

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

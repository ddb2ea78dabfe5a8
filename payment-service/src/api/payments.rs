//! `GET /payments` and `GET /providers`.

use axum::Json;
use axum::extract::State;
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use common::http::{Params, PathId, Problem, parameter};
use common::ids::OrderId;
use common::service::Context;
use serde::Deserialize;
use utoipa::IntoParams;

use super::query::{find, read_limit};
use super::representation::{self, PaymentBody, PaymentPage, ProviderBody, Providers};
use crate::entity::status::Status;
use crate::settings::Settings;
use crate::view;

/// Returns the payment of an order.
#[utoipa::path(get, path = "/payments/{id}", operation_id = "show_payment",
    params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    responses((status = 200, body = PaymentBody), (status = 404, description = "There is no payment for this order.")))]
pub(super) async fn show(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
) -> Result<Json<PaymentBody>, Problem> {
    Ok(Json(PaymentBody::full(&find(&context, order).await?)))
}

/// The query of `GET /payments`, as text: each value is parsed by itself, so that an error can name it.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only payments in this status.
    #[param(inline, value_type = Option<representation::StatusName>)]
    status: Option<String>,
    /// The `next` of the page before.
    #[param(value_type = Option<uuid::Uuid>)]
    cursor: Option<String>,
    /// The size of the page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// Lists payments, newest orders first.
#[utoipa::path(get, path = "/payments", operation_id = "list_payments",
    params(Query), responses((status = 200, body = PaymentPage)))]
pub(super) async fn list(
    State(context): State<Context<Settings>>,
    Params(query): Params<Query>,
) -> Result<Response, Problem> {
    let name = |text: &str| Status::NAMES.into_iter().find(|name| *name == text);
    let status = parameter("status", query.status.as_deref(), name, &Status::NAMES.join(", "))?;
    let id = |text: &str| text.parse::<OrderId>().ok();
    let before = parameter("cursor", query.cursor.as_deref(), id, "the next of an earlier page, unchanged")?;
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

/// Lists the providers, and the state of their circuit breakers in this instance.
#[utoipa::path(get, path = "/providers", responses((status = 200, body = Providers)))]
pub(super) async fn providers(State(context): State<Context<Settings>>) -> Json<Providers> {
    let reports = context.settings.providers().map(|providers| providers.reports()).unwrap_or_default();
    Json(Providers { items: reports.into_iter().map(ProviderBody::of).collect() })
}

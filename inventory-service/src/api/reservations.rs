//! `GET /reservations/{order}`.

use axum::Json;
use axum::extract::State;
use common::http::{PathId, Problem};
use common::service::Context;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entity::{Inventory, Line, ReservationStatus, reservation_key};
use crate::settings::Settings;

/// The stock reserved for an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reservation)]
pub(super) struct ReservationBody {
    #[schema(value_type = Uuid)]
    order_id: String,
    warehouse: String,
    status: ReservationStatus,
    items: Vec<Line>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// When it expires, if it is reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// The reservation of an order.
#[utoipa::path(get, path = "/reservations/{order}", params(("order" = Uuid, Path, description = "The order's id.")),
    responses((status = 200, body = ReservationBody),
        (status = 404, description = "There is no such reservation.")))]
pub(super) async fn reservation(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
) -> Result<Json<ReservationBody>, Problem> {
    let found = context.view.entity::<Inventory>(&reservation_key(&id.to_string())).await?;
    let found = found.and_then(|found| found.reservation().cloned());
    let reservation = found.ok_or_else(|| Problem::not_found(format!("There is no reservation for order {id}.")))?;
    let expires_at = reservation.expires.filter(|_| reservation.is_open());
    Ok(Json(ReservationBody {
        order_id: reservation.order_id,
        warehouse: reservation.warehouse,
        status: reservation.status,
        items: reservation.items,
        reason: reservation.reason,
        detail: reservation.detail,
        expires_at,
        updated_at: reservation.at,
    }))
}

//! `POST /shipments/{id}/resolve`: an operator decides about a parcel that was lost or returned to the sender.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use common::http::{Body, Caller, PathId, Problem};
use common::service::Context;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::requests::{Request, author, check_texts, request_id, send, wait_for};
use crate::api::shipment_body::ShipmentBody;
use crate::api::shipments::{find, key};
use crate::entity::Inventory;
use crate::messages::{RESOLVE, ResolveAction, ResolveShipment};
use crate::settings::Settings;

/// The decision about a parcel that did not arrive.
#[derive(Deserialize, ToSchema)]
#[schema(as = ResolveShipment)]
#[serde(deny_unknown_fields)]
pub(super) struct ResolveBody {
    action: ResolveAction,
    /// Who decides; with authentication the caller.
    #[schema(min_length = 1, max_length = 200)]
    by: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    why: String,
}

/// Decides about a shipment that was lost or returned to the sender: `resend` sends another parcel for the same order,
/// `close` sends none. The pieces of a parcel in place of a lost one are taken from the stock.
#[utoipa::path(post, path = "/shipments/{id}/resolve",
    params(("id" = Uuid, Path, description = "The shipment's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Identifies the request when it is repeated.")),
    request_body = ResolveBody,
    responses((status = 200, body = ShipmentBody), (status = 404, description = "There is no such shipment."),
        (status = 409, description = "There is nothing to decide, or too few pieces are in stock.")))]
pub(super) async fn resolve(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    caller: Caller,
    headers: HeaderMap,
    Body(ResolveBody { action, by, why }): Body<ResolveBody>,
) -> Result<Json<ShipmentBody>, Problem> {
    let by = author(&caller, by);
    if let Some(problem) = check_texts(&[("/by", &by), ("/why", &why)]) {
        return Err(problem);
    }
    let shipment = find(&context, id).await?;
    let request = request_id(&headers)?;
    let is_made = shipment.resolutions.iter().any(|made| made.id == request.id);
    let refused = |why: String| Problem::conflict(format!("The shipment can't be resolved: {why}."));
    if !is_made {
        shipment.check_resolve(action).map_err(refused)?;
    }
    let order_id = shipment.order_id.parse().map_err(Problem::internal)?;
    let value = ResolveShipment { order_id, action, by, why };
    let message = Request {
        kind: RESOLVE,
        warehouse: &shipment.warehouse,
        subject: &shipment.order_id,
        id: &request.id,
        value: &value,
    };
    send(&context, &headers, message).await.map_err(|problem| problem.repeatable(&request.key))?;
    let made = move |found: &Inventory| {
        let shipment = found.shipment()?;
        let made = shipment.resolutions.iter().find(|made| made.id == request.id)?;
        Some(made.refused.clone().map_or_else(|| Ok(shipment.clone()), Err))
    };
    let resolved = wait_for(&context, &key(id), made).await?;
    Ok(Json(resolved.map_err(refused)?.into()))
}

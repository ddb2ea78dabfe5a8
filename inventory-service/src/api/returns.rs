//! Returns: how they stand, and what somebody says who looked at what came back.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use common::http::{Body, PathId, Problem};
use common::ids::OrderId;
use common::service::Context;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{fault, request_id, seen, send};
use crate::messages::{RETURN_RECEIVED, ReturnReceived, Verdict};
use crate::returns::{Receipt, Return, ReturnStatus, return_key};
use crate::settings::Settings;
use crate::stock::{Inventory, Line};

/// A return.
#[derive(Serialize, ToSchema)]
#[schema(as = Return)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReturnBody {
    #[schema(value_type = uuid::Uuid)]
    id: String,
    #[schema(value_type = uuid::Uuid)]
    order_id: String,
    warehouse: String,
    status: ReturnStatus,
    items: Vec<Line>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt>,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Return> for ReturnBody {
    fn from(known: Return) -> Self {
        let Return { return_id, order_id, warehouse, status, items, refusal, receipt, restocked_at: _, at } = known;
        let (reason, detail) = refusal.unzip();
        Self { id: return_id, order_id, warehouse, status, items, reason, detail, receipt, updated_at: at }
    }
}

async fn find(context: &Context<Settings>, id: OrderId) -> Result<Return, Problem> {
    let found = context.view.entity::<Inventory>(&return_key(id.0)).await?;
    let found = found.and_then(|found| found.returned().cloned());
    found.ok_or_else(|| Problem::not_found(format!("There is no return {id}.")))
}

/// A return.
#[utoipa::path(get, path = "/returns/{id}", params(("id" = uuid::Uuid, Path, description = "The return's id.")),
    responses((status = 200, body = ReturnBody), (status = 404, description = "There is no such return.")))]
pub(super) async fn show(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
) -> Result<Json<ReturnBody>, Problem> {
    Ok(Json(find(&context, id).await?.into()))
}

/// What somebody says who looked at what came back.
#[derive(Deserialize, ToSchema)]
#[schema(as = ReturnReceived)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    status: Verdict,
    /// Who says so.
    #[schema(min_length = 1, max_length = 200)]
    by: String,
    #[schema(min_length = 1, max_length = 200)]
    why: String,
}

/// Somebody looked at what came back, and takes it or not. The saga is told so on `goods-received`.
#[utoipa::path(post, path = "/returns/{id}/receipt", params(("id" = uuid::Uuid, Path, description = "The return's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "By which the request is known when it is sent again.")),
    request_body = Said,
    responses((status = 200, body = ReturnBody), (status = 404, description = "There is no such return."),
        (status = 409, description = "The opposite was said before, or nobody expects it any more.")))]
pub(super) async fn receive(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
    Body(Said { status, by, why }): Body<Said>,
) -> Result<Json<ReturnBody>, Problem> {
    if let Some(problem) = fault(&[("/by", &by), ("/why", &why)]) {
        return Err(problem);
    }
    let known = find(&context, id).await?;
    if is_expected(&known) {
        let value = ReturnReceived { return_id: id.0, status, by, why };
        let about = (RETURN_RECEIVED, &*known.warehouse, &*known.order_id);
        send(&context, about, &request_id(&headers)?, &headers, &value).await?;
    }
    let settled = |found: &Inventory| found.returned().filter(|known| !is_expected(known)).cloned();
    let known = seen(&context, &return_key(id.0), settled).await?;
    match &known.receipt {
        Some(receipt) if receipt.status == status => Ok(Json(known.into())),
        Some(_) => Err(Problem::conflict("The opposite was said of this return before.")),
        None => Err(Problem::conflict("Nobody expects this return, or not any more.")),
    }
}

/// Whether somebody has still to look at it.
fn is_expected(known: &Return) -> bool {
    known.status == ReturnStatus::Expected && known.receipt.is_none()
}

//! `/returns`: queries of returns, and the results of their inspection.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use common::http::{Body, Caller, PathId, Problem};
use common::ids::OrderId;
use common::service::Context;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::requests::{Request, RequestId, author, check_texts, request_id, send, wait_for};
use crate::entity::returns::Receipt;
use crate::entity::{Inventory, Line, Return, ReturnStatus, return_key};
use crate::messages::{RETURN_RECEIVED, ReceiptStatus, ReturnReceived};
use crate::settings::Settings;

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
        let (reason, detail) = refusal.map(|refusal| (refusal.reason, refusal.detail)).unzip();
        Self { id: return_id, order_id, warehouse, status, items, reason, detail, receipt, updated_at: at }
    }
}

async fn find(context: &Context<Settings>, id: OrderId) -> Result<Return, Problem> {
    let found = context.view.entity::<Inventory>(&return_key(id.0)).await?;
    let found = found.and_then(|found| found.returned().cloned());
    found.ok_or_else(|| Problem::not_found(format!("There is no return {id}.")))
}

/// A return.
#[utoipa::path(get, path = "/returns/{id}", operation_id = "show_return",
    params(("id" = uuid::Uuid, Path, description = "The return's id.")),
    responses((status = 200, body = ReturnBody), (status = 404, description = "There is no such return.")))]
pub(super) async fn show(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
) -> Result<Json<ReturnBody>, Problem> {
    Ok(Json(find(&context, id).await?.into()))
}

/// The result of inspecting returned pieces.
#[derive(Deserialize, ToSchema)]
#[schema(as = ReturnReceived)]
#[serde(deny_unknown_fields)]
pub(super) struct Inspection {
    status: ReceiptStatus,
    /// Who inspected them. Required without authentication; with it, the caller is recorded.
    #[schema(min_length = 1, max_length = 200)]
    by: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    why: String,
}

/// Accepts or rejects returned pieces after their inspection. The result is sent to the saga on `goods-received`.
#[utoipa::path(post, path = "/returns/{id}/receipt", operation_id = "receive_return",
    params(("id" = uuid::Uuid, Path, description = "The return's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Identifies the request when it is repeated.")),
    request_body = Inspection,
    responses((status = 200, body = ReturnBody), (status = 404, description = "There is no such return."),
        (status = 409, description = "The opposite was recorded before, or the return is not expected.")))]
pub(super) async fn receive(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    caller: Caller,
    headers: HeaderMap,
    Body(Inspection { status, by, why }): Body<Inspection>,
) -> Result<Json<ReturnBody>, Problem> {
    let by = author(&caller, by);
    if let Some(problem) = check_texts(&[("/by", &by), ("/why", &why)]) {
        return Err(problem);
    }
    let RequestId { key, id: request } = request_id(&headers)?;
    let known = find(&context, id).await?;
    if is_expected(&known) {
        let value = ReturnReceived { return_id: id.0, status, by, why };
        let request = Request {
            kind: RETURN_RECEIVED,
            warehouse: &known.warehouse,
            subject: &known.order_id,
            id: &request,
            value: &value,
        };
        send(&context, &headers, request).await.map_err(|problem| problem.repeatable(&key))?;
    }
    let settled = |found: &Inventory| found.returned().filter(|known| !is_expected(known)).cloned();
    let known = wait_for(&context, &return_key(id.0), settled).await.map_err(|problem| problem.repeatable(&key))?;
    match &known.receipt {
        Some(receipt) if receipt.status == status => Ok(Json(known.into())),
        Some(_) => Err(Problem::conflict("The opposite result was recorded for this return before.")),
        None => Err(Problem::conflict("This return is not expected.")),
    }
}

/// Returns true if it waits for its inspection.
fn is_expected(known: &Return) -> bool {
    known.status == ReturnStatus::Expected && known.receipt.is_none()
}

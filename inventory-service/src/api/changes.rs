//! Adjustments, receipts and counts of the stock, each with its author and reason.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use common::http::{Body, Caller, PathParams, Problem};
use common::service::Context;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::requests::{Request, RequestId, author, check_texts, or_invalid, request_id, send, wait_for};
use crate::api::stock::find_known;
use crate::entity::{Change, Inventory, change_id, change_key};
use crate::messages::{CHANGE, ChangeKind, ChangeStock, item_id};
use crate::settings::Settings;

/// Pieces that were found (above 0), or broken or lost (below 0).
#[derive(Deserialize, ToSchema)]
#[schema(as = StockAdjustment)]
#[serde(deny_unknown_fields)]
pub(super) struct Adjustment {
    /// Not 0.
    #[schema(minimum = -4_294_967_295_i64, maximum = 4_294_967_295_i64)]
    quantity: i64,
    /// Who reports it. Required without authentication; with it, the caller is recorded.
    #[schema(min_length = 1, max_length = 200)]
    by: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    why: String,
}

/// Pieces that were received from a supplier.
#[derive(Deserialize, ToSchema)]
#[schema(as = StockReceipt)]
#[serde(deny_unknown_fields)]
pub(super) struct Receipt {
    #[schema(minimum = 1, maximum = 4_294_967_295_i64)]
    quantity: i64,
    /// Who reports it. Required without authentication; with it, the caller is recorded.
    #[schema(min_length = 1, max_length = 200)]
    by: Option<String>,
    /// Such as the delivery note's number.
    #[schema(min_length = 1, max_length = 200)]
    why: String,
}

/// Pieces that were counted.
#[derive(Deserialize, ToSchema)]
#[schema(as = StockCount)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Count {
    /// The counted pieces, including reserved ones.
    #[schema(minimum = 0, maximum = 4_294_967_295_i64)]
    on_hand: i64,
    /// Who counted. Required without authentication; with it, the caller is recorded.
    #[schema(min_length = 1, max_length = 200)]
    by: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    why: String,
}

/// A change of the stock, and the stock after it.
#[derive(Serialize, ToSchema)]
#[schema(as = StockChange)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeBody {
    item_id: String,
    warehouse: String,
    kind: ChangeKind,
    /// The pieces added; negative if pieces were removed.
    moved: i64,
    by: String,
    why: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    on_hand: u64,
    reserved: u64,
    available: u64,
}

impl From<Change> for ChangeBody {
    fn from(change: Change) -> Self {
        let Change { warehouse, item_id, kind, moved, by, why, at, on_hand, reserved, .. } = change;
        Self {
            item_id,
            warehouse,
            kind,
            moved,
            by: by.unwrap_or_default(),
            why: why.unwrap_or_default(),
            at,
            on_hand,
            reserved,
            available: on_hand.saturating_sub(reserved),
        }
    }
}

/// Adds pieces, or removes pieces that are not reserved.
#[utoipa::path(post, path = "/stock/{item}/adjustments", params(("item" = String, Path, description = "The item's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Identifies the request when it is repeated.")),
    request_body = Adjustment,
    responses((status = 201, body = ChangeBody), (status = 404, description = "There is no such item."),
        (status = 409, description = "It would remove more pieces than are available.")))]
pub(super) async fn adjust(
    State(context): State<Context<Settings>>,
    PathParams(item): PathParams<String>,
    caller: Caller,
    headers: HeaderMap,
    Body(Adjustment { quantity, by, why }): Body<Adjustment>,
) -> Result<(StatusCode, Json<ChangeBody>), Problem> {
    let by = author(&caller, by);
    change(&context, &item, &headers, NewChange { kind: ChangeKind::Adjustment, quantity, by, why }).await
}

/// Adds pieces that were received from a supplier.
#[utoipa::path(post, path = "/stock/{item}/receipts", operation_id = "receive_stock",
    params(("item" = String, Path, description = "The item's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Identifies the request when it is repeated.")),
    request_body = Receipt,
    responses((status = 201, body = ChangeBody), (status = 404, description = "There is no such item.")))]
pub(super) async fn receive(
    State(context): State<Context<Settings>>,
    PathParams(item): PathParams<String>,
    caller: Caller,
    headers: HeaderMap,
    Body(Receipt { quantity, by, why }): Body<Receipt>,
) -> Result<(StatusCode, Json<ChangeBody>), Problem> {
    let by = author(&caller, by);
    change(&context, &item, &headers, NewChange { kind: ChangeKind::Receipt, quantity, by, why }).await
}

/// Sets the count of an item. It may be lower than the reserved quantity: no piece is available then.
#[utoipa::path(post, path = "/stock/{item}/counts", params(("item" = String, Path, description = "The item's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Identifies the request when it is repeated.")),
    request_body = Count,
    responses((status = 201, body = ChangeBody), (status = 404, description = "There is no such item.")))]
pub(super) async fn count(
    State(context): State<Context<Settings>>,
    PathParams(item): PathParams<String>,
    caller: Caller,
    headers: HeaderMap,
    Body(Count { on_hand, by, why }): Body<Count>,
) -> Result<(StatusCode, Json<ChangeBody>), Problem> {
    let by = author(&caller, by);
    change(&context, &item, &headers, NewChange { kind: ChangeKind::Count, quantity: on_hand, by, why }).await
}

/// The body of a request, with the kind of change.
struct NewChange {
    kind: ChangeKind,
    quantity: i64,
    by: String,
    why: String,
}

async fn change(
    context: &Context<Settings>,
    item: &str,
    headers: &HeaderMap,
    new: NewChange,
) -> Result<(StatusCode, Json<ChangeBody>), Problem> {
    let warehouse = &context.settings.stock.warehouse;
    let item = item_id(item);
    let RequestId { key: given, id } = request_id(headers)?;
    let NewChange { kind, quantity, by, why } = new;
    let value = ChangeStock { warehouse: warehouse.clone(), item_id: item, kind, quantity, by, why };
    if let Some(problem) = check(&value) {
        return Err(problem);
    }
    find_known(context, warehouse, &value.item_id).await?;
    let key = change_key(&change_id(warehouse, &value.item_id, &id));
    // A repeated request is not sent again.
    if context.view.entity::<Inventory>(&key).await?.is_none() {
        let request = Request { kind: CHANGE, warehouse, subject: &value.item_id, id: &id, value: &value };
        send(context, headers, request).await.map_err(|problem| problem.repeatable(&given))?;
    }
    let made = wait_for(context, &key, |found| found.change().cloned()).await;
    let made = made.map_err(|problem| problem.repeatable(&given))?;
    if !is_same(&made, &value) {
        return Err(Problem::unprocessable("This Idempotency-Key was used for another change."));
    }
    match made.refused {
        Some(refused) => Err(Problem::conflict(format!("The stock was not changed: {refused}."))),
        None => Ok((StatusCode::CREATED, Json(made.into()))),
    }
}

/// Returns true if the change is the one that was requested.
fn is_same(made: &Change, requested: &ChangeStock) -> bool {
    made.kind == requested.kind
        && made.requested == requested.quantity
        && made.by.as_ref() == Some(&requested.by)
        && made.why.as_ref() == Some(&requested.why)
}

/// The problem with a change; `None` if it is valid.
fn check(value: &ChangeStock) -> Option<Problem> {
    let problem = check_texts(&[("/by", &value.by), ("/why", &value.why)]);
    let most = i64::from(u32::MAX);
    let (is_valid, pointer, allowed) = match value.kind {
        ChangeKind::Adjustment => (
            (-most..=most).contains(&value.quantity) && value.quantity != 0,
            "/quantity",
            format!("must be from -{most} to {most}, and not 0"),
        ),
        ChangeKind::Receipt | ChangeKind::Shortfall => {
            ((1..=most).contains(&value.quantity), "/quantity", format!("must be from 1 to {most}"))
        }
        ChangeKind::Count => ((0..=most).contains(&value.quantity), "/onHand", format!("must be from 0 to {most}")),
    };
    if is_valid { problem } else { Some(or_invalid(problem).at(pointer, allowed)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_a_change_has_its_pointer() {
        let pointers = |kind, quantity, by: &str| {
            let change = ChangeStock {
                warehouse: "main".to_owned(),
                item_id: "a".to_owned(),
                kind,
                quantity,
                by: by.to_owned(),
                why: "so".to_owned(),
            };
            let problem = check(&change).map(|problem| serde_json::to_value(problem).unwrap())?;
            let all = problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap());
            Some(all.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(pointers(ChangeKind::Adjustment, -3, "ana"), None);
        assert_eq!(pointers(ChangeKind::Count, 0, "ana"), None);
        assert_eq!(pointers(ChangeKind::Adjustment, 0, "").as_deref(), Some("#/by #/quantity"));
        assert_eq!(pointers(ChangeKind::Receipt, 0, "ana").as_deref(), Some("#/quantity"));
        assert_eq!(pointers(ChangeKind::Count, -1, "ana").as_deref(), Some("#/onHand"));
        assert_eq!(pointers(ChangeKind::Count, 1 << 32, "ana").as_deref(), Some("#/onHand"));
    }
}

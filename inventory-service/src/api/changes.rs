//! What people change about the stock: adjustments, receipts and counts, each with who and why.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use common::http::{Body, InPath, Problem};
use common::service::Context;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::stock::known;
use super::{fault, request_id, seen, send, start};
use crate::changes::{Change, change_id, change_key};
use crate::messages::{CHANGE, ChangeKind, ChangeStock, item_id};
use crate::settings::Settings;
use crate::stock::Inventory;

/// Pieces that were found (more than 0), or are broken or lost (less than 0).
#[derive(Deserialize, ToSchema)]
#[schema(as = StockAdjustment)]
#[serde(deny_unknown_fields)]
pub(super) struct Adjustment {
    /// Not 0.
    #[schema(minimum = -4_294_967_295_i64, maximum = 4_294_967_295_i64)]
    quantity: i64,
    /// Who says so.
    #[schema(min_length = 1, max_length = 200)]
    by: String,
    #[schema(min_length = 1, max_length = 200)]
    why: String,
}

/// Pieces that came from a supplier.
#[derive(Deserialize, ToSchema)]
#[schema(as = StockReceipt)]
#[serde(deny_unknown_fields)]
pub(super) struct Receipt {
    #[schema(minimum = 1, maximum = 4_294_967_295_i64)]
    quantity: i64,
    /// Who says so.
    #[schema(min_length = 1, max_length = 200)]
    by: String,
    /// Such as the delivery note's number.
    #[schema(min_length = 1, max_length = 200)]
    why: String,
}

/// Pieces that were counted.
#[derive(Deserialize, ToSchema)]
#[schema(as = StockCount)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Count {
    /// How many are there, reserved ones included.
    #[schema(minimum = 0, maximum = 4_294_967_295_i64)]
    on_hand: i64,
    /// Who counted.
    #[schema(min_length = 1, max_length = 200)]
    by: String,
    #[schema(min_length = 1, max_length = 200)]
    why: String,
}

/// A change of the stock, and how the stock stood after it.
#[derive(Serialize, ToSchema)]
#[schema(as = StockChange)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeBody {
    item_id: String,
    warehouse: String,
    kind: ChangeKind,
    /// What became more; less than 0: less.
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
        let (by, why) = (by.unwrap_or_default(), why.unwrap_or_default());
        let available = on_hand.saturating_sub(reserved);
        Self { item_id, warehouse, kind, moved, by, why, at, on_hand, reserved, available }
    }
}

/// Adds pieces, or takes some away that are not reserved.
#[utoipa::path(post, path = "/stock/{item}/adjustments", params(("item" = String, Path, description = "The item's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "By which the request is known when it is sent again.")),
    request_body = Adjustment,
    responses((status = 201, body = ChangeBody), (status = 404, description = "There is no such item."),
        (status = 409, description = "More would be taken away than is available.")))]
pub(super) async fn adjust(
    State(context): State<Context<Settings>>,
    InPath(item): InPath<String>,
    headers: HeaderMap,
    Body(Adjustment { quantity, by, why }): Body<Adjustment>,
) -> Result<(StatusCode, Json<ChangeBody>), Problem> {
    change(&context, &item, &headers, (ChangeKind::Adjustment, quantity), (by, why)).await
}

/// Adds pieces that came from a supplier.
#[utoipa::path(post, path = "/stock/{item}/receipts", params(("item" = String, Path, description = "The item's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "By which the request is known when it is sent again.")),
    request_body = Receipt,
    responses((status = 201, body = ChangeBody), (status = 404, description = "There is no such item.")))]
pub(super) async fn receive(
    State(context): State<Context<Settings>>,
    InPath(item): InPath<String>,
    headers: HeaderMap,
    Body(Receipt { quantity, by, why }): Body<Receipt>,
) -> Result<(StatusCode, Json<ChangeBody>), Problem> {
    change(&context, &item, &headers, (ChangeKind::Receipt, quantity), (by, why)).await
}

/// Sets how many there are. A count may come out below what is reserved: then nothing is available.
#[utoipa::path(post, path = "/stock/{item}/counts", params(("item" = String, Path, description = "The item's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "By which the request is known when it is sent again.")),
    request_body = Count,
    responses((status = 201, body = ChangeBody), (status = 404, description = "There is no such item.")))]
pub(super) async fn count(
    State(context): State<Context<Settings>>,
    InPath(item): InPath<String>,
    headers: HeaderMap,
    Body(Count { on_hand, by, why }): Body<Count>,
) -> Result<(StatusCode, Json<ChangeBody>), Problem> {
    change(&context, &item, &headers, (ChangeKind::Count, on_hand), (by, why)).await
}

async fn change(
    context: &Context<Settings>,
    item: &str,
    headers: &HeaderMap,
    (kind, quantity): (ChangeKind, i64),
    (by, why): (String, String),
) -> Result<(StatusCode, Json<ChangeBody>), Problem> {
    let (warehouse, item) = (&context.settings.stock.warehouse, item_id(item));
    let request = request_id(headers)?;
    let value = ChangeStock { warehouse: warehouse.clone(), item_id: item, kind, quantity, by, why };
    if let Some(problem) = wrong(&value) {
        return Err(problem);
    }
    known(context, warehouse, &value.item_id).await?;
    let key = change_key(&change_id(warehouse, &value.item_id, &request));
    // One that was made is not asked for again.
    if context.view.entity::<Inventory>(&key).await?.is_none() {
        send(context, (CHANGE, warehouse, &value.item_id), &request, headers, &value).await?;
    }
    let made = seen(context, &key, |found| found.change().cloned()).await?;
    let said = (Some(&value.by), Some(&value.why));
    if (made.kind, made.asked, (made.by.as_ref(), made.why.as_ref())) != (kind, quantity, said) {
        return Err(Problem::unprocessable("Another change was asked for with this Idempotency-Key."));
    }
    match made.refused {
        Some(refused) => Err(Problem::conflict(format!("The stock stays as it is: {refused}."))),
        None => Ok((StatusCode::CREATED, Json(made.into()))),
    }
}

/// What is wrong with it.
fn wrong(value: &ChangeStock) -> Option<Problem> {
    let problem = fault(&[("/by", &value.by), ("/why", &value.why)]);
    let most = i64::from(u32::MAX);
    let (right, place, allowed) = match value.kind {
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
    if right { problem } else { Some(start(problem).at(place, allowed)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_with_a_change_is_said_with_its_place() {
        let of = |kind, quantity, by: &str| {
            let (warehouse, item_id) = ("main".to_owned(), "a".to_owned());
            let change = ChangeStock { warehouse, item_id, kind, quantity, by: by.to_owned(), why: "so".to_owned() };
            let problem = wrong(&change).map(|problem| serde_json::to_value(problem).unwrap())?;
            let places = problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap());
            Some(places.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(of(ChangeKind::Adjustment, -3, "ana"), None);
        assert_eq!(of(ChangeKind::Count, 0, "ana"), None);
        assert_eq!(of(ChangeKind::Adjustment, 0, "").as_deref(), Some("#/by #/quantity"));
        assert_eq!(of(ChangeKind::Receipt, 0, "ana").as_deref(), Some("#/quantity"));
        assert_eq!(of(ChangeKind::Count, -1, "ana").as_deref(), Some("#/onHand"));
        assert_eq!(of(ChangeKind::Count, 1 << 32, "ana").as_deref(), Some("#/onHand"));
    }
}

//! The inventory API: what is in stock, an item's count, an order's reservation.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, LOCATION};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use common::http::{Body, Params, PathId, Problem, trace_of};
use common::messages::{Outgoing, header};
use common::service::Context;
use common::time::Timestamp;
use common::topics;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::messages::{SET, SetStock, item_id};
use crate::program::{LONGEST_ID, LONGEST_NAME, Settings, is_word};
use crate::stock::{Inventory, Line, Status, Stock, reservation_key, stock_key};
use crate::view;

/// How long `PUT /stock/{itemId}` waits for the count to be there.
const SETTING: Duration = Duration::from_secs(10);

/// All routes.
pub fn router(context: Context<Settings>) -> Router {
    Router::new()
        .route("/stock", get(list))
        .route("/stock/{item}", get(show).put(set))
        .route("/reservations/{order}", get(reservation))
        .with_state(context)
}

/// A stock as the API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    item_id: String,
    name: String,
    warehouse: String,
    on_hand: u64,
    reserved: u64,
    available: u64,
}

impl From<Stock> for Shown {
    fn from(stock: Stock) -> Self {
        let available = stock.available();
        let Stock { item_id, name, warehouse, on_hand, reserved, changes: _ } = stock;
        Self { item_id, name, warehouse, on_hand, reserved, available }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    item_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct All {
    items: Vec<Shown>,
}

/// `GET /stock`: every item, by name.
async fn list(State(context): State<Context<Settings>>, Params(query): Params<Query>) -> Result<Json<All>, Problem> {
    let wanted = query.item_id.map(|id| item_id(&id));
    let all = context.view.read(view::all).await?;
    let items = all.into_iter().filter(|stock| wanted.as_ref().is_none_or(|id| *id == stock.item_id));
    Ok(Json(All { items: items.map(Shown::from).collect() }))
}

/// `GET /stock/{itemId}`
async fn show(State(context): State<Context<Settings>>, Path(item): Path<String>) -> Result<Json<Shown>, Problem> {
    let item = item_id(&item);
    match find(&context, &item).await? {
        Some(stock) => Ok(Json(stock.into())),
        None => Err(Problem::not_found(format!(
            "There is no item {item} in warehouse {}.",
            context.settings.stock.warehouse
        ))),
    }
}

async fn find(context: &Context<Settings>, item: &str) -> Result<Option<Stock>, Problem> {
    match context.view.entity(&stock_key(&context.settings.stock.warehouse, item)).await? {
        Some(Inventory::Stock(stock)) => Ok(Some(stock)),
        Some(Inventory::Reservation(_)) | None => Ok(None),
    }
}

/// The body of `PUT /stock/{itemId}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Count {
    name: String,
    on_hand: i64,
}

impl Count {
    /// The message that sets the count.
    fn checked(self, warehouse: &str, item: &str) -> Result<SetStock, Problem> {
        if !is_word(item, LONGEST_ID) {
            return Err(Problem::bad_request(format!(
                "An item's id has 1 to {LONGEST_ID} characters, none of them a control character."
            )));
        }
        let on_hand = u32::try_from(self.on_hand);
        let start = || Problem::unprocessable("The count can't be taken as it is: see errors.");
        let mut problem = None;
        if !is_word(&self.name, LONGEST_NAME) {
            let detail = format!("must have 1 to {LONGEST_NAME} characters, none of them a control character");
            problem = Some(start().at("/name", detail));
        }
        match (on_hand, problem) {
            (Ok(on_hand), None) => {
                Ok(SetStock { warehouse: warehouse.to_owned(), item_id: item_id(item), name: self.name, on_hand })
            }
            (Ok(_), Some(problem)) => Err(problem),
            (Err(_), problem) => {
                Err(problem.unwrap_or_else(start).at("/onHand", format!("must be from 0 to {}", u32::MAX)))
            }
        }
    }
}

/// `PUT /stock/{itemId}`: 200, or 201 for an item that is new, once this instance shows the count; 503 when that is not
/// known in time. Sending it again is harmless.
async fn set(
    State(context): State<Context<Settings>>,
    Path(item): Path<String>,
    headers: HeaderMap,
    Body(count): Body<Count>,
) -> Result<Response, Problem> {
    let warehouse = &context.settings.stock.warehouse;
    let value = count.checked(warehouse, &item)?;
    let is_new = find(&context, &value.item_id).await?.is_none();
    let (key, request) = (stock_key(warehouse, &value.item_id), Uuid::new_v4().to_string());
    tracing::info!(item_id = %value.item_id, on_hand = value.on_hand, request_id = %request, "setting a count");
    let message = Outgoing::event(
        topics::INVENTORY_COMMANDS,
        warehouse,
        SET,
        &*request,
        &value.item_id,
        Timestamp::now(),
        &value,
    );
    context.commands.send(&message.with(header::TRACEPARENT, trace_of(&headers))).await?;

    let wanted = key.clone();
    let there =
        move |connection: &_| Ok(view::stock(connection, &wanted)?.filter(|stock| stock.changes.contains(&request)));
    let Some(stock) = context.view.until(&key, SETTING, there).await? else {
        let waited = SETTING.as_secs();
        let detail = format!("The count was taken and is not seen yet after {waited} s. Look at it, or send it again.");
        return Err(Problem::unavailable(detail));
    };
    let shown = Json(Shown::from(stock));
    if is_new {
        let location = format!("/stock/{}", percent_encoded(&shown.item_id));
        return Ok((StatusCode::CREATED, [(LOCATION, location)], shown).into_response());
    }
    Ok(shown.into_response())
}

/// `text` as a segment of a path: all but unreserved characters as `%XX` (RFC 3986, section 2).
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// A reservation as the API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownReservation {
    order_id: String,
    warehouse: String,
    status: Status,
    items: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    updated_at: Timestamp,
}

/// `GET /reservations/{orderId}`
async fn reservation(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
) -> Result<Json<ShownReservation>, Problem> {
    match context.view.entity(&reservation_key(&id.to_string())).await? {
        Some(Inventory::Reservation(r)) => Ok(Json(ShownReservation {
            order_id: r.order_id,
            warehouse: r.warehouse,
            status: r.status,
            items: r.items,
            reason: r.reason,
            detail: r.detail,
            updated_at: r.at,
        })),
        Some(Inventory::Stock(_)) | None => Err(Problem::not_found(format!("There is no reservation for order {id}."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(item: &str, name: &str, on_hand: i64) -> Result<SetStock, serde_json::Value> {
        let count = Count { name: name.to_owned(), on_hand };
        count.checked("main", item).map_err(|problem| serde_json::to_value(problem).unwrap())
    }

    #[test]
    fn a_count_names_the_item_the_warehouse_and_the_pieces() {
        let set = check("3852CB18-9C19-4326-AC77-A1A0264BD98C", "day-one", 100).unwrap();
        assert_eq!(
            (&*set.item_id, &*set.warehouse, set.on_hand),
            ("3852cb18-9c19-4326-ac77-a1a0264bd98c", "main", 100)
        );
        assert!(check(&"ü".repeat(64), "x", 0).is_ok());
    }

    #[test]
    fn a_wrong_count_says_all_that_is_wrong() {
        let problem = check("a", " ", -1).unwrap_err();
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["errors"][1]["pointer"]),
            (&"#/name".into(), &"#/onHand".into())
        );
        assert_eq!(check("a", "x", 1 << 32).unwrap_err()["errors"][0]["pointer"], "#/onHand");
        assert_eq!(check(&"x".repeat(65), "x", 1).unwrap_err()["status"], 400);
    }

    #[test]
    fn available_is_what_is_not_reserved_and_never_below_zero() {
        let (item_id, name, warehouse) = ("a".to_owned(), "x".to_owned(), "main".to_owned());
        let stock = Stock { item_id, name, warehouse, on_hand: 4, reserved: 6, changes: Vec::new() };
        let shown = serde_json::to_value(Shown::from(stock)).unwrap();
        let expected = serde_json::json!({"itemId": "a", "name": "x", "warehouse": "main", "onHand": 4, "reserved": 6, "available": 0});
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_id_stands_in_a_path_as_one_segment() {
        assert_eq!(percent_encoded("a b/ü"), "a%20b%2F%C3%BC");
    }
}

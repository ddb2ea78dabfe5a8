//! What is in stock, an item's count, and the movements that it comes from.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, LINK, LOCATION};
use axum::response::{IntoResponse, Response};
use common::http::{Body, InPath, Params, Problem, parameter};
use common::service::Context;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{fault, read_limit, seen, send, start};
use crate::messages::{SET, SetStock, item_id};
use crate::movement::Account;
use crate::settings::{LONGEST_ID, Settings, is_word};
use crate::stock::{Inventory, Stock, stock_key};
use crate::view::{self, Moved, Place};

/// How many pieces of an item there are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Stock)]
pub(super) struct StockBody {
    item_id: String,
    name: String,
    warehouse: String,
    /// In the warehouse, reserved ones included.
    on_hand: u64,
    /// Set aside for orders.
    reserved: u64,
    /// What can still be reserved.
    available: u64,
}

impl From<Stock> for StockBody {
    fn from(stock: Stock) -> Self {
        let available = stock.available();
        let Stock { item_id, name, warehouse, on_hand, reserved, .. } = stock;
        Self { item_id, name, warehouse, on_hand, reserved, available }
    }
}

/// The query of `GET /stock`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only this item.
    item_id: Option<String>,
    /// Only this warehouse.
    warehouse: Option<String>,
}

/// Stock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StockList)]
pub(super) struct All {
    items: Vec<StockBody>,
}

/// Every item, by name.
#[utoipa::path(get, path = "/stock", params(Query), responses((status = 200, body = All)))]
pub(super) async fn list(
    State(context): State<Context<Settings>>,
    Params(query): Params<Query>,
) -> Result<Json<All>, Problem> {
    let wanted = query.item_id.map(|id| item_id(&id));
    let all = context.view.read(view::all).await?;
    let items = all.into_iter().filter(|stock| {
        wanted.as_ref().is_none_or(|id| *id == stock.item_id)
            && query.warehouse.as_ref().is_none_or(|name| *name == stock.warehouse)
    });
    Ok(Json(All { items: items.map(StockBody::from).collect() }))
}

/// Which warehouse, where it is not this service's own.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct At {
    /// The warehouse; this service's own unless it is said.
    warehouse: Option<String>,
}

/// An item.
#[utoipa::path(get, path = "/stock/{item}", params(("item" = String, Path, description = "The item's id."), At),
    responses((status = 200, body = StockBody), (status = 404, description = "There is no such item.")))]
pub(super) async fn show(
    State(context): State<Context<Settings>>,
    InPath(item): InPath<String>,
    Params(At { warehouse }): Params<At>,
) -> Result<Json<StockBody>, Problem> {
    let warehouse = warehouse.as_ref().unwrap_or(&context.settings.stock.warehouse);
    Ok(Json(known(&context, warehouse, &item_id(&item)).await?.into()))
}

async fn find(context: &Context<Settings>, warehouse: &str, item: &str) -> Result<Option<Stock>, Problem> {
    let found = context.view.entity::<Inventory>(&stock_key(warehouse, item)).await?;
    Ok(found.and_then(|found| found.stock().cloned()))
}

/// The stock of an item that there is.
pub(super) async fn known(context: &Context<Settings>, warehouse: &str, item: &str) -> Result<Stock, Problem> {
    let unknown = || Problem::not_found(format!("There is no item {item} in warehouse {warehouse}."));
    find(context, warehouse, item).await?.ok_or_else(unknown)
}

/// The body of `PUT /stock/{item}`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = StockSet)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Count {
    /// The item's name, for people.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// How many there are.
    #[schema(minimum = 0, maximum = 4_294_967_295_i64)]
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
        let problem = fault(&[("/name", &self.name)]);
        match (u32::try_from(self.on_hand), problem) {
            (Ok(on_hand), None) => {
                Ok(SetStock { warehouse: warehouse.to_owned(), item_id: item_id(item), name: self.name, on_hand })
            }
            (Ok(_), Some(problem)) => Err(problem),
            (Err(_), problem) => Err(start(problem).at("/onHand", format!("must be from 0 to {}", u32::MAX))),
        }
    }
}

/// Makes an item, or sets its name and its count. Who says why to a count uses `POST /stock/{item}/counts`. Answered
/// once this instance shows it; sending it again is harmless.
#[utoipa::path(put, path = "/stock/{item}", params(("item" = String, Path, description = "The item's id.")),
    request_body = Count,
    responses((status = 200, body = StockBody), (status = 201, body = StockBody, description = "The item is new.",
        headers(("Location" = String, description = "Where it is.")))))]
pub(super) async fn set(
    State(context): State<Context<Settings>>,
    InPath(item): InPath<String>,
    headers: HeaderMap,
    Body(count): Body<Count>,
) -> Result<Response, Problem> {
    let warehouse = &context.settings.stock.warehouse;
    let value = count.checked(warehouse, &item)?;
    let is_new = find(&context, warehouse, &value.item_id).await?.is_none();
    let (key, request) = (stock_key(warehouse, &value.item_id), Uuid::new_v4().to_string());
    send(&context, (SET, warehouse, &value.item_id), &request, &headers, &value).await?;
    let there = move |found: &Inventory| found.stock().filter(|stock| stock.changes.contains(&request)).cloned();
    let shown = Json(StockBody::from(seen(&context, &key, there).await?));
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

/// The query of `GET /stock/{item}/movements`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Pages {
    /// The warehouse; this service's own unless it is said.
    warehouse: Option<String>,
    /// From the `next` of the page before.
    cursor: Option<String>,
    /// At most so many.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// Movements of an item, newest first, double entry: each is so many pieces from one account to another.
#[derive(Serialize, ToSchema)]
#[schema(as = MovementPage)]
#[serde(rename_all = "camelCase")]
pub(super) struct Movements {
    /// The stock as it stands.
    stock: StockBody,
    /// On the first page: what stands on each account, which is what came to it less what left it. `available` and
    /// `reserved` together are the pieces on hand, and all accounts together are 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<AccountBody>>,
    items: Vec<MovementBody>,
    /// The query's `cursor` for the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What stands on an account.
#[derive(Serialize, ToSchema)]
#[schema(as = StockAccountBalance)]
struct AccountBody {
    #[schema(value_type = Account)]
    account: String,
    balance: i64,
}

/// Pieces that went from one account to another.
#[derive(Serialize, ToSchema)]
#[schema(as = Movement)]
struct MovementBody {
    /// `opening`, `reserved`, `confirmed`, `released`, `expired`, `put_back`, `restocked`, `adjusted`, `received`,
    /// `counted` or `shortfall` (more was given out than a count had left).
    what: String,
    #[schema(value_type = Account)]
    from: String,
    #[schema(value_type = Account)]
    to: String,
    quantity: i64,
    /// When; an opening has no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// The order, or the return.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<Moved> for MovementBody {
    fn from(moved: Moved) -> Self {
        let Moved { place: _, what, from, to, quantity, at, reference, by, why } = moved;
        Self { what, from, to, quantity, at, reference, by, why }
    }
}

/// Every change of an item's stock, newest first.
#[utoipa::path(get, path = "/stock/{item}/movements",
    params(("item" = String, Path, description = "The item's id."), Pages),
    responses((status = 200, body = Movements), (status = 404, description = "There is no such item.")))]
pub(super) async fn movements(
    State(context): State<Context<Settings>>,
    InPath(item): InPath<String>,
    Params(query): Params<Pages>,
) -> Result<Response, Problem> {
    let item = item_id(&item);
    let place = |text: &str| text.parse::<Place>().ok();
    let from = parameter("cursor", query.cursor.as_deref(), place, "the next of an earlier page, as it was")?;
    let limit = read_limit(query.limit.as_deref())?;
    let of_warehouse = query.warehouse.as_ref().map(|name| format!("&warehouse={}", percent_encoded(name)));
    let warehouse = query.warehouse.unwrap_or_else(|| context.settings.stock.warehouse.clone());
    let (at, of) = (warehouse.clone(), item.clone());
    let asked = move |db: &rusqlite::Connection| {
        // One snapshot: what is summed is what is listed, and what the stock stands at.
        let tx = db.unchecked_transaction()?;
        let sums = if from.is_none() { Some(view::accounts(&tx, (&at, &of))?) } else { None };
        let found = view::movements(&tx, (&at, &of), from.as_ref(), limit + 1)?;
        Ok((view::stock(&tx, &stock_key(&at, &of))?, sums, found))
    };
    let (stock, accounts, mut found) = context.view.read(asked).await?;
    let unknown = || Problem::not_found(format!("There is no item {item} in warehouse {warehouse}."));
    let stock = stock.ok_or_else(unknown)?.into();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.place.to_string());
    let link = next.as_ref().map(|next| {
        let (item, of_warehouse) = (percent_encoded(&item), of_warehouse.unwrap_or_default());
        let cursor = percent_encoded(next);
        [(LINK, format!("</stock/{item}/movements?limit={limit}{of_warehouse}&cursor={cursor}>; rel=\"next\""))]
    });
    let accounts = accounts
        .map(|all| all.into_iter().map(|(account, balance)| AccountBody { account, balance }).collect::<Vec<_>>());
    let page = Json(Movements { stock, accounts, items: found.into_iter().map(MovementBody::from).collect(), next });
    Ok(match link {
        Some(link) => (link, page).into_response(),
        None => page.into_response(),
    })
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
        let stock = Stock { item_id, name, warehouse, on_hand: 4, reserved: 6, ..Stock::default() };
        let shown = serde_json::to_value(StockBody::from(stock)).unwrap();
        let expected = serde_json::json!({"itemId": "a", "name": "x", "warehouse": "main", "onHand": 4, "reserved": 6, "available": 0});
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_id_stands_in_a_path_as_one_segment() {
        assert_eq!(percent_encoded("a b/ü"), "a%20b%2F%C3%BC");
    }
}

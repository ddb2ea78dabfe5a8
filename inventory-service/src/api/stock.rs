//! `/stock`: queries of the stock, and the count and the price of an item.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, LOCATION};
use axum::response::{IntoResponse, Response};
use common::http::{Body, Params, PathParams, Problem};
use common::money::Decimal;
use common::service::Context;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::api::requests::{Request, check_texts, or_invalid, send, wait_for};
use crate::entity::stock::{InvalidPrice, ItemPrice};
use crate::entity::{Inventory, Stock, stock_key};
use crate::messages::{SET, SetStock, item_id};
use crate::settings::{LONGEST_ID, Settings, is_valid_name};
use crate::view;

/// The stock of an item in a warehouse, in pieces.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Stock)]
pub(super) struct StockBody {
    item_id: String,
    name: String,
    warehouse: String,
    /// In the warehouse, including reserved ones.
    on_hand: u64,
    /// Reserved for orders.
    reserved: u64,
    /// Can still be reserved.
    available: u64,
    /// Reserved for orders, but not there: orders with these pieces can't be confirmed.
    missing: u64,
    /// The unit price. Missing until one is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<PriceBody>,
}

/// The price of one piece of an item.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ItemPrice)]
#[serde(deny_unknown_fields)]
struct PriceBody {
    /// With at most as many digits after the point as the currency has.
    #[schema(value_type = f64, minimum = 0, example = 200.00)]
    amount: Decimal,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
}

impl From<ItemPrice> for PriceBody {
    fn from(price: ItemPrice) -> Self {
        Self { amount: price.amount(), currency: price.currency }
    }
}

impl From<Stock> for StockBody {
    fn from(stock: Stock) -> Self {
        let available = stock.available();
        let missing = stock.missing();
        let Stock { item_id, name, warehouse, on_hand, reserved, price, .. } = stock;
        let price = price.map(PriceBody::from);
        Self { item_id, name, warehouse, on_hand, reserved, available, missing, price }
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

/// The stock of items.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StockList {
    items: Vec<StockBody>,
}

/// Lists the stock of all items by name.
#[utoipa::path(get, path = "/stock", operation_id = "list_stock",
    params(Query), responses((status = 200, body = StockList)))]
pub(super) async fn list(
    State(context): State<Context<Settings>>,
    Params(query): Params<Query>,
) -> Result<Json<StockList>, Problem> {
    let item = query.item_id.map(|id| item_id(&id));
    let all = context.view.read(view::all).await?;
    let items = all.into_iter().filter(|stock| {
        item.as_ref().is_none_or(|id| *id == stock.item_id)
            && query.warehouse.as_ref().is_none_or(|name| *name == stock.warehouse)
    });
    Ok(Json(StockList { items: items.map(StockBody::from).collect() }))
}

/// The query of `GET /stock/{item}`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WarehouseQuery {
    /// The warehouse; by default the service's own.
    warehouse: Option<String>,
}

/// The stock of an item.
#[utoipa::path(get, path = "/stock/{item}", operation_id = "show_stock",
    params(("item" = String, Path, description = "The item's id."), WarehouseQuery),
    responses((status = 200, body = StockBody), (status = 404, description = "There is no such item.")))]
pub(super) async fn show(
    State(context): State<Context<Settings>>,
    PathParams(item): PathParams<String>,
    Params(WarehouseQuery { warehouse }): Params<WarehouseQuery>,
) -> Result<Json<StockBody>, Problem> {
    let warehouse = warehouse.as_ref().unwrap_or(&context.settings.stock.warehouse);
    Ok(Json(find_known(&context, warehouse, &item_id(&item)).await?.into()))
}

async fn find(context: &Context<Settings>, warehouse: &str, item: &str) -> Result<Option<Stock>, Problem> {
    let found = context.view.entity::<Inventory>(&stock_key(warehouse, item)).await?;
    Ok(found.and_then(|found| found.stock().cloned()))
}

/// The stock of an item, or a problem if the item is unknown.
pub(super) async fn find_known(context: &Context<Settings>, warehouse: &str, item: &str) -> Result<Stock, Problem> {
    let unknown = || Problem::not_found(format!("There is no item {item} in warehouse {warehouse}."));
    find(context, warehouse, item).await?.ok_or_else(unknown)
}

/// The body of `PUT /stock/{item}`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = StockSet)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Count {
    /// The item's display name.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Pieces in the warehouse, including reserved ones.
    #[schema(minimum = 0, maximum = 4_294_967_295_i64)]
    on_hand: i64,
    /// The unit price; left out: it stays as it is.
    price: Option<PriceBody>,
}

impl Count {
    /// Validates the count and returns it as a message.
    fn into_message(self, warehouse: &str, item: &str) -> Result<SetStock, Problem> {
        if !is_valid_name(item, LONGEST_ID) {
            return Err(Problem::bad_request(format!(
                "An item's id has 1 to {LONGEST_ID} characters, none of them a control character."
            )));
        }
        let mut problem = check_texts(&[("/name", &self.name)]);
        let price = match self.price.map(|price| ItemPrice::new(price.amount, &price.currency)).transpose() {
            Ok(price) => price,
            Err(invalid) => {
                let (pointer, why) = match invalid {
                    InvalidPrice::Amount(why) => ("/price/amount", why),
                    InvalidPrice::Currency(why) => ("/price/currency", why),
                };
                problem = Some(or_invalid(problem).at(pointer, why));
                None
            }
        };
        match (u32::try_from(self.on_hand), problem) {
            (Ok(on_hand), None) => {
                let warehouse = warehouse.to_owned();
                Ok(SetStock { warehouse, item_id: item_id(item), name: self.name, on_hand, price })
            }
            (Ok(_), Some(problem)) => Err(problem),
            (Err(_), problem) => Err(or_invalid(problem).at("/onHand", format!("must be from 0 to {}", u32::MAX))),
        }
    }
}

/// Creates an item, or sets its name, its count and its price. To record a reason, use `POST /stock/{item}/counts`.
/// Answered when this instance shows the count; the request may be repeated.
#[utoipa::path(put, path = "/stock/{item}", operation_id = "set_stock",
    params(("item" = String, Path, description = "The item's id.")),
    request_body = Count,
    responses((status = 200, body = StockBody), (status = 201, body = StockBody, description = "The item is new.",
        headers(("Location" = String, description = "The path of the item.")))))]
pub(super) async fn set(
    State(context): State<Context<Settings>>,
    PathParams(item): PathParams<String>,
    headers: HeaderMap,
    Body(count): Body<Count>,
) -> Result<Response, Problem> {
    let warehouse = &context.settings.stock.warehouse;
    let value = count.into_message(warehouse, &item)?;
    let is_new = find(&context, warehouse, &value.item_id).await?.is_none();
    let key = stock_key(warehouse, &value.item_id);
    let id = Uuid::new_v4().to_string();
    send(&context, &headers, Request { kind: SET, warehouse, subject: &value.item_id, id: &id, value: &value }).await?;
    let is_set = move |found: &Inventory| found.stock().filter(|stock| stock.changes.contains(&id)).cloned();
    let body = Json(StockBody::from(wait_for(&context, &key, is_set).await?));
    if is_new {
        let location = format!("/stock/{}", percent_encoded(&body.item_id));
        return Ok((StatusCode::CREATED, [(LOCATION, location)], body).into_response());
    }
    Ok(body.into_response())
}

/// `text` as a path segment, with all but unreserved characters as `%XX` (RFC 3986, section 2).
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(item: &str, name: &str, on_hand: i64) -> Result<SetStock, serde_json::Value> {
        check_priced(item, name, on_hand, None)
    }

    fn check_priced(
        item: &str,
        name: &str,
        on_hand: i64,
        price: Option<PriceBody>,
    ) -> Result<SetStock, serde_json::Value> {
        let count = Count { name: name.to_owned(), on_hand, price };
        count.into_message("main", item).map_err(|problem| serde_json::to_value(problem).unwrap())
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
    fn a_price_has_the_digits_of_its_currency_and_is_not_negative() {
        let of = |amount: &str, currency: &str| {
            let price = PriceBody { amount: Decimal::parse(amount).unwrap(), currency: currency.to_owned() };
            check_priced("a", "x", 1, Some(price))
        };
        assert_eq!(
            of("200", "BRL").unwrap().price,
            Some(ItemPrice { amount_minor: 20_000, currency: "BRL".to_owned() })
        );
        assert_eq!(of("500", "JPY").unwrap().price.unwrap().amount_minor, 500);
        for (amount, currency, at) in
            [("-1", "BRL", "#/price/amount"), ("1.005", "BRL", "#/price/amount"), ("1", "brl", "#/price/currency")]
        {
            assert_eq!(of(amount, currency).unwrap_err()["errors"][0]["pointer"], at, "{amount} {currency}");
        }
    }

    #[test]
    fn every_error_of_a_count_is_reported() {
        let problem = check("a", " ", -1).unwrap_err();
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["errors"][1]["pointer"]),
            (&"#/name".into(), &"#/onHand".into())
        );
        assert_eq!(check("a", "x", 1 << 32).unwrap_err()["errors"][0]["pointer"], "#/onHand");
        assert_eq!(check(&"x".repeat(65), "x", 1).unwrap_err()["status"], 400);
    }

    #[test]
    fn available_is_on_hand_minus_reserved_and_never_negative() {
        let stock = Stock {
            item_id: "a".to_owned(),
            name: "x".to_owned(),
            warehouse: "main".to_owned(),
            on_hand: 4,
            reserved: 6,
            ..Stock::default()
        };
        let body = serde_json::to_value(StockBody::from(stock)).unwrap();
        let expected = serde_json::json!({
            "itemId": "a", "name": "x", "warehouse": "main", "onHand": 4, "reserved": 6, "available": 0,
            "missing": 2,
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn an_id_is_encoded_as_one_path_segment() {
        assert_eq!(percent_encoded("a b/ü"), "a%20b%2F%C3%BC");
    }
}

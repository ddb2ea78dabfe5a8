//! `/stock/{item}/movements`: the movements of an item, in double entry.

use axum::Json;
use axum::extract::State;
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use common::http::{Params, PathParams, Problem, parameter};
use common::service::Context;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::requests::parse_limit;
use crate::api::stock::{StockBody, percent_encoded};
use crate::entity::{Stock, stock_key};
use crate::messages::item_id;
use crate::movement::Account;
use crate::settings::Settings;
use crate::view::{self, MovementPosition, MovementRow};

/// The query of `GET /stock/{item}/movements`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MovementQuery {
    /// The warehouse; by default the service's own.
    warehouse: Option<String>,
    /// The `next` of the previous page.
    cursor: Option<String>,
    /// The largest number of items.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// A page of the movements of an item, newest first, in double entry: each moves a quantity from one account to
/// another.
#[derive(Serialize, ToSchema)]
#[schema(as = MovementPage)]
#[serde(rename_all = "camelCase")]
pub(super) struct Movements {
    /// The current stock.
    stock: StockBody,
    /// The balances of all accounts, on the first page only. `available` and `reserved` together are the pieces on
    /// hand, and the sum of all balances is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<AccountBody>>,
    items: Vec<MovementBody>,
    /// The `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The balance of an account: the quantity moved to it minus the quantity moved from it.
#[derive(Serialize, ToSchema)]
#[schema(as = StockAccountBalance)]
struct AccountBody {
    #[schema(value_type = Account)]
    account: String,
    balance: i64,
}

/// A quantity moved from one account to another.
#[derive(Serialize, ToSchema)]
#[schema(as = Movement)]
struct MovementBody {
    /// `opening`, `reserved`, `confirmed`, `released`, `expired`, `put_back`, `restocked`, `adjusted`, `received`,
    /// `counted` or `shortfall` (an earlier release confirmed an order with more pieces than a count had left).
    what: String,
    #[schema(value_type = Account)]
    from: String,
    #[schema(value_type = Account)]
    to: String,
    quantity: i64,
    /// Absent for an opening.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// The id of the order or the return.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// Who reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<MovementRow> for MovementBody {
    fn from(row: MovementRow) -> Self {
        let MovementRow { position: _, what, from, to, quantity, at, reference, by, why } = row;
        Self { what, from, to, quantity, at, reference, by, why }
    }
}

/// Lists all movements of an item, newest first.
#[utoipa::path(get, path = "/stock/{item}/movements",
    params(("item" = String, Path, description = "The item's id."), MovementQuery),
    responses((status = 200, body = Movements), (status = 404, description = "There is no such item.")))]
pub(super) async fn movements(
    State(context): State<Context<Settings>>,
    PathParams(item): PathParams<String>,
    Params(query): Params<MovementQuery>,
) -> Result<Response, Problem> {
    let item = item_id(&item);
    let position = |text: &str| text.parse::<MovementPosition>().ok();
    let cursor = query.cursor.as_deref();
    let before = parameter("cursor", cursor, position, "the next of an earlier page, unchanged")?;
    let limit = parse_limit(query.limit.as_deref())?;
    let filter = query.warehouse.as_ref().map(|name| format!("&warehouse={}", percent_encoded(name)));
    let warehouse = query.warehouse.unwrap_or_else(|| context.settings.stock.warehouse.clone());
    let Page { stock, accounts, mut rows } = read_page(&context, &warehouse, &item, before, limit + 1).await?;
    let unknown = || Problem::not_found(format!("There is no item {item} in warehouse {warehouse}."));
    let stock = stock.ok_or_else(unknown)?.into();
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(|last| last.position.to_string());
    let link = next.as_ref().map(|next| {
        let item = percent_encoded(&item);
        let filter = filter.unwrap_or_default();
        let cursor = percent_encoded(next);
        [(LINK, format!("</stock/{item}/movements?limit={limit}{filter}&cursor={cursor}>; rel=\"next\""))]
    });
    let balance = |(account, balance)| AccountBody { account, balance };
    let accounts = accounts.map(|all| all.into_iter().map(balance).collect());
    let page = Json(Movements { stock, accounts, items: rows.into_iter().map(MovementBody::from).collect(), next });
    Ok(match link {
        Some(link) => (link, page).into_response(),
        None => page.into_response(),
    })
}

/// What the view has for a page of movements.
struct Page {
    stock: Option<Stock>,
    /// On the first page only.
    accounts: Option<Vec<(String, i64)>>,
    rows: Vec<MovementRow>,
}

/// Reads a page from one snapshot of the view, so that the stock, the balances and the movements agree.
async fn read_page(
    context: &Context<Settings>,
    warehouse: &str,
    item: &str,
    before: Option<MovementPosition>,
    limit: usize,
) -> Result<Page, Problem> {
    let warehouse = warehouse.to_owned();
    let item = item.to_owned();
    let query = move |db: &rusqlite::Connection| {
        let tx = db.unchecked_transaction()?;
        let accounts = if before.is_none() { Some(view::accounts(&tx, &warehouse, &item)?) } else { None };
        let rows = view::movements(&tx, &warehouse, &item, before.as_ref(), limit)?;
        let stock = view::stock(&tx, &stock_key(&warehouse, &item))?;
        Ok(Page { stock, accounts, rows })
    };
    Ok(context.view.read(query).await?)
}

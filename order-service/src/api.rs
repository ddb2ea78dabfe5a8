//! The order API: place an order, list orders, follow one to its end.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::{HeaderName, LINK, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, get};
use axum::{Json, Router, middleware};
use common::http::{Body, Caller, Params, PathId, Problem, idempotency_key, parameter, trace_of};
use common::ids::{self, OrderId};
use common::messages::header;
use common::service::Context;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cancel;
use crate::order::{self, Order, Placed, Status};
use crate::own;
use crate::place::{self, PlaceOrder};
use crate::program::Settings;
use crate::representation::{Shown, path};
use crate::view::{self, Cursor, Filter};

/// How long `POST /orders` waits for the order to be there.
const PLACING: Duration = Duration::from_secs(10);
/// The longest that `Prefer: wait` waits.
const LONGEST_WAIT: u64 = 60;
/// Orders of a page, unless asked for otherwise; and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// All routes.
pub fn router(context: Context<Settings>) -> Router {
    // Every path of one order stands here, behind the look at whose it is.
    let of_an_order = Router::new()
        .route("/orders/{id}", get(show))
        .route("/orders/{id}/cancel", routing::post(cancel::post))
        .route_layer(middleware::from_fn_with_state(context.clone(), own::only_own));
    Router::new().route("/orders", get(list).post(place)).merge(of_an_order).with_state(context)
}

/// `POST /orders`: with an `Idempotency-Key` the order's id derives from it, so the same request again is answered as
/// before, for ever and by every instance. 201 once the order is durable and this instance shows it; 503 with its id when that is not known in time.
async fn place(
    State(context): State<Context<Settings>>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<PlaceOrder>,
) -> Result<Response, Problem> {
    let given = idempotency_key(&headers)?.map(|name| caller.own_name(name));
    let id = given.as_ref().map_or_else(OrderId::generate, |name| OrderId(ids::derive(&["order", name])));
    let placed = body.checked(&context.settings.orders, id, Timestamp::now())?;
    caller.may_act_for(placed.customer_id)?;
    let key = order::key(&id.to_string());
    if given.is_some()
        && let Some(known) = context.view.entity(&key).await?
    {
        return created(known, &placed);
    }
    let (text, location) = (id.to_string(), path(id));
    tracing::info!(order_id = %text, customer_id = %placed.customer_id, amount_minor = placed.amount_minor, "placing an order");
    let request = given.map_or_else(String::new, |_| Uuid::new_v4().to_string());
    let message = place::message(&placed, &request).with(header::TRACEPARENT, trace_of(&headers));
    let unknown = |problem: Problem| problem.with("orderId", text.as_str()).with("location", location.as_str());
    context.commands.send(&message).await.map_err(|e| unknown(e.into()))?;

    let wanted = key.clone();
    let there = move |connection: &_| view::state(connection, &wanted);
    match context.view.until(&key, PLACING, there).await {
        Ok(Some(known)) => created(known, &placed),
        Ok(None) => {
            let waited = PLACING.as_secs();
            let detail = format!(
                "Order {text} was taken and is not carried out yet after {waited} s. Look at {location}; don't place it again."
            );
            Err(unknown(Problem::unavailable(detail)))
        }
        Err(error) => Err(unknown(error.into())),
    }
}

/// The answer to the request that placed the order, the first time and each time it comes again: the order as it began. A
/// request of the same name that asks for something else is refused, whichever of the two was first.
fn created(known: Order, wanted: &Placed) -> Result<Response, Problem> {
    let began = Order::new(known.placed);
    if (Placed { created_at: began.placed.created_at, ..wanted.clone() }) != began.placed {
        let location = path(began.placed.order_id);
        let detail =
            format!("This Idempotency-Key was used for another order, {location}: take a new key for a new order.");
        return Err(Problem::unprocessable(detail).with("location", location.as_str()));
    }
    let location = path(began.placed.order_id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(Shown::whole(&began))).into_response())
}

/// `GET /orders/{id}`, which waits for the order's end where `Prefer: wait=N` asks for it.
async fn show(
    State(context): State<Context<Settings>>,
    caller: Caller,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = order::key(&id.to_string());
    let wait = wait_of(&headers);
    if let Some(seconds) = wait {
        let wanted = key.clone();
        let ended = move |connection: &_| Ok(view::has_ended(connection, &wanted)?.then_some(()));
        context.view.until(&key, Duration::from_secs(seconds), ended).await?;
    }
    let order: Option<Order> = context.view.entity(&key).await?;
    // It may have come while it was waited for.
    let order = order.filter(|order| caller.sees(order.placed.customer_id)).ok_or_else(|| own::unknown(id))?;
    let applied = wait.map(|seconds| [(PREFERENCE_APPLIED, format!("wait={seconds}"))]);
    let shown = Json(Shown::whole(&order));
    Ok(match applied {
        Some(applied) => (applied, shown).into_response(),
        None => shown.into_response(),
    })
}

/// The seconds of `Prefer: wait` (RFC 7240, section 4.3), at most [`LONGEST_WAIT`]. What can't be understood is ignored,
/// as the RFC wants it.
fn wait_of(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(','));
    let seconds = preferences.find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').parse::<u64>().ok())?
    });
    seconds.map(|seconds| seconds.min(LONGEST_WAIT))
}

/// The query of `GET /orders`, as text: each value is read by itself, so that what is wrong can be named.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    status: Option<String>,
    customer_id: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Listing {
    filter: Filter,
    limit: usize,
    from: Option<Cursor>,
}

impl Query {
    fn read(&self) -> Result<Listing, Problem> {
        let status =
            parameter("status", self.status.as_deref(), Status::parse, &Status::ALL.map(Status::as_str).join(", "))?;
        let customer =
            parameter("customerId", self.customer_id.as_deref(), |text| Uuid::parse_str(text).ok(), "a UUID")?;
        let number = |text: &str| text.parse().ok().filter(|n| (1..=LARGEST_PAGE).contains(n));
        let limit = parameter("limit", self.limit.as_deref(), number, &format!("a number from 1 to {LARGEST_PAGE}"))?;
        let from = parameter(
            "cursor",
            self.cursor.as_deref(),
            |text| text.parse().ok(),
            "the next of an earlier page, as it was",
        )?;
        Ok(Listing { filter: Filter { status, customer }, limit: limit.unwrap_or(PAGE), from })
    }
}

impl Listing {
    /// A customer's list is of their own orders; of others' there are none to be asked for.
    fn seen_by(mut self, caller: &Caller) -> Result<Self, Problem> {
        if let Some(customer) = caller.only()? {
            self.filter.customer.map_or(Ok(()), |wanted| caller.may_act_for(wanted))?;
            self.filter.customer = Some(customer);
        }
        Ok(self)
    }

    /// The address of the page that begins at `next`.
    fn address(&self, next: Cursor) -> String {
        let status = self.filter.status.map(|status| format!("&status={status}")).unwrap_or_default();
        let customer = self.filter.customer.map(|id| format!("&customerId={id}")).unwrap_or_default();
        format!("/orders?limit={}{status}{customer}&cursor={}", self.limit, next.encode())
    }
}

#[derive(Debug, Serialize)]
struct Page<'a> {
    items: Vec<Shown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /orders`: newest first.
async fn list(
    State(context): State<Context<Settings>>,
    caller: Caller,
    Params(query): Params<Query>,
) -> Result<Response, Problem> {
    let listing = query.read()?.seen_by(&caller)?;
    let Listing { filter, limit, from } = listing;
    let (orders, next) = context.view.read(move |connection| view::page(connection, filter, from, limit)).await?;
    let items = orders.iter().map(Shown::in_list).collect();
    let page = Json(Page { items, next: next.map(Cursor::encode) });
    Ok(match next {
        Some(next) => ([(LINK, format!("<{}>; rel=\"next\"", listing.address(next)))], page).into_response(),
        None => page.into_response(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, value.parse().unwrap());
        }
        wait_of(&headers)
    }

    #[test]
    fn prefer_wait_is_read_as_rfc_7240_writes_it() {
        assert_eq!(wait(&["wait=10"]), Some(10));
        assert_eq!(wait(&["respond-async, Wait = \"10\""]), Some(10));
        assert_eq!(wait(&["return=minimal", "wait=5; x=y"]), Some(5));
        assert_eq!(wait(&["wait=86400"]), Some(60), "not longer than a minute");
        assert_eq!((wait(&["wait=soon"]), wait(&["wait"]), wait(&[])), (None, None, None));
    }

    #[test]
    fn a_list_is_of_50_orders_unless_asked_for_otherwise() {
        let listing = Query::default().read().unwrap();
        assert_eq!(listing, Listing { filter: Filter::default(), limit: 50, from: None });
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        let text = |text: &str| Some(text.to_owned());
        let wrong = [
            ("status", Query { status: text("done"), ..Query::default() }),
            ("customerId", Query { customer_id: text("me"), ..Query::default() }),
            ("limit", Query { limit: text("201"), ..Query::default() }),
            ("limit", Query { limit: text("0"), ..Query::default() }),
            ("cursor", Query { cursor: text("7"), ..Query::default() }),
        ];
        for (name, query) in wrong {
            let problem = query.read().unwrap_err();
            assert_eq!(
                (problem.status(), problem.detail().contains(name)),
                (StatusCode::BAD_REQUEST, true),
                "{problem:?}"
            );
        }
    }

    #[test]
    fn a_customers_list_is_of_their_own_orders() {
        let (ana, bia) = (Uuid::from_u128(0xa), Uuid::from_u128(0xb));
        let listing = |wanted: Option<Uuid>, caller: &Caller| {
            let query = Query { customer_id: wanted.map(|id| id.to_string()), ..Query::default() };
            query.read().unwrap().seen_by(caller).map(|listing| listing.filter.customer).map_err(|p| p.status())
        };
        let caller = Caller::customer("ana", ana);
        assert_eq!(listing(None, &caller), Ok(Some(ana)));
        assert_eq!(listing(Some(ana), &caller), Ok(Some(ana)));
        assert_eq!(listing(Some(bia), &caller), Err(StatusCode::FORBIDDEN));
        assert_eq!(listing(None, &Caller::operator("office")), Ok(None));
    }

    #[test]
    fn the_next_page_keeps_the_filter() {
        let query = Query { status: Some("confirmed".to_owned()), limit: Some("2".to_owned()), ..Query::default() };
        let cursor = "MTA6MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDA3";
        let address = query.read().unwrap().address(cursor.parse().unwrap());
        assert_eq!(address, format!("/orders?limit=2&status=confirmed&cursor={cursor}"));
    }
}

//! The order API: place an order, list orders, follow one to its end. What else can be done with one stands beside.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::{HeaderName, LINK, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use common::http::{Body, Caller, Params, PathId, Problem, docs_routes, idempotency_key, parameter, trace_of};
use common::ids::{self, OrderId};
use common::messages::header;
use common::service::Context;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::cancel;
use crate::events;
use crate::invoice;
use crate::kept::Kept;
use crate::order::{self, Order, Placed, Status};
use crate::own;
use crate::place::{self, PlaceOrder};
use crate::program::Settings;
use crate::representation::{OrderBody, path};
use crate::return_api;
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
        .route("/orders/{id}/cancel", post(cancel::post))
        .route("/orders/{id}/returns", post(return_api::post))
        .route("/orders/{id}/invoice", get(invoice::api::show))
        .route("/orders/{id}/events", get(events::stream))
        .route_layer(middleware::from_fn_with_state(context.clone(), own::only_own));
    Router::new()
        .route("/orders", get(list).post(place))
        .merge(of_an_order)
        .with_state(context)
        .merge(docs_routes(Description::openapi()))
}

/// The API, described.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "order-service",
        description = "Orders: placed, followed to their end, cancelled and returned. An order is taken \
        from one warehouse; one that is spread over several is placed as several orders."
    ),
    paths(place, list, show, cancel::post, return_api::post, invoice::api::show, events::stream),
    components(schemas(events::Told))
)]
pub struct Description;

/// Places an order. With an `Idempotency-Key` the order's id derives from it, so the same request again is answered as
/// before, for ever and by every instance. 201 once the order is durable and this instance shows it; 503 with its id
/// when that is not known in time.
#[utoipa::path(post, path = "/orders",
    params(("Idempotency-Key" = Option<String>, Header, description = "The client's own name for the request.")),
    request_body = PlaceOrder,
    responses((status = 201, body = OrderBody, description = "The order is placed. `Location` says where it is.")))]
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
        && let Some(known) = order_of(&context, &key).await?
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

/// The answer to the request that placed the order, the first time and each time it comes again: the order as it began.
/// A request of the same name that asks for something else is refused, whichever of the two was first.
fn created(known: Order, wanted: &Placed) -> Result<Response, Problem> {
    let began = Order::new(known.placed);
    if (Placed { created_at: began.placed.created_at, ..wanted.clone() }) != began.placed {
        let location = path(began.placed.order_id);
        let detail =
            format!("This Idempotency-Key was used for another order, {location}: take a new key for a new order.");
        return Err(Problem::unprocessable(detail).with("location", location.as_str()));
    }
    let location = path(began.placed.order_id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(OrderBody::whole(&began))).into_response())
}

/// The order of that id.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn find(context: &Context<Settings>, id: OrderId) -> Result<Order, Problem> {
    let order = order_of(context, &order::key(&id.to_string())).await?;
    order.ok_or_else(|| Problem::not_found(format!("There is no order {id}.")))
}

/// The order of that key, if it is there.
pub(crate) async fn order_of(context: &Context<Settings>, key: &str) -> Result<Option<Order>, Problem> {
    let kept: Option<Kept> = context.view.entity(key).await?;
    Ok(kept.and_then(|kept| match kept {
        Kept::Order(order) => Some(*order),
        Kept::Series(_) | Kept::Mailing(_) => None,
    }))
}

/// An order. `Prefer: wait=N` waits up to N seconds for its end.
#[utoipa::path(get, path = "/orders/{id}",
    params(("id" = Uuid, Path, description = "The order's id."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: how many seconds to wait for its end (RFC 7240).")),
    responses((status = 200, body = OrderBody), (status = 404, description = "There is no such order.")))]
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
    // It may have come while it was waited for.
    let order = order_of(&context, &key).await?;
    let order = order.filter(|order| caller.sees(order.placed.customer_id)).ok_or_else(|| own::unknown(id))?;
    let applied = wait.map(|seconds| [(PREFERENCE_APPLIED, format!("wait={seconds}"))]);
    let shown = Json(OrderBody::whole(&order));
    Ok(match applied {
        Some(applied) => (applied, shown).into_response(),
        None => shown.into_response(),
    })
}

/// The seconds of `Prefer: wait` (RFC 7240, section 4.3), at most [`LONGEST_WAIT`]. What can't be understood is
/// ignored, as the RFC wants it.
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
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Query {
    /// Only those that are so.
    #[param(inline, value_type = Option<Status>)]
    status: Option<String>,
    /// Only this customer's.
    #[param(value_type = Option<Uuid>)]
    customer_id: Option<String>,
    /// At most so many.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// From the `next` of the page before.
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

/// A page of orders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPage)]
pub(crate) struct Page<'a> {
    items: Vec<OrderBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Orders, newest first. A customer sees only their own.
#[utoipa::path(get, path = "/orders", params(Query), responses((status = 200, body = Page)))]
async fn list(
    State(context): State<Context<Settings>>,
    caller: Caller,
    Params(query): Params<Query>,
) -> Result<Response, Problem> {
    let listing = query.read()?.seen_by(&caller)?;
    let Listing { filter, limit, from } = listing;
    let (orders, next) = context.view.read(move |connection| view::page(connection, filter, from, limit)).await?;
    let items = orders.iter().map(OrderBody::in_list).collect();
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

//! The inventory API. What is in stock is in `stock`, what people change about it in `changes`, shipments and returns
//! in files of their own. Every write is a message, and answered when this instance's view shows what became of it.

mod changes;
mod returns;
mod shipments;
mod stock;

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use common::http::{PathId, Problem, docs_routes, idempotency_key, parameter, trace_of};
use common::ids;
use common::messages::{Outgoing, header};
use common::service::Context;
use common::time::Timestamp;
use common::topics;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::settings::{LONGEST_NAME, Settings, is_word};
use crate::stock::{Inventory, Line, Status, reservation_key};
use crate::view;

/// How long a write may take to be seen.
const WRITING: Duration = Duration::from_secs(10);
/// Of a page, unless asked for otherwise; and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;

/// All routes.
pub fn router(context: Context<Settings>) -> Router {
    Router::new()
        .route("/stock", get(stock::list))
        .route("/stock/{item}", get(stock::show).put(stock::set))
        .route("/stock/{item}/movements", get(stock::movements))
        .route("/stock/{item}/adjustments", post(changes::adjust))
        .route("/stock/{item}/receipts", post(changes::receive))
        .route("/stock/{item}/counts", post(changes::count))
        .route("/reservations/{order}", get(reservation))
        .route("/shipments", get(shipments::list))
        .route("/shipments/{id}", get(shipments::show))
        .route("/shipments/{id}/events", post(shipments::event))
        .route("/shipments/{id}/label", get(shipments::label))
        .route("/returns/{id}", get(returns::show))
        .route("/returns/{id}/receipt", post(returns::receive))
        .with_state(context)
        .merge(docs_routes(Description::openapi()))
}

/// The API, described.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "inventory-service",
        description = "Stock, reservations, shipments and returns. An order is reserved in one warehouse and shipped from it: \
                       orders over several warehouses are out of scope."
    ),
    paths(
        stock::list,
        stock::show,
        stock::set,
        stock::movements,
        changes::adjust,
        changes::receive,
        changes::count,
        reservation,
        shipments::list,
        shipments::show,
        shipments::event,
        shipments::label,
        returns::show,
        returns::receive
    )
)]
pub struct Description;

/// What is set aside for an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reservation)]
struct ReservationBody {
    #[schema(value_type = Uuid)]
    order_id: String,
    warehouse: String,
    status: Status,
    items: Vec<Line>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// While it is reserved: until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// The reservation of an order.
#[utoipa::path(get, path = "/reservations/{order}", params(("order" = Uuid, Path, description = "The order's id.")),
    responses((status = 200, body = ReservationBody), (status = 404, description = "There is none.")))]
async fn reservation(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
) -> Result<Json<ReservationBody>, Problem> {
    let found = context.view.entity::<Inventory>(&reservation_key(&id.to_string())).await?;
    let found = found.and_then(|found| found.reservation().cloned());
    let r = found.ok_or_else(|| Problem::not_found(format!("There is no reservation for order {id}.")))?;
    let expires_at = r.expires.filter(|_| r.is_open());
    Ok(Json(ReservationBody {
        order_id: r.order_id,
        warehouse: r.warehouse,
        status: r.status,
        items: r.items,
        reason: r.reason,
        detail: r.detail,
        expires_at,
        updated_at: r.at,
    }))
}

fn read_limit(value: Option<&str>) -> Result<usize, Problem> {
    let number = |text: &str| text.parse().ok().filter(|n| (1..=LARGEST_PAGE).contains(n));
    Ok(parameter("limit", value, number, &format!("a number from 1 to {LARGEST_PAGE}"))?.unwrap_or(PAGE))
}

/// The client's name for its request, or a new one.
fn request_id(headers: &HeaderMap) -> Result<String, Problem> {
    Ok(match idempotency_key(headers)? {
        Some(key) => ids::derive(&["inventory request", &key]).to_string(),
        None => Uuid::new_v4().to_string(),
    })
}

/// The problem with texts that can't be taken, each with its place in the body; none where all can.
fn fault(texts: &[(&str, &str)]) -> Option<Problem> {
    let wrong = texts.iter().filter(|(_, text)| !is_word(text, LONGEST_NAME));
    let allowed = || format!("must have 1 to {LONGEST_NAME} characters, none of them a control character");
    wrong.fold(None, |problem: Option<Problem>, (pointer, _)| Some(start(problem).at(pointer, allowed())))
}

fn start(problem: Option<Problem>) -> Problem {
    problem.unwrap_or_else(|| Problem::unprocessable("The request can't be taken as it is: see errors."))
}

/// Sends a message to a warehouse, under this request's id.
async fn send<T: Serialize>(
    context: &Context<Settings>,
    (kind, warehouse, subject): (&str, &str, &str),
    request: &str,
    headers: &HeaderMap,
    value: &T,
) -> Result<(), Problem> {
    tracing::info!(kind, subject, request_id = request, "a request");
    let (topic, now) = (topics::INVENTORY_COMMANDS, Timestamp::now());
    let message = Outgoing::event(topic, warehouse, kind, request, subject, now, value);
    Ok(context.commands.send(&message.with(header::TRACEPARENT, trace_of(headers))).await?)
}

/// Waits until the view shows it so.
async fn seen<T: Send + 'static>(
    context: &Context<Settings>,
    key: &str,
    so: impl Fn(&Inventory) -> Option<T> + Send + 'static,
) -> Result<T, Problem> {
    let wanted = key.to_owned();
    let found = move |db: &rusqlite::Connection| Ok(view::entity(db, &wanted)?.as_ref().and_then(&so));
    context.view.until(key, WRITING, found).await?.ok_or_else(|| {
        let waited = WRITING.as_secs();
        Problem::unavailable(format!(
            "It was taken and is not seen yet after {waited} s. Look at it, or send it again."
        ))
    })
}

#[cfg(test)]
mod tests {
    use common::http::check_description;
    use utoipa::OpenApi as _;

    use super::*;
    use crate::movement::Account;
    use crate::shipment::ShipmentStatus;

    #[test]
    fn the_description_leads_nowhere_else_and_knows_every_status() {
        let description = serde_json::to_value(Description::openapi()).unwrap();
        let text = description.to_string();
        let statuses = ShipmentStatus::ALL.map(ShipmentStatus::name);
        for name in statuses.into_iter().chain(Account::ALL.map(Account::name)).chain(["expired", "restocked"]) {
            assert!(text.contains(&format!("\"{name}\"")), "{name}");
        }
        check_description(&description).unwrap();
        assert!(text.contains("several warehouses are out of scope"));
    }

    #[test]
    fn all_texts_that_are_wrong_are_named() {
        let wrong = fault(&[("/by", ""), ("/why", "because"), ("/note", "a\u{7}")]).unwrap();
        let wrong = serde_json::to_value(wrong).unwrap();
        let places: Vec<_> = wrong["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
        assert_eq!(places, ["#/by", "#/note"]);
        assert!(fault(&[("/by", "ana")]).is_none());
    }
}

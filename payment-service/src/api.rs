//! The HTTP API: one payment, and the list of them. Payments change through messages only.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use common::http::{Params, PathId, Problem};
use common::ids::OrderId;
use common::money::Amount;
use common::service::Context;
use serde::{Deserialize, Serialize};

use crate::payment::{Event, Payment, key};
use crate::program::Settings;
use crate::provider::ProviderKind;
use crate::view::{self, Listed};

const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;

/// The routes.
pub fn router(context: Context<Settings>) -> Router {
    Router::new().route("/payments", get(list)).route("/payments/{order}", get(one)).with_state(context)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PaymentBody {
    order_id: OrderId,
    payment_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    provider: ProviderKind,
    history: Vec<Event>,
}

impl From<Payment> for PaymentBody {
    fn from(payment: Payment) -> Self {
        Self {
            order_id: payment.order,
            payment_id: payment.id(),
            status: payment.status.name(),
            amount: payment.price.as_ref().map(|price| Amount(price.amount_minor)),
            currency: payment.price.map(|price| price.currency),
            provider: payment.provider,
            history: payment.history,
        }
    }
}

async fn one(State(context): State<Context<Settings>>, PathId(order): PathId) -> Result<Json<PaymentBody>, Problem> {
    match context.view.entity::<Payment>(&key(order)).await? {
        Some(payment) => Ok(Json(payment.into())),
        None => Err(Problem::not_found(format!("There is no payment for order {order}."))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    status: Option<String>,
    before: Option<OrderId>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct ListBody {
    items: Vec<Listed>,
    /// The query's `before` for the next page, if this one is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn list(State(context): State<Context<Settings>>, Params(page): Params<Page>) -> Result<Json<ListBody>, Problem> {
    let limit = page.limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Problem::bad_request(format!(
            "The query's limit is {limit}; it must be from 1 to {LARGEST_PAGE}."
        )));
    }
    let items = context.view.read(move |db| view::list(db, page.status.as_deref(), page.before, limit)).await?;
    let full = items.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = items.last().filter(|_| full).map(|last| last.order_id.clone());
    Ok(Json(ListBody { items, next }))
}

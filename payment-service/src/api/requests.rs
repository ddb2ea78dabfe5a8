//! Sends the operators' requests as messages, and waits for their effect in this instance's view.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use common::http::{Body, Problem, trace_of};
use common::ids::OrderId;
use common::messages::{Outgoing, header};
use common::money::Decimal;
use common::service::Context;
use common::time::Timestamp;
use common::topics;
use http_body::Body as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::entity::{Payment, key};
use crate::messages::{OPERATOR_COMMAND, OperatorAction, OperatorCommand};
use crate::settings::Settings;
use crate::view;

/// The longest text, and the longest idempotency key, in bytes.
const LONGEST: usize = 200;
/// The client's id of its request (draft-ietf-httpapi-idempotency-key-header): sent again, it is the same request.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// An optional JSON body.
pub(super) struct OptionalBody<T>(pub(super) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if request.body().size_hint().exact() == Some(0) && !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(Self(T::default()));
        }
        Body::from_request(request, state).await.map(|Body(value)| Self(value))
    }
}

/// Sends an [`OperatorCommand`].
pub(super) async fn send_command(
    context: &Context<Settings>,
    order: OrderId,
    action: OperatorAction,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let command = OperatorCommand { order_id: order, action };
    let id = Uuid::new_v4().to_string();
    send(context, event(topics::PAYMENT_COMMANDS, OPERATOR_COMMAND, order, id, headers, &command)).await
}

/// A message about an order, with the trace of the request.
pub(super) fn event<T: Serialize>(
    topic: &'static str,
    kind: &str,
    order: OrderId,
    id: String,
    headers: &HeaderMap,
    value: &T,
) -> Outgoing {
    let order = order.to_string();
    let message = Outgoing::event(topic, &order, kind, id, &order, Timestamp::now(), value);
    message.caused_by(Some(&trace_of(headers)))
}

pub(super) async fn send(context: &Context<Settings>, message: Outgoing) -> Result<(), Problem> {
    let order_id = message.headers.get(header::SUBJECT);
    tracing::info!(order_id, kind = message.headers.get(header::TYPE), "an operator changes a payment");
    Ok(context.commands.send(&message).await?)
}

/// Waits until the view has a payment that meets the condition; `None` after `at_most`.
pub(super) async fn wait_at_most(
    context: &Context<Settings>,
    order: OrderId,
    at_most: Duration,
    condition: impl Fn(&Payment) -> bool + Send + 'static,
) -> Result<Option<Payment>, Problem> {
    let found = move |db: &rusqlite::Connection| Ok(view::payment(db, order)?.filter(|payment| condition(payment)));
    Ok(context.view.until(&key(order), at_most, found).await?)
}

/// Waits until the view has a payment that meets the condition.
pub(super) async fn wait(
    context: &Context<Settings>,
    order: OrderId,
    condition: impl Fn(&Payment) -> bool + Send + 'static,
) -> Result<Payment, Problem> {
    wait_at_most(context, order, context.effect_timeout, condition).await?.ok_or_else(|| {
        let waited = context.effect_timeout.as_secs_f64();
        Problem::unavailable(format!("The request had no effect within {waited} s. Read the payment, or try again."))
    })
}

/// The `amount` of the body in minor units of the payment's currency.
pub(super) fn minor(payment: &Payment, amount: Decimal) -> Result<i64, Problem> {
    let invalid = |why: String| Problem::unprocessable("The request is invalid: see errors.").at("/amount", why);
    amount.minor(payment.digits()).map_err(invalid)
}

/// Checks a text of the body at `pointer`.
pub(super) fn text(pointer: &str, text: String) -> Result<String, Problem> {
    if text.trim().is_empty() || text.len() > LONGEST || text.contains(char::is_control) {
        let allowed = format!("must be of 1 to {LONGEST} bytes, without control characters");
        return Err(Problem::unprocessable("The request is invalid: see errors.").at(pointer, allowed));
    }
    Ok(text)
}

/// The `Idempotency-Key`, or a new id.
pub(super) fn request_id(request: &HeaderMap) -> Result<String, Problem> {
    let Some(value) = request.get(IDEMPOTENCY_KEY) else { return Ok(Uuid::new_v4().to_string()) };
    let text = value.to_str().ok().map(str::trim).filter(|text| !text.is_empty() && text.len() <= LONGEST);
    text.map(str::to_owned).ok_or_else(|| {
        Problem::bad_request(format!("Idempotency-Key must be 1 to {LONGEST} visible ASCII characters."))
    })
}

//! What people do about payments. All of it is sent as messages, and answered when this instance's view shows what
//! became of it. That a payment is approved, declined or called off is said on `payment-results`, where the
//! orchestrator hears it too, in the same order; what concerns the payment alone goes to `payment-commands`.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use common::http::{Body, PathId, Problem, trace_of};
use common::ids::{self, OrderId};
use common::messages::{Outgoing, header};
use common::money::Amount;
use common::service::Context;
use common::time::Timestamp;
use common::topics;
use http_body::Body as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::find;
use super::shown::{PaymentBody, RefundBody};
use crate::handler::{ASKED, Ask, PaymentAsked};
use crate::payment::partial::PartialRefund;
use crate::payment::{Payment, Status, key};
use crate::program::Settings;
use crate::provider::{Capture, ProviderKind};
use crate::results::{PAYMENT_RESULT, PaymentResult, Verdict};
use crate::view;

/// How long an act may take to be seen.
const ACTING: Duration = Duration::from_secs(10);
/// How long a refund may take before it is answered that the provider is being asked.
const REFUNDING: Duration = Duration::from_secs(5);
/// The longest text, and the longest idempotency key, in bytes.
const LONGEST: usize = 200;
/// The client's name for its request (draft-ietf-httpapi-idempotency-key-header): sent again, it is the same act.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A JSON body that may be left out.
pub(super) struct Maybe<T>(T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for Maybe<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if request.body().size_hint().exact() == Some(0) && !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(Self(T::default()));
        }
        Body::from_request(request, state).await.map(|Body(value)| Self(value))
    }
}

/// Why.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// For the payment's history.
    #[schema(max_length = 200)]
    reason: Option<String>,
}

/// How much to capture; all of it where it is not said.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = CaptureAsked)]
#[serde(deny_unknown_fields)]
pub(super) struct CaptureBody {
    #[schema(value_type = Option<f64>)]
    amount: Option<Amount>,
}

/// A part of a payment, or what is left of it, to be given back.
#[derive(Deserialize, ToSchema)]
#[schema(as = RefundAsked)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundWanted {
    /// By which it is known: asked for again, it is the same refund. Left out: the header `Idempotency-Key`, or a new
    /// one.
    #[schema(min_length = 1, max_length = 200)]
    id: Option<String>,
    /// How much; all that is left where it is not said.
    #[schema(value_type = Option<f64>)]
    amount: Option<Amount>,
    /// Why.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// A person says that a payment with the manual provider is paid (or, where it is to be captured, authorized). Answers
/// the payment as it stands then.
#[utoipa::path(post, path = "/payments/{id}/approve", params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    responses((status = 200, body = PaymentBody), (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "It can't be approved by hand, or not any more.")))]
pub(super) async fn approve(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    headers: HeaderMap,
) -> Result<Json<PaymentBody>, Problem> {
    let payment = by_hand(&context, order).await?;
    let (status, ended) = match payment.capture {
        Capture::Automatic => (Verdict::Approved, Status::Approved),
        Capture::Manual => (Verdict::Authorized, Status::Authorized),
    };
    if payment.status == ended {
        return Ok(Json(PaymentBody::whole(&payment)));
    }
    say(&context, payment, status, None, &headers).await
}

/// A person says that a payment with the manual provider is not paid. Answers the payment as it stands then.
#[utoipa::path(post, path = "/payments/{id}/decline", params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    request_body(content = Option<Why>),
    responses((status = 200, body = PaymentBody), (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "It can't be declined by hand, or not any more.")))]
pub(super) async fn decline(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    headers: HeaderMap,
    Maybe(why): Maybe<Why>,
) -> Result<Json<PaymentBody>, Problem> {
    let payment = by_hand(&context, order).await?;
    if payment.status == Status::Declined {
        return Ok(Json(PaymentBody::whole(&payment)));
    }
    let reason = why.reason.map(|reason| text("/reason", reason)).transpose()?;
    say(&context, payment, Verdict::Declined, reason, &headers).await
}

/// Calls a payment off that is not paid yet: it is declined, and the provider asked to let it go. Paid all the same, it
/// is given back. Answers the payment as it stands then.
#[utoipa::path(post, path = "/payments/{id}/cancel", params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    request_body(content = Option<Why>),
    responses((status = 200, body = PaymentBody), (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "It is too late for that.")))]
pub(super) async fn cancel(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    headers: HeaderMap,
    Maybe(why): Maybe<Why>,
) -> Result<Json<PaymentBody>, Problem> {
    let payment = find(&context, order).await?;
    if matches!(payment.status, Status::Declined | Status::Cancelled) {
        return Ok(Json(PaymentBody::whole(&payment)));
    }
    let reason = why.reason.map(|reason| text("/reason", reason)).transpose()?;
    let reason = reason.map_or_else(|| "cancelled".to_owned(), |reason| format!("cancelled: {reason}"));
    say(&context, payment, Verdict::Declined, Some(reason), &headers).await
}

/// Captures a payment that is authorized. Answers the payment as it stands then.
#[utoipa::path(post, path = "/payments/{id}/capture", params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    request_body(content = Option<CaptureBody>),
    responses((status = 200, body = PaymentBody), (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "It is not authorized, or the provider won't.")))]
pub(super) async fn capture(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    headers: HeaderMap,
    Maybe(CaptureBody { amount }): Maybe<CaptureBody>,
) -> Result<Json<PaymentBody>, Problem> {
    let payment = find(&context, order).await?;
    if payment.status == Status::Approved {
        return Ok(Json(PaymentBody::whole(&payment)));
    }
    if payment.status != Status::Authorized {
        return Err(too_late("captured", &payment.status));
    }
    let price = payment.price.as_ref().map_or(0, |price| price.amount_minor);
    if let Some(Amount(amount)) = amount.filter(|amount| !(1..=price).contains(&amount.0)) {
        let allowed = format!("must be from 0.01 to {}, what is authorized", Amount(price));
        return Err(Problem::unprocessable(format!("{} can't be captured.", Amount(amount))).at("/amount", allowed));
    }
    let (before, what) = (payment.captures(), Ask::Capture { amount_minor: amount.map(|amount| amount.0) });
    ask(&context, order, what, &headers).await?;
    let done = move |payment: &Payment| {
        payment.captures() > before && !matches!(payment.status, Status::Capturing { .. })
            || payment.status == Status::Approved
    };
    let payment = seen(&context, order, done).await?;
    if payment.status == Status::Authorized {
        let why = payment.history.last().map_or("it was not captured", |event| &event.what);
        return Err(Problem::conflict(format!("It stands as before: {why}.")));
    }
    Ok(Json(PaymentBody::whole(&payment)))
}

/// Gives a part of a paid payment back, or what is left of it.
#[utoipa::path(post, path = "/payments/{id}/refunds", params(("id" = uuid::Uuid, Path, description = "The order's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The refund's id, where the body has none.")),
    request_body = RefundWanted,
    responses((status = 201, body = RefundBody), (status = 200, body = RefundBody, description = "It was given back before."),
        (status = 202, body = RefundBody, description = "The provider is being asked."),
        (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "It can't be given back.")))]
pub(super) async fn refund(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    headers: HeaderMap,
    Body(wanted): Body<RefundWanted>,
) -> Result<Response, Problem> {
    let payment = find(&context, order).await?;
    let reason = Some(text("/reason", wanted.reason)?);
    let id = match wanted.id {
        Some(id) => text("/id", id)?,
        None => request_id(&headers)?,
    };
    let amount_minor = wanted.amount.map(|amount| amount.0);
    let known = payment.partial_refunds.iter().find(|part| part.id == id && part.is_done());
    if let Some(known) = known.filter(|known| amount_minor.is_none_or(|amount| amount == known.amount_minor)) {
        return Ok((StatusCode::OK, Json(RefundBody::of(known))).into_response());
    }
    if amount_minor.is_some_and(|amount| amount <= 0) {
        return Err(Problem::unprocessable("That can't be given back.").at("/amount", "must be more than 0"));
    }
    let what = Ask::Refund { refund_id: id.clone(), amount_minor, reason };
    let refused = payment.refusals();
    ask(&context, order, what, &headers).await?;
    let wanted = id.clone();
    let settled = move |payment: &Payment| {
        let part = payment.partial_refunds.iter().find(|part| part.id == wanted);
        let other = |amount_minor: i64| part.is_some_and(|part| part.amount_minor != amount_minor);
        payment.refusals() > refused || part.is_some_and(PartialRefund::is_done) || amount_minor.is_some_and(other)
    };
    let payment = match look(&context, order, REFUNDING, settled).await? {
        Some(payment) => payment,
        None => find(&context, order).await?,
    };
    let unseen =
        || Problem::unavailable("What became of the refund is not seen yet. Look at the payment, or ask again.");
    let part = payment.partial_refunds.iter().find(|part| part.id == id).ok_or_else(unseen)?;
    if let Some(amount) = amount_minor.filter(|amount| *amount != part.amount_minor) {
        let other = Amount(part.amount_minor);
        return Err(Problem::conflict(format!("Refund {id} is one of {other}, and not of {}.", Amount(amount))));
    }
    match part.refusal() {
        Some(why) => Err(Problem::conflict(format!("It can't be given back: {why}."))),
        None if part.is_done() => Ok((StatusCode::CREATED, Json(RefundBody::of(part))).into_response()),
        None => Ok((StatusCode::ACCEPTED, Json(RefundBody::of(part))).into_response()),
    }
}

/// A payment whose result a person says.
async fn by_hand(context: &Context<Settings>, order: OrderId) -> Result<Payment, Problem> {
    let payment = find(context, order).await?;
    match payment.provider {
        ProviderKind::Manual => Ok(payment),
        other @ (ProviderKind::Simulated | ProviderKind::Stripe) => {
            let name = other.name();
            Err(Problem::conflict(format!(
                "The provider {name} says how this payment ends; by hand only those of manual."
            )))
        }
    }
}

fn too_late(what: &str, status: &Status) -> Problem {
    Problem::conflict(format!("The payment is {} and can't be {what}.", status.name()))
}

/// Says on `payment-results` how a payment ended, and waits until it is seen.
async fn say(
    context: &Context<Settings>,
    payment: Payment,
    status: Verdict,
    reason: Option<String>,
    headers: &HeaderMap,
) -> Result<Json<PaymentBody>, Problem> {
    if !payment.can_be_cancelled() {
        return Err(too_late("settled by hand", &payment.status));
    }
    let (order, before) = (payment.order, payment.status.clone());
    let result = PaymentResult { order_id: order, status, reason, payment_id: Some(payment.id()), reference: None };
    let id = ids::derive(&["payment.result", &order.to_string(), &request_id(headers)?]).to_string();
    send(context, topics::PAYMENT_RESULTS, PAYMENT_RESULT, order, id, headers, &result).await?;
    let name = before.name();
    let payment = seen(context, order, move |payment: &Payment| payment.status.name() != name).await?;
    Ok(Json(PaymentBody::whole(&payment)))
}

async fn ask(context: &Context<Settings>, order: OrderId, what: Ask, headers: &HeaderMap) -> Result<(), Problem> {
    let asked = PaymentAsked { order_id: order, what };
    let id = Uuid::new_v4().to_string();
    send(context, topics::PAYMENT_COMMANDS, ASKED, order, id, headers, &asked).await
}

async fn send<T: Serialize>(
    context: &Context<Settings>,
    topic: &'static str,
    kind: &str,
    order: OrderId,
    id: String,
    headers: &HeaderMap,
    value: &T,
) -> Result<(), Problem> {
    tracing::info!(order_id = %order, kind, "a person acts on a payment");
    let order = order.to_string();
    let message = Outgoing::event(topic, &order, kind, id, &order, Timestamp::now(), value);
    Ok(context.commands.send(&message.with(header::TRACEPARENT, trace_of(headers))).await?)
}

/// Waits until the view shows the payment so.
async fn look(
    context: &Context<Settings>,
    order: OrderId,
    at_most: Duration,
    so: impl Fn(&Payment) -> bool + Send + 'static,
) -> Result<Option<Payment>, Problem> {
    let found = move |db: &rusqlite::Connection| Ok(view::payment(db, order)?.filter(|payment| so(payment)));
    Ok(context.view.until(&key(order), at_most, found).await?)
}

async fn seen(
    context: &Context<Settings>,
    order: OrderId,
    so: impl Fn(&Payment) -> bool + Send + 'static,
) -> Result<Payment, Problem> {
    look(context, order, ACTING, so).await?.ok_or_else(|| {
        let waited = ACTING.as_secs();
        Problem::unavailable(format!(
            "What became of it is not seen after {waited} s. Look at the payment, or ask again."
        ))
    })
}

fn text(pointer: &str, text: String) -> Result<String, Problem> {
    if text.trim().is_empty() || text.len() > LONGEST || text.contains(char::is_control) {
        let allowed = format!("must be of 1 to {LONGEST} bytes, without control characters");
        return Err(Problem::unprocessable("The request can't be taken as it is: see errors.").at(pointer, allowed));
    }
    Ok(text)
}

fn request_id(request: &HeaderMap) -> Result<String, Problem> {
    let Some(value) = request.get(IDEMPOTENCY_KEY) else { return Ok(Uuid::new_v4().to_string()) };
    let text = value.to_str().ok().map(str::trim).filter(|text| !text.is_empty() && text.len() <= LONGEST);
    text.map(str::to_owned).ok_or_else(|| {
        Problem::bad_request(format!("Idempotency-Key must be 1 to {LONGEST} visible ASCII characters."))
    })
}

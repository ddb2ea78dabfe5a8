//! `POST /simulated/actions/{id}`: what a customer does for a payment with the simulated provider.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use common::http::{Body, PathId, Problem};
use common::service::Context;
use serde::Deserialize;
use utoipa::ToSchema;

use super::operations::settle;
use super::query::find;
use super::representation::PaymentBody;
use crate::entity::status::Status;
use crate::messages::Verdict;
use crate::provider::call::{Capture, ProviderKind};
use crate::settings::Settings;

/// The outcome of a customer's action.
#[derive(Deserialize, ToSchema)]
#[schema(as = SimulatedAction)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionOutcomeBody {
    outcome: ActionOutcome,
}

/// `complete`: the customer did it; `fail`: the customer did it wrong.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = SimulatedOutcome)]
#[serde(rename_all = "lowercase")]
enum ActionOutcome {
    Complete,
    Fail,
}

/// Completes or fails the action that a payment with the simulated provider waits for: an amount ending in .33 has one.
/// Returns the changed payment.
#[utoipa::path(post, path = "/simulated/actions/{id}",
    params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    request_body = ActionOutcomeBody,
    responses((status = 200, body = PaymentBody), (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "It waits for no action, or it is not with the simulated provider.")))]
pub(super) async fn act(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    headers: HeaderMap,
    Body(body): Body<ActionOutcomeBody>,
) -> Result<Json<PaymentBody>, Problem> {
    let payment = find(&context, order).await?;
    if payment.provider.kind != ProviderKind::Simulated {
        let provider = payment.provider.kind.name();
        return Err(Problem::conflict(format!("The payment is with the provider {provider}, not with simulated.")));
    }
    let (verdict, status) = match (body.outcome, payment.capture_mode()) {
        (ActionOutcome::Fail, _) => (Verdict::Declined, Status::Declined),
        (ActionOutcome::Complete, Capture::Automatic) => (Verdict::Approved, Status::Approved),
        (ActionOutcome::Complete, Capture::Manual) => (Verdict::Authorized, Status::Authorized),
    };
    if payment.status == status {
        return Ok(Json(PaymentBody::full(&payment)));
    }
    if payment.action.required.is_none() {
        let status = payment.status.name();
        return Err(Problem::conflict(format!("The payment is {status} and waits for no action of the customer.")));
    }
    let reason = (verdict == Verdict::Declined).then(|| "the customer's action failed (simulated)".to_owned());
    settle(&context, &payment, verdict, reason, &headers).await
}

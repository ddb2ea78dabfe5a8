//! Requests to change an order: sent as a message, then awaited until the view shows their effect.

use axum::http::HeaderMap;
use common::http::{Problem, trace_of};
use common::ids::OrderId;
use common::messages::Outgoing;
use common::service::Context;
use common::time::Timestamp;
use common::topics;
use serde::Serialize;
use uuid::Uuid;

use super::body::path;
use crate::order::limits::{forbidden_character, forbids};
use crate::order::{self, Order};
use crate::settings::Settings;
use crate::view;

/// The reason of a customer who gives none.
const NO_REASON: &str = "no reason given";

/// A request to change an order.
pub(super) struct OrderRequest<'a, T> {
    pub(super) order_id: OrderId,
    /// The HTTP request's headers, for the trace.
    pub(super) headers: &'a HeaderMap,
    /// The `ce_type` of the message.
    pub(super) kind: &'static str,
    pub(super) value: &'a T,
}

impl<T: Serialize> OrderRequest<'_, T> {
    /// Sends the request, and returns the order once `is_applied` is true for it.
    ///
    /// # Errors
    /// 503 with the order's address on timeout.
    pub(super) async fn send(
        &self,
        context: &Context<Settings>,
        is_applied: impl Fn(&Order) -> bool + Send + 'static,
    ) -> Result<Order, Problem> {
        let id = self.order_id.to_string();
        // Each request has an id of its own: the rules ignore repetitions.
        let message_id = Uuid::new_v4().to_string();
        let now = Timestamp::now();
        let message = Outgoing::event(topics::ORDER_COMMANDS, &id, self.kind, message_id, &id, now, self.value);
        context.commands.send(&message.caused_by(Some(&trace_of(self.headers)))).await?;
        let key = order::key(self.order_id);
        let wanted = key.clone();
        let applied = move |connection: &_| Ok(view::state(connection, &wanted)?.filter(&is_applied));
        context.view.until(&key, context.effect_timeout, applied).await?.ok_or_else(|| {
            let waited = context.effect_timeout.as_secs_f64();
            let detail = format!("The request was accepted, but it has no effect after {waited} s.");
            Problem::unavailable(detail).with("location", path(self.order_id))
        })
    }
}

/// The customer's reason, trimmed.
///
/// # Errors
/// 422 if it has more than `max_chars` characters, or one that is not allowed.
pub(super) fn reason(given: Option<String>, max_chars: usize) -> Result<String, Problem> {
    let given = given.unwrap_or_default();
    let text = given.trim();
    let invalid = |detail| Problem::unprocessable("The request is invalid: see errors.").at("/reason", detail);
    if text.chars().count() > max_chars {
        return Err(invalid(format!("is longer than {max_chars} characters")));
    }
    if let Some(character) = forbidden_character(text) {
        return Err(invalid(forbids(character)));
    }
    Ok(if text.is_empty() { NO_REASON.to_owned() } else { text.to_owned() })
}

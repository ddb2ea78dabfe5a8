//! What a customer asks of an order by HTTP: said on the order's commands, and waited for until the order shows that it
//! was heard.

use std::time::Duration;

use axum::http::HeaderMap;
use common::http::{Problem, trace_of};
use common::ids::OrderId;
use common::messages::{Outgoing, header};
use common::service::Context;
use common::time::Timestamp;
use common::topics;
use serde::Serialize;
use uuid::Uuid;

use crate::order::{Order, key};
use crate::program::Settings;
use crate::representation::path;
use crate::view;

/// How long it is waited.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks, and gives the order once it shows that it has `heard`.
///
/// # Errors
/// 503 with the order's address when it is not known in time whether it was heard.
pub(crate) async fn ask<T: Serialize>(
    context: &Context<Settings>,
    id: OrderId,
    headers: &HeaderMap,
    (kind, value): (&str, &T),
    heard: impl Fn(&Order) -> bool + Send + 'static,
) -> Result<Order, Problem> {
    let (text, now) = (id.to_string(), Timestamp::now());
    // A request of its own each time: what the order has heard before changes nothing.
    let message_id = Uuid::new_v4().to_string();
    let message = Outgoing::event(topics::ORDER_COMMANDS, &text, kind, message_id, &text, now, value);
    context.commands.send(&message.with(header::TRACEPARENT, trace_of(headers))).await?;
    let key = key(&text);
    let wanted = key.clone();
    let shown = move |connection: &_| Ok(view::state(connection, &wanted)?.filter(&heard));
    context.view.until(&key, PATIENCE, shown).await?.ok_or_else(|| {
        let detail = format!("The request was taken and is not carried out yet after {} s.", PATIENCE.as_secs());
        Problem::unavailable(detail).with("location", path(id))
    })
}

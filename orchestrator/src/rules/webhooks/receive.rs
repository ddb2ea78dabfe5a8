//! Events that are published: each goes to the subscriptions that want it, as a CloudEvent in JSON.

use common::bounds::json_bytes;
use common::ids;
use common::messages::{Message, Unreadable, header};
use common::time::Timestamp;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::context::WebhookContext;
use super::{dispatch, store};
use crate::entity::webhooks::pattern::TEST_EVENT;
use crate::entity::webhooks::{EventBody, QueuedEvent, Webhook};
use crate::messages::webhooks::TestWebhook;

/// What events that an operator sends are about.
const TEST_ORDER: &str = "test";
/// The longest name of a queue; a longer key is replaced by an id that derives from it.
const ORDER_BYTES: usize = 64;

/// The longest type and the longest id of an event, in bytes.
const KIND_BYTES: usize = 64;
const ID_BYTES: usize = 64;

/// A CloudEvent in structured JSON mode.
#[derive(Serialize)]
struct CloudEvent<'e, T> {
    specversion: &'static str,
    id: &'e str,
    source: &'e str,
    #[serde(rename = "type")]
    kind: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'e str>,
    time: String,
    datacontenttype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'e str>,
    data: T,
}

/// An event to be delivered.
struct NewEvent {
    order: String,
    event: QueuedEvent,
    body: String,
}

/// Queues an event for the subscriptions that want it. A repetition of one that waits or was given up changes nothing.
///
/// # Errors
/// [`Unreadable`]: a subscription wants it, and it is no JSON, or longer than any event.
pub fn event(ctx: &mut WebhookContext<'_, '_>, message: &Message) -> Result<(), Unreadable> {
    let Some(index) = store::index(ctx.tx) else { return Ok(()) };
    let ids = index.ids.clone();
    let kind = message.kind().unwrap_or_default();
    let time = message.header(header::TIME).and_then(|text| Timestamp::parse(text).ok()).unwrap_or(message.timestamp);
    let wants = |webhook: &Webhook| {
        let subscription = &webhook.subscription;
        subscription.is_enabled() && subscription.created <= time && subscription.wants(kind)
    };
    let wanting: Vec<String> = ids.into_iter().filter(|id| store::webhook(ctx.tx, id).is_some_and(wants)).collect();
    if wanting.is_empty() {
        return Ok(());
    }
    let new = read(message, kind, time)?;
    for id in wanting {
        deliver(ctx, &id, &new);
    }
    Ok(())
}

fn read(message: &Message, kind: &str, time: Timestamp) -> Result<NewEvent, Unreadable> {
    if kind.len() > KIND_BYTES {
        return Err(Unreadable::TooLong { what: "type", bytes: kind.len(), most: KIND_BYTES });
    }
    let value = message.value.as_deref().ok_or(Unreadable::Empty)?;
    let data: &RawValue =
        serde_json::from_slice(value).map_err(|error| Unreadable::Malformed(format!("it is no JSON: {error}")))?;
    let id = plain(message.id());
    let body = CloudEvent {
        specversion: "1.0",
        id: &id,
        source: message.header(header::SOURCE).unwrap_or("unknown"),
        kind,
        subject: message.header(header::SUBJECT),
        time: time.to_string(),
        datacontenttype: "application/json",
        traceparent: message.traceparent(),
        data,
    };
    let bytes = json_bytes(&body);
    if bytes > EventBody::MOST_BYTES {
        return Err(Unreadable::TooLong { what: "event", bytes, most: EventBody::MOST_BYTES });
    }
    let body = serde_json::to_string(&body).map_err(|error| Unreadable::Malformed(error.to_string()))?;
    let key = message.key.as_ref().and_then(|key| key.text()).or_else(|| message.header(header::SUBJECT));
    let key = key.unwrap_or_default();
    let order = if key.len() <= ORDER_BYTES { key.to_owned() } else { ids::derive(&[key]).to_string() };
    Ok(NewEvent { order, event: QueuedEvent { id, kind: kind.to_owned(), time }, body })
}

/// An id that fits a header; any other is replaced by one that derives from it.
fn plain(id: String) -> String {
    let is_plain = id.len() <= ID_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain { id } else { ids::derive(&["webhook-event", &id]).to_string() }
}

fn deliver(ctx: &mut WebhookContext<'_, '_>, id: &str, new: &NewEvent) {
    if store::body(ctx.tx, id, &new.event.id).is_some() {
        return;
    }
    let Some(mut webhook) = store::take_webhook(ctx.tx, id) else { return };
    store::put_body(ctx.tx, id, &new.event.id, new.body.clone());
    dispatch::push(ctx, &mut webhook, &new.order, new.event.clone());
    dispatch::dispatch(ctx, &mut webhook);
    store::put_webhook(ctx.tx, webhook);
}

/// Queues an event that tries a subscription.
pub fn test(ctx: &mut WebhookContext<'_, '_>, request: &TestWebhook, message: &str) {
    let is_enabled = store::webhook(ctx.tx, &request.webhook).is_some_and(|known| known.subscription.is_enabled());
    if !is_enabled {
        return;
    }
    let id = test_id(message);
    let event = CloudEvent {
        specversion: "1.0",
        id: &id,
        source: "orchestrator",
        kind: TEST_EVENT,
        subject: Some(&request.webhook),
        time: ctx.now.to_string(),
        datacontenttype: "application/json",
        traceparent: None,
        data: json!({ "webhookId": request.webhook, "at": ctx.now.to_string() }),
    };
    let Ok(body) = serde_json::to_string(&event) else { return };
    let event = QueuedEvent { id: id.clone(), kind: TEST_EVENT.to_owned(), time: ctx.now };
    deliver(ctx, &request.webhook, &NewEvent { order: TEST_ORDER.to_owned(), event, body });
}

/// The id of the event of a request to try a subscription.
pub fn test_id(request: &str) -> String {
    ids::derive(&["webhook-test", request]).to_string()
}

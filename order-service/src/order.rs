//! What the order service decides: an order is placed once and ends once. Pure; which step comes in between is the
//! orchestrator's business.

use std::fmt;
use std::num::NonZeroU32;

use common::ids::{self, OrderId};
use common::journal::{Entity, Handler, Nothing, Trigger, World};
use common::messages::{Message, Outgoing, Reply, Unreadable, header};
use common::time::Timestamp;
use common::topics;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cancel::{CANCEL, Cancellation, cancel};

/// `ce_type` of the message that places an order (from the HTTP API).
pub const PLACE: &str = "order.place";
/// `ce_type` of the command by which the orchestrator tells how an order ended.
pub const CONCLUDE: &str = "order.conclude";
/// `ce_type` of the event that an order is there.
pub const CREATED: &str = "order.created";

/// Value of `order.place` and of `order.created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    pub order_id: OrderId,
    pub customer_id: Uuid,
    /// What the customer pays, in minor units of `currency`.
    pub amount_minor: i64,
    /// ISO 4217, such as `BRL`.
    pub currency: String,
    pub items: Vec<Item>,
    pub created_at: Timestamp,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub id: String,
    pub name: String,
    /// The price of one, in minor units.
    pub amount_minor: i64,
    pub quantity: NonZeroU32,
}

/// Value of `order.conclude`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conclude {
    pub order_id: OrderId,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// What one step of the saga came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub step: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(default)]
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where an order is.
///
/// ```text
/// pending --> confirmed | rejected | payment_not_completed | cancelled
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Placed; its saga runs.
    Pending,
    /// Paid, and the stock is the customer's.
    Confirmed,
    /// Not possible as ordered (out of stock).
    Rejected,
    /// Not paid; nothing is held for it any more.
    PaymentNotCompleted,
    /// Something else went wrong; all that was done is undone.
    Cancelled,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Confirmed, Self::Rejected, Self::PaymentNotCompleted, Self::Cancelled];

    /// The name as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::PaymentNotCompleted => "payment_not_completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether the saga still has to say how the order ends.
    pub const fn is_pending(self) -> bool {
        match self {
            Self::Pending => true,
            Self::Confirmed | Self::Rejected | Self::PaymentNotCompleted | Self::Cancelled => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An order, as it was placed and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub placed: Placed,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub updated_at: Timestamp,
    /// The customer wants it taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// The saga's steps, known once it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

impl Order {
    /// An order as it begins.
    pub fn new(placed: Placed) -> Self {
        let updated_at = placed.created_at;
        Self { placed, status: Status::Pending, reason: None, updated_at, cancellation: None, steps: Vec::new() }
    }
}

impl Entity for Order {
    /// A pending order waits for its conclusion, so it stays at hand.
    fn is_open(&self) -> bool {
        self.status.is_pending()
    }
}

/// The entity key of an order.
pub fn key(id: &str) -> String {
    format!("order/{id}")
}

/// The order service's decisions.
#[derive(Clone, Copy, Debug)]
pub struct Orders;

impl Handler for Orders {
    type Entity = Order;
    type Act = Nothing;

    fn decide(&self, world: &mut World<'_, Order>, trigger: Trigger<'_>, now: Timestamp) -> Result<(), Unreadable> {
        let message = match trigger {
            Trigger::Message(message) => message,
            Trigger::Claimed | Trigger::Timer(_) => return Ok(()),
        };
        match message.kind() {
            Some(PLACE) => place(world, message, now),
            Some(CONCLUDE) => conclude(world, message, now),
            Some(CANCEL) => cancel(world, message, now),
            other => Err(Unreadable::UnknownType(other.unwrap_or_default().to_owned())),
        }
    }
}

/// A new order begins pending and is announced. A known one stays as it is, and nothing is announced again.
fn place(world: &mut World<'_, Order>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
    let placed: Placed = message.json()?;
    let id = placed.order_id.to_string();
    is_at_home(world, &id)?;
    let key = key(&id);
    if world.get(&key).is_some() {
        return Ok(());
    }
    let event_id = ids::derive(&[&message.id(), "created"]).to_string();
    let created = Outgoing::event(topics::CREATED_ORDERS, &id, CREATED, event_id, &id, now, &placed);
    world.send(created.caused_by(message.header(header::TRACEPARENT)));
    world.put(key, Order::new(placed));
    Ok(())
}

/// The order ends, once. The same ending again is answered as before.
fn conclude(world: &mut World<'_, Order>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
    let ending: Conclude = message.json()?;
    if ending.status.is_pending() {
        return Err(Unreadable::Malformed("status: an order cannot end as pending".to_owned()));
    }
    let id = ending.order_id.to_string();
    is_at_home(world, &id)?;
    let key = key(&id);
    let answer = match world.get(&key).map(|order| order.status) {
        None => refused("unknown_order", format!("there is no order {id}")),
        Some(Status::Pending) => {
            if let Some(order) = world.update(&key) {
                order.status = ending.status;
                order.reason = ending.reason;
                order.steps = ending.steps;
                order.updated_at = now;
            }
            done()
        }
        Some(known) if known == ending.status => done(),
        Some(known) => refused("already_ended", format!("the order is {known} and cannot become {}", ending.status)),
    };
    world.send(Outgoing::reply(message, &id, now, &answer));
    Ok(())
}

/// An order lives on the partition of its id: elsewhere it would have two writers.
pub(crate) fn is_at_home(world: &World<'_, Order>, id: &str) -> Result<(), Unreadable> {
    let home = topics::partition_of(id.as_bytes(), world.partitions());
    if home == world.partition() {
        return Ok(());
    }
    let here = world.partition();
    Err(Unreadable::Malformed(format!("order {id} belongs on partition {home}, not {here}: use its id as the key")))
}

fn done() -> Reply {
    Reply::Ok { data: serde_json::Value::Object(serde_json::Map::new()) }
}

fn refused(reason: &str, detail: String) -> Reply {
    Reply::Refused { reason: reason.to_owned(), detail: Some(detail) }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;

//! A shop for the unit tests: places orders and advances them, one message at a time.

use common::ids::OrderId;
use common::journal::{Memory, Trigger};
use common::messages::{Headers, Message, Outgoing, header};
use common::time::Timestamp;
use common::topics;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::handler::OrderHandler;
use crate::messages::{CONCLUDE, CONFIRM, PLACE, PROGRESS, RETURN, RequestReturn};
use crate::order::entity::OrderEntity;
use crate::order::parts::{Pieces, Return};
use crate::order::{Order, key};

/// The trace of every message.
pub(crate) const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The service with its entities, its clock, and the messages it sent.
#[derive(Default)]
pub(crate) struct Shop {
    pub(crate) handler: OrderHandler,
    pub(crate) entities: Memory<OrderEntity>,
    pub(crate) now: Timestamp,
    pub(crate) sent: Vec<Outgoing>,
    pub(crate) messages: u64,
}

impl Shop {
    /// A shop with one order.
    pub(crate) fn with_order() -> (Self, OrderId) {
        let mut shop = Self::default();
        let order = shop.place(&json!({}));
        (shop, order)
    }

    /// A shop with a fulfilled order of two lines, 3 pieces at 10.00 and 1 at 70.00, for which the customer paid 50.00.
    pub(crate) fn with_fulfilled_order() -> (Self, OrderId) {
        let mut shop = Self::default();
        let items = json!([{"id": "day", "name": "day", "amountMinor": 1_000, "quantity": 3},
            {"id": "tent", "name": "tent", "amountMinor": 7_000, "quantity": 1}]);
        let customer = json!({"name": "Ana", "email": "ana@example.com"});
        let order = shop.place(&json!({"items": items, "amountMinor": 5_000, "customer": customer}));
        shop.conclude(order, &json!({"status": "confirmed"}));
        (shop, order)
    }

    /// Places an order of one ticket for 200.00, with these fields changed.
    pub(crate) fn place(&mut self, fields: &Value) -> OrderId {
        let id = OrderId::generate();
        self.request(PLACE, id, &self.placed(id, fields));
        id
    }

    /// Value of `order.place`.
    pub(crate) fn placed(&self, id: OrderId, fields: &Value) -> Value {
        let items = json!([{"id": "a", "name": "day-one", "amountMinor": 20_000, "quantity": 1}]);
        let value = json!({"orderId": id, "customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a", "amountMinor": 1_050,
            "currency": "BRL", "items": items, "createdAt": self.now});
        with_fields(value, fields)
    }

    /// Reports the status of an order, with a payment or `{}`.
    pub(crate) fn report(&mut self, order: OrderId, status: &str, payment: &Value) {
        let report = json!({"orderId": order, "status": status, "steps": [], "payment": payment});
        self.request(PROGRESS, order, &report);
    }

    /// Confirms a paid order, as sagas of versions 3 and 4 do.
    pub(crate) fn confirm(&mut self, order: OrderId) -> Value {
        self.request(CONFIRM, order, &json!({"orderId": order, "payment": {"status": "approved"}}))
    }

    /// Ends an order.
    pub(crate) fn conclude(&mut self, order: OrderId, fields: &Value) -> Value {
        self.request(CONCLUDE, order, &with_fields(json!({"orderId": order, "steps": []}), fields))
    }

    /// Requests a return.
    pub(crate) fn request_return(&mut self, order_id: OrderId, items: &[(&str, u32)]) -> Return {
        let why = "too loud".to_owned();
        let value = RequestReturn { return_id: Uuid::now_v7(), order_id, items: pieces(items), why, by: None };
        self.request(RETURN, order_id, &serde_json::to_value(&value).unwrap());
        self.order(order_id).returns.last().unwrap().clone()
    }

    /// Handles a message with a new id, and returns its reply, or null.
    pub(crate) fn request(&mut self, kind: &str, order: OrderId, value: &Value) -> Value {
        self.messages += 1;
        let message = message(&format!("m{}", self.messages), kind, order, value);
        let sent = self.handle(&message);
        let reply = sent.iter().find(|message| message.topic == topics::SAGA_REPLIES).map(value_of);
        reply.unwrap_or_default()
    }

    /// Handles a message, and returns what it sends.
    pub(crate) fn handle(&mut self, message: &Message) -> Vec<Outgoing> {
        let sent = self.entities.decide(&self.handler, Trigger::Message(message), self.now);
        self.sent.extend(sent.clone());
        sent
    }

    /// A known order.
    pub(crate) fn order(&self, order: OrderId) -> Order {
        self.find(order).unwrap()
    }

    pub(crate) fn find(&self, order: OrderId) -> Option<Order> {
        self.entities.get(&key(order)).and_then(OrderEntity::order).cloned()
    }

    /// The values of the messages sent to a topic.
    pub(crate) fn sent_to(&self, topic: &str) -> Vec<Value> {
        self.sent.iter().filter(|message| message.topic == topic).map(value_of).collect()
    }

    /// The messages sent with a `ce_type`.
    pub(crate) fn sent_of(&self, kind: &str) -> Vec<&Outgoing> {
        self.sent.iter().filter(|message| message.headers.get(header::TYPE) == Some(kind)).collect()
    }
}

/// A message of the topic `order-commands`.
pub(crate) fn message(id: &str, kind: &str, order: OrderId, value: &Value) -> Message {
    let mut headers = Headers::default();
    headers.push(header::ID, id.to_owned());
    headers.push(header::TYPE, kind.to_owned());
    headers.push(header::TRACEPARENT, TRACE);
    headers.push(header::SAGA_ID, order.to_string());
    headers.push(header::STEP, "ending");
    Message {
        topic: topics::ORDER_COMMANDS.into(),
        partition: 0,
        offset: 7,
        timestamp: Timestamp(0),
        key: Some(order.to_string().into()),
        headers,
        value: Some(value.to_string().into_bytes()),
    }
}

/// The JSON of a sent message.
pub(crate) fn value_of(message: &Outgoing) -> Value {
    serde_json::from_slice(message.value.bytes().unwrap()).unwrap()
}

fn with_fields(mut value: Value, fields: &Value) -> Value {
    value.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    value
}

/// Quantities of items.
pub(crate) fn pieces(items: &[(&str, u32)]) -> Vec<Pieces> {
    items.iter().map(|(id, quantity)| Pieces { id: (*id).to_owned(), quantity: *quantity }).collect()
}

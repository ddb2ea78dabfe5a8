//! A shop for the unit tests: orders placed and taken further, one message at a time.

use common::ids::OrderId;
use common::journal::{Memory, Trigger};
use common::messages::{Headers, Message, Outgoing, header};
use common::time::Timestamp;
use common::topics;
use serde_json::{Value, json};

use crate::invoice::CONFIRM;
use crate::order::entity::Kept;
use crate::order::{Order, Orders, PLACE, key};

/// The shop: its rules, what it keeps, its clock, and what it has sent.
#[derive(Default)]
pub(crate) struct Shop {
    pub(crate) rules: Orders,
    pub(crate) kept: Memory<Kept>,
    pub(crate) now: Timestamp,
    pub(crate) sent: Vec<Outgoing>,
    pub(crate) messages: u64,
}

impl Shop {
    /// Places an order of one ticket for 200.00, with these members of its value other than usual.
    pub(crate) fn places(&mut self, other: &Value) -> OrderId {
        let id = OrderId::generate();
        let items = json!([{"id": "a", "name": "day-one", "amountMinor": 20_000, "quantity": 1}]);
        let mut value = json!({"orderId": id, "customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a", "amountMinor": 1_050,
            "currency": "BRL", "items": items, "createdAt": self.now});
        value.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        self.take(PLACE, id, &value);
        id
    }

    /// Confirms a paid one.
    pub(crate) fn confirms(&mut self, order: OrderId) -> Value {
        self.take(CONFIRM, order, &json!({"orderId": order, "payment": {"status": "approved"}}))
    }

    /// Ends one.
    pub(crate) fn concludes(&mut self, order: OrderId, how: &Value) -> Value {
        let mut value = json!({"orderId": order, "steps": []});
        value.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
        self.take(crate::conclude::CONCLUDE, order, &value)
    }

    /// Takes a message in, and gives the answer to it; null where it is not answered.
    pub(crate) fn take(&mut self, kind: &str, order: OrderId, value: &Value) -> Value {
        self.messages += 1;
        let mut headers = Headers::default();
        headers.push(header::ID, format!("m{}", self.messages));
        headers.push(header::TYPE, kind.to_owned());
        headers.push(header::SAGA_ID, order.to_string());
        let value = Some(value.to_string().into_bytes());
        let (topic, timestamp) = (topics::ORDER_COMMANDS.into(), self.now);
        let message =
            Message { topic, partition: 0, offset: 0, timestamp, key: Some(order.to_string().into()), headers, value };
        let sent = self.kept.decide(&self.rules, Trigger::Message(&message), self.now);
        let reply = sent.iter().find(|message| message.topic == topics::SAGA_REPLIES).map(value_of);
        self.sent.extend(sent);
        reply.unwrap_or_default()
    }

    /// An order as it is.
    pub(crate) fn order(&self, order: OrderId) -> Order {
        self.kept.get(&key(&order.to_string())).and_then(Kept::order).unwrap().clone()
    }

    /// The values of what was sent on a topic.
    pub(crate) fn sent_on(&self, topic: &str) -> Vec<Value> {
        self.sent.iter().filter(|message| message.topic == topic).map(value_of).collect()
    }
}

fn value_of(message: &Outgoing) -> Value {
    serde_json::from_slice(message.value.bytes().unwrap()).unwrap()
}

//! The fixture of unit tests: a warehouse with stock, whose handler runs over a journal in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use common::ids;
use common::journal::{Entity as _, Handler as _, Memory, Transaction, Trigger};
use common::messages::{Headers, Message, Outgoing, header};
use common::time::Timestamp;
use common::topics;
use serde_json::{Value, json};

use crate::entity::{Inventory, Reservation, Shipment, Stock, reservation_key, shipment_key, stock_key};
use crate::handler::Warehouse;
use crate::messages::{
    CANCEL_SHIPMENT, CARRIER_ANSWERED, CHANGE, CONFIRM, EXPECT_RETURN, FORGET_RETURN, RELEASE, RESERVE, RESTOCK, SET,
    SHIP, SHIPMENT_EVENT,
};
use crate::rules::settings::RuleSettings;

pub(crate) const ORDER: &str = "018f3f2a-0000-7000-8000-000000000001";
pub(crate) const OTHER: &str = "018f3f2a-0000-7000-8000-000000000002";
pub(crate) const DAY_ONE: &str = "3852cb18-9c19-4326-ac77-a1a0264bd98c";
pub(crate) const CAMPING: &str = "5c1d7f52-0c5e-4b8b-8a3e-7f9d2b6c4e10";

/// Entities as the release before shipments wrote them: 7 tickets, 4 of them reserved, 3 for [`ORDER`].
const PREVIOUS_RELEASE: [&str; 4] = [
    concat!(
        r#"{"stock":{"itemId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","warehouse":"main","#,
        r#""onHand":7,"reserved":4,"changes":["8e1f"]}}"#,
    ),
    concat!(
        r#"{"reservation":{"orderId":"018f3f2a-0000-7000-8000-000000000001","warehouse":"main","#,
        r#""status":"reserved","items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","#,
        r#""quantity":3}],"at":"2025-10-09T08:53:20.123Z"}}"#,
    ),
    concat!(
        r#"{"reservation":{"orderId":"018f3f2a-0000-7000-8000-000000000002","warehouse":"main","#,
        r#""status":"refused","items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","quantity":99}],"#,
        r#""reason":"out_of_stock","detail":"99 wanted","at":"2025-10-09T08:53:20.123Z"}}"#,
    ),
    concat!(
        r#"{"reservation":{"orderId":"018f3f2a-0000-7000-8000-000000000003","warehouse":"main","#,
        r#""status":"confirmed","items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","#,
        r#""quantity":2}],"at":"2025-10-09T08:53:20.123Z"}}"#,
    ),
];

pub(crate) fn message(kind: &str, value: &Value) -> Message {
    let mut headers = Headers::default();
    headers.push(header::TYPE, kind);
    headers.push(header::ID, ids::derive(&[kind, &value.to_string()]).to_string());
    Message {
        topic: topics::INVENTORY_COMMANDS.into(),
        partition: 0,
        offset: 1,
        timestamp: Timestamp(0),
        key: Some("main".into()),
        headers,
        value: Some(value.to_string().into_bytes()),
    }
}

/// A warehouse with 10 tickets for day one and 2 for camping.
pub(crate) struct TestWarehouse {
    pub handler: Warehouse,
    pub memory: Memory<Inventory>,
    pub now: Timestamp,
    /// The sent messages except for replies, oldest first: topic and value.
    pub events: Vec<(String, Value)>,
    requests: u32,
}

impl TestWarehouse {
    pub fn new() -> Self {
        let stock = |id: &str, name: &str, on_hand| Stock {
            item_id: id.to_owned(),
            name: name.to_owned(),
            warehouse: "main".to_owned(),
            on_hand,
            ..Stock::default()
        };
        let mut warehouse = Self::with_seed(vec![stock(DAY_ONE, "day-one", 10), stock(CAMPING, "camping", 2)]);
        warehouse.claim();
        warehouse
    }

    fn with_seed(seed: Vec<Stock>) -> Self {
        let handler = Warehouse { name: "main".to_owned(), seed, rules: RuleSettings::default() };
        Self { handler, memory: Memory::default(), now: Timestamp(5), events: Vec::new(), requests: 0 }
    }

    /// A warehouse whose journal was written by the release before shipments.
    pub fn from_previous_release() -> Self {
        let store: BTreeMap<_, _> = PREVIOUS_RELEASE
            .into_iter()
            .map(|text| {
                let state: Inventory = serde_json::from_str(text).unwrap();
                assert_eq!(serde_json::to_string(&state).unwrap(), text, "it is written as it was");
                let key = state.reservation().map(|known| reservation_key(&known.order_id));
                (key.unwrap_or_else(|| stock_key("main", DAY_ONE)), state)
            })
            .collect();
        let mut warehouse = Self::with_seed(Vec::new());
        let mut tx = Transaction::over(&mut warehouse.memory, &store, 0, 1);
        for (key, state) in &store {
            tx.put(key.clone(), state.clone());
        }
        warehouse.handler.decide(&mut tx, Trigger::Claimed, Timestamp(1)).unwrap();
        warehouse
    }

    /// A warehouse with a reservation of three tickets for [`ORDER`].
    pub fn with_reserved_order() -> Self {
        let mut warehouse = Self::new();
        warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
        warehouse
    }

    /// A warehouse whose carrier has accepted the shipment of [`ORDER`].
    pub fn with_created_shipment() -> Self {
        let mut warehouse = Self::with_reserved_order();
        warehouse.ship("standard");
        warehouse.carrier_answers(1, "booked");
        warehouse
    }

    pub fn claim(&mut self) {
        assert_eq!(self.memory.decide(&self.handler, Trigger::Claimed, Timestamp(1)), []);
    }

    pub fn handle(&mut self, message: &Message) -> Vec<Outgoing> {
        self.memory.decide(&self.handler, Trigger::Message(message), self.now)
    }

    /// Sets the time and fires the timers that are due.
    pub fn advance_to(&mut self, now: Timestamp) {
        self.now = now;
        let due = self.memory.states().filter(|(_, state)| state.wake_at().is_some_and(|at| at <= now));
        let due: Vec<_> = due.map(|(key, _)| key.clone()).collect();
        for key in due {
            let sent = self.memory.decide(&self.handler, Trigger::Timer(&key), now);
            self.record(sent);
            let next = self.memory.get(&key).and_then(|state| state.wake_at());
            assert!(next.is_none_or(|at| at > now), "its timer fires forever: {key}");
        }
    }

    /// Records events and returns the values of the replies.
    fn record(&mut self, sent: Vec<Outgoing>) -> Vec<Value> {
        let mut replies = Vec::new();
        for message in sent {
            let value = serde_json::from_slice(message.value.bytes().unwrap()).unwrap();
            if message.topic == topics::SAGA_REPLIES {
                replies.push(value);
            } else {
                self.events.push((message.topic.to_string(), value));
            }
        }
        replies
    }

    /// Sends a command and returns its only reply.
    pub fn request(&mut self, kind: &str, value: &Value) -> Value {
        let mut replies = self.send(kind, value);
        assert_eq!(replies.len(), 1, "one reply to {kind}");
        replies.remove(0)
    }

    /// Sends a message and returns all replies.
    pub fn send(&mut self, kind: &str, value: &Value) -> Vec<Value> {
        let sent = self.handle(&message(kind, value));
        assert!(sent.iter().all(|message| !message.topic.ends_with(".dlq")), "{sent:?}");
        self.record(sent)
    }

    pub fn reserve(&mut self, order: &str, items: &[(&str, u32)]) -> Value {
        let items: Vec<_> = items.iter().map(|(id, n)| json!({"id": id, "name": "x", "quantity": n})).collect();
        self.request(RESERVE, &json!({"orderId": order, "items": items}))
    }

    pub fn release(&mut self) -> Value {
        self.request(RELEASE, &json!({"orderId": ORDER}))
    }

    pub fn confirm(&mut self) -> Value {
        self.request(CONFIRM, &json!({"orderId": ORDER}))
    }

    pub fn return_command(&mut self, kind: &str, n: u32, items: &[(&str, u32)]) -> Value {
        self.return_command_of(kind, n, ORDER, items)
    }

    pub fn return_command_of(&mut self, kind: &str, n: u32, order: &str, items: &[(&str, u32)]) -> Value {
        let id = format!("018f3f2a-0000-7000-8000-{n:012x}");
        let items: Vec<_> = items.iter().map(|(id, n)| json!({"id": id, "quantity": n})).collect();
        self.request(kind, &json!({"returnId": id, "orderId": order, "items": items}))
    }

    pub fn set(&mut self, id: &str, item: &str, on_hand: u32) {
        let mut set = message(SET, &json!({"warehouse": "main", "itemId": item, "name": "new", "onHand": on_hand}));
        set.headers.push(header::ID, id);
        let sent = self.handle(&set);
        assert_eq!(self.record(sent), Vec::<Value>::new());
    }

    pub fn set_price(&mut self, id: &str, item: &str, price: &Value) {
        let value = json!({"warehouse": "main", "itemId": item, "name": "new", "onHand": 10, "price": price});
        let mut set = message(SET, &value);
        set.headers.push(header::ID, id);
        let sent = self.handle(&set);
        assert_eq!(self.record(sent), Vec::<Value>::new());
    }

    /// Changes the stock of day one.
    pub fn change(&mut self, request: &str, kind: &str, quantity: i64) {
        let value = json!({
            "warehouse": "main", "itemId": DAY_ONE, "kind": kind, "quantity": quantity, "by": "ana", "why": "so",
        });
        let mut change = message(CHANGE, &value);
        change.headers.push(header::ID, request);
        let sent = self.handle(&change);
        assert_eq!(self.record(sent), Vec::<Value>::new());
    }

    pub fn ship(&mut self, method: &str) -> Vec<Value> {
        self.send(SHIP, &delivery(method))
    }

    pub fn carrier_answers(&mut self, call: u32, outcome: &str) -> Vec<Value> {
        self.send(CARRIER_ANSWERED, &json!({"orderId": ORDER, "outcome": outcome, "call": call, "error": "because"}))
    }

    pub fn cancel_shipment(&mut self) -> Value {
        self.request(CANCEL_SHIPMENT, &json!({"orderId": ORDER}))
    }

    /// Reports a stage of the delivery.
    pub fn report(&mut self, stage: &str) {
        assert_eq!(self.send(SHIPMENT_EVENT, &json!({"orderId": ORDER, "status": stage})), Vec::<Value>::new());
    }

    pub fn shipment(&self) -> &Shipment {
        self.memory.get(&shipment_key(ORDER)).and_then(Inventory::shipment).expect("a shipment")
    }

    /// Replaces the shipment.
    pub fn put_shipment(&mut self, state: Inventory) {
        let store = BTreeMap::new();
        Transaction::over(&mut self.memory, &store, 0, 1).put(shipment_key(ORDER), state);
    }

    pub fn shipment_status(&self) -> &'static str {
        self.shipment().status.name()
    }

    /// The id of the call to the carrier that is due, without the order's id.
    pub fn intent_id(&self) -> Option<String> {
        let state = self.memory.get(&shipment_key(ORDER)).unwrap();
        let intent = self.shipment().intent().map(|intent| intent.id.replace(ORDER, "order"));
        assert!(state.has_intents() == intent.is_some() && (state.is_open() || intent.is_none()));
        intent
    }

    pub fn stock(&self, item: &str) -> &Stock {
        self.memory.get(&stock_key("main", item)).and_then(Inventory::stock).expect("a stock")
    }

    /// On hand, reserved.
    pub fn count(&self, item: &str) -> (u64, u64) {
        (self.stock(item).on_hand, self.stock(item).reserved)
    }

    pub fn reservation(&self) -> &Reservation {
        self.memory.get(&reservation_key(ORDER)).and_then(Inventory::reservation).expect("a reservation")
    }

    /// Advances the time and sends a random message.
    pub fn random_step(&mut self, rng: &mut fastrand::Rng) {
        self.requests += 1;
        self.advance_to(self.now.plus(Duration::from_secs(rng.u64(0..120))));
        let order = format!("018f3f2a-0000-7000-8000-{:012x}", rng.u32(1..60));
        let items = [(DAY_ONE, rng.u32(1..4)), (CAMPING, 1)];
        let items = &items[..rng.usize(1..=2)];
        let request = format!("r{}", self.requests);
        match rng.u8(0..12) {
            0..3 => _ = self.reserve(&order, items),
            3..5 => _ = self.request(CONFIRM, &json!({"orderId": order})),
            5 => _ = self.request(RELEASE, &json!({"orderId": order})),
            6 => _ = self.return_command_of(EXPECT_RETURN, rng.u32(0..40), &order, items),
            7 => _ = self.return_command_of(RESTOCK, rng.u32(0..40), &order, items),
            8 => _ = self.return_command_of(FORGET_RETURN, rng.u32(0..40), &order, items),
            9 => self.set(&request, [DAY_ONE, CAMPING][rng.usize(0..2)], rng.u32(0..30)),
            10 => self.change(&request, "receipt", rng.i64(1..9)),
            _ => self.change(&request, ["adjustment", "count"][rng.usize(0..2)], rng.i64(0..5).abs().max(1)),
        }
    }
}

/// The value of an `inventory.ship` for [`ORDER`].
pub(crate) fn delivery(method: &str) -> Value {
    let address =
        json!({"name": "Ana", "line1": "Rua A, 1", "city": "Recife", "postalCode": "50000-001", "country": "BR"});
    json!({"orderId": ORDER, "delivery": {"method": method, "address": address}})
}

pub(crate) fn is_ok(reply: &Value) -> bool {
    reply["outcome"] == "ok"
}

/// The reason of a refusal.
pub(crate) fn reason(reply: &Value) -> &str {
    assert_eq!(reply["outcome"], "refused", "{reply}");
    reply["reason"].as_str().unwrap()
}

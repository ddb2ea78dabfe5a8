//! The rules as sentences, and the shop they are told in.

mod changes;
mod returns;
mod shipping;
mod stock;

use common::ids;
use common::journal::{Memory, Trigger};
use common::messages::{Headers, Message, Outgoing, header};
use common::time::Timestamp;
use common::topics;
use serde_json::{Value, json};

use crate::messages::{CHANGE, CONFIRM, EXPECT_RETURN, FORGET_RETURN, RELEASE, RESERVE, RESTOCK, SET};
use crate::stock::{Inventory, Reservation, Rules, Stock, Warehouse, reservation_key, stock_key};

pub(crate) const ORDER: &str = "018f3f2a-0000-7000-8000-000000000001";
pub(crate) const OTHER: &str = "018f3f2a-0000-7000-8000-000000000002";
pub(crate) const DAY_ONE: &str = "3852cb18-9c19-4326-ac77-a1a0264bd98c";
pub(crate) const CAMPING: &str = "5c1d7f52-0c5e-4b8b-8a3e-7f9d2b6c4e10";

pub(crate) fn message(kind: &str, value: &Value) -> Message {
    let mut headers = Headers::default();
    headers.push(header::TYPE, kind);
    headers.push(header::ID, ids::derive(&[kind, &value.to_string()]).to_string());
    let value = Some(value.to_string().into_bytes());
    let (topic, timestamp) = (topics::INVENTORY_COMMANDS.into(), Timestamp(0));
    Message { topic, partition: 0, offset: 1, timestamp, key: Some("main".into()), headers, value }
}

/// A warehouse with 10 tickets and 2 places to camp.
pub(crate) struct Shop {
    pub handler: Warehouse,
    pub memory: Memory<Inventory>,
    pub now: Timestamp,
    /// What was told beside replies, oldest first: topic and value.
    pub told: Vec<(String, Value)>,
    requests: u32,
}

impl Shop {
    pub fn open() -> Self {
        let stock = |id: &str, name: &str, on_hand| Stock {
            item_id: id.to_owned(),
            name: name.to_owned(),
            warehouse: "main".to_owned(),
            on_hand,
            ..Stock::default()
        };
        let seed = vec![stock(DAY_ONE, "day-one", 10), stock(CAMPING, "camping", 2)];
        let mut shop = Self::with(seed);
        shop.claim();
        shop
    }

    fn with(seed: Vec<Stock>) -> Self {
        let handler = Warehouse { name: "main".to_owned(), seed, rules: Rules::default() };
        let (memory, told) = (Memory::default(), Vec::new());
        Self { handler, memory, now: Timestamp(5), told, requests: 0 }
    }

    /// A shop whose journal was written by the release before shipments: 7 tickets, 4 of them reserved, 3 for our
    /// order.
    pub fn of_the_previous_release() -> Self {
        use common::journal::Handler as _;
        let states = [
            r#"{"stock":{"itemId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","warehouse":"main","onHand":7,"reserved":4,"changes":["8e1f"]}}"#,
            r#"{"reservation":{"orderId":"018f3f2a-0000-7000-8000-000000000001","warehouse":"main","status":"reserved","items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","quantity":3}],"at":"2025-10-09T08:53:20.123Z"}}"#,
            r#"{"reservation":{"orderId":"018f3f2a-0000-7000-8000-000000000002","warehouse":"main","status":"refused","items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","quantity":99}],"reason":"out_of_stock","detail":"99 wanted","at":"2025-10-09T08:53:20.123Z"}}"#,
            r#"{"reservation":{"orderId":"018f3f2a-0000-7000-8000-000000000003","warehouse":"main","status":"confirmed","items":[{"id":"3852cb18-9c19-4326-ac77-a1a0264bd98c","name":"day-one","quantity":2}],"at":"2025-10-09T08:53:20.123Z"}}"#,
        ];
        let store = states.map(|text| {
            let state: Inventory = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&state).unwrap(), text, "it is written as it was");
            let key = state.reservation().map(|known| reservation_key(&known.order_id));
            (key.unwrap_or_else(|| stock_key("main", DAY_ONE)), state)
        });
        let (mut shop, store) =
            (Self::with(Vec::new()), store.into_iter().collect::<std::collections::BTreeMap<_, _>>());
        let mut tx = common::journal::Transaction::over(&mut shop.memory, &store, 0, 1);
        for (key, state) in &store {
            tx.put(key.clone(), state.clone());
        }
        shop.handler.decide(&mut tx, Trigger::Claimed, Timestamp(1)).unwrap();
        shop
    }

    pub fn claim(&mut self) {
        assert_eq!(self.memory.decide(&self.handler, Trigger::Claimed, Timestamp(1)), []);
    }

    pub fn take(&mut self, message: &Message) -> Vec<Outgoing> {
        self.memory.decide(&self.handler, Trigger::Message(message), self.now)
    }

    /// The time goes on, and the timers fire that are due.
    pub fn until(&mut self, now: Timestamp) {
        use common::journal::Entity as _;
        self.now = now;
        let due = self.memory.states().filter(|(_, state)| state.wake_at().is_some_and(|at| at <= now));
        let due: Vec<_> = due.map(|(key, _)| key.clone()).collect();
        for key in due {
            let sent = self.memory.decide(&self.handler, Trigger::Timer(&key), now);
            self.hear(sent);
            let still = self.memory.get(&key).and_then(|state| state.wake_at());
            assert!(still.is_none_or(|at| at > now), "it wants to be woken for ever: {key}");
        }
    }

    /// Keeps what is told beside replies, and gives those.
    fn hear(&mut self, sent: Vec<Outgoing>) -> Vec<Value> {
        let mut replies = Vec::new();
        for message in sent {
            let value = serde_json::from_slice(message.value.bytes().unwrap()).unwrap();
            if message.topic == topics::SAGA_REPLIES {
                replies.push(value);
            } else {
                self.told.push((message.topic.to_string(), value));
            }
        }
        replies
    }

    /// Sends a command and reads the one reply.
    pub fn ask(&mut self, kind: &str, value: &Value) -> Value {
        let mut replies = self.say(kind, value);
        assert_eq!(replies.len(), 1, "one reply to {kind}");
        replies.remove(0)
    }

    /// Sends a message and reads all replies.
    pub fn say(&mut self, kind: &str, value: &Value) -> Vec<Value> {
        let sent = self.take(&message(kind, value));
        assert!(sent.iter().all(|message| !message.topic.ends_with(".dlq")), "{sent:?}");
        self.hear(sent)
    }

    pub fn reserve(&mut self, order: &str, items: &[(&str, u32)]) -> Value {
        let items: Vec<_> = items.iter().map(|(id, n)| json!({"id": id, "name": "x", "quantity": n})).collect();
        self.ask(RESERVE, &json!({"orderId": order, "items": items}))
    }

    pub fn release(&mut self) -> Value {
        self.ask(RELEASE, &json!({"orderId": ORDER}))
    }

    pub fn confirm(&mut self) -> Value {
        self.ask(CONFIRM, &json!({"orderId": ORDER}))
    }

    pub fn of_return(&mut self, kind: &str, n: u32, items: &[(&str, u32)]) -> Value {
        self.of_return_of(kind, (n, ORDER), items)
    }

    pub fn of_return_of(&mut self, kind: &str, (n, order): (u32, &str), items: &[(&str, u32)]) -> Value {
        let items: Vec<_> = items.iter().map(|(id, n)| json!({"id": id, "quantity": n})).collect();
        self.ask(
            kind,
            &json!({"returnId": format!("018f3f2a-0000-7000-8000-{n:012x}"), "orderId": order, "items": items}),
        )
    }

    pub fn set(&mut self, id: &str, item: &str, on_hand: u32) {
        let mut set = message(SET, &json!({"warehouse": "main", "itemId": item, "name": "new", "onHand": on_hand}));
        set.headers.push(header::ID, id);
        let sent = self.take(&set);
        assert_eq!(self.hear(sent), Vec::<Value>::new());
    }

    /// Somebody changes a stock.
    pub fn change(&mut self, request: &str, kind: &str, quantity: i64) {
        let mut change = message(
            CHANGE,
            &json!({"warehouse": "main", "itemId": DAY_ONE, "kind": kind, "quantity": quantity, "by": "ana", "why": "so"}),
        );
        change.headers.push(header::ID, request);
        let sent = self.take(&change);
        assert_eq!(self.hear(sent), Vec::<Value>::new());
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

    /// Does something, of all that can be done.
    pub fn at_random(&mut self, dice: &mut fastrand::Rng) {
        self.requests += 1;
        self.until(self.now.plus(std::time::Duration::from_secs(dice.u64(0..120))));
        let order = format!("018f3f2a-0000-7000-8000-{:012x}", dice.u32(1..60));
        let items = [(DAY_ONE, dice.u32(1..4)), (CAMPING, 1)];
        let items = &items[..dice.usize(1..=2)];
        let request = format!("r{}", self.requests);
        match dice.u8(0..12) {
            0..3 => _ = self.reserve(&order, items),
            3..5 => _ = self.ask(CONFIRM, &json!({"orderId": order})),
            5 => _ = self.ask(RELEASE, &json!({"orderId": order})),
            6 => _ = self.of_return_of(EXPECT_RETURN, (dice.u32(0..40), &order), items),
            7 => _ = self.of_return_of(RESTOCK, (dice.u32(0..40), &order), items),
            8 => _ = self.of_return_of(FORGET_RETURN, (dice.u32(0..40), &order), items),
            9 => self.set(&request, [DAY_ONE, CAMPING][dice.usize(0..2)], dice.u32(0..30)),
            10 => self.change(&request, "receipt", dice.i64(1..9)),
            _ => self.change(&request, ["adjustment", "count"][dice.usize(0..2)], dice.i64(0..5).abs().max(1)),
        }
    }
}

pub(crate) fn is_ok(answer: &Value) -> bool {
    answer["outcome"] == "ok"
}

pub(crate) fn why(answer: &Value) -> &str {
    assert_eq!(answer["outcome"], "refused", "{answer}");
    answer["reason"].as_str().unwrap()
}

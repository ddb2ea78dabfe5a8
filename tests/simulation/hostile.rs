//! Hostile messages of a run, on any topic of the services: longer than the topic takes, as after decompressing, still
//! compressed, nested too deeply, with a control character in a header, or with a key or a text that is too long.

use common::blob::{Blob, Payload};
use common::messages::{Headers, Outgoing, header};
use common::topics;
use fastrand::Rng;
use serde_json::json;
use uuid::Uuid;

use crate::kafka::PARTITIONS;

const TOPICS: [&str; 10] = [
    topics::ORDER_COMMANDS,
    topics::CREATED_ORDERS,
    topics::INVENTORY_COMMANDS,
    topics::PAYMENT_COMMANDS,
    topics::PAYMENT_RESULTS,
    topics::SAGA_REPLIES,
    topics::SAGA_COMMANDS,
    topics::GOODS_RECEIVED,
    topics::CASES,
    topics::CASE_DECISIONS,
];

/// The types of messages with a text, and its name.
const TEXTS: [(&str, &str, &str); 4] = [
    (topics::ORDER_COMMANDS, "order.cancel", "why"),
    (topics::INVENTORY_COMMANDS, "stock.set", "name"),
    (topics::PAYMENT_COMMANDS, "payment.request", "currency"),
    (topics::PAYMENT_RESULTS, "payment.result", "paymentId"),
];

/// The `n`th hostile message of a run. Nothing in it is valid for any order of the run.
pub fn message(rng: &mut Rng, n: usize) -> Outgoing {
    let mut topic = TOPICS[rng.usize(0..TOPICS.len())];
    let mut headers = Headers::default();
    headers.push(header::ID, format!("hostile-{n}"));
    let mut key = Some(Blob::from("any key"));
    let order = Uuid::from_u64_pair(rng.u64(..), rng.u64(..));
    let result = json!({"orderId": order, "status": "approved"}).to_string();
    let bytes = match rng.u8(0..12) {
        0 => vec![b'x'; topics::INPUT_MAX_BYTES + 1],
        1..3 => [0x28, 0xb5, 0x2f, 0xfd].into_iter().chain((0..2_000).map(|_| rng.u8(..))).collect(),
        3 | 4 => [b"[".repeat(200), b"]".repeat(200)].concat(),
        5 | 6 => {
            key = Some(Blob(vec![b'k'; 2_000]));
            result.into_bytes()
        }
        7 | 8 => {
            headers.push(header::STEP, "s\u{1}".repeat(1_000));
            result.into_bytes()
        }
        _ => {
            let (of, kind, name) = TEXTS[rng.usize(0..TEXTS.len())];
            topic = of;
            headers.push(header::TYPE, kind);
            let mut value = json!({"orderId": order, "status": "declined", "amountMinor": 1, "currency": "BRL"});
            let text = "a".repeat(140_000);
            value["why"] = "w".into();
            value[name] = text.into();
            value.to_string().into_bytes()
        }
    };
    let value = Payload::Bytes(Blob(bytes));
    Outgoing { topic: topic.into(), partition: Some(rng.i32(0..PARTITIONS)), key, headers, value, parent_span: None }
}

//! Tests of dispatch and of unreadable messages.

use std::collections::BTreeMap;

use common::blob::Payload;
use common::ids::OrderId;
use common::journal::{Handler as _, Memory, Transaction, Trigger};
use common::time::Timestamp;
use common::topics;
use serde_json::json;

use super::OrderHandler;
use crate::fixture::{Shop, message};
use crate::messages::{CONCLUDE, PLACE};

#[test]
fn an_unreadable_message_is_a_dead_letter_and_changes_nothing() {
    let id = OrderId::generate();
    let placed = Shop::default().placed(id, &json!({}));
    let mut empty = message("p1", PLACE, id, &placed);
    empty.value = None;
    let items = json!([{"id": "a", "name": "day-one", "amountMinor": 20_000, "quantity": 0}]);
    let without_quantity = Shop::default().placed(id, &json!({"items": items}));
    let conclude = |status: &str| json!({"orderId": id, "status": status, "steps": []});
    let bad = [
        message("p1", PLACE, id, &json!({"orderId": "not an id"})),
        message("p1", "order.destroy", id, &json!({"orderId": id})),
        message("c1", CONCLUDE, id, &conclude("pending")),
        message("c1", CONCLUDE, id, &conclude("lost")),
        empty,
        message("p1", PLACE, id, &without_quantity),
    ];
    for message in bad {
        let mut shop = Shop::default();
        let sent = shop.handle(&message);
        assert_eq!((sent.len(), &*sent[0].topic), (1, "order-commands.dlq"), "{message:?}");
        assert_eq!(sent[0].value.bytes(), message.value.as_deref());
        assert_eq!(shop.find(id), None);
    }
}

#[test]
fn a_dead_letter_has_the_bytes_of_the_message() {
    let sent = Shop::default().handle(&message("1", "x", OrderId::generate(), &json!({})));
    assert!(matches!(sent[0].value, Payload::Bytes(_)));
}

#[test]
fn an_order_on_the_wrong_partition_is_not_placed() {
    let mut memory = Memory::default();
    let store = BTreeMap::new();
    let id = OrderId::generate();
    let wrong = 1 - topics::partition_of(id.to_string().as_bytes(), 2);
    let mut tx = Transaction::over(&mut memory, &store, wrong, 2);
    let message = message("p1", PLACE, id, &Shop::default().placed(id, &json!({})));
    let result = OrderHandler::default().decide(&mut tx, Trigger::Message(&message), Timestamp(0));
    assert!(result.unwrap_err().to_string().contains("as the message's key"));
}

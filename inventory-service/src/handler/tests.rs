//! Messages, the seed and partitions as the journal gives them to the handler.

use std::collections::BTreeMap;

use common::journal::{Handler as _, Memory, Transaction, Trigger};
use common::messages::Unreadable;
use common::time::Timestamp;
use common::topics;
use serde_json::json;

use crate::contract::MESSAGES;
use crate::entity::{reservation_key, stock_key};
use crate::fixture::{CAMPING, DAY_ONE, ORDER, TestWarehouse, message};
use crate::messages::{CONFIRM, RELEASE, RESERVE, SET};

#[test]
fn the_seed_changes_only_unknown_items() {
    let mut warehouse = TestWarehouse::new();
    assert_eq!((warehouse.count(DAY_ONE), warehouse.count(CAMPING)), ((10, 0), (2, 0)));
    warehouse.reserve(ORDER, &[(DAY_ONE, 3)]);
    warehouse.set("s1", CAMPING, 0);
    warehouse.claim();
    assert_eq!((warehouse.count(DAY_ONE), warehouse.count(CAMPING)), ((10, 3), (0, 0)));
}

#[test]
fn only_the_partition_of_the_warehouse_applies_the_seed() {
    let handler = TestWarehouse::new().handler;
    let store = BTreeMap::new();
    let home = topics::partition_of(b"main", 2);
    for partition in [0, 1] {
        let mut memory = Memory::default();
        let mut tx = Transaction::over(&mut memory, &store, partition, 2);
        handler.decide(&mut tx, Trigger::Claimed, Timestamp(0)).unwrap();
        assert_eq!(memory.get(&stock_key("main", DAY_ONE)).is_some(), partition == home);
    }
}

#[test]
fn the_reply_to_a_command_without_saga_headers_or_key_has_the_order_as_its_key() {
    let mut warehouse = TestWarehouse::new();
    let mut by_hand =
        message(RESERVE, &json!({"orderId": ORDER.to_uppercase(), "items": [{"id": DAY_ONE, "quantity": 1}]}));
    by_hand.key = None;
    let sent = warehouse.handle(&by_hand);
    assert_eq!(sent[0].key, Some(ORDER.into()));
    assert_eq!(warehouse.count(DAY_ONE), (10, 1));
}

#[test]
fn an_unreadable_message_goes_to_the_dead_letters_and_changes_nothing() {
    let mut without_warehouse = message(RELEASE, &json!({"orderId": ORDER}));
    without_warehouse.key = Some(common::blob::Blob(vec![0xff]));
    let bad = [
        message("inventory.count", &json!({"orderId": ORDER})),
        message(RESERVE, &json!({"orderId": ORDER, "items": [{"id": DAY_ONE, "quantity": 0}]})),
        message(RESERVE, &json!({"orderId": ORDER, "items": [{"id": DAY_ONE, "quantity": -1}]})),
        message(CONFIRM, &json!({"orderId": "x"})),
        message(SET, &json!({"warehouse": "main", "itemId": DAY_ONE, "name": "x", "onHand": -5})),
        without_warehouse,
    ];
    for message in bad {
        let mut warehouse = TestWarehouse::new();
        let sent = warehouse.handle(&message);
        assert_eq!((sent.len(), &*sent[0].topic), (1, "inventory-commands.dlq"), "{message:?}");
        assert_eq!(warehouse.count(DAY_ONE), (10, 0));
        assert!(warehouse.memory.get(&reservation_key(ORDER)).is_none());
    }
}

#[test]
fn a_command_on_another_partition_is_rejected() {
    let handler = TestWarehouse::new().handler;
    let store = BTreeMap::new();
    let mut memory = Memory::default();
    let wrong = 1 - topics::partition_of(b"main", 2);
    let mut tx = Transaction::over(&mut memory, &store, wrong, 2);
    let release = message(RELEASE, &json!({"orderId": ORDER}));
    let result = handler.decide(&mut tx, Trigger::Message(&release), Timestamp(0));
    assert!(matches!(result, Err(Unreadable::WrongPartition { what: "warehouse", .. })), "{result:?}");
}

#[test]
fn every_input_of_the_contract_is_handled() {
    let mut warehouse = TestWarehouse::new();
    for entry in MESSAGES.iter().filter(|entry| entry.topic == topics::INVENTORY_COMMANDS) {
        let example = serde_json::from_str(entry.example).unwrap();
        warehouse.send(entry.kind, &example);
    }
}

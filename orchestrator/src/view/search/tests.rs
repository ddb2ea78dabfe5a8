//! Sagas are found by ids, customers, mail addresses and tracking numbers.

use common::time::Timestamp;
use common::view::{Row, Rows as _};
use saga::{Data, Definition, Input, decide};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::entity::{Entity, saga_key};
use crate::view::{SagaRows, testing};

const SCHEMA: &str = "CREATE TABLE entities(partition INTEGER NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, \
                      PRIMARY KEY(key, partition)) WITHOUT ROWID";

fn ids() -> [Uuid; 3] {
    let parse = |text: &str| Uuid::parse_str(text).unwrap();
    [
        parse("01890a5d-ac96-774b-bcce-b302099a8057"),
        parse("01890a5d-ac96-774b-bcce-b302099a8058"),
        parse("7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    ]
}

fn with_three() -> Connection {
    let mut connection = testing::empty();
    connection.execute_batch(SCHEMA).unwrap();
    let definition = Definition::parse("order.toml", include_str!("../../../core/tests/kept/order-2.toml")).unwrap();
    for (id, number) in ids().into_iter().zip(0_i64..) {
        let customer = json!({"name": "Ana", "email": format!("Ana.{number}@Example.com")});
        let shipment = json!({"trackingNumber": format!("ab 12345678{number} br")});
        let order = json!({"orderId": id, "customerId": format!("customer-{number}"), "customer": customer,
            "items": [{"email": "x@example.com"}], "amountMinor": 1, "currency": "BRL", "shipment": shipment});
        let data = Data::with(&definition.start.output, order);
        let at = saga::Timestamp(1_700_000_000_000 + number);
        let saga = decide(&definition, None, Input::Start { id, data, traceparent: None }, at).saga.unwrap();
        let tx = connection.transaction().unwrap();
        let state = Entity::Saga(Box::new(saga));
        let key = saga_key(id);
        let text = serde_json::to_string(&state).unwrap();
        tx.execute("INSERT INTO entities VALUES (0, ?, ?)", (&key, text)).unwrap();
        let at = Timestamp(at.0);
        SagaRows::apply(&tx, &Row { partition: 0, key: &key, state: Some(&state), at }).unwrap();
        tx.commit().unwrap();
    }
    connection
}

#[test]
fn a_saga_is_found_by_all_that_an_operator_may_have() {
    let connection = with_three();
    let [first, second, third] = ids().map(|id| id.to_string());
    let table: &[(&str, &[&String])] = &[
        (&first, &[&first]),
        (&first.to_uppercase(), &[&first]),
        ("01890a5d", &[&second, &first]),
        ("01890a5d-ac96", &[&second, &first]),
        ("099a8057", &[&first]),
        ("…099a8057", &[&first]),
        ("...c1f90ae7", &[&third]),
        (" b302099a8058 ", &[&second]),
        ("0ae7", &[&third]),
        ("40de-944b", &[&third]),
        ("customer-1", &[&second]),
        ("customer-", &[&third, &second, &first]),
        ("ana.0@example.com", &[&first]),
        ("ANA.2@", &[&third]),
        ("AB123456781BR", &[&second]),
        ("ab 12345678 2br", &[&third]),
        ("x@example.com", &[]),
        ("8057-0000", &[]),
        ("cu", &[]),
        ("", &[]),
        ("%", &[]),
    ];
    for (text, expected) in table {
        let found = search(&connection, text, 10).unwrap();
        let found: Vec<String> = found.sagas.into_iter().map(|saga| saga.id).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), *expected, "{text}");
    }
}

#[test]
fn a_list_of_hits_is_bounded_and_says_so() {
    let found = search(&with_three(), "customer", 2).unwrap();
    assert_eq!((found.sagas.len(), found.has_more), (2, true));
    assert!(search(&with_three(), &"a".repeat(MAX_SEARCH + 1), 2).unwrap().sagas.is_empty());
}

#[test]
fn every_search_uses_an_index() {
    let connection = with_three();
    for (sql, index) in [
        ("substr(id, -8) = 'x' AND id LIKE '%x'", "sagas_by_tail"),
        ("mail = 'x' ORDER BY started DESC", "sagas_by_mail"),
        ("mail > 'x' AND mail < 'x' || char(0x10FFFF)", "sagas_by_mail"),
        ("tracking = 'x' ORDER BY started DESC", "sagas_by_tracking"),
        ("customer > 'x' AND customer < 'x' || char(0x10FFFF)", "sagas_by_customer"),
    ] {
        let plan = testing::plan(&connection, &format!("{SELECT} WHERE {sql}"));
        assert!(plan.first().is_some_and(|line| line.contains(index)), "{sql}: {plan:?}");
    }
}

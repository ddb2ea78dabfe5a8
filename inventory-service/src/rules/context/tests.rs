//! The event that an item has become scarce.

use serde_json::json;

use crate::fixture::{CAMPING, DAY_ONE, ORDER, OTHER, TestWarehouse};

#[test]
fn stock_low_is_sent_once_each_time_an_item_becomes_scarce() {
    let mut warehouse = TestWarehouse::new();
    warehouse.handler.rules.low = 5;
    warehouse.handler.rules.low_of.insert(CAMPING.to_owned(), 0);
    warehouse.reserve(OTHER, &[(DAY_ONE, 5), (CAMPING, 2)]);
    assert_eq!(warehouse.events, [], "5 are not fewer than 5, and camping has no threshold");
    warehouse.reserve(ORDER, &[(DAY_ONE, 1)]);
    warehouse.reserve(ORDER, &[(DAY_ONE, 1)]);
    warehouse.confirm();
    assert_eq!(warehouse.events.len(), 1);
    let (topic, value) = warehouse.events.remove(0);
    let expected = json!({"warehouse": "main", "itemId": DAY_ONE, "name": "day-one", "available": 4, "threshold": 5,
        "at": "1970-01-01T00:00:00.005Z"});
    assert_eq!((&*topic, value), ("stock-events", expected));
    warehouse.release();
    warehouse.set("s1", DAY_ONE, 7);
    assert_eq!(warehouse.events.len(), 1, "there was enough in between");
}

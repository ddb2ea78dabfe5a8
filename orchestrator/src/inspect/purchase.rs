//! Finds the amount and the items of an order in the data of a saga, by the names of their fields, since definitions
//! differ.

use common::money::{Currency, Decimal};
use saga::Saga;
use serde_json::{Map, Value};

/// The name of an amount, in minor units.
pub const AMOUNT: &str = "amountMinor";
/// The name of its currency.
pub const CURRENCY: &str = "currency";
/// How deep an order may be in the data.
const DEPTH: usize = 3;
/// The most items that are shown.
const MAX_ITEMS: usize = 20;
/// The end of the name of an amount in minor units.
const MINOR: &str = "Minor";
/// The longest currency code.
const MAX_CODE: usize = 8;

/// An amount in the minor units of a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// Minor units.
    pub minor: i64,
    /// The code of the currency.
    pub currency: String,
}

impl Money {
    /// The amount as a decimal number, with the digits of its currency.
    pub fn decimal(&self) -> String {
        Decimal::new(self.minor, Currency::digits_of(&self.currency)).to_string()
    }
}

/// An item of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name, or its id.
    pub name: String,
    /// How many.
    pub quantity: Option<i64>,
    /// The price of one, in minor units.
    pub minor: Option<i64>,
}

/// The amount and the items of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purchase {
    /// The amount.
    pub money: Option<Money>,
    /// The first items.
    pub items: Vec<Item>,
    /// The number of all items.
    pub count: usize,
}

impl Purchase {
    /// The purchase of a saga: the first object in its data with `amountMinor` and `currency`; one with `items` before
    /// others.
    pub fn of(saga: &Saga) -> Self {
        let Some(order) = order(saga) else { return Self::default() };
        let items = order.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Self { money: money(order), items: items.iter().take(MAX_ITEMS).map(item).collect(), count: items.len() }
    }

    /// Only the amount.
    pub fn money_of(saga: &Saga) -> Option<Money> {
        money(order(saga)?)
    }
}

fn order(saga: &Saga) -> Option<&Map<String, Value>> {
    let mut best = None;
    find(saga.data.as_map(), DEPTH, &mut best);
    best
}

fn find<'v>(map: &'v Map<String, Value>, depth: usize, best: &mut Option<&'v Map<String, Value>>) {
    let has_items = |map: &Map<String, Value>| map.get("items").is_some_and(Value::is_array);
    if money(map).is_some() && best.is_none_or(|best| !has_items(best) && has_items(map)) {
        *best = Some(map);
    }
    if depth > 1 {
        map.values().filter_map(Value::as_object).for_each(|inner| find(inner, depth - 1, best));
    }
}

/// The amount of an object with both fields.
fn money(map: &Map<String, Value>) -> Option<Money> {
    amount(map, AMOUNT)
}

/// An amount of an object with a currency: an integer with a name such as `amountMinor` or `refundMinor`.
pub fn amount(map: &Map<String, Value>, name: &str) -> Option<Money> {
    let minor = map.get(name).filter(|_| name.ends_with(MINOR))?.as_i64()?;
    let currency = map.get(CURRENCY)?.as_str().filter(|code| code.len() <= MAX_CODE)?;
    Some(Money { minor, currency: currency.to_owned() })
}

fn item(value: &Value) -> Item {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let number = |name: &str| value.get(name).and_then(Value::as_i64);
    Item {
        name: text("name").or_else(|| text("id")).unwrap_or("?").to_owned(),
        quantity: number("quantity"),
        minor: number(AMOUNT),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn saga(data: &Value) -> Saga {
        serde_json::from_value(json!({
            "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "definition": "order", "version": 5, "status": "running",
            "started": 0, "updated": 0, "data": data, "steps": [],
            "conclude": {"name": "conclude", "status": "waiting"},
        }))
        .unwrap()
    }

    #[test]
    fn the_amount_and_the_items_are_those_of_the_order() {
        let order = json!({"amountMinor": 1050, "currency": "BRL", "items": [
            {"id": "a", "name": "a ticket", "quantity": 2, "amountMinor": 525}, {"id": "b"}, 7]});
        let found = Purchase::of(&saga(&json!({"a": {"amountMinor": 3, "currency": "BRL"}, "order": order})));
        assert_eq!(found.money.as_ref().map(Money::decimal).as_deref(), Some("10.50"));
        let names: Vec<_> = found.items.iter().map(|item| (item.name.as_str(), item.quantity, item.minor)).collect();
        assert_eq!(names, [("a ticket", Some(2), Some(525)), ("b", None, None), ("?", None, None)]);
        let many: Vec<Value> = (0..50).map(|n| json!({"name": n.to_string()})).collect();
        let found = Purchase::of(&saga(&json!({"amountMinor": 1, "currency": "JPY", "items": many})));
        assert_eq!((found.items.len(), found.count), (MAX_ITEMS, 50));
        assert_eq!(found.money.map(|money| money.decimal()).as_deref(), Some("1"));
    }

    #[test]
    fn data_without_an_order_has_no_amount() {
        for data in [
            json!({}),
            json!({"order": {"amountMinor": "7", "currency": "BRL"}}),
            json!({"order": {"amountMinor": 7}}),
            json!({"order": {"amountMinor": 7, "currency": "a currency without end"}}),
            json!({"a": {"b": {"c": {"amountMinor": 7, "currency": "BRL"}}}}),
        ] {
            assert_eq!(Purchase::of(&saga(&data)), Purchase::default(), "{data}");
        }
    }

    #[test]
    fn an_amount_is_an_integer_in_minor_units_beside_a_currency() {
        let map = |value: Value| value.as_object().cloned().unwrap();
        let refund = map(json!({"refundMinor": 250, "number": 2, "currency": "BRL", "textMinor": "2"}));
        assert_eq!(amount(&refund, "refundMinor").map(|money| money.decimal()), Some("2.50".to_owned()));
        for name in ["number", "currency", "textMinor", "amountMinor"] {
            assert_eq!(amount(&refund, name), None, "{name}");
        }
        assert_eq!(amount(&map(json!({"refundMinor": 250})), "refundMinor"), None);
    }
}

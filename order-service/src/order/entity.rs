//! The entities of the order service: orders, invoice series and mailings. The journal has one type for all of them.

use common::journal::Entity;
use common::time::Timestamp;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use super::Order;
use super::mailing::Mailing;

/// An entity. An order's JSON is the order itself, as in the first release; the others are objects with one member,
/// named after the variant.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderEntity {
    /// An order, at `order/{id}`.
    Order(Box<Order>),
    /// The last number of a series of invoices or credit notes, at `series/{name}/{partition}`.
    Series(Series),
    /// A notice to be mailed, at `mail/{notice}`.
    Mailing(Box<Mailing>),
}

const SERIES: &str = "series";
const MAILING: &str = "mailing";

impl OrderEntity {
    /// The order, unless it is another entity.
    pub fn order(&self) -> Option<&Order> {
        match self {
            Self::Order(order) => Some(order),
            Self::Series(_) | Self::Mailing(_) => None,
        }
    }
}

impl From<Order> for OrderEntity {
    fn from(order: Order) -> Self {
        Self::Order(Box::new(order))
    }
}

impl Serialize for OrderEntity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let only = |serializer: S| serializer.serialize_map(Some(1));
        match self {
            Self::Order(order) => order.serialize(serializer),
            Self::Series(series) => {
                let mut map = only(serializer)?;
                map.serialize_entry(SERIES, series)?;
                map.end()
            }
            Self::Mailing(mailing) => {
                let mut map = only(serializer)?;
                map.serialize_entry(MAILING, mailing)?;
                map.end()
            }
        }
    }
}

#[derive(Deserialize)]
struct Other {
    series: Option<Series>,
    mailing: Option<Box<Mailing>>,
}

impl<'de> Deserialize<'de> for OrderEntity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An untagged enum would buffer each order and read it twice.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        let first = text.trim_start_matches(|c: char| c == '{' || c == '"' || c.is_ascii_whitespace());
        if !first.starts_with(SERIES) && !first.starts_with(MAILING) {
            return serde_json::from_str(text).map(Self::Order).map_err(de::Error::custom);
        }
        let other: Other = serde_json::from_str(text).map_err(de::Error::custom)?;
        match other {
            Other { series: Some(series), .. } => Ok(Self::Series(series)),
            Other { mailing: Some(mailing), .. } => Ok(Self::Mailing(mailing)),
            Other { series: None, mailing: None } => Err(de::Error::custom("expected an order, a series or a mailing")),
        }
    }
}

impl Entity for OrderEntity {
    /// Orders underway and mailings with further attempts stay in memory. A series is looked up.
    fn is_open(&self) -> bool {
        match self {
            Self::Order(order) => order.is_underway(),
            Self::Series(_) => false,
            Self::Mailing(mailing) => mailing.is_open(),
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        None
    }

    fn has_intents(&self) -> bool {
        match self {
            Self::Order(_) | Self::Series(_) => false,
            Self::Mailing(mailing) => mailing.is_open(),
        }
    }
}

/// The last number of a series of invoices or credit notes. Each partition has a series of its own, because each has
/// its own writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    pub last: u64,
}

/// The entity key of a series.
pub(crate) fn series_key(series: &str, partition: i32) -> String {
    format!("series/{series}/{partition}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::order::delivery::{Delivery, Method};

    const OLD: &str = r#"{"placed":{"orderId":"018f3f2a-0000-7000-8000-000000000001",
        "customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a","amountMinor":1050,"currency":"BRL",
        "items":[{"id":"a","name":"day-one","amountMinor":20000,"quantity":1}],
        "createdAt":"2026-01-02T03:04:05.678Z"},"status":"confirmed","updatedAt":"2026-01-02T03:04:06.000Z",
        "steps":[{"step":"reserve","status":"done","attempts":1}]}"#;

    #[test]
    fn an_order_of_an_earlier_release_is_still_read() {
        let entity: OrderEntity = serde_json::from_str(OLD).unwrap();
        let order = entity.order().unwrap();
        assert!(!order.is_underway() && order.placed.customer.is_none() && order.changes.is_empty());
        let written = serde_json::to_value(&entity).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(OLD).unwrap(), "and its JSON stays the same");
    }

    #[test]
    fn every_entity_is_read_as_it_was_written() {
        let mut order: Order = serde_json::from_str(OLD).unwrap();
        order.placed.delivery = Some(Delivery { method: Method::Pickup, address: None });
        let notice = json!({"noticeId": "0197a2b4-5c6d-5e8f-9a0b-1c2d3e4f5a6d",
            "orderId": "018f3f2a-0000-7000-8000-000000000001", "kind": "confirmed", "language": "en",
            "to": {"name": "Ana", "email": "ana@example.com"}, "subject": "s", "text": "t",
            "createdAt": "2026-01-02T03:04:05.678Z"});
        let mailing = Mailing::new(serde_json::from_value(notice).unwrap(), Timestamp(7), Some("00-1-2-01".to_owned()));
        let series = OrderEntity::Series(Series { last: 7 });
        for entity in [order.into(), series, OrderEntity::Mailing(Box::new(mailing))] {
            let text = serde_json::to_string(&entity).unwrap();
            assert_eq!(serde_json::from_str::<OrderEntity>(&text).unwrap(), entity);
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::from_value::<OrderEntity>(value).unwrap(), entity);
        }
        assert!(serde_json::from_str::<OrderEntity>("{}").is_err());
    }
}

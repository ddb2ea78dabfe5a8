//! What the order service keeps: orders, the counters of its invoices, and mails that are to be sent. Apart from each
//! of them, because the journal has one type for all.

use common::journal::Entity;
use common::time::Timestamp;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::invoice::Series;
use crate::mail::Mailing;
use crate::order::Order;

/// One thing that the service keeps the state of. An order's JSON is the order itself, as it always was; the others say
/// what they are by their only member's name.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// An order, at `order/{id}`.
    Order(Box<Order>),
    /// The last number of a series of invoices, at `series/{partition}`.
    Series(Series),
    /// A notice to be mailed, at `mail/{notice}`.
    Mailing(Box<Mailing>),
}

const SERIES: &str = "series";
const MAILING: &str = "mailing";

impl Kept {
    /// The order that this is.
    pub fn order(&self) -> Option<&Order> {
        match self {
            Self::Order(order) => Some(order),
            Self::Series(_) | Self::Mailing(_) => None,
        }
    }

    /// The order that this is, to be changed.
    pub fn order_mut(&mut self) -> Option<&mut Order> {
        match self {
            Self::Order(order) => Some(order),
            Self::Series(_) | Self::Mailing(_) => None,
        }
    }
}

impl From<Order> for Kept {
    fn from(order: Order) -> Self {
        Self::Order(Box::new(order))
    }
}

impl Serialize for Kept {
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

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not an untagged enum: that would buffer each order and read it twice.
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
            Other { series: None, mailing: None } => Err(de::Error::custom("neither an order, a series nor a mailing")),
        }
    }
}

impl Entity for Kept {
    /// An order on its way waits for its end, so it stays at hand; a mail waits to be sent. A series is looked up.
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

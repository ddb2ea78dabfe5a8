//! The state that the inventory service keeps in its journal, as data types. The rules that change it are in `rules`.

pub mod change;
pub mod reservation;
pub mod returns;
pub mod shipment;
pub mod stock;

use common::journal::Entity;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::entity::change::{Change, change_id, change_key};
pub use crate::entity::reservation::{Line, Reservation, ReservationStatus, reservation_key};
pub use crate::entity::returns::{Return, ReturnStatus, return_key};
pub use crate::entity::shipment::{Shipment, ShipmentStatus, shipment_key};
pub use crate::entity::stock::{Stock, stock_key};

/// An entity of the inventory service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Inventory {
    Stock(Stock),
    Reservation(Reservation),
    Shipment(Box<Shipment>),
    Return(Return),
    Change(Change),
    /// How many tracking numbers were issued by a partition.
    Numbers(u64),
}

/// One accessor for each variant: its content, or `None` for the other variants.
macro_rules! accessors {
    ($($name:ident: $variant:ident($content:ty)),+ $(,)?) => {
        impl Inventory {
            $(pub fn $name(&self) -> Option<&$content> {
                if let Self::$variant(content) = self { Some(content) } else { None }
            })+
        }
    };
}
accessors!(
    stock: Stock(Stock),
    reservation: Reservation(Reservation),
    shipment: Shipment(Shipment),
    returned: Return(Return),
    change: Change(Change),
);

impl Entity for Inventory {
    /// A reservation is open while it holds stock, a shipment while a call to its carrier or a timer is due. All other
    /// entities are loaded when they are needed.
    fn is_open(&self) -> bool {
        match self {
            Self::Reservation(reservation) => reservation.is_open(),
            Self::Shipment(shipment) => shipment.is_open(),
            Self::Stock(_) | Self::Return(_) | Self::Change(_) | Self::Numbers(_) => false,
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Self::Reservation(reservation) => reservation.expires.filter(|_| reservation.is_open()),
            Self::Shipment(shipment) => shipment.wake_at(),
            Self::Stock(_) | Self::Return(_) | Self::Change(_) | Self::Numbers(_) => None,
        }
    }

    fn traceparent(&self) -> Option<&str> {
        self.shipment()?.trace()
    }

    fn has_intents(&self) -> bool {
        self.shipment().is_some_and(|shipment| shipment.intent().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_in_the_journal_are_stable() {
        for text in [
            concat!(
                r#"{"change":{"warehouse":"main","itemId":"a","kind":"count","asked":5,"moved":-1,"by":"ana","#,
                r#""why":"so","at":"2026-10-09T08:53:20.123Z","onHand":5,"reserved":0}}"#,
            ),
            concat!(
                r#"{"return":{"returnId":"r","orderId":"o","warehouse":"main","status":"refused","items":[],"#,
                r#""refusal":["not_returnable","no items"],"at":"2026-10-09T08:53:20.123Z"}}"#,
            ),
            concat!(
                r#"{"reservation":{"orderId":"o","warehouse":"main","status":"released","#,
                r#""items":[{"id":"a","quantity":2}],"at":"2026-10-09T08:53:20.123Z","#,
                r#""moves":[{"what":"reserved","at":"2026-10-09T08:53:20.123Z"},"#,
                r#"{"what":"put_back","at":"2026-10-09T08:53:20.123Z"}],"#,
                r#""back":[{"id":"a","expected":1,"restocked":1}]}}"#,
            ),
        ] {
            let state: Inventory = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&state).unwrap(), text);
        }
    }
}

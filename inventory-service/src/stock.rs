//! What the inventory service keeps, and its stock: how many pieces of an item are in a warehouse, and how many of them
//! are set aside. The rules that change it are in `reservation`, `returns`, `changes` and `shipment`. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use common::ids;
use common::journal::{Entity, Transaction};
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;
use serde::{Deserialize, Serialize};

pub use crate::changes::Change;
pub use crate::handler::Warehouse;
use crate::messages::{LOW, StockLow};
pub use crate::reservation::{Line, Reservation, Status, reservation_key};
pub use crate::returns::Return;
pub use crate::shipment::Shipment;
use crate::shipment::calendar::Shipping;

/// What the service keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Inventory {
    Stock(Stock),
    Reservation(Reservation),
    Shipment(Box<Shipment>),
    Return(Return),
    Change(Change),
    /// How many tracking numbers were given out.
    Numbers(u64),
}

/// Each kind as what it is, or none.
macro_rules! kinds {
    ($($name:ident: $kind:ident($of:ty)),+ $(,)?) => {
        impl Inventory {
            $(pub fn $name(&self) -> Option<&$of> {
                if let Self::$kind(it) = self { Some(it) } else { None }
            })+
        }
    };
}
kinds!(
    stock: Stock(Stock),
    reservation: Reservation(Reservation),
    shipment: Shipment(Shipment),
    returned: Return(Return),
    change: Change(Change),
);

/// An item in a warehouse.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    pub item_id: String,
    pub name: String,
    pub warehouse: String,
    /// Pieces in the warehouse, reserved ones included.
    pub on_hand: u64,
    /// Pieces set aside for orders.
    pub reserved: u64,
    /// The last requests that set the count, oldest first, so that whoever asked can see that it was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// What there was before the first change that was written down. None: nothing changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Opening>,
}

/// With what the movements of a stock begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    pub on_hand: u64,
    pub reserved: u64,
}

impl Stock {
    /// Pieces that can still be reserved. None where a count came out below what is reserved.
    pub fn available(&self) -> u64 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// With what its movements begin.
    pub fn opening(&self) -> Opening {
        self.opening.unwrap_or(Opening { on_hand: self.on_hand, reserved: self.reserved })
    }
}

impl Entity for Inventory {
    /// A reservation is waited for while it holds stock, a shipment while its carrier is asked. All else is looked up
    /// when it is needed.
    fn is_open(&self) -> bool {
        match self {
            Self::Reservation(reservation) => reservation.is_open(),
            Self::Shipment(shipment) => shipment.is_open(),
            Self::Stock(_) | Self::Return(_) | Self::Change(_) | Self::Numbers(_) => false,
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        self.reservation().filter(|reservation| reservation.is_open())?.expires
    }

    fn has_intents(&self) -> bool {
        self.shipment().is_some_and(|shipment| shipment.intent().is_some())
    }
}

/// The entity key of an item's stock.
pub fn stock_key(warehouse: &str, item: &str) -> String {
    format!("stock/{warehouse}/{item}")
}

/// What the settings say of the rules.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How long a reservation holds.
    pub expiry: Duration,
    /// An item with fewer available pieces is scarce; 0 is never.
    pub low: u64,
    /// The same, of single items.
    pub low_of: BTreeMap<String, u64>,
    /// When shipments arrive, and who carries them.
    pub shipping: Shipping,
}

impl Default for Rules {
    /// Reservations hold for half an hour, and nothing is ever scarce.
    fn default() -> Self {
        let (expiry, low_of) = (Duration::from_secs(30 * 60), BTreeMap::new());
        Self { expiry, low: 0, low_of, shipping: Shipping::default() }
    }
}

/// All that a decision looks at and changes.
pub(crate) struct Decision<'w, 'a> {
    pub tx: &'w mut Transaction<'a, Inventory>,
    pub rules: &'w Rules,
    /// The message, or the timer, that it is about.
    pub cause: &'w str,
    pub now: Timestamp,
}

impl Decision<'_, '_> {
    pub fn reservation(&mut self, order: &str) -> Option<&Reservation> {
        self.tx.get(&reservation_key(order))?.reservation()
    }

    pub fn stock(&mut self, warehouse: &str, item: &str) -> Option<&Stock> {
        self.tx.get(&stock_key(warehouse, item))?.stock()
    }

    /// Changes a stock, and tells when it has become scarce.
    pub fn change<T>(&mut self, warehouse: &str, item: &str, how: impl FnOnce(&mut Stock) -> T) -> Option<T> {
        let Some(Inventory::Stock(stock)) = self.tx.update(&stock_key(warehouse, item)) else { return None };
        let before = stock.available();
        stock.opening = Some(stock.opening());
        let said = how(stock);
        let (after, least) = (stock.available(), self.rules.low_of.get(item).copied().unwrap_or(self.rules.low));
        if after < least && least <= before {
            let value = StockLow {
                warehouse: warehouse.to_owned(),
                item_id: item.to_owned(),
                name: stock.name.clone(),
                available: after,
                threshold: least,
                at: self.now,
            };
            let id = ids::derive(&[LOW, warehouse, item, self.cause]).to_string();
            self.tx.send(Outgoing::event(topics::STOCK_EVENTS, warehouse, LOW, id, item, self.now, &value));
        }
        Some(said)
    }
}

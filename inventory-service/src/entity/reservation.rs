//! The stock that is reserved for an order.

use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The reservation of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    pub order_id: String,
    pub warehouse: String,
    pub status: ReservationStatus,
    /// Sorted by item, each item once.
    pub items: Vec<Line>,
    /// The code of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it entered its status.
    pub at: Timestamp,
    /// When it expires. `None` for reservations written before reservations expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Its transitions that changed the stock, oldest first.
    #[serde(default, rename = "moves", skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// The returned quantities, by item.
    #[serde(default, rename = "back", skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<ReturnedQuantity>,
}

/// One item of a reservation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReservedItem)]
pub struct Line {
    pub id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub quantity: u64,
}

/// A transition that changed the stock of all items of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    #[serde(rename = "what")]
    pub kind: TransitionKind,
    pub at: Timestamp,
}

/// How a transition changed the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransitionKind {
    /// Available pieces were reserved.
    Reserved,
    /// Reserved pieces left the warehouse.
    Confirmed,
    /// Reserved pieces became available.
    Released,
    /// Reserved pieces became available because the reservation expired.
    Expired,
    /// Confirmed pieces became available, except for those that had been restocked before.
    PutBack,
}

impl TransitionKind {
    /// The status that the transition leads to.
    pub const fn status(self) -> ReservationStatus {
        match self {
            Self::Reserved => ReservationStatus::Reserved,
            Self::Confirmed => ReservationStatus::Confirmed,
            Self::Released | Self::PutBack => ReservationStatus::Released,
            Self::Expired => ReservationStatus::Expired,
        }
    }
}

/// The returned pieces of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReturnedQuantity {
    pub id: String,
    /// Expected and not restocked yet.
    pub expected: u64,
    pub restocked: u64,
}

/// The status of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReservationStatus)]
pub enum ReservationStatus {
    Reserved,
    Released,
    Confirmed,
    Refused,
    Expired,
}

impl Reservation {
    /// A reservation that has changed no stock.
    pub(crate) fn new(
        order: &str,
        warehouse: &str,
        status: ReservationStatus,
        items: Vec<Line>,
        now: Timestamp,
    ) -> Self {
        Self {
            order_id: order.to_owned(),
            warehouse: warehouse.to_owned(),
            status,
            items,
            reason: None,
            detail: None,
            at: now,
            expires: None,
            transitions: Vec::new(),
            returned: Vec::new(),
        }
    }

    /// Returns true if it holds stock.
    pub fn is_open(&self) -> bool {
        self.status == ReservationStatus::Reserved
    }

    fn returned(&self, item: &str) -> Option<&ReturnedQuantity> {
        self.returned.iter().find(|returned| returned.id == item)
    }

    /// How many pieces of an item were restocked.
    pub fn restocked(&self, item: &str) -> u64 {
        self.returned(item).map_or(0, |returned| returned.restocked)
    }

    /// How many confirmed pieces of an item are neither restocked nor expected back.
    pub fn returnable(&self, item: &str) -> u64 {
        let line = self.items.iter().find(|line| line.id == item && self.status == ReservationStatus::Confirmed);
        let returned = self.returned(item).map_or(0, |returned| returned.expected.saturating_add(returned.restocked));
        line.map_or(0, |line| line.quantity.saturating_sub(returned))
    }

    /// Updates the returned quantity of an item.
    pub(crate) fn update_returned(&mut self, item: &str, update: impl FnOnce(&mut ReturnedQuantity)) {
        let known = self.returned.iter().position(|returned| returned.id == item);
        let index = known.unwrap_or_else(|| {
            self.returned.push(ReturnedQuantity { id: item.to_owned(), expected: 0, restocked: 0 });
            self.returned.len() - 1
        });
        if let Some(returned) = self.returned.get_mut(index) {
            update(returned);
        }
    }

    /// Records a transition and enters its status.
    pub(crate) fn enter(&mut self, kind: TransitionKind, now: Timestamp) {
        self.status = kind.status();
        self.at = now;
        self.transitions.push(Transition { kind, at: now });
    }
}

/// The entity key of an order's reservation.
pub fn reservation_key(order: &str) -> String {
    format!("reservation/{order}")
}

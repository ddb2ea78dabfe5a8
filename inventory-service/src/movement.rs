//! The movements of the stock in double entry: each moves a quantity from one account to another. They are computed
//! from the state of a single entity, and the view stores them as rows.
//!
//! The balance of an account is the quantity moved to it minus the quantity moved from it. `available` and `reserved`
//! together are the pieces in the warehouse; the other accounts are the sources and destinations outside it.

use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::entity::reservation::TransitionKind;
use crate::entity::shipment::Resolution;
use crate::entity::{Change, Inventory, Line, Reservation, Return, Shipment, Stock};
use crate::messages::ChangeKind;

/// An account of pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StockAccount)]
pub enum Account {
    /// The source of the stock from before movements were recorded.
    Opening,
    /// In the warehouse, not reserved.
    Available,
    /// In the warehouse, reserved for orders.
    Reserved,
    /// Left the warehouse for an order.
    Customers,
    /// The source of receipts.
    Suppliers,
    /// Pieces found or lost, also in a count.
    Adjustments,
}

impl Account {
    /// All accounts.
    pub const ALL: [Self; 6] =
        [Self::Opening, Self::Available, Self::Reserved, Self::Customers, Self::Suppliers, Self::Adjustments];

    /// Its name in the API and the view.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Available => "available",
            Self::Reserved => "reserved",
            Self::Customers => "customers",
            Self::Suppliers => "suppliers",
            Self::Adjustments => "adjustments",
        }
    }
}

/// A quantity moved from one account to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Movement<'a> {
    pub warehouse: &'a str,
    pub item: &'a str,
    /// The kind of movement.
    pub what: &'static str,
    pub from: Account,
    pub to: Account,
    pub quantity: u64,
    /// `None` for an opening.
    pub at: Option<Timestamp>,
    /// The id of the order or the return.
    pub reference: Option<&'a str>,
    pub by: Option<&'a str>,
    pub why: Option<&'a str>,
}

impl Inventory {
    /// The movements recorded in the entity's state. A later state has the same movements in the same order, then new
    /// ones.
    pub fn movements(&self) -> Vec<Movement<'_>> {
        match self {
            Self::Stock(stock) => opening(stock),
            Self::Reservation(reservation) => of_reservation(reservation),
            Self::Return(returned) => of_return(returned),
            Self::Change(change) => of_change(change).into_iter().collect(),
            Self::Shipment(shipment) => of_shipment(shipment),
            Self::Numbers(_) => Vec::new(),
        }
    }
}

fn opening(stock: &Stock) -> Vec<Movement<'_>> {
    let opening = stock.opening();
    let to_account = |to, quantity| Movement {
        warehouse: &stock.warehouse,
        item: &stock.item_id,
        what: "opening",
        from: Account::Opening,
        to,
        quantity,
        at: None,
        reference: None,
        by: None,
        why: None,
    };
    let available = to_account(Account::Available, opening.on_hand.saturating_sub(opening.reserved));
    let reserved = to_account(Account::Reserved, opening.reserved);
    // If a count was lower than the reserved quantity, the difference is taken from the available account.
    let missing = opening.reserved.saturating_sub(opening.on_hand);
    let missing = Movement { from: Account::Available, to: Account::Opening, ..to_account(Account::Opening, missing) };
    vec![available, reserved, missing]
}

fn of_reservation(reservation: &Reservation) -> Vec<Movement<'_>> {
    let mut all = Vec::with_capacity(reservation.transitions.len() * reservation.items.len());
    for transition in &reservation.transitions {
        let (what, from, to) = match transition.kind {
            TransitionKind::Reserved => ("reserved", Account::Available, Account::Reserved),
            TransitionKind::Confirmed => ("confirmed", Account::Reserved, Account::Customers),
            TransitionKind::Released => ("released", Account::Reserved, Account::Available),
            TransitionKind::Expired => ("expired", Account::Reserved, Account::Available),
            TransitionKind::PutBack => ("put_back", Account::Customers, Account::Available),
        };
        for line in &reservation.items {
            let quantity = match transition.kind {
                TransitionKind::PutBack => line.quantity.saturating_sub(reservation.restocked(&line.id)),
                TransitionKind::Reserved
                | TransitionKind::Confirmed
                | TransitionKind::Released
                | TransitionKind::Expired => line.quantity,
            };
            all.push(Movement {
                warehouse: &reservation.warehouse,
                item: &line.id,
                what,
                from,
                to,
                quantity,
                at: Some(transition.at),
                reference: Some(&reservation.order_id),
                by: None,
                why: None,
            });
        }
    }
    all
}

fn of_return(returned: &Return) -> Vec<Movement<'_>> {
    let Some(at) = returned.restocked_at else { return Vec::new() };
    let receipt = returned.receipt.as_ref();
    let lines = returned.items.iter().map(|line| Movement {
        warehouse: &returned.warehouse,
        item: &line.id,
        what: "restocked",
        from: Account::Customers,
        to: Account::Available,
        quantity: line.quantity,
        at: Some(at),
        reference: Some(&returned.return_id),
        by: receipt.map(|receipt| receipt.by.as_str()),
        why: receipt.map(|receipt| receipt.why.as_str()),
    });
    lines.collect()
}

/// The pieces of parcels that were sent in place of lost ones.
fn of_shipment(shipment: &Shipment) -> Vec<Movement<'_>> {
    let resent = shipment.resolutions.iter().filter(|made| made.from_stock);
    let of_parcel = |made| shipment.items.iter().map(move |line| of_resent(shipment, made, line));
    resent.flat_map(of_parcel).collect()
}

fn of_resent<'s>(shipment: &'s Shipment, made: &'s Resolution, line: &'s Line) -> Movement<'s> {
    Movement {
        warehouse: &shipment.warehouse,
        item: &line.id,
        what: "resent",
        from: Account::Available,
        to: Account::Customers,
        quantity: line.quantity,
        at: Some(made.at),
        reference: Some(&shipment.order_id),
        by: Some(&made.by),
        why: Some(&made.why),
    }
}

fn of_change(change: &Change) -> Option<Movement<'_>> {
    let (what, other) = match change.kind {
        ChangeKind::Adjustment => ("adjusted", Account::Adjustments),
        ChangeKind::Receipt => ("received", Account::Suppliers),
        ChangeKind::Count => ("counted", Account::Adjustments),
        ChangeKind::Shortfall => ("shortfall", Account::Adjustments),
    };
    let (from, to) = if change.moved < 0 { (Account::Available, other) } else { (other, Account::Available) };
    (change.moved != 0).then_some(Movement {
        warehouse: &change.warehouse,
        item: &change.item_id,
        what,
        from,
        to,
        quantity: change.moved.unsigned_abs(),
        at: Some(change.at),
        reference: change.order.as_deref(),
        by: change.by.as_deref(),
        why: change.why.as_deref(),
    })
}

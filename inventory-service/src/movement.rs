//! The movements of the stock, double entry: every change is so many pieces from one account to another. They are a
//! function of what the service keeps, state by state, and of nothing else: the view has them as rows.
//!
//! What is on an account is what came to it less what left it. `available` and `reserved` together are the pieces in
//! the warehouse; the others say where pieces come from and go to.

use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::changes::Change;
use crate::messages::ChangeKind;
use crate::reservation::{Move, Reservation};
use crate::returns::Return;
use crate::stock::{Inventory, Stock};

/// Where pieces can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StockAccount)]
pub enum Account {
    /// What was there before movements were written down.
    Opening,
    /// In the warehouse, for anybody.
    Available,
    /// In the warehouse, set aside for orders.
    Reserved,
    /// Given out.
    Customers,
    /// Where receipts come from.
    Suppliers,
    /// Found, lost, counted.
    Adjustments,
}

impl Account {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Opening, Self::Available, Self::Reserved, Self::Customers, Self::Suppliers, Self::Adjustments];

    /// As the API and the view call it.
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

/// Pieces that went from one account to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Movement<'a> {
    pub warehouse: &'a str,
    pub item: &'a str,
    /// What it was.
    pub what: &'static str,
    pub from: Account,
    pub to: Account,
    pub quantity: u64,
    /// When; an opening has no time.
    pub at: Option<Timestamp>,
    /// The order, or the return.
    pub reference: Option<&'a str>,
    pub by: Option<&'a str>,
    pub why: Option<&'a str>,
}

impl Inventory {
    /// The movements that its state tells of. Later states tell of the same ones, in the same order, and of more.
    pub fn movements(&self) -> Vec<Movement<'_>> {
        match self {
            Self::Stock(stock) => opening(stock),
            Self::Reservation(reservation) => of_order(reservation),
            Self::Return(returned) => of_return(returned),
            Self::Change(change) => by_hand(change).into_iter().collect(),
            Self::Shipment(_) | Self::Numbers(_) => Vec::new(),
        }
    }
}

fn opening(stock: &Stock) -> Vec<Movement<'_>> {
    let opening = stock.opening();
    let (warehouse, item) = (stock.warehouse.as_str(), stock.item_id.as_str());
    let begins = |to, quantity| Movement {
        warehouse,
        item,
        what: "opening",
        from: Account::Opening,
        to,
        quantity,
        at: None,
        reference: None,
        by: None,
        why: None,
    };
    let free = begins(Account::Available, opening.on_hand.saturating_sub(opening.reserved));
    let held = begins(Account::Reserved, opening.reserved);
    // A count below what was reserved: what is missing has to come from somewhere.
    let missing = opening.reserved.saturating_sub(opening.on_hand);
    let missing = Movement { from: Account::Available, to: Account::Opening, ..begins(Account::Opening, missing) };
    vec![free, held, missing]
}

fn of_order(reservation: &Reservation) -> Vec<Movement<'_>> {
    let mut all = Vec::with_capacity(reservation.moves.len() * reservation.items.len());
    for moved in &reservation.moves {
        let (what, from, to) = match moved.what {
            Move::Reserved => ("reserved", Account::Available, Account::Reserved),
            Move::Confirmed => ("confirmed", Account::Reserved, Account::Customers),
            Move::Released => ("released", Account::Reserved, Account::Available),
            Move::Expired => ("expired", Account::Reserved, Account::Available),
            Move::PutBack => ("put_back", Account::Customers, Account::Available),
        };
        for line in &reservation.items {
            let quantity = match moved.what {
                Move::PutBack => line.quantity.saturating_sub(reservation.restocked(&line.id)),
                Move::Reserved | Move::Confirmed | Move::Released | Move::Expired => line.quantity,
            };
            let (warehouse, item) = (reservation.warehouse.as_str(), line.id.as_str());
            let (at, reference) = (Some(moved.at), Some(reservation.order_id.as_str()));
            all.push(Movement { warehouse, item, what, from, to, quantity, at, reference, by: None, why: None });
        }
    }
    all
}

fn of_return(returned: &Return) -> Vec<Movement<'_>> {
    let Some(at) = returned.restocked_at else { return Vec::new() };
    let receipt = returned.receipt.as_ref();
    let lines = returned.items.iter().map(|piece| Movement {
        warehouse: &returned.warehouse,
        item: &piece.id,
        what: "restocked",
        from: Account::Customers,
        to: Account::Available,
        quantity: piece.quantity,
        at: Some(at),
        reference: Some(&returned.return_id),
        by: receipt.map(|receipt| receipt.by.as_str()),
        why: receipt.map(|receipt| receipt.why.as_str()),
    });
    lines.collect()
}

fn by_hand(change: &Change) -> Option<Movement<'_>> {
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

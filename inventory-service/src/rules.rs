//! The rules of stock, reservations, shipments and returns. Pure: a rule changes entities through its context, which
//! also holds the time, and does no I/O.

pub mod calendar;
pub(crate) mod cases;
pub(crate) mod changes;
pub(crate) mod context;
pub(crate) mod events;
pub mod holidays;
pub(crate) mod reports;
pub(crate) mod reservation;
pub(crate) mod returns;
pub mod settings;
pub(crate) mod shipment;
pub mod tracking;

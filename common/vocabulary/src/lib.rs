//! The terms that all services share: messages, topics, ids, money, time, and the message contract. Free of I/O.
#![deny(missing_docs)]

pub mod blob;
pub mod bounds;
pub mod card_number;
pub mod cases;
pub mod contract;
pub mod events;
pub mod fields;
pub mod ids;
pub mod messages;
pub mod money;
pub mod number;
pub mod payments;
pub mod retry;
pub mod schemas;
pub mod sensitive;
pub mod serde_messages;
pub mod shipments;
pub mod signature;
pub mod time;
pub mod topics;

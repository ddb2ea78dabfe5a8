//! The rules of orders: what each command changes and sends. Pure: they see the state, the message and the time only
//! through `RuleContext`.

pub(crate) mod cancel;
pub(crate) mod conclude;
pub(crate) mod context;
mod credit_note;
mod events;
pub(crate) mod invoice;
pub(crate) mod mail;
pub(crate) mod notice_text;
pub(crate) mod notify;
pub(crate) mod payment_action;
pub(crate) mod place;
pub(crate) mod progress;
pub(crate) mod returnable;
pub(crate) mod returns;
mod series;
pub(crate) mod tracking;
pub(crate) mod undelivered;

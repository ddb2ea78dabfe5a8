//! The tests of the rules, through the handler: messages in, messages out, and the state of the payment. The tests are
//! also the provider.

mod bounds;
mod capture;
mod cases;
mod events;
mod external;
pub(crate) mod fixture;
mod hints;
mod partial_refunds;
mod paying;
mod provider;
mod refunds;
mod requests;
mod results;
mod return_refunds;
mod reviews;
mod settlement;
mod surplus;

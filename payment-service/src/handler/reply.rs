//! The replies to commands.

use common::ids::OrderId;
use common::journal::Transaction;
use common::messages::{Message, Outgoing, Reply};
use common::time::Timestamp;

use crate::entity::Payment;

pub(super) const NO_PAYMENT: &str = "there is no payment for this order";

pub(super) fn no_payment() -> Reply {
    Reply::refused("no_payment", NO_PAYMENT)
}

/// Sends the reply to a command; `None` if it is sent when the provider has answered.
pub(super) fn reply(
    tx: &mut Transaction<'_, Payment>,
    command: &Message,
    order: OrderId,
    reply: Option<Reply>,
    now: Timestamp,
) {
    if let Some(reply) = reply {
        tx.send(Outgoing::reply(&command.reply_headers(), &order.to_string(), now, &reply));
    }
}

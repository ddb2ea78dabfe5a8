//! The commands of the sagas of cases, and the cases that a change of a payment opens or settles.

use common::cases::ConcludeCase;
use common::journal::{Key, Transaction};
use common::messages::{Message, Reply, Unreadable};
use common::time::Timestamp;

use super::reply::{no_payment, reply};
use crate::entity::{Payment, key};
use crate::messages::cases::ResolvePaymentCase;

/// Opens the cases that a payment needs, and settles those that it does not need any more.
pub(super) fn follow_cases(tx: &mut Transaction<'_, Payment>, key: &Key, now: Timestamp) {
    if tx.get(key).is_some_and(Payment::has_due_cases)
        && let Some(payment) = tx.update(key)
    {
        let messages = payment.follow_cases(now);
        messages.into_iter().for_each(|message| tx.send(message));
    }
}

pub(super) fn resolve_case(
    tx: &mut Transaction<'_, Payment>,
    message: &Message,
    command: &ResolvePaymentCase,
    now: Timestamp,
) -> Result<(), Unreadable> {
    tx.check_home("order", &command.order_id.to_string())?;
    let (outcome, messages) = match tx.update(&key(command.order_id)) {
        Some(payment) => payment.resolve_case(command, now),
        None => (no_payment(), Vec::new()),
    };
    messages.into_iter().for_each(|message| tx.send(message));
    reply(tx, message, command.order_id, Some(outcome), now);
    Ok(())
}

pub(super) fn conclude_case(
    tx: &mut Transaction<'_, Payment>,
    message: &Message,
    command: &ConcludeCase,
    now: Timestamp,
) -> Result<(), Unreadable> {
    tx.check_home("order", &command.order_id.to_string())?;
    let payment = tx.update(&key(command.order_id));
    let opened = payment.and_then(|payment| payment.conclude_case(command, now));
    opened.into_iter().for_each(|message| tx.send(message));
    reply(tx, message, command.order_id, Some(Reply::done()), now);
    Ok(())
}

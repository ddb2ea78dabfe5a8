//! The context of a rule: the transaction, the message, the policy and the time.

use common::ids::OrderId;
use common::journal::{Key, Transaction};
use common::messages::{Message, Outgoing, Reply, Unreadable};
use common::time::Timestamp;
use common::topics;
use serde::Serialize;

use super::events;
use crate::order::entity::OrderEntity;
use crate::order::policy::Policy;
use crate::order::{self, Order};

/// The input and output of one rule.
pub(crate) struct RuleContext<'r, 't> {
    pub(crate) tx: &'r mut Transaction<'t, OrderEntity>,
    pub(crate) message: &'r Message,
    pub(crate) policy: &'r Policy,
    pub(crate) now: Timestamp,
}

impl RuleContext<'_, '_> {
    /// Runs a rule on the order and returns its result, or `None` for an unknown order. The order is written only if
    /// the rule changed it.
    ///
    /// # Errors
    /// [`Unreadable::WrongPartition`] if the order belongs to another partition.
    pub(crate) fn edit<T>(
        &mut self,
        id: OrderId,
        rule: impl FnOnce(&mut Order, &mut Self) -> T,
    ) -> Result<Option<T>, Unreadable> {
        self.tx.check_home("order", &id.to_string())?;
        let key = order::key(id);
        let Some(before) = self.tx.get(&key).and_then(OrderEntity::order) else { return Ok(None) };
        let mut order = before.clone();
        let result = rule(&mut order, self);
        let before = self.tx.get(&key).and_then(OrderEntity::order);
        if before != Some(&order) {
            self.put(key, order);
        }
        Ok(Some(result))
    }

    /// Writes an order, and sends the events of its changes.
    pub(crate) fn put(&mut self, key: Key, order: Order) {
        if self.policy.events {
            let before = self.tx.get(&key).and_then(OrderEntity::order);
            let changes = events::of_change(before, &order, self.now, self.message.traceparent());
            changes.into_iter().for_each(|event| self.tx.send(event));
        }
        self.tx.put(key, order.into());
    }

    /// Runs a rule that sends no reply.
    ///
    /// # Errors
    /// As [`Self::edit`]; an unknown order is [`Unreadable::Malformed`].
    pub(crate) fn update(&mut self, id: OrderId, rule: impl FnOnce(&mut Order, &mut Self)) -> Result<(), Unreadable> {
        let known = self.edit(id, rule)?;
        known.ok_or_else(|| Unreadable::Malformed(format!("orderId: there is no order {id}")))
    }

    /// Runs a rule for a saga's command and sends its reply. An unknown order refuses.
    ///
    /// # Errors
    /// As [`Self::edit`].
    pub(crate) fn reply(
        &mut self,
        id: OrderId,
        rule: impl FnOnce(&mut Order, &mut Self) -> Reply,
    ) -> Result<(), Unreadable> {
        let known = self.edit(id, rule)?;
        let reply = known.unwrap_or_else(|| Reply::refused("unknown_order", format!("there is no order {id}")));
        self.tx.send(Outgoing::reply(&self.message.reply_headers(), &id.to_string(), self.now, &reply));
        Ok(())
    }

    /// Announces a change on the topic that starts and signals sagas. `key` is the saga's id; the event continues the
    /// message's trace.
    pub(crate) fn announce<T: Serialize>(&mut self, key: &str, kind: &str, event_id: String, value: &T) {
        let event = Outgoing::event(topics::CREATED_ORDERS, key, kind, event_id, key, self.now, value);
        self.tx.send(event.caused_by(self.message.traceparent()));
    }
}

#[cfg(test)]
mod tests;

//! The context of a rule: the transaction, the message, the provider of new payments and the time.

use common::ids::OrderId;
use common::journal::Transaction;
use common::messages::{Message, MessageMac, Outgoing, Reply};
use common::time::Timestamp;

use crate::entity::{Payment, key};
use crate::provider::call::ProviderKind;

/// Why a command about an unknown payment is refused.
pub(super) const NO_PAYMENT: &str = "there is no payment for this order";

/// The input and output of one rule.
pub(crate) struct RuleContext<'r, 't> {
    pub(crate) tx: &'r mut Transaction<'t, Payment>,
    pub(crate) message: &'r Message,
    /// The provider of new payments.
    pub(crate) provider: ProviderKind,
    /// Recognizes the results that this service wrote; `None` if results are not marked.
    pub(crate) mac: Option<&'r MessageMac>,
    pub(crate) now: Timestamp,
}

impl RuleContext<'_, '_> {
    /// A payment whose first message is this one.
    pub(super) fn new_payment(&self, order: OrderId) -> Payment {
        Payment::new(order, self.provider, self.message.traceparent())
    }

    /// Applies a command that may be the first message about a payment.
    pub(super) fn apply(&mut self, order: OrderId, rule: impl FnOnce(&mut Payment) -> Option<Reply>) {
        let key = key(order);
        let mut payment = self.tx.take(&key).unwrap_or_else(|| self.new_payment(order));
        let reply = rule(&mut payment);
        self.tx.put(key, payment);
        self.reply(order, reply);
    }

    /// Applies a command about a payment that must exist. An unknown one refuses.
    pub(super) fn update(&mut self, order: OrderId, rule: impl FnOnce(&mut Payment) -> Option<Reply>) {
        let reply = match self.tx.update(&key(order)) {
            Some(payment) => rule(payment),
            None => Some(no_payment()),
        };
        self.reply(order, reply);
    }

    /// Sends the reply to a command; `None` if it is sent when the provider has answered.
    pub(super) fn reply(&mut self, order: OrderId, reply: Option<Reply>) {
        if let Some(reply) = reply {
            let headers = self.message.reply_headers();
            self.tx.send(Outgoing::reply(&headers, &order.to_string(), self.now, &reply));
        }
    }
}

/// The refusal of a command about an unknown payment.
pub(super) fn no_payment() -> Reply {
    Reply::refused("no_payment", NO_PAYMENT)
}

//! Fault injection: bugs inserted on purpose, one at a time, each of which the simulation must detect. The bugs are
//! part of the simulation; the services have no switch for them.

use common::journal::{Handler, Intent, Key, Transaction, Trigger};
use common::messages::{Message, Outgoing, Reply, Unreadable};
use common::time::Timestamp;
use common::topics;
use inventory_service::carrier::call::CarrierCall;
use inventory_service::entity::{Inventory, reservation_key};
use inventory_service::handler::Warehouse;
use inventory_service::messages::{OrderCommand, RELEASE, RESERVE};
use order_service::handler::OrderHandler;
use order_service::messages::{CONCLUDE, Conclude};
use order_service::order;
use order_service::order::entity::OrderEntity;
use order_service::order::mailing::Mail;
use order_service::order::parts::InvoiceStatus;
use payment_service::entity::status::Status;
use payment_service::entity::{Payment, key};
use payment_service::handler::Payments;
use payment_service::messages::PaymentResult;
use payment_service::provider::call::ProviderCall;
use serde_json::json;

/// An injected bug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InjectedBug {
    /// No bug.
    #[default]
    None,
    /// Views apply void records.
    AppliesVoid,
    /// A worker sends messages before it has read their entry back.
    SendsBeforeReadBack,
    /// A worker takes any acknowledgement of an entry for its read-back, whatever was appended before it.
    ActsOnDistantAcknowledgements,
    /// A new owner does not send the messages that may not have been sent.
    DropsUnsent,
    /// A new owner's timers fire before it has read the waiting messages.
    FiresTimersFirst,
    /// The inventory reserves again for a repeated command.
    ReservesAgain,
    /// A release is answered but not executed.
    SkipsRelease,
    /// Every attempt requests a new payment from the provider.
    ChargesAgain,
    /// An approval of a closed payment is ignored and not refunded.
    IgnoresLateApproval,
    /// An invoice gets a number that was taken before.
    NumbersAgain,
    /// The invoice of an order that was not fulfilled stays valid.
    KeepsInvoice,
}

/// The orders' handler with an injected bug.
pub struct BuggyOrders(pub OrderHandler, pub InjectedBug);

impl Handler for BuggyOrders {
    type Entity = OrderEntity;
    type SideEffect = Mail;

    fn decide(
        &self,
        tx: &mut Transaction<'_, OrderEntity>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        if self.1 == InjectedBug::NumbersAgain {
            let series = format!("series/A/{}", tx.partition());
            tx.remove(&series);
        }
        self.0.decide(tx, trigger, now)?;
        if self.1 == InjectedBug::KeepsInvoice
            && let Trigger::Message(message) = trigger
            && message.kind() == Some(CONCLUDE)
            && let Ok(ending) = message.json::<Conclude>()
        {
            let key = order::key(ending.order_id);
            let known = tx.get(&key).and_then(OrderEntity::order).cloned();
            if let Some(mut order) = known
                && let Some(invoice) = order.invoice.as_mut().filter(|invoice| invoice.status == InvoiceStatus::Void)
            {
                invoice.status = InvoiceStatus::Open;
                tx.put(key, order.into());
            }
        }
        Ok(())
    }

    fn intents(&self, key: &Key, entity: &OrderEntity) -> Vec<Intent<Mail>> {
        self.0.intents(key, entity)
    }
}

/// The inventory's handler with an injected bug.
pub struct BuggyInventory(pub Warehouse, pub InjectedBug);

impl Handler for BuggyInventory {
    type Entity = Inventory;
    type SideEffect = CarrierCall;

    fn decide(
        &self,
        tx: &mut Transaction<'_, Inventory>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        if let Trigger::Message(message) = trigger
            && let Ok(OrderCommand { order_id }) = message.json()
        {
            let order = order_id.to_string();
            match (self.1, message.kind()) {
                (InjectedBug::ReservesAgain, Some(RESERVE)) => tx.remove(&reservation_key(&order)),
                (InjectedBug::SkipsRelease, Some(RELEASE)) => {
                    tx.send(Outgoing::reply(&message.reply_headers(), &order, now, &Reply::ok(json!({}))));
                    return Ok(());
                }
                _ => {}
            }
        }
        self.0.decide(tx, trigger, now)
    }

    fn intents(&self, key: &Key, entity: &Inventory) -> Vec<Intent<CarrierCall>> {
        self.0.intents(key, entity)
    }
}

/// The payment service's handler with an injected bug.
pub struct BuggyPayments(pub Payments, pub InjectedBug);

impl Handler for BuggyPayments {
    type Entity = Payment;
    type SideEffect = ProviderCall;

    fn decide(
        &self,
        tx: &mut Transaction<'_, Payment>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        if self.1 == InjectedBug::IgnoresLateApproval
            && let Trigger::Message(message) = trigger
            && &*message.topic == topics::PAYMENT_RESULTS
            && let Ok(result) = PaymentResult::read(message)
            && let Some(payment) = tx.get(&key(result.order_id))
            && matches!(payment.status, Status::Cancelled | Status::Declined)
        {
            return Ok(());
        }
        self.0.decide(tx, trigger, now)
    }

    fn unreadable(&self, message: &Message, reason: &Unreadable) -> Option<Outgoing> {
        self.0.unreadable(message, reason)
    }

    fn intents(&self, key: &Key, payment: &Payment) -> Vec<Intent<ProviderCall>> {
        let mut intents = self.0.intents(key, payment);
        for intent in &mut intents {
            if let (InjectedBug::ChargesAgain, ProviderCall::Request(charge)) = (self.1, &mut intent.what) {
                charge.payment_id = intent.id.clone();
            }
        }
        intents
    }
}

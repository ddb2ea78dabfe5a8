//! What a simulation is worth shows when something is broken: faults that are put in on purpose, one at a time, each of
//! which must be found. All of them stand on this side: none is a switch in a service.

use common::journal::{Handler, Intent, Key, Transaction, Trigger};
use common::messages::{Message, Outgoing, Reply, Unreadable};
use common::time::Timestamp;
use common::topics;
use inventory_service::carrier::call::CarrierCall;
use inventory_service::entity::{Inventory, reservation_key};
use inventory_service::handler::Warehouse;
use inventory_service::messages::{OrderCommand, RELEASE, RESERVE};
use payment_service::entity::status::Status;
use payment_service::entity::{Payment, key};
use payment_service::handler::Payments;
use payment_service::messages::PaymentResult;
use payment_service::provider::call::ProviderCall;
use serde_json::json;

/// What is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// Views take over what never happened.
    TakesVoid,
    /// A worker sends what it decided before it has read it back.
    SendsEarly,
    /// A new owner does not send what may not have been sent.
    ForgetsUnsent,
    /// A new owner's timers fire before it has read what waits for it.
    FiresFirst,
    /// The stock does not know a reservation again.
    ReservesAgain,
    /// A reservation's release is answered and not carried out.
    SkipsRelease,
    /// The provider is asked for a new payment each time.
    ChargesAgain,
    /// An approval that comes after the payment was closed is passed over.
    KeepsTheMoney,
}

/// The inventory's rules, broken or not.
pub struct Stocks(pub Warehouse, pub Sabotage);

impl Handler for Stocks {
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
                (Sabotage::ReservesAgain, Some(RESERVE)) => tx.remove(&reservation_key(&order)),
                (Sabotage::SkipsRelease, Some(RELEASE)) => {
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

/// The payment service's rules, broken.
pub struct Till(pub Payments, pub Sabotage);

impl Handler for Till {
    type Entity = Payment;
    type SideEffect = ProviderCall;

    fn decide(
        &self,
        tx: &mut Transaction<'_, Payment>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        if self.1 == Sabotage::KeepsTheMoney
            && let Trigger::Message(message) = trigger
            && &*message.topic == topics::PAYMENT_RESULTS
            && let Ok(result) = message.json::<PaymentResult>()
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
            if let (Sabotage::ChargesAgain, ProviderCall::Request(charge)) = (self.1, &mut intent.what) {
                charge.payment_id = intent.id.clone();
            }
        }
        intents
    }
}

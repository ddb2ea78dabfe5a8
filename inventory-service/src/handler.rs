//! The journal's handler: parses a message, runs the rule for it and sends the reply.

use std::borrow::Cow;

use common::bounds::{ID_BYTES, text_bytes};
use common::journal::{Handler, Intent, Key, Transaction, Trigger};
use common::messages::{Message, Outgoing, Unreadable, header};
use common::time::Timestamp;

use crate::carrier::call::CarrierCall;
use crate::entity::{Inventory, Stock, stock_key};
use crate::messages::Ship;
use crate::messages::incoming::{Command, Event, Incoming};
use crate::rules::context::RuleContext;
use crate::rules::settings::RuleSettings;
use crate::rules::{cases, changes, events, reports, reservation, returns, shipment};

/// The handler of the inventory's journal.
#[derive(Clone, Debug)]
pub struct Warehouse {
    /// The warehouse of commands without a key.
    pub name: String,
    /// The initial stock of items that are unknown when the partition is claimed.
    pub seed: Vec<Stock>,
    pub rules: RuleSettings,
}

impl Handler for Warehouse {
    type Entity = Inventory;
    type SideEffect = CarrierCall;

    fn decide(
        &self,
        tx: &mut Transaction<'_, Inventory>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        match trigger {
            Trigger::Message(message) => {
                let incoming = Incoming::parse(message)?;
                let cause = message.header(header::ID).map_or_else(|| Cow::Owned(message.id()), Cow::Borrowed);
                let mut ctx = RuleContext { tx, rules: &self.rules, cause: &cause, now };
                match incoming {
                    Incoming::Command(command) => self.command(&mut ctx, command, message),
                    Incoming::Event(event) => handle_event(&mut ctx, event, message),
                }
            }
            Trigger::Claimed => {
                self.seed(tx);
                Ok(())
            }
            Trigger::Timer(key) => {
                self.wake(tx, key, now);
                Ok(())
            }
        }
    }

    fn intents(&self, _key: &Key, entity: &Inventory) -> Vec<Intent<CarrierCall>> {
        entity.shipment().and_then(|shipment| shipment.intent()).into_iter().collect()
    }
}

impl Warehouse {
    /// Gives unknown items their configured count. Known items are not changed.
    fn seed(&self, tx: &mut Transaction<'_, Inventory>) {
        for stock in &self.seed {
            let key = stock_key(&stock.warehouse, &stock.item_id);
            if tx.check_home("warehouse", &stock.warehouse).is_ok() && tx.get(&key).is_none() {
                tx.put(key, Inventory::Stock(stock.clone()));
            }
        }
    }

    /// Handles the timer of a reservation or a shipment.
    fn wake(&self, tx: &mut Transaction<'_, Inventory>, key: &Key, now: Timestamp) {
        let Some(entity) = tx.get(key) else { return };
        let is_shipment = entity.shipment().is_some();
        let order = match entity {
            Inventory::Reservation(known) => known.order_id.clone(),
            Inventory::Shipment(known) => known.order_id.clone(),
            Inventory::Stock(_) | Inventory::Return(_) | Inventory::Change(_) | Inventory::Numbers(_) => return,
        };
        let mut ctx = RuleContext { tx, rules: &self.rules, cause: key, now };
        if is_shipment {
            publishing(&mut ctx, &order, None, |ctx| shipment::wake(ctx, key));
        } else {
            reservation::expire(&mut ctx, &order);
        }
    }

    /// Carries out a saga's command and replies to it, unless the reply has to wait for the carrier.
    fn command(&self, ctx: &mut RuleContext<'_, '_>, command: Command, message: &Message) -> Result<(), Unreadable> {
        let warehouse = self.warehouse_of(message)?;
        ctx.tx.check_home("warehouse", warehouse)?;
        let order = command.order_id().to_string();
        let headers = message.reply_headers();
        let reply = match command {
            Command::Reserve(command) => Some(reservation::reserve(ctx, &order, warehouse, command)),
            Command::Release(_) => Some(reservation::release(ctx, &order, warehouse)),
            Command::Confirm(_) => Some(reservation::confirm(ctx, &order)),
            Command::Ship(Ship { delivery, .. }) => {
                let ship = |ctx: &mut RuleContext<'_, '_>| shipment::ship(ctx, &order, warehouse, delivery, &headers);
                publishing(ctx, &order, message.traceparent(), ship)
            }
            Command::CancelShipment(_) => {
                publishing(ctx, &order, message.traceparent(), |ctx| Some(shipment::cancel(ctx, &order, warehouse)))
            }
            Command::ExpectReturn(command) => Some(returns::expect(ctx, command, warehouse)),
            Command::ForgetReturn(command) => Some(returns::forget(ctx, command, warehouse)),
            Command::Restock(command) => Some(returns::restock(ctx, command, warehouse)),
            Command::ResolveCase(command) => {
                publishing(ctx, &order, message.traceparent(), |ctx| Some(shipment::resolve_case(ctx, command)))
            }
            Command::ReopenCase(command) => {
                publishing(ctx, &order, message.traceparent(), |ctx| Some(shipment::reopen_case(ctx, command)))
            }
            Command::ConcludeCase(command) => {
                publishing(ctx, &order, message.traceparent(), |ctx| Some(shipment::conclude_case(ctx, command)))
            }
        };
        if let Some(reply) = reply {
            ctx.tx.send(Outgoing::reply(&headers, &order, ctx.now, &reply));
        }
        Ok(())
    }

    /// The warehouse of a command: its key.
    fn warehouse_of<'m>(&'m self, command: &'m Message) -> Result<&'m str, Unreadable> {
        match &command.key {
            None => Ok(&self.name),
            Some(key) => {
                let malformed = || Unreadable::Malformed("the key is not the name of a warehouse".to_owned());
                key.text().filter(|name| text_bytes(name) <= ID_BYTES).ok_or_else(malformed)
            }
        }
    }
}

/// Runs a rule of an order's shipment, opens or settles its case, reports its changes to the order, and publishes them.
fn publishing<T>(
    ctx: &mut RuleContext<'_, '_>,
    order: &str,
    trace: Option<&str>,
    rule: impl FnOnce(&mut RuleContext<'_, '_>) -> T,
) -> T {
    events::publishing(ctx, order, trace, |ctx| {
        reports::reporting(ctx, order, trace, |ctx| cases::following(ctx, order, trace, rule))
    })
}

/// Handles an event of the HTTP API or of a carrier. Events are not replied to.
fn handle_event(ctx: &mut RuleContext<'_, '_>, event: Event, message: &Message) -> Result<(), Unreadable> {
    match event {
        Event::StockSet(command) => {
            ctx.tx.check_home("warehouse", &command.warehouse)?;
            changes::set(ctx, command);
        }
        Event::StockChange(command) => {
            ctx.tx.check_home("warehouse", &command.warehouse)?;
            changes::change(ctx, command)?;
        }
        Event::ShipmentEvent(event) => {
            let order = event.order_id.to_string();
            publishing(ctx, &order, message.traceparent(), |ctx| shipment::stage_reported(ctx, event));
        }
        Event::ResolveShipment(command) => {
            let order = command.order_id.to_string();
            publishing(ctx, &order, message.traceparent(), |ctx| shipment::resolve(ctx, command));
        }
        Event::CarrierAnswered(answer) => {
            let order = answer.order_id.clone();
            publishing(ctx, &order, message.traceparent(), |ctx| shipment::carrier_answered(ctx, answer));
        }
        Event::ReturnReceived(event) => returns::receive(ctx, event, message.traceparent()),
    }
    Ok(())
}

#[cfg(test)]
mod tests;

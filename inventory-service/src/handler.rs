//! What the inventory service decides: reads a message, has the rules decide, sends the answer.

use common::journal::{Handler, Intent, Key, Transaction, Trigger};
use common::messages::{Message, Outgoing, Reply, Unreadable, header};
use common::time::Timestamp;
use serde::de::DeserializeOwned;

use crate::carrier::CarrierCall;
use crate::messages::{
    CANCEL_SHIPMENT, CARRIER_ANSWERED, CHANGE, CONFIRM, EXPECT_RETURN, FORGET_RETURN, Forget, OfOrder, OfReturn,
    RELEASE, RESERVE, RESTOCK, RETURN_RECEIVED, Reserve, SET, SHIP, SHIPMENT_EVENT, SetStock, Ship,
};
use crate::shipment::moves;
use crate::stock::{Decision, Inventory, Rules, Stock, stock_key};
use crate::{changes, reservation, returns};

/// The inventory's decisions.
#[derive(Clone, Debug)]
pub struct Warehouse {
    /// The warehouse of commands that name none.
    pub name: String,
    /// What is put into the stock when it was never seen.
    pub seed: Vec<Stock>,
    /// What the settings say of the rules.
    pub rules: Rules,
}

/// What is said to a command: the order it is about, and the answer; none where it comes later.
type Said = Result<(String, Option<Reply>), Unreadable>;

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
                let id;
                let cause = match message.header(header::ID) {
                    Some(id) => id,
                    None => {
                        id = message.id();
                        &id
                    }
                };
                let mut desk = Decision { tx, rules: &self.rules, cause, now };
                match message.kind() {
                    Some(SET | CHANGE | SHIPMENT_EVENT | CARRIER_ANSWERED | RETURN_RECEIVED) => {
                        told(&mut desk, message)
                    }
                    _ => {
                        let (order, answer) = self.command(&mut desk, message)?;
                        if let Some(answer) = answer {
                            desk.tx.send(Outgoing::reply(&message.reply_headers(), &order, now, &answer));
                        }
                        Ok(())
                    }
                }
            }
            Trigger::Claimed => {
                self.seed(tx);
                Ok(())
            }
            Trigger::Timer(key) => {
                let order = tx.get(key).and_then(Inventory::reservation).map(|known| known.order_id.clone());
                if let Some(order) = order {
                    reservation::expire(&mut Decision { tx, rules: &self.rules, cause: key, now }, &order);
                }
                Ok(())
            }
        }
    }

    fn intents(&self, _key: &Key, entity: &Inventory) -> Vec<Intent<CarrierCall>> {
        entity.shipment().and_then(|shipment| shipment.intent()).into_iter().collect()
    }
}

impl Warehouse {
    /// Items that were never seen begin with their configured count; a known one stays as it is.
    fn seed(&self, tx: &mut Transaction<'_, Inventory>) {
        for stock in &self.seed {
            let key = stock_key(&stock.warehouse, &stock.item_id);
            if tx.check_home("warehouse", &stock.warehouse).is_ok() && tx.get(&key).is_none() {
                tx.put(key, Inventory::Stock(stock.clone()));
            }
        }
    }

    /// Carries out a saga's command.
    fn command(&self, desk: &mut Decision<'_, '_>, message: &Message) -> Said {
        let of_order = |known: OfOrder| known.order_id.to_string();
        Ok(match message.kind() {
            Some(RESERVE) => {
                let (Reserve { order_id, items }, warehouse) = self.read(desk, message)?;
                let order = order_id.to_string();
                let answer = reservation::reserve(desk, &order, warehouse, items);
                (order, Some(answer))
            }
            Some(RELEASE) => {
                let (asked, warehouse) = self.read(desk, message)?;
                let order = of_order(asked);
                let answer = reservation::release(desk, &order, warehouse);
                (order, Some(answer))
            }
            Some(CONFIRM) => {
                let order = of_order(self.read(desk, message)?.0);
                let answer = reservation::confirm(desk, &order);
                (order, Some(answer))
            }
            Some(SHIP) => {
                let (Ship { order_id, delivery }, warehouse) = self.read(desk, message)?;
                let order = order_id.to_string();
                let answer = moves::ship(desk, (&order, warehouse), delivery, message);
                (order, answer)
            }
            Some(CANCEL_SHIPMENT) => {
                let (asked, warehouse) = self.read(desk, message)?;
                let order = of_order(asked);
                let answer = moves::cancel(desk, &order, warehouse);
                (order, Some(answer))
            }
            Some(EXPECT_RETURN) => {
                let (asked, warehouse) = self.read::<OfReturn>(desk, message)?;
                (asked.order_id.to_string(), Some(returns::expect(desk, asked, warehouse)))
            }
            Some(FORGET_RETURN) => {
                let (asked, warehouse) = self.read::<Forget>(desk, message)?;
                (asked.order_id.to_string(), Some(returns::forget(desk, asked, warehouse)))
            }
            Some(RESTOCK) => {
                let (asked, warehouse) = self.read::<OfReturn>(desk, message)?;
                (asked.order_id.to_string(), Some(returns::restock(desk, asked, warehouse)))
            }
            other => return Err(Unreadable::UnknownType(other.unwrap_or_default().to_owned())),
        })
    }

    /// What a command says, and the warehouse that it is for: its key.
    fn read<'m, T: DeserializeOwned>(
        &'m self,
        desk: &Decision<'_, '_>,
        message: &'m Message,
    ) -> Result<(T, &'m str), Unreadable> {
        let asked = message.json()?;
        let warehouse = message.key.as_ref().map_or(Some(&*self.name), |key| key.text());
        let warehouse =
            warehouse.ok_or_else(|| Unreadable::Malformed("the key is not a warehouse's name".to_owned()))?;
        desk.tx.check_home("warehouse", warehouse)?;
        Ok((asked, warehouse))
    }
}

/// Takes in what nobody waits to be answered: what people do by HTTP, and what a carrier says.
fn told(desk: &mut Decision<'_, '_>, message: &Message) -> Result<(), Unreadable> {
    match message.kind() {
        Some(SET) => {
            let asked: SetStock = message.json()?;
            desk.tx.check_home("warehouse", &asked.warehouse)?;
            changes::set(desk, asked);
        }
        Some(CHANGE) => {
            let asked: crate::messages::ChangeStock = message.json()?;
            desk.tx.check_home("warehouse", &asked.warehouse)?;
            changes::change(desk, asked)?;
        }
        Some(SHIPMENT_EVENT) => moves::happened(desk, message.json()?),
        Some(CARRIER_ANSWERED) => moves::answered(desk, message)?,
        _ => returns::receive(desk, message.json()?, message.header(header::TRACEPARENT)),
    }
    Ok(())
}

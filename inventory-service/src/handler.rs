//! What the inventory service decides: reads a message, has the rules decide, sends the answer.

use common::journal::{Handler, Intent, Key, Trigger, World};
use common::messages::{Message, Outgoing, Reply, Unreadable, header};
use common::time::Timestamp;
use common::topics;
use serde::de::DeserializeOwned;

use crate::carrier::Act;
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
    type Act = Act;

    fn decide(&self, world: &mut World<'_, Inventory>, trigger: Trigger<'_>, now: Timestamp) -> Result<(), Unreadable> {
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
                let mut desk = Decision { world, rules: &self.rules, cause, now };
                match message.kind() {
                    Some(SET | CHANGE | SHIPMENT_EVENT | CARRIER_ANSWERED | RETURN_RECEIVED) => {
                        told(&mut desk, message)
                    }
                    _ => {
                        let (order, answer) = self.command(&mut desk, message)?;
                        if let Some(answer) = answer {
                            desk.world.send(Outgoing::reply(message, &order, now, &answer));
                        }
                        Ok(())
                    }
                }
            }
            Trigger::Claimed => {
                self.seed(world);
                Ok(())
            }
            Trigger::Timer(key) => {
                let order = world.get(key).and_then(Inventory::reservation).map(|known| known.order_id.clone());
                if let Some(order) = order {
                    reservation::expire(&mut Decision { world, rules: &self.rules, cause: key, now }, &order);
                }
                Ok(())
            }
        }
    }

    fn intents(&self, _key: &Key, entity: &Inventory) -> Vec<Intent<Act>> {
        entity.shipment().and_then(|shipment| shipment.intent()).into_iter().collect()
    }
}

impl Warehouse {
    /// Items that were never seen begin with their configured count; a known one stays as it is.
    fn seed(&self, world: &mut World<'_, Inventory>) {
        for stock in &self.seed {
            let key = stock_key(&stock.warehouse, &stock.item_id);
            if is_at_home(world, &stock.warehouse).is_ok() && world.get(&key).is_none() {
                world.put(key, Inventory::Stock(stock.clone()));
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
        is_at_home(desk.world, warehouse)?;
        Ok((asked, warehouse))
    }
}

/// Takes in what nobody waits to be answered: what people do by HTTP, and what a carrier says.
fn told(desk: &mut Decision<'_, '_>, message: &Message) -> Result<(), Unreadable> {
    match message.kind() {
        Some(SET) => {
            let asked: SetStock = message.json()?;
            is_at_home(desk.world, &asked.warehouse)?;
            changes::set(desk, asked);
        }
        Some(CHANGE) => {
            let asked: crate::messages::ChangeStock = message.json()?;
            is_at_home(desk.world, &asked.warehouse)?;
            changes::change(desk, asked)?;
        }
        Some(SHIPMENT_EVENT) => moves::happened(desk, message.json()?),
        Some(CARRIER_ANSWERED) => moves::answered(desk, message)?,
        _ => returns::receive(desk, message.json()?, message.header(header::TRACEPARENT)),
    }
    Ok(())
}

/// A warehouse lives on the partition of its name: elsewhere its stock would have two writers.
fn is_at_home(world: &World<'_, Inventory>, warehouse: &str) -> Result<(), Unreadable> {
    let home = topics::partition_of(warehouse.as_bytes(), world.partitions());
    let here = world.partition();
    if home == here {
        return Ok(());
    }
    let why = format!("warehouse '{warehouse}' lives on partition {home}, not {here}: use its name as the key");
    Err(Unreadable::Malformed(why))
}

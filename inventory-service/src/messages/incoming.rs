//! The messages that the service reads from its topic, parsed by their `ce_type`.

use common::bounds::Check;
use common::cases::ConcludeCase;
use common::ids::OrderId;
use common::messages::{Message, Unreadable};

use crate::bounds;
use crate::entity::stock::ItemPrice;
use crate::messages::cases::{CONCLUDE_CASE, REOPEN_CASE, RESOLVE_CASE, ReopenCase, ResolveCase};
use crate::messages::{
    CANCEL_SHIPMENT, CARRIER_ANSWERED, CHANGE, CONFIRM, CarrierAnswered, ChangeStock, EXPECT_RETURN, FORGET_RETURN,
    ForgetReturn, OrderCommand, RELEASE, RESERVE, RESOLVE, RESTOCK, RETURN_RECEIVED, Reserve, ResolveShipment,
    ReturnCommand, ReturnReceived, SET, SHIP, SHIPMENT_EVENT, SetStock, Ship, ShipmentEvent,
};

/// A message of `inventory-commands`.
pub(crate) enum Incoming {
    Command(Command),
    Event(Event),
}

/// A command of a saga, which is replied to.
pub(crate) enum Command {
    Reserve(Reserve),
    Release(OrderCommand),
    Confirm(OrderCommand),
    Ship(Ship),
    CancelShipment(OrderCommand),
    ExpectReturn(ReturnCommand),
    ForgetReturn(ForgetReturn),
    Restock(ReturnCommand),
    ResolveCase(ResolveCase),
    ReopenCase(ReopenCase),
    ConcludeCase(ConcludeCase),
}

/// A request of the HTTP API or an answer of a carrier, which are not replied to.
pub(crate) enum Event {
    StockSet(SetStock),
    StockChange(ChangeStock),
    ShipmentEvent(ShipmentEvent),
    ResolveShipment(ResolveShipment),
    CarrierAnswered(CarrierAnswered),
    ReturnReceived(ReturnReceived),
}

impl Incoming {
    /// Parses a message.
    ///
    /// # Errors
    /// [`Unreadable::UnknownType`], and those of [`Message::json`].
    pub(crate) fn parse(message: &Message) -> Result<Self, Unreadable> {
        let incoming = Self::read(message)?;
        incoming.check().map_err(Unreadable::Malformed)?;
        Ok(incoming)
    }

    /// Checks the texts and lists that are kept and have bounds of their own within the message's.
    fn check(&self) -> Result<(), String> {
        let mut check = Check::default();
        match self {
            Self::Command(Command::Reserve(command)) => bounds::items(&mut check, &command.items),
            Self::Command(Command::ExpectReturn(command) | Command::Restock(command)) => {
                bounds::items(&mut check, &command.items);
            }
            Self::Command(Command::Ship(command)) => bounds::address(&mut check, command.delivery.address.as_ref()),
            Self::Event(Event::StockSet(set)) => {
                bounds::stock(&mut check, &set.warehouse, &set.item_id, &[&set.name]);
                set.price.as_ref().map_or(Ok(()), ItemPrice::check).map_err(|why| format!("price: {why}"))?;
            }
            Self::Event(Event::StockChange(change)) => {
                bounds::stock(&mut check, &change.warehouse, &change.item_id, &[&change.by, &change.why]);
            }
            Self::Event(Event::ShipmentEvent(event)) => bounds::stage(&mut check, event),
            Self::Event(Event::ResolveShipment(command)) => bounds::operator(&mut check, &command.by, &command.why),
            Self::Command(Command::ResolveCase(command)) => bounds::operator(&mut check, &command.by, &command.why),
            Self::Command(
                Command::Release(_)
                | Command::Confirm(_)
                | Command::CancelShipment(_)
                | Command::ForgetReturn(_)
                | Command::ReopenCase(_)
                | Command::ConcludeCase(_),
            )
            | Self::Event(Event::CarrierAnswered(_) | Event::ReturnReceived(_)) => {}
        }
        check.done()
    }

    fn read(message: &Message) -> Result<Self, Unreadable> {
        Ok(match message.kind().unwrap_or_default() {
            RESERVE => Self::Command(Command::Reserve(message.json()?)),
            RELEASE => Self::Command(Command::Release(message.json()?)),
            CONFIRM => Self::Command(Command::Confirm(message.json()?)),
            SHIP => Self::Command(Command::Ship(message.json()?)),
            CANCEL_SHIPMENT => Self::Command(Command::CancelShipment(message.json()?)),
            EXPECT_RETURN => Self::Command(Command::ExpectReturn(message.json()?)),
            FORGET_RETURN => Self::Command(Command::ForgetReturn(message.json()?)),
            RESTOCK => Self::Command(Command::Restock(message.json()?)),
            RESOLVE_CASE => Self::Command(Command::ResolveCase(message.json()?)),
            REOPEN_CASE => Self::Command(Command::ReopenCase(message.json()?)),
            CONCLUDE_CASE => Self::Command(Command::ConcludeCase(message.json()?)),
            SET => Self::Event(Event::StockSet(message.json()?)),
            CHANGE => Self::Event(Event::StockChange(message.json()?)),
            SHIPMENT_EVENT => Self::Event(Event::ShipmentEvent(message.json()?)),
            RESOLVE => Self::Event(Event::ResolveShipment(message.json()?)),
            CARRIER_ANSWERED => Self::Event(Event::CarrierAnswered(message.json()?)),
            RETURN_RECEIVED => Self::Event(Event::ReturnReceived(message.json()?)),
            unknown => return Err(Unreadable::UnknownType(unknown.to_owned())),
        })
    }
}

impl Command {
    /// The order that the command is about.
    pub(crate) fn order_id(&self) -> OrderId {
        match self {
            Self::Reserve(Reserve { order_id, .. })
            | Self::Release(OrderCommand { order_id })
            | Self::Confirm(OrderCommand { order_id })
            | Self::Ship(Ship { order_id, .. })
            | Self::CancelShipment(OrderCommand { order_id })
            | Self::ExpectReturn(ReturnCommand { order_id, .. })
            | Self::ForgetReturn(ForgetReturn { order_id, .. })
            | Self::Restock(ReturnCommand { order_id, .. })
            | Self::ResolveCase(ResolveCase { order_id, .. })
            | Self::ReopenCase(ReopenCase { order_id, .. })
            | Self::ConcludeCase(ConcludeCase { order_id, .. }) => *order_id,
        }
    }
}

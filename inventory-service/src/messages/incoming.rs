//! The messages that the service reads from its topic, parsed by their `ce_type`.

use common::ids::OrderId;
use common::messages::{Message, Unreadable};

use crate::messages::{
    CANCEL_SHIPMENT, CARRIER_ANSWERED, CHANGE, CONFIRM, CarrierAnswered, ChangeStock, EXPECT_RETURN, FORGET_RETURN,
    ForgetReturn, OrderCommand, RELEASE, RESERVE, RESTOCK, RETURN_RECEIVED, Reserve, ReturnCommand, ReturnReceived,
    SET, SHIP, SHIPMENT_EVENT, SetStock, Ship, ShipmentEvent,
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
}

/// A request of the HTTP API or an answer of a carrier, which are not replied to.
pub(crate) enum Event {
    StockSet(SetStock),
    StockChange(ChangeStock),
    ShipmentEvent(ShipmentEvent),
    CarrierAnswered(CarrierAnswered),
    ReturnReceived(ReturnReceived),
}

impl Incoming {
    /// Parses a message.
    ///
    /// # Errors
    /// [`Unreadable::UnknownType`], and those of [`Message::json`].
    pub(crate) fn parse(message: &Message) -> Result<Self, Unreadable> {
        Ok(match message.kind().unwrap_or_default() {
            RESERVE => Self::Command(Command::Reserve(message.json()?)),
            RELEASE => Self::Command(Command::Release(message.json()?)),
            CONFIRM => Self::Command(Command::Confirm(message.json()?)),
            SHIP => Self::Command(Command::Ship(message.json()?)),
            CANCEL_SHIPMENT => Self::Command(Command::CancelShipment(message.json()?)),
            EXPECT_RETURN => Self::Command(Command::ExpectReturn(message.json()?)),
            FORGET_RETURN => Self::Command(Command::ForgetReturn(message.json()?)),
            RESTOCK => Self::Command(Command::Restock(message.json()?)),
            SET => Self::Event(Event::StockSet(message.json()?)),
            CHANGE => Self::Event(Event::StockChange(message.json()?)),
            SHIPMENT_EVENT => Self::Event(Event::ShipmentEvent(message.json()?)),
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
            | Self::Restock(ReturnCommand { order_id, .. }) => *order_id,
        }
    }
}

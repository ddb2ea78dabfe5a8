//! The calls to a carrier, as data: side effects that a shipment asks for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::messages::{Address, Method};

/// The carrier of a shipment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Carrier)]
pub enum CarrierKind {
    /// Answers by rules on the postal code.
    Simulated,
    /// Accepts everything; operators deliver it.
    Manual,
}

impl CarrierKind {
    /// Its name in settings and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Manual => "manual",
        }
    }
}

/// A parcel to be booked or voided.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Parcel {
    /// The shipment's id: the idempotency key of all calls.
    pub shipment: String,
    pub order: String,
    pub warehouse: String,
    pub carrier: CarrierKind,
    pub method: Method,
    pub address: Address,
    /// A tracking number of our own range, for carriers that let shippers assign them.
    pub number: String,
    /// How many pieces are in it.
    pub pieces: u64,
    /// The number of the booking call: 1, 2, ...
    pub call: u32,
    /// The `traceparent` of the command that requested it.
    pub trace: Option<String>,
}

/// A call to a carrier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CarrierCall {
    Book(Parcel),
    /// Void the booking, with the number of the void call: 1, 2, ...
    Void(Parcel, u32),
}

#[cfg(test)]
impl Parcel {
    /// A parcel to this postal code.
    pub(crate) fn to(postal_code: &str) -> Self {
        let address = Address {
            name: "Ana".to_owned(),
            line1: "Rua A, 1".to_owned(),
            line2: None,
            city: "Recife".to_owned(),
            postal_code: postal_code.to_owned(),
            country: "BR".to_owned(),
        };
        Self {
            shipment: "s".to_owned(),
            order: "o".to_owned(),
            warehouse: "main".to_owned(),
            carrier: CarrierKind::Simulated,
            method: Method::Standard,
            address,
            number: "CA000000005BR".to_owned(),
            pieces: 1,
            call: 1,
            trace: None,
        }
    }
}

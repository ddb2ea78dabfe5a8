//! Carriers: what the service asks of one. Apart from the shipments, which know a carrier only by what it answered.
//! What surrounds a call to any of them is in `guard`, and who makes the calls in `actor`.

pub mod answers;
pub mod executor;
pub mod guard;
mod manual;
mod simulated;
mod switchboard;

use std::future::Future;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::messages::{Address, Method};

pub use executor::Dispatcher;
pub use manual::Manual;
pub use simulated::Simulated;
pub use switchboard::Switchboard;

/// Which carrier takes a shipment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Carrier)]
pub enum CarrierKind {
    /// Answers by rules on the postal code: [`Simulated`].
    Simulated,
    /// Takes everything; people bring it: [`Manual`].
    Manual,
}

impl CarrierKind {
    /// As settings and the API call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Manual => "manual",
        }
    }
}

/// A parcel that a carrier is asked to take.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Parcel {
    /// The shipment's id: the idempotency key of all calls.
    pub shipment: String,
    pub order: String,
    pub warehouse: String,
    /// Who takes it.
    pub carrier: CarrierKind,
    pub method: Method,
    pub address: Address,
    /// A tracking number of our own range, for a carrier that has shippers give them.
    pub number: String,
    /// How many pieces are in it.
    pub pieces: u64,
    /// Which call to take it this is: 1, 2, ...
    pub call: u32,
    /// The trace it belongs to.
    pub trace: Option<String>,
}

/// What a shipment wants asked of its carrier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CarrierCall {
    /// To take it.
    Book(Parcel),
    /// To let it go: which call, 1, 2, ...
    Void(Parcel, u32),
}

/// The carrier takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// By which it can be followed.
    pub tracking_number: String,
}

/// Why a carrier did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarrierError {
    /// A technical failure; it may even have been done. Asking again may help.
    #[error("{0}")]
    Failed(String),
    /// It answered no. Asking the same again would not help.
    #[error("{0}")]
    Refused(String),
}

/// What the service asks of one. Every call may come again with the same shipment, and must then have no second effect.
pub trait Carrier: Send + Sync + 'static {
    /// Takes a parcel, to be handed over later.
    ///
    /// # Errors
    /// [`CarrierError`]
    fn book(&self, parcel: &Parcel) -> impl Future<Output = Result<Booked, CarrierError>> + Send;

    /// Lets a parcel go that was not handed over, also one that was never booked.
    ///
    /// # Errors
    /// [`CarrierError`]
    fn void(&self, parcel: &Parcel) -> impl Future<Output = Result<(), CarrierError>> + Send;
}

//! The interface of a carrier. Shipments depend on its answers only, which come as messages.

use std::future::Future;

use crate::carrier::call::Parcel;

/// The answer to a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    pub tracking_number: String,
}

/// Why a call to a carrier did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarrierError {
    /// A technical failure. The call may still have had its effect; a retry may help.
    #[error("{0}")]
    Failed(String),
    /// The carrier refused. A retry would not help.
    #[error("{0}")]
    Refused(String),
}

/// A carrier. Calls may be repeated with the same shipment, and must then have no second effect.
pub trait Carrier: Send + Sync + 'static {
    /// Books a parcel, to be handed over later.
    ///
    /// # Errors
    /// [`CarrierError`]
    fn book(&self, parcel: &Parcel) -> impl Future<Output = Result<Booked, CarrierError>> + Send;

    /// Voids the booking of a parcel that was not handed over. Succeeds for a parcel that was never booked.
    ///
    /// # Errors
    /// [`CarrierError`]
    fn void(&self, parcel: &Parcel) -> impl Future<Output = Result<(), CarrierError>> + Send;
}

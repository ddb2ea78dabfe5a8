//! All carriers there are: a shipment stays with the one that took it, whatever the settings say later.

use super::guard::Guarded;
use super::{Booked, Carrier, CarrierError, CarrierKind, Manual, Parcel, Simulated};

/// Asks the carrier that a parcel belongs to.
pub struct Switchboard {
    /// By rules.
    pub simulated: Guarded<Simulated>,
    /// By hand.
    pub manual: Manual,
}

impl Carrier for Switchboard {
    async fn book(&self, parcel: &Parcel) -> Result<Booked, CarrierError> {
        match parcel.carrier {
            CarrierKind::Simulated => self.simulated.book(parcel).await,
            CarrierKind::Manual => self.manual.book(parcel).await,
        }
    }

    async fn void(&self, parcel: &Parcel) -> Result<(), CarrierError> {
        match parcel.carrier {
            CarrierKind::Simulated => self.simulated.void(parcel).await,
            CarrierKind::Manual => self.manual.void(parcel).await,
        }
    }
}

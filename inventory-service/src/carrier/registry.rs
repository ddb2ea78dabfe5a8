//! The registry of all carriers. A shipment stays with its carrier when the settings change.

use crate::carrier::call::{CarrierKind, Parcel};
use crate::carrier::client::{Booked, Carrier, CarrierError};
use crate::carrier::guard::Guarded;
use crate::carrier::manual::Manual;
use crate::carrier::simulated::Simulated;

/// Forwards calls to the carrier of the parcel.
pub struct CarrierRegistry {
    pub simulated: Guarded<Simulated>,
    pub manual: Manual,
}

impl Carrier for CarrierRegistry {
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

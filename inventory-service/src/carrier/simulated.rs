//! A simulated carrier, whose answers are chosen by the postal code.

use std::sync::{Mutex, PoisonError};

use crate::carrier::call::Parcel;
use crate::carrier::client::{Booked, Carrier, CarrierError};

/// A carrier that answers by the digits of the postal code.
///
/// | postal code | answer |
/// |---|---|
/// | only zeros (`00000-000`) | refuses |
/// | ends in `77` | fails technically twice, then accepts |
/// | ends in `44` | fails technically; accepts voids |
/// | else | accepts, with the tracking number of the parcel |
///
/// In addition, a share of `failure_rate` of all calls fails technically.
pub struct Simulated {
    failure_rate: f64,
    rng: Mutex<fastrand::Rng>,
}

impl Simulated {
    /// Creates a carrier with this share of failing calls (0 to 1).
    pub fn new(failure_rate: f64) -> Self {
        Self { failure_rate, rng: Mutex::new(fastrand::Rng::new()) }
    }

    /// Fails at random.
    fn fail_randomly(&self) -> Result<(), CarrierError> {
        let drawn = self.rng.lock().unwrap_or_else(PoisonError::into_inner).f64();
        if drawn < self.failure_rate {
            return Err(CarrierError::Failed("no answer (simulated, shipping.failure_rate)".to_owned()));
        }
        Ok(())
    }
}

impl Carrier for Simulated {
    async fn book(&self, parcel: &Parcel) -> Result<Booked, CarrierError> {
        self.fail_randomly()?;
        let digits: String = parcel.address.postal_code.chars().filter(char::is_ascii_digit).collect();
        if !digits.is_empty() && digits.bytes().all(|digit| digit == b'0') {
            return Err(CarrierError::Refused(format!("no deliveries to {} (simulated)", parcel.address.postal_code)));
        }
        if digits.ends_with("44") || digits.ends_with("77") && parcel.call <= 2 {
            return Err(CarrierError::Failed("the carrier is unreachable (simulated)".to_owned()));
        }
        Ok(Booked { tracking_number: parcel.number.clone() })
    }

    async fn void(&self, _parcel: &Parcel) -> Result<(), CarrierError> {
        self.fail_randomly()
    }
}

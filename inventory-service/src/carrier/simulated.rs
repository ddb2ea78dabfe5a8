//! A carrier that needs no contract and answers by rules, so that every ending can be had at will.

use std::sync::{Mutex, PoisonError};

use super::{Booked, Carrier, CarrierError, Parcel};

/// A carrier that answers by the digits of the postal code.
///
/// | postal code | what it does |
/// |---|---|
/// | only zeros (`00000-000`) | refuses it: nobody lives there |
/// | ends in `77` | fails technically twice, then takes it |
/// | ends in `44` | never can be reached, and lets go of everything |
/// | else | takes it, with the tracking number it is given |
///
/// Besides, `failure_rate` of all calls fail technically.
pub struct Simulated {
    failure_rate: f64,
    dice: Mutex<fastrand::Rng>,
}

impl Simulated {
    /// With this share of calls that fail (0 to 1).
    pub fn new(failure_rate: f64) -> Self {
        Self { failure_rate, dice: Mutex::new(fastrand::Rng::new()) }
    }

    fn fails(&self) -> Result<(), CarrierError> {
        let thrown = self.dice.lock().unwrap_or_else(PoisonError::into_inner).f64();
        if thrown < self.failure_rate {
            return Err(CarrierError::Failed("no answer (simulated, shipping.failure_rate)".to_owned()));
        }
        Ok(())
    }
}

impl Carrier for Simulated {
    async fn book(&self, parcel: &Parcel) -> Result<Booked, CarrierError> {
        self.fails()?;
        let digits: String = parcel.address.postal_code.chars().filter(char::is_ascii_digit).collect();
        if !digits.is_empty() && digits.bytes().all(|digit| digit == b'0') {
            return Err(CarrierError::Refused(format!("nobody delivers to {}", parcel.address.postal_code)));
        }
        if digits.ends_with("44") || digits.ends_with("77") && parcel.call <= 2 {
            return Err(CarrierError::Failed("the carrier can't be reached (simulated)".to_owned()));
        }
        Ok(Booked { tracking_number: parcel.number.clone() })
    }

    async fn void(&self, _parcel: &Parcel) -> Result<(), CarrierError> {
        self.fails()
    }
}

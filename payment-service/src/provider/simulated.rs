//! A provider that needs no contract and answers by rules, so that every ending can be had at will.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::money::Amount;

use super::{Accepted, Capture, Charge, PaymentProvider, ProviderError, Refund, Standing};

/// A provider that answers by the cents of the amount.
///
/// | cents | what it does |
/// |---|---|
/// | .13 | declines |
/// | .44 | takes it and never answers |
/// | .77 | fails technically twice, then takes and approves it |
/// | .99 | approves after `delay` |
/// | else | approves at once |
///
/// Besides, `failure_rate` of all calls fail technically, whatever the amount. What is to be captured later is
/// authorized where else it would be approved. A payment that is called off while its result is on its way was paid
/// before the call came, or declined, as its cents say.
pub struct Simulated {
    delay: Duration,
    failure_rate: f64,
    dice: Mutex<fastrand::Rng>,
}

const DECLINED: i64 = 13;
const SILENT: i64 = 44;
const FAILS_TWICE: i64 = 77;
const LATE: i64 = 99;

impl Simulated {
    /// With this delay of .99, and this share of calls that fail (0 to 1).
    pub fn new(delay: Duration, failure_rate: f64) -> Self {
        Self { delay, failure_rate, dice: Mutex::new(fastrand::Rng::new()) }
    }

    fn fails(&self) -> Result<(), ProviderError> {
        let thrown = self.dice.lock().unwrap_or_else(PoisonError::into_inner).f64();
        if thrown < self.failure_rate {
            return Err(ProviderError::Failed("no answer (simulated, provider.failure_rate)".to_owned()));
        }
        Ok(())
    }
}

fn cents(charge: &Charge) -> i64 {
    charge.amount.0.rem_euclid(100)
}

impl PaymentProvider for Simulated {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        self.fails()?;
        let result_after = match cents(charge) {
            FAILS_TWICE if charge.call <= 2 => {
                return Err(ProviderError::Failed("the provider can't be reached (simulated)".to_owned()));
            }
            SILENT => None,
            LATE => Some(self.delay),
            _ => Some(Duration::ZERO),
        };
        Ok(Accepted { result_after, reference: None })
    }

    async fn result(&self, charge: &Charge) -> Result<Standing, ProviderError> {
        self.fails()?;
        Ok(match (cents(charge), charge.capture) {
            (SILENT, _) => Standing::Silent,
            (DECLINED, _) => Standing::Declined(None),
            (_, Capture::Automatic) => Standing::Approved,
            (_, Capture::Manual) => Standing::Authorized,
        })
    }

    async fn capture(&self, _charge: &Charge, _amount: Amount) -> Result<(), ProviderError> {
        self.fails()
    }

    async fn cancel(&self, charge: &Charge) -> Result<Standing, ProviderError> {
        match self.result(charge).await? {
            Standing::Authorized => Ok(Standing::Declined(Some("cancelled".to_owned()))),
            other @ (Standing::Approved | Standing::Declined(_) | Standing::Open | Standing::Silent) => Ok(other),
        }
    }

    async fn refund(&self, _refund: &Refund) -> Result<(), ProviderError> {
        self.fails()
    }
}

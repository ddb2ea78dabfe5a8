//! A provider that decides by the cents of the amount, so that every outcome can be produced at will.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::money::Amount;
use common::payments::{Action, ActionKind};
use common::sensitive::Sensitive;

use super::call::{Capture, Charge, Refund};
use super::port::{Accepted, ChargeStatus, PaymentProvider, ProviderError, RefundStatus};

/// A provider that decides by the cents of the amount.
///
/// | cents | behaviour |
/// |---|---|
/// | .13 | declines |
/// | .33 | requires an action of the customer, which `POST /simulated/actions/{id}` completes or fails |
/// | .44 | accepts it and never reports a result |
/// | .66 of a refund | the refund fails at its first call |
/// | .77 | fails technically twice, then accepts and approves it |
/// | .99 | approves after `delay` |
/// | else | approves at once |
///
/// In addition, the share `failure_rate` of all calls fails technically, whatever the amount. A payment with manual
/// capture is authorized instead of approved. A payment cancelled before its result was queried ends by its cents: paid
/// or declined.
pub struct Simulated {
    delay: Duration,
    failure_rate: f64,
    dice: Mutex<fastrand::Rng>,
}

const DECLINED: i64 = 13;
const ACTION: i64 = 33;
const SILENT: i64 = 44;
const REFUND_FAILS: i64 = 66;
const FAILS_TWICE: i64 = 77;
const LATE: i64 = 99;

impl Simulated {
    /// `delay` is that of .99; `failure_rate` is the share of failing calls, from 0 to 1.
    pub fn new(delay: Duration, failure_rate: f64) -> Self {
        Self { delay, failure_rate, dice: Mutex::new(fastrand::Rng::new()) }
    }

    fn draw_failure(&self) -> Result<(), ProviderError> {
        let drawn = self.dice.lock().unwrap_or_else(PoisonError::into_inner).f64();
        if drawn < self.failure_rate {
            return Err(ProviderError::Failed("no answer (simulated, provider.failure_rate)".to_owned()));
        }
        Ok(())
    }
}

fn cents(amount: Amount) -> i64 {
    amount.0.rem_euclid(100)
}

/// The action of an amount ending in .33: a confirmation in the customer's browser, as by 3-D Secure.
fn action(charge: &Charge) -> Action {
    Action {
        kind: ActionKind::Confirm,
        url: Some(format!("/simulated/actions/{}", charge.order)),
        client_secret: Some(Sensitive(format!("simulated_secret_{}", charge.payment_id))),
        code: None,
        expires_at: None,
    }
}

impl PaymentProvider for Simulated {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        self.draw_failure()?;
        let result_after = match cents(charge.amount) {
            FAILS_TWICE if charge.call <= 2 => {
                return Err(ProviderError::Failed("the provider can't be reached (simulated)".to_owned()));
            }
            SILENT => None,
            LATE => Some(self.delay),
            _ => Some(Duration::ZERO),
        };
        Ok(Accepted { result_after, reference: None })
    }

    async fn result(&self, charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        self.draw_failure()?;
        Ok(match (cents(charge.amount), charge.capture) {
            (SILENT, _) => ChargeStatus::Silent,
            (ACTION, _) => ChargeStatus::ActionRequired { action: action(charge), reported: true },
            (DECLINED, _) => ChargeStatus::Declined(None),
            (_, Capture::Automatic) => ChargeStatus::Approved,
            (_, Capture::Manual) => ChargeStatus::Authorized,
        })
    }

    async fn capture(&self, _charge: &Charge, _amount: Amount) -> Result<(), ProviderError> {
        self.draw_failure()
    }

    async fn cancel(&self, charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        match self.result(charge).await? {
            ChargeStatus::Authorized | ChargeStatus::ActionRequired { .. } => {
                Ok(ChargeStatus::Declined(Some("cancelled".to_owned())))
            }
            other
            @ (ChargeStatus::Approved | ChargeStatus::Declined(_) | ChargeStatus::Open | ChargeStatus::Silent) => {
                Ok(other)
            }
        }
    }

    async fn refund(&self, refund: &Refund) -> Result<RefundStatus, ProviderError> {
        self.draw_failure()?;
        let fails = refund.call == 1 && refund.amount.map(cents) == Some(REFUND_FAILS);
        Ok(if fails {
            RefundStatus::Failed("the account is closed (simulated)".to_owned())
        } else {
            RefundStatus::Made
        })
    }
}

//! The payment provider: the payment service's simulated provider, with a log of its calls, failures and lost
//! responses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::ids::OrderId;
use common::money::Amount;
use payment_service::provider::call::{Charge, Refund};
use payment_service::provider::port::{Accepted, ChargeStatus, PaymentProvider, ProviderError, RefundStatus};
use payment_service::provider::simulated::Simulated;

/// The charges and refunds that the provider has received.
pub struct ProviderLog {
    rng: fastrand::Rng,
    /// Percentage of calls that fail.
    pub failing: u32,
    /// Requested payments, by id.
    pub charges: BTreeMap<String, Charge>,
    /// Refunds made, by order.
    pub refunds: BTreeMap<OrderId, BTreeSet<String>>,
    /// Whether any call has failed.
    pub failed: bool,
    /// Conflicting requests.
    pub violations: Vec<String>,
}

/// The provider that all instances of the payment service share.
#[derive(Clone)]
pub struct FaultyProvider {
    simulated: Arc<Simulated>,
    pub log: Arc<Mutex<ProviderLog>>,
}

impl FaultyProvider {
    pub fn new(rng: fastrand::Rng, failing: u32, delay: Duration) -> Self {
        let charges = BTreeMap::new();
        let refunds = BTreeMap::new();
        let violations = Vec::new();
        let log = Arc::new(Mutex::new(ProviderLog { rng, failing, charges, refunds, failed: false, violations }));
        Self { simulated: Arc::new(Simulated::new(delay, 0.0)), log }
    }
}

impl ProviderLog {
    /// Draws a failure: `Some(true)` if the call fails after its execution, `Some(false)` if before.
    fn fails(&mut self) -> Option<bool> {
        let fails = self.rng.u32(0..100) < self.failing;
        self.failed |= fails;
        fails.then(|| self.rng.bool())
    }

    /// Returns true if the provider approves this payment, by its cents.
    pub fn takes(&self, charge: &Charge) -> bool {
        !matches!(charge.amount.0 % 100, 13 | 33 | 44)
    }

    fn charge(&mut self, charge: &Charge) {
        let same = |known: &Charge| {
            known.order == charge.order && known.amount == charge.amount && known.currency == charge.currency
        };
        let known = self.charges.entry(charge.payment_id.clone()).or_insert_with(|| charge.clone());
        if !same(known) {
            self.violations.push(format!("the provider has {known:?} and received {charge:?}"));
        }
    }
}

fn no_answer() -> ProviderError {
    ProviderError::Failed("no answer (simulated)".to_owned())
}

impl PaymentProvider for FaultyProvider {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        let accepted = self.simulated.request(charge).await?;
        let mut log = self.log.lock().unwrap();
        let fails = log.fails();
        if fails != Some(false) {
            log.charge(charge);
        }
        fails.map_or(Ok(accepted), |_| Err(no_answer()))
    }

    async fn result(&self, charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        let standing = self.simulated.result(charge).await?;
        self.log.lock().unwrap().fails().map_or(Ok(standing), |_| Err(no_answer()))
    }

    async fn capture(&self, charge: &Charge, amount: Amount) -> Result<(), ProviderError> {
        self.simulated.capture(charge, amount).await
    }

    async fn cancel(&self, charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        let standing = self.simulated.cancel(charge).await?;
        self.log.lock().unwrap().fails().map_or(Ok(standing), |_| Err(no_answer()))
    }

    async fn refund(&self, refund: &Refund) -> Result<RefundStatus, ProviderError> {
        self.simulated.refund(refund).await?;
        let mut log = self.log.lock().unwrap();
        let fails = log.fails();
        if fails != Some(false) {
            log.refunds.entry(refund.order).or_default().insert(refund.refund_id.clone());
        }
        fails.map_or(Ok(RefundStatus::Made), |_| Err(no_answer()))
    }
}

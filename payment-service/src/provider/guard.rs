//! Wraps every call to a provider with a timeout, another attempt with the same idempotency key, and the circuit
//! breaker.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::money::Amount;
use common::time::Timestamp;

use super::breaker::{self, Breaker};
use super::call::{Charge, Refund};
use super::port::{Accepted, ChargeStatus, Listing, PaymentProvider, ProviderError, RefundStatus};

/// Limits on the calls to a provider.
#[derive(Clone, Copy, Debug)]
pub struct CallPolicy {
    /// The timeout of a call.
    pub timeout: Duration,
    /// The most calls for one answer.
    pub attempts: u32,
    /// The pause between them.
    pub pause: Duration,
    /// When the breaker opens.
    pub breaker: breaker::Limits,
}

/// A provider with a timeout, retries and a circuit breaker.
pub struct Guarded<P> {
    provider: P,
    policy: CallPolicy,
    breaker: Mutex<Breaker>,
    calls: AtomicU64,
    failed: AtomicU64,
}

/// The health of a provider.
#[derive(Clone, Debug)]
pub struct ProviderHealth {
    /// The state of its circuit breaker.
    pub state: breaker::State,
    /// When the breaker entered the state.
    pub since: Timestamp,
    /// The number of consecutive failures up to now.
    pub failures: u32,
    /// The last failure.
    pub last_error: Option<String>,
    /// Calls since the start.
    pub calls: u64,
    /// Failed calls since the start.
    pub failed: u64,
}

impl<P> Guarded<P> {
    /// Surrounds a provider.
    pub fn new(provider: P, policy: CallPolicy) -> Self {
        let breaker = Mutex::new(Breaker::new(policy.breaker, Timestamp::now()));
        Self { provider, policy, breaker, calls: AtomicU64::new(0), failed: AtomicU64::new(0) }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its health.
    pub fn health(&self) -> ProviderHealth {
        let breaker = self.breaker();
        ProviderHealth {
            state: breaker.state(),
            since: breaker.since(),
            failures: breaker.failures(),
            last_error: breaker.last_error().map(str::to_owned),
            calls: self.calls.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// The provider itself, for [`Guarded::call`].
    pub(super) fn provider(&self) -> &P {
        &self.provider
    }

    /// Makes a call, and another after a failure, unless the breaker is open.
    pub(super) async fn call<T, F>(&self, what: &str, make: impl Fn() -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let mut attempt = 1;
        loop {
            let failed = match self.once(&make).await {
                Err(failed @ ProviderError::Failed(_)) if attempt < self.policy.attempts => failed,
                other => return other,
            };
            tracing::debug!(attempt, "{what} failed and is tried again: {failed}");
            attempt += 1;
            tokio::time::sleep(self.policy.pause).await;
        }
    }

    async fn once<T, F>(&self, make: &impl Fn() -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let permit = self.breaker().permit(Timestamp::now()).map_err(ProviderError::CircuitOpen)?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        let limit = self.policy.timeout;
        let answer = match tokio::time::timeout(limit, make()).await {
            Ok(answer) => answer,
            Err(_) => Err(ProviderError::Failed(format!("no answer within {} s", limit.as_secs_f64()))),
        };
        let mut breaker = self.breaker();
        let now = Timestamp::now();
        let before = breaker.state();
        match &answer {
            Err(ProviderError::Failed(why)) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                breaker.failed(&permit, why, now);
            }
            Ok(_) | Err(ProviderError::Busy(_) | ProviderError::Refused(_) | ProviderError::CircuitOpen(_)) => {
                breaker.answered(&permit, now);
            }
        }
        let state = breaker.state();
        if state != before {
            tracing::warn!("the provider's circuit breaker changed from {1} to {0}", state.name(), before.name());
        }
        answer
    }
}

impl<P: PaymentProvider> PaymentProvider for Guarded<P> {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        self.call("request", || self.provider.request(charge)).await
    }

    async fn result(&self, charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        self.call("result", || self.provider.result(charge)).await
    }

    async fn capture(&self, charge: &Charge, amount: Amount) -> Result<(), ProviderError> {
        self.call("capture", || self.provider.capture(charge, amount)).await
    }

    async fn cancel(&self, charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        self.call("cancel", || self.provider.cancel(charge)).await
    }

    async fn refund(&self, refund: &Refund) -> Result<RefundStatus, ProviderError> {
        self.call("refund", || self.provider.refund(refund)).await
    }

    async fn review(&self, charge: &Charge) -> Result<Listing, ProviderError> {
        self.call("review", || self.provider.review(charge)).await
    }
}

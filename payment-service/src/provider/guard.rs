//! What surrounds every call to a provider: a time limit, a second try with the same idempotency key, and the circuit
//! breaker, which is told what became of each call.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::money::Amount;
use common::time::Timestamp;

use super::breaker::{self, Breaker};
use super::call::{Charge, Refund};
use super::port::{Accepted, PaymentProvider, ProviderError, Standing};

/// How patient the service is with a provider.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The longest a call may take.
    pub timeout: Duration,
    /// Calls made for one answer, in all.
    pub attempts: u32,
    /// The pause between them.
    pub pause: Duration,
    /// When the breaker opens.
    pub breaker: breaker::Limits,
}

/// A provider with all that surrounds it.
pub struct Guarded<P> {
    provider: P,
    patience: Patience,
    breaker: Mutex<Breaker>,
    calls: AtomicU64,
    failed: AtomicU64,
}

/// How a provider has been doing.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The breaker's state.
    pub state: breaker::State,
    /// Since when.
    pub since: Timestamp,
    /// Calls that failed one after the other, up to now.
    pub failures: u32,
    /// The last failure there was.
    pub last_error: Option<String>,
    /// Calls made since the start.
    pub calls: u64,
    /// Of these failed.
    pub failed: u64,
}

impl<P> Guarded<P> {
    /// Surrounds a provider.
    pub fn new(provider: P, patience: Patience) -> Self {
        let breaker = Mutex::new(Breaker::new(patience.breaker, Timestamp::now()));
        Self { provider, patience, breaker, calls: AtomicU64::new(0), failed: AtomicU64::new(0) }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it has been doing.
    pub fn seen(&self) -> Seen {
        let breaker = self.breaker();
        let (state, since, failures, last_error) = breaker.seen();
        let [calls, failed] = [&self.calls, &self.failed].map(|counted| counted.load(Ordering::Relaxed));
        Seen { state, since, failures, last_error: last_error.map(str::to_owned), calls, failed }
    }

    /// Makes a call, again after a failure, unless the breaker is open.
    async fn call<T, F>(&self, what: &str, make: impl Fn() -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let mut attempt = 1;
        loop {
            let failed = match self.once(&make).await {
                Err(failed @ ProviderError::Failed(_)) if attempt < self.patience.attempts => failed,
                other => return other,
            };
            tracing::debug!(attempt, "{what} failed, and is tried again: {failed}");
            attempt += 1;
            tokio::time::sleep(self.patience.pause).await;
        }
    }

    async fn once<T, F>(&self, make: &impl Fn() -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let permit = self.breaker().permit(Timestamp::now()).map_err(ProviderError::CircuitOpen)?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        let limit = self.patience.timeout;
        let answer = match tokio::time::timeout(limit, make()).await {
            Ok(answer) => answer,
            Err(_) => Err(ProviderError::Failed(format!("no answer within {} s", limit.as_secs_f64()))),
        };
        let (mut breaker, now) = (self.breaker(), Timestamp::now());
        let before = breaker.seen().0;
        match &answer {
            Err(ProviderError::Failed(why)) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                breaker.failed(&permit, why, now);
            }
            Ok(_) | Err(ProviderError::Busy(_) | ProviderError::Refused(_) | ProviderError::CircuitOpen(_)) => {
                breaker.answered(&permit, now);
            }
        }
        let (state, ..) = breaker.seen();
        if state != before {
            tracing::warn!("the provider's circuit breaker is {} and was {}", state.name(), before.name());
        }
        answer
    }
}

impl<P: PaymentProvider> PaymentProvider for Guarded<P> {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        self.call("request", || self.provider.request(charge)).await
    }

    async fn result(&self, charge: &Charge) -> Result<Standing, ProviderError> {
        self.call("result", || self.provider.result(charge)).await
    }

    async fn capture(&self, charge: &Charge, amount: Amount) -> Result<(), ProviderError> {
        self.call("capture", || self.provider.capture(charge, amount)).await
    }

    async fn cancel(&self, charge: &Charge) -> Result<Standing, ProviderError> {
        self.call("cancel", || self.provider.cancel(charge)).await
    }

    async fn refund(&self, refund: &Refund) -> Result<(), ProviderError> {
        self.call("refund", || self.provider.refund(refund)).await
    }
}

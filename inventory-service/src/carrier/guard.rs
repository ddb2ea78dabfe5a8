//! The time limit and the retries of calls to a carrier.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::carrier::call::Parcel;
use crate::carrier::client::{Booked, Carrier, CarrierError};

/// The pause before a retry.
const PAUSE: Duration = Duration::from_millis(200);

/// The calls to a carrier since the start of the instance.
#[derive(Debug, Default)]
pub struct CarrierCalls {
    made: AtomicU64,
    failed: AtomicU64,
}

impl CarrierCalls {
    fn count<T>(&self, answer: &Result<T, CarrierError>) {
        self.made.fetch_add(1, Ordering::Relaxed);
        if matches!(answer, Err(CarrierError::Failed(_))) {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All calls.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// The calls that failed technically.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// A carrier whose calls have a time limit and are retried with the same idempotency key.
#[derive(Clone, Debug)]
pub struct Guarded<C> {
    pub carrier: C,
    /// The longest a call may take.
    pub timeout: Duration,
    /// The number of attempts for one answer, at least 1.
    pub attempts: u32,
    /// Counts the calls.
    pub calls: Arc<CarrierCalls>,
}

impl<C> Guarded<C> {
    async fn call<T, F>(&self, operation: &str, make: impl Fn() -> F) -> Result<T, CarrierError>
    where
        F: Future<Output = Result<T, CarrierError>>,
    {
        let mut attempt = 1;
        loop {
            let answer = tokio::time::timeout(self.timeout, make()).await.unwrap_or_else(|_| {
                Err(CarrierError::Failed(format!("no answer within {} s", self.timeout.as_secs_f64())))
            });
            self.calls.count(&answer);
            let failed = match answer {
                Err(failed @ CarrierError::Failed(_)) if attempt < self.attempts => failed,
                other => return other,
            };
            tracing::debug!(attempt, "{operation} failed, will retry: {failed}");
            attempt += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl<C: Carrier> Carrier for Guarded<C> {
    async fn book(&self, parcel: &Parcel) -> Result<Booked, CarrierError> {
        self.call("book", || self.carrier.book(parcel)).await
    }

    async fn void(&self, parcel: &Parcel) -> Result<(), CarrierError> {
        self.call("void", || self.carrier.void(parcel)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Does not answer the first booking, and accepts the others; refuses to void.
    #[derive(Default)]
    struct Slow(AtomicU32);

    impl Carrier for Slow {
        async fn book(&self, parcel: &Parcel) -> Result<Booked, CarrierError> {
            if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
                std::future::pending::<()>().await;
            }
            Ok(Booked { tracking_number: parcel.number.clone() })
        }

        async fn void(&self, _: &Parcel) -> Result<(), CarrierError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(CarrierError::Refused("the parcel was collected".to_owned()))
        }
    }

    fn guarded(attempts: u32) -> Guarded<Slow> {
        let calls = Arc::default();
        Guarded { carrier: Slow::default(), timeout: Duration::from_millis(20), attempts, calls }
    }

    #[tokio::test]
    async fn a_call_without_an_answer_times_out_and_is_retried() {
        let carrier = guarded(2);
        assert!(carrier.book(&Parcel::to("01310-100")).await.is_ok());
        assert_eq!((carrier.calls.made(), carrier.calls.failed()), (2, 1));
        let failed = guarded(1).book(&Parcel::to("01310-100")).await.unwrap_err();
        assert_eq!(failed.to_string(), "no answer within 0.02 s");
    }

    #[tokio::test]
    async fn a_refusal_is_not_retried() {
        let carrier = guarded(5);
        assert!(matches!(carrier.void(&Parcel::to("01310-100")).await, Err(CarrierError::Refused(_))));
        assert_eq!(carrier.carrier.0.load(Ordering::Relaxed), 1);
        assert_eq!((carrier.calls.made(), carrier.calls.failed()), (1, 0));
    }
}

//! What surrounds every call to a carrier: a time limit, and a second try with the same idempotency key.

use std::future::Future;
use std::time::Duration;

use super::{Booked, Carrier, CarrierError, Parcel};

/// The pause before a call that failed is made again.
const PAUSE: Duration = Duration::from_millis(200);

/// A carrier with all that surrounds it.
#[derive(Clone, Debug)]
pub struct Guarded<C> {
    /// The carrier.
    pub carrier: C,
    /// The longest a call may take.
    pub timeout: Duration,
    /// Calls made for one answer, in all.
    pub attempts: u32,
}

impl<C> Guarded<C> {
    async fn call<T, F>(&self, what: &str, make: impl Fn() -> F) -> Result<T, CarrierError>
    where
        F: Future<Output = Result<T, CarrierError>>,
    {
        let mut attempt = 1;
        loop {
            let answer = tokio::time::timeout(self.timeout, make()).await.unwrap_or_else(|_| {
                Err(CarrierError::Failed(format!("no answer within {} s", self.timeout.as_secs_f64())))
            });
            let failed = match answer {
                Err(failed @ CarrierError::Failed(_)) if attempt < self.attempts => failed,
                other => return other,
            };
            tracing::debug!(attempt, "{what} failed, and is tried again: {failed}");
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
    use crate::carrier::executor::tests::parcel;

    /// Answers nothing at first, then that it takes it; refuses to let anything go.
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
            Err(CarrierError::Refused("it is on its way".to_owned()))
        }
    }

    fn guarded(attempts: u32) -> Guarded<Slow> {
        Guarded { carrier: Slow::default(), timeout: Duration::from_millis(20), attempts }
    }

    #[tokio::test]
    async fn a_call_without_an_answer_ends_in_time_and_is_tried_again() {
        assert!(guarded(2).book(&parcel("01310-100")).await.is_ok());
        let failed = guarded(1).book(&parcel("01310-100")).await.unwrap_err();
        assert_eq!(failed.to_string(), "no answer within 0.02 s");
    }

    #[tokio::test]
    async fn a_no_is_not_asked_again() {
        let carrier = guarded(5);
        assert!(matches!(carrier.void(&parcel("01310-100")).await, Err(CarrierError::Refused(_))));
        assert_eq!(carrier.carrier.0.load(Ordering::Relaxed), 1);
    }
}

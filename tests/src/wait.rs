//! Waits for expected states by polling until a generous deadline. No test sleeps for a fixed time.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// The deadline for states that are usually reached within a moment.
pub const SOON: Duration = Duration::from_secs(90);
/// The deadline for orders and services while processes are killed.
pub const PATIENT: Duration = Duration::from_secs(240);

/// Polls until the result is `Some`. Errors are retried, too.
///
/// # Errors
/// The description `what` and the last error, once `at_most` has passed.
pub async fn until<T, F, Fut>(what: &str, at_most: Duration, mut poll: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let start = Instant::now();
    loop {
        let last = match poll().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if start.elapsed() > at_most {
            let last = last.map_or_else(String::new, |error| format!("; last error: {error:#}"));
            return Err(anyhow!("{what}: not within {at_most:?}{last}"));
        }
        // An eighth of the elapsed time: a short delay, and not too many polls.
        let pause = (start.elapsed() / 8).clamp(Duration::from_millis(10), Duration::from_millis(200));
        tokio::time::sleep(pause).await;
    }
}

/// Polls until the result is `expected`.
///
/// # Errors
/// The last result, once `at_most` has passed.
pub async fn until_is<T, F, Fut>(what: &str, expected: T, at_most: Duration, mut poll: F) -> Result<()>
where
    T: PartialEq + Debug,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let expected = &expected;
    let what = format!("{what} to be {expected:?}");
    until(&what, at_most, || {
        let polled = poll();
        async move {
            let is = polled.await?;
            if is == *expected { Ok(Some(())) } else { Err(anyhow!("it is {is:?}")) }
        }
    })
    .await
}

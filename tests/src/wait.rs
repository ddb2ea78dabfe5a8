//! Waiting for what has to come: asked again until it is there or a generous deadline has passed. No test sleeps for a
//! guessed time.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// How long anything may take that takes a moment when all goes well.
pub const SOON: Duration = Duration::from_secs(30);
/// How long an order or a service may take when processes are killed around it.
pub const PATIENT: Duration = Duration::from_secs(120);

/// Asks until the answer is something. An error is asked again too; the last one is told when time is over.
///
/// # Errors
/// What was waited for, and the last error, once `at_most` has passed.
pub async fn until<T, F, Fut>(what: &str, at_most: Duration, mut ask: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let start = Instant::now();
    loop {
        let last = match ask().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if start.elapsed() > at_most {
            let last = last.map_or_else(String::new, |error| format!("; last error: {error:#}"));
            return Err(anyhow!("waited {at_most:?} for {what} in vain{last}"));
        }
        // An eighth of the time that it took so far: close to the moment, and not too busy.
        let pause = (start.elapsed() / 8).clamp(Duration::from_millis(10), Duration::from_millis(200));
        tokio::time::sleep(pause).await;
    }
}

/// Asks until the answer is `expected`.
///
/// # Errors
/// What it was instead, once `at_most` has passed.
pub async fn until_is<T, F, Fut>(what: &str, expected: T, at_most: Duration, mut ask: F) -> Result<()>
where
    T: PartialEq + Debug,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let expected = &expected;
    let what = format!("{what} to be {expected:?}");
    until(&what, at_most, || {
        let asked = ask();
        async move {
            let is = asked.await?;
            if is == *expected { Ok(Some(())) } else { Err(anyhow!("it is {is:?}")) }
        }
    })
    .await
}

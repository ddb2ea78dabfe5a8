//! Which errors a caller may retry: the one property of an error that HTTP answers and workers depend on.

/// An error that knows if the same call may succeed later.
pub trait Retryable: std::fmt::Display {
    /// Returns true if the same call may succeed later.
    fn is_retryable(&self) -> bool;
}

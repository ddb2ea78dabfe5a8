//! Which fields the JSON of a payment omits.

/// Returns true if a number is 0, which serde need not write.
pub(super) fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

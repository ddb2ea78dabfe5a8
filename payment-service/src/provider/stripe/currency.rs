//! Stripe's amounts (<https://docs.stripe.com/currencies>): ISO 4217's minor units, except for a few currencies.

/// Converts minor units of ISO 4217 to Stripe's.
///
/// # Errors
/// Stripe can't charge this amount.
pub(super) fn to_stripe(minor: i64, currency: &str) -> Result<i64, String> {
    let not_charged = || format!("Stripe can't charge {minor} minor units of {currency}");
    match currency {
        // Without digits in ISO 4217, and with two that are always zero at Stripe.
        "ISK" | "UGX" => minor.checked_mul(100).ok_or_else(not_charged),
        // With digits in ISO 4217, and without at Stripe.
        "MGA" if minor % 100 == 0 => Ok(minor / 100),
        "MGA" => Err(not_charged()),
        // The last digit must be zero.
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" if minor % 10 != 0 => Err(not_charged()),
        _ => Ok(minor),
    }
}

/// Converts Stripe's amounts to minor units of ISO 4217; `None` if it is none of them.
pub(super) fn from_stripe(amount: i64, currency: &str) -> Option<i64> {
    match currency.to_ascii_uppercase().as_str() {
        "ISK" | "UGX" => (amount % 100 == 0).then_some(amount / 100),
        "MGA" => amount.checked_mul(100),
        _ => Some(amount),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_converted_exactly_or_not_at_all() {
        for (minor, currency, stripe) in [
            (1050, "BRL", Ok(1050)),
            (500, "JPY", Ok(500)),
            (500, "ISK", Ok(50_000)),
            (500, "UGX", Ok(50_000)),
            (500, "MGA", Ok(5)),
            (501, "MGA", Err(())),
            (1230, "KWD", Ok(1230)),
            (1234, "KWD", Err(())),
        ] {
            assert_eq!(to_stripe(minor, currency).map_err(|_| ()), stripe, "{minor} {currency}");
            if let Ok(amount) = stripe {
                assert_eq!(from_stripe(amount, &currency.to_lowercase()), Some(minor), "{minor} {currency}");
            }
        }
    }
}

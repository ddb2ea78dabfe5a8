//! The amounts of an invoice or a credit note: lines, adjustment and taxes, in whole minor units, which add up exactly.
//!
//! A tax is a share of the amount paid, rounded; what is left is the net amount. A credit note has the difference
//! between the shares of all that is credited with it and before it, so that the credit notes of a whole order have the
//! taxes of its invoice. The same is done line by line. All is computed with 128 bits; what does not fit into 64 is
//! left out.

use crate::order::terms::{RATE_DIGITS, Tax};

/// 100 %, in the units of a rate.
const WHOLE: i128 = 100 * 10_i128.pow(RATE_DIGITS);

/// What is billed.
pub(super) struct Input<'a> {
    /// The amounts of the lines, at the prices of the order.
    pub(super) lines: &'a [i128],
    /// The part of the order's amount that is billed.
    pub(super) total: i64,
    /// The parts that were billed by documents of the same kind before.
    pub(super) before: i64,
    pub(super) taxes: &'a [Tax],
    pub(super) prices_exclude_tax: bool,
}

/// The amounts of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sums {
    /// Each line without its taxes.
    pub(super) line_nets: Vec<Option<i64>>,
    /// The sum of the lines, at the prices of the order; `None` if it is too large.
    pub(super) lines: Option<i64>,
    /// The sum of the lines without their taxes.
    pub(super) lines_net: Option<i64>,
    /// What makes the sum of the lines the agreed amount, with or without taxes as the prices are.
    pub(super) adjustment: Option<i64>,
    /// The adjustment without its taxes.
    pub(super) adjustment_net: Option<i64>,
    /// The whole without taxes.
    pub(super) net: i64,
    /// The amount of each tax.
    pub(super) taxes: Vec<i64>,
}

/// Computes the amounts.
pub(super) fn sums(input: &Input<'_>) -> Sums {
    let Input { lines, total, before, taxes, prices_exclude_tax } = input;
    let rates = Rates::of(taxes);
    let start = i128::from(*before);
    let end = start + i128::from(*total);
    let taxes: Vec<i128> = (0..taxes.len()).map(|n| rates.tax(n, end) - rates.tax(n, start)).collect();
    let net = i128::from(*total) - taxes.iter().sum::<i128>();
    let sum: i128 = lines.iter().sum();
    let line_nets: Vec<i128> = if *prices_exclude_tax { lines.to_vec() } else { rates.nets(lines) };
    let lines_net: i128 = line_nets.iter().sum();
    let adjustment = if *prices_exclude_tax { net - sum } else { i128::from(*total) - sum };
    Sums {
        line_nets: line_nets.iter().map(|amount| narrow(*amount)).collect(),
        lines: narrow(sum),
        lines_net: narrow(lines_net),
        adjustment: narrow(adjustment).filter(|_| narrow(sum).is_some()),
        adjustment_net: narrow(net - lines_net),
        net: narrow(net).unwrap_or(*total),
        taxes: taxes.into_iter().map(|amount| narrow(amount).unwrap_or_default()).collect(),
    }
}

fn narrow(amount: i128) -> Option<i64> {
    i64::try_from(amount).ok()
}

/// The rates of all taxes.
struct Rates {
    each: Vec<i128>,
    all: i128,
}

impl Rates {
    fn of(taxes: &[Tax]) -> Self {
        let units = |tax: &Tax| i128::from(tax.rate.minor(RATE_DIGITS).unwrap_or_default().max(0));
        let each: Vec<i128> = taxes.iter().map(units).collect();
        let all = each.iter().sum();
        Self { each, all }
    }

    /// The tax with that index in an amount that contains all taxes.
    fn tax(&self, index: usize, amount: i128) -> i128 {
        let rate = self.each.get(index).copied().unwrap_or_default();
        rounded(amount * rate, WHOLE + self.all)
    }

    /// The amounts without all taxes, which add up to their sum without all taxes.
    fn nets(&self, amounts: &[i128]) -> Vec<i128> {
        let net = |amount: i128| amount - (0..self.each.len()).map(|n| self.tax(n, amount)).sum::<i128>();
        let mut sum = 0;
        let each = amounts.iter().map(|amount| {
            let before = sum;
            sum += amount;
            net(sum) - net(before)
        });
        each.collect()
    }
}

/// The nearest whole number of a fraction, the larger one of two.
fn rounded(numerator: i128, denominator: i128) -> i128 {
    (2 * numerator + denominator).div_euclid(2 * denominator)
}

#[cfg(test)]
mod tests;

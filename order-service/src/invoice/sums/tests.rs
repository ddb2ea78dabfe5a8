//! Tests of amounts.

use common::money::Decimal;

use super::{Input, Sums, sums};
use crate::order::terms::Tax;

fn taxes(rates: &[&str]) -> Vec<Tax> {
    rates.iter().map(|rate| Tax { name: "VAT".to_owned(), rate: Decimal::parse(rate).unwrap() }).collect()
}

fn of(lines: &[i128], total: i64, taxes: &[Tax], prices_exclude_tax: bool) -> Sums {
    sums(&Input { lines, total, before: 0, taxes, prices_exclude_tax })
}

/// Checks that all parts of a document add up.
fn check(lines: &[i128], total: i64, sums: &Sums, prices_exclude_tax: bool) {
    let net: i64 = sums.line_nets.iter().map(|net| net.unwrap()).sum();
    assert_eq!((sums.lines_net, net + sums.adjustment_net.unwrap()), (Some(net), sums.net), "{lines:?} {total}");
    assert_eq!(sums.net + sums.taxes.iter().sum::<i64>(), total, "{lines:?} {total}");
    let without_taxes = if prices_exclude_tax { sums.net } else { total };
    assert_eq!(sums.lines.unwrap() + sums.adjustment.unwrap(), without_taxes, "{lines:?} {total}");
}

#[test]
fn without_taxes_the_adjustment_alone_makes_the_total() {
    let sums = of(&[20_000], 1_050, &[], false);
    assert_eq!((sums.lines, sums.adjustment, sums.net), (Some(20_000), Some(-18_950), 1_050));
    assert!(sums.taxes.is_empty());
    check(&[20_000], 1_050, &sums, false);
}

#[test]
fn taxes_are_a_rounded_share_of_the_total() {
    for (rate, total, net) in
        [("23", 12_300, 10_000), ("20", 120, 100), ("7.5", 1_000, 930), ("0", 999, 999), ("100", 3, 1)]
    {
        assert_eq!(of(&[i128::from(total)], total, &taxes(&[rate]), false).net, net, "{rate} {total}");
    }
    let both = of(&[11_200], 11_200, &taxes(&["5", "7"]), false);
    assert_eq!((both.net, both.taxes), (10_000, vec![500, 700]));
}

#[test]
fn prices_without_taxes_need_no_adjustment_if_the_amount_has_the_taxes() {
    let sums = of(&[6_000, 4_000], 12_300, &taxes(&["23"]), true);
    assert_eq!((sums.lines, sums.adjustment, sums.net, &sums.taxes), (Some(10_000), Some(0), 10_000, &vec![2_300]));
    check(&[6_000, 4_000], 12_300, &sums, true);
}

#[test]
fn all_parts_of_a_document_add_up_to_the_minor_unit() {
    let rates: [&[&str]; 6] = [&[], &["23"], &["5", "9.975"], &["0"], &["0.0001", "33.3333", "12.5", "7"], &["100"]];
    for rates in rates {
        let taxes = taxes(rates);
        for lines in [vec![1], vec![333, 333, 334], vec![0, 7, 99_999], vec![1; 50], vec![]] {
            for total in [0, 1, 2, 3, 99, 100, 101, 1_000, 1_050, 99_999, 12_345_678, i64::MAX] {
                for prices_exclude_tax in [false, true] {
                    let sums = of(&lines, total, &taxes, prices_exclude_tax);
                    check(&lines, total, &sums, prices_exclude_tax);
                    assert!(sums.taxes.iter().all(|tax| *tax >= 0), "{rates:?} {total}");
                    assert!(sums.line_nets.iter().all(|net| net.unwrap() >= 0 || rates.len() > 1), "{rates:?} {total}");
                }
            }
        }
    }
}

#[test]
fn the_credit_notes_of_a_whole_order_have_the_taxes_of_its_invoice() {
    for rates in [&["23"][..], &["5", "9.975"], &["7", "7", "7"]] {
        let taxes = taxes(rates);
        let total = 1_000;
        let invoice = of(&[999], total, &taxes, false);
        for parts in [vec![333, 333, 334], vec![1; 1_000], vec![0, 999, 1], vec![1_000]] {
            let mut before = 0;
            let mut credited = vec![0; rates.len()];
            let mut net = 0;
            for part in parts {
                let note = sums(&Input { lines: &[], total: part, before, taxes: &taxes, prices_exclude_tax: false });
                check(&[], part, &note, false);
                credited.iter_mut().zip(&note.taxes).for_each(|(sum, tax)| *sum += tax);
                net += note.net;
                before += part;
            }
            assert_eq!((net, &credited), (invoice.net, &invoice.taxes), "{rates:?}");
        }
    }
}

#[test]
fn amounts_beyond_64_bits_are_left_out() {
    let sums = of(&[i128::from(i64::MAX) * 2, 5], 1_050, &taxes(&["23"]), false);
    assert_eq!((sums.lines, sums.adjustment, sums.lines_net), (None, None, None));
    assert_eq!(sums.net + sums.taxes[0], 1_050);
}

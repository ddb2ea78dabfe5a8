//! Tests of the settings of invoices.

use common::money::Decimal;
use common::service::Program as _;

use super::{Invoices, TaxSetting};
use crate::program::Program;
use crate::settings::Settings;

fn defaults() -> Invoices {
    common::settings::load_with::<Settings>(Program::DEFAULTS, Program::NAME, None, []).unwrap().own.invoices
}

fn refused(change: impl FnOnce(&mut Invoices)) -> String {
    let mut settings = defaults();
    change(&mut settings);
    settings.terms().unwrap_err().to_string()
}

fn taxes(all: &[(&str, &str)]) -> Vec<TaxSetting> {
    all.iter().map(|(name, rate)| TaxSetting { name: (*name).to_owned(), rate: (*rate).to_owned() }).collect()
}

#[test]
fn the_defaults_name_a_seller_and_no_tax() {
    let terms = defaults().terms().unwrap();
    assert_eq!(terms.seller.unwrap().name, "Shop");
    assert!(terms.taxes.is_empty() && !terms.prices_exclude_tax && terms.note.is_none() && terms.due_days == 0);
}

#[test]
fn taxes_have_a_name_and_a_rate() {
    let mut settings = defaults();
    settings.taxes = taxes(&[("GST", "5"), ("QST", "9.975"), ("none", "0")]);
    let rates: Vec<Decimal> = settings.terms().unwrap().taxes.into_iter().map(|tax| tax.rate).collect();
    assert_eq!(rates, [Decimal::new(5, 0), Decimal::new(9_975, 3), Decimal::new(0, 0)]);
}

#[test]
fn a_wrong_value_is_refused_with_its_key() {
    for (key, why) in [
        ("invoices.series", refused(|s| s.series = "a 1".to_owned())),
        ("invoices.credit_series", refused(|s| s.credit_series = String::new())),
        ("invoices.credit_series = \"A\": must differ", refused(|s| s.credit_series = "A".to_owned())),
        ("invoices.due_days = 366", refused(|s| s.due_days = 366)),
        ("invoices.taxes: has 5", refused(|s| s.taxes = taxes(&[("VAT", "1"); 5]))),
        ("invoices.taxes[0].name", refused(|s| s.taxes = taxes(&[(" ", "1")]))),
        ("invoices.taxes[1].rate = \"a lot\"", refused(|s| s.taxes = taxes(&[("VAT", "1"), ("VAT", "a lot")]))),
        ("invoices.taxes[0].rate = \"100.1\"", refused(|s| s.taxes = taxes(&[("VAT", "100.1")]))),
        ("invoices.taxes[0].rate = \"-1\"", refused(|s| s.taxes = taxes(&[("VAT", "-1")]))),
        ("invoices.taxes[0].rate = \"1.00001\"", refused(|s| s.taxes = taxes(&[("VAT", "1.00001")]))),
        ("invoices.note: has 1001", refused(|s| s.note = "x".repeat(1_001))),
        ("invoices.note: has the character U+000A", refused(|s| s.note = "a\nb".to_owned())),
        ("invoices.fonts: /nowhere", refused(|s| s.fonts = vec!["/nowhere".into()])),
        ("invoices.seller.name = \"\"", refused(|s| s.seller.name = String::new())),
        ("invoices.seller.country = \"Brazil\"", refused(|s| s.seller.country = "Brazil".to_owned())),
        ("invoices.seller.city: has 201", refused(|s| s.seller.city = "x".repeat(201))),
    ] {
        assert!(why.starts_with(key), "{key}: {why}");
    }
}

#[test]
fn prices_without_taxes_need_amounts_of_the_client() {
    let mut settings = common::settings::load_with::<Settings>(Program::DEFAULTS, Program::NAME, None, []).unwrap().own;
    settings.invoices.prices_include_tax = false;
    assert!(Program::build(&settings).is_ok());
    settings.orders.price = crate::order::limits::Price::Sum;
    let why = Program::build(&settings).map(|_| ()).unwrap_err().to_string();
    assert!(why.starts_with("invoices.prices_include_tax = false"), "{why}");
}

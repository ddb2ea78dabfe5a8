//! The parameters of the rules, from the settings.

use std::time::Duration;

use super::delivery::Language;
use super::terms::Terms;

/// The parameters of the rules.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How long after its end an order can be returned.
    pub return_window: Duration,
    /// The name of the invoice series.
    pub series: String,
    /// The name of the series of credit notes.
    pub credit_series: String,
    /// The terms of new invoices.
    pub terms: Terms,
    /// The language of notices to customers who choose none.
    pub language: Language,
    /// Whether notices are mailed.
    pub mails: bool,
    /// Whether changes are published as events.
    pub events: bool,
}

impl Default for Policy {
    fn default() -> Self {
        let return_window = Duration::from_secs(30 * 24 * 3600);
        Self {
            return_window,
            series: "A".to_owned(),
            credit_series: "C".to_owned(),
            terms: Terms::default(),
            language: Language::En,
            mails: false,
            events: false,
        }
    }
}

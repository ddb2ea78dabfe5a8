//! The fields for the begin and the end of a period. Times in URLs are in UTC; the script shows and reads them in the
//! browser's time zone if the user wants that.

use common::time::Timestamp;
use maud::{Markup, html};

use crate::filter::parse_time;
use crate::i18n::Lang;

/// The fields `from` and `to`, which are in UTC unless the script converts them.
pub(super) fn period_fields(from: Option<&str>, to: Option<&str>, lang: Lang) -> Markup {
    html! {
        (field("from", lang.text("From", "De"), from))
        (field("to", lang.text("Until", "Até"), to))
    }
}

fn field(name: &str, label: &str, value: Option<&str>) -> Markup {
    let value = value.and_then(|text| parse_time(name, text).ok()).map(local_form);
    html! { label {
        span { (label) " " small data-zone="true" { "(UTC)" } }
        input type="datetime-local" name=(name) value=[value] step="1" data-utc="true";
    } }
}

/// `2026-01-31T12:00:00`, as a field for a date and a time has it.
pub(super) fn local_form(at: i64) -> String {
    let text = Timestamp(at).to_string();
    text.get(..19).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_have_the_times_of_the_url_in_utc() {
        let text = period_fields(Some("2026-01-31T09:00:00-03:00"), Some("<b>"), Lang::Pt).into_string();
        assert!(text.contains("value=\"2026-01-31T12:00:00\"") && !text.contains("<b>"), "{text}");
    }
}

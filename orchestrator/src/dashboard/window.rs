//! The choice of the period of time on a page: a window that ends now, or the time between two fields.

use maud::{Markup, html};

use super::context::now;
use super::period::{local_form, period_fields};
use super::query::{Query, link};
use crate::api::period_of;
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::stats::{Period, Window};

/// Parses the period of a query; the last hour by default.
pub(super) fn parse(query: &Query) -> Result<Period, ApiError> {
    let window = match query.get("window") {
        None => Window::default(),
        Some(text) => Window::ALL.into_iter().find(|window| window.as_str() == text).ok_or_else(|| {
            ApiError::bad_request(
                format!("window = {text}: it must be one of 5m, 1h, 24h, 7d"),
                format!("window = {text}: deve ser um de 5m, 1h, 24h, 7d"),
            )
        })?,
    };
    period_of(window, query.get("from"), query.get("to"), now())
}

/// A period as part of a query.
pub(super) fn query_of(period: Period) -> String {
    match period {
        Period::Last(window) => link(&[("window", Some(window.as_str()))]),
        Period::Between(minutes) => {
            link(&[("from", Some(&local_form(minutes.from()))), ("to", Some(&local_form(minutes.to())))])
        }
    }
}

/// Links to the same page with each window, and the fields for any other period. `path` and `fixed` are the page and
/// the rest of its query.
pub(super) fn choice(lang: Lang, current: Period, path: &str, fixed: &[(&str, &str)]) -> Markup {
    let rest: Vec<(&str, Option<&str>)> = fixed.iter().map(|(name, value)| (*name, Some(*value))).collect();
    let rest = link(&rest);
    let to = |window: Window| {
        let period = query_of(Period::Last(window));
        if rest.is_empty() { format!("{path}?{period}") } else { format!("{path}?{rest}&{period}") }
    };
    let is = |window: Window| current == Period::Last(window);
    let minutes = current.minutes(now());
    let is_chosen = matches!(current, Period::Between(_));
    html! {
        nav.tabs aria-label=(lang.text("Time window", "Janela de tempo")) { @for window in Window::ALL {
            a href=(to(window)) aria-current=[is(window).then_some("true")] { (window.label()) }
        } }
        details.act.period data-keep={ "period " (rest) } open[is_chosen] {
            summary { (lang.text("From … until …", "De … até …")) }
            form.filter method="get" action=(path) {
                @for (name, value) in fixed { input type="hidden" name=(name) value=(value); }
                (period_fields(Some(&local_form(minutes.from())), Some(&local_form(minutes.to())), lang))
                button.main type="submit" { (lang.text("Show", "Mostrar")) }
                p.hint { (lang.text("Statistics are stored for seven days.",
                    "As estatísticas são guardadas por sete dias.")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::MINUTE;

    #[test]
    fn a_period_survives_its_url() {
        let hour = now() - now() % MINUTE - 3_600_000;
        let chosen = Period::between(hour, hour + 600_000, now());
        for period in [Period::Last(Window::Week), chosen] {
            assert_eq!(parse(&Query::parse(&query_of(period))).unwrap(), period);
        }
        assert_eq!(parse(&Query::default()).unwrap(), Period::Last(Window::Hour));
        assert!(parse(&Query::parse("window=2h")).is_err() && parse(&Query::parse("from=x")).is_err());
    }
}

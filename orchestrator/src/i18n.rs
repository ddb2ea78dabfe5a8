//! The languages of the pages and the API: English and Portuguese texts side by side, the formats of durations and
//! numbers, and the sentence on the step that needs attention.

mod causes;
mod comparison;
pub mod events;
mod names;
mod reasons;

use axum::http::{HeaderMap, header};

use saga::{CONCLUDE, Definition};

use crate::inspect::purchase::Money;
use crate::stats::{Period, StepStats, Why, Window};

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Portuguese.
    Pt,
}

impl Lang {
    /// The preferred language of a request (RFC 9110, section 12.5.4); English by default.
    pub fn of(headers: &HeaderMap) -> Self {
        let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut best = Self::En;
        let mut best_quality = 0.0;
        for part in wanted.split(',') {
            let (tag, quality) = part.split_once(";q=").unwrap_or((part, "1"));
            let quality: f32 = quality.trim().parse().unwrap_or(0.0);
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let language = match primary.as_str() {
                "pt" => Self::Pt,
                "en" => Self::En,
                _ => continue,
            };
            if quality > best_quality {
                best = language;
                best_quality = quality;
            }
        }
        best
    }

    /// Its tag (BCP 47).
    pub const fn tag(self) -> &'static str {
        self.text("en", "pt")
    }

    /// The text in this language.
    pub const fn text(self, en: &'static str, pt: &'static str) -> &'static str {
        match self {
            Self::En => en,
            Self::Pt => pt,
        }
    }

    /// A number of things: `1 line`, `2 lines`. The words are the singular and the plural.
    pub fn count(self, n: u64, en: [&str; 2], pt: [&str; 2]) -> String {
        let [one, many] = match self {
            Self::En => en,
            Self::Pt => pt,
        };
        format!("{} {}", self.number(n), if n == 1 { one } else { many })
    }

    /// A whole number with thousands separators.
    pub fn number(self, n: u64) -> String {
        let digits = n.to_string();
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push_str(self.text(",", "."));
            }
            text.push(digit);
        }
        text
    }

    /// A number; below 10 with one decimal.
    pub fn decimal(self, x: f64) -> String {
        let text = if x < 9.95 && x.fract().abs() > 0.049 { format!("{x:.1}") } else { format!("{x:.0}") };
        if self == Self::Pt { text.replace('.', ",") } else { text }
    }

    /// An amount with its currency.
    pub fn money(self, money: &Money) -> String {
        let decimal = money.decimal();
        let (sign, decimal) = decimal.strip_prefix('-').map_or(("", decimal.as_str()), |rest| ("-", rest));
        let (whole, part) = decimal.split_once('.').unwrap_or((decimal, ""));
        let whole = whole.parse().map_or_else(|_| whole.to_owned(), |whole| self.number(whole));
        let point = if part.is_empty() { "" } else { self.text(".", ",") };
        format!("{sign}{whole}{point}{part} {}", money.currency)
    }

    /// A percentage.
    pub fn percent(self, x: f64) -> String {
        format!("{} %", if x > 0.0 && x < 0.1 { self.text("< 0.1", "< 0,1").to_owned() } else { self.decimal(x) })
    }

    /// A duration in milliseconds, with two digits or two units.
    pub fn span(self, ms: u64) -> String {
        let s = ms / 1_000;
        let min = ms / 60_000;
        match ms {
            ..1_000 => format!("{ms} ms"),
            1_000..60_000 => format!("{} s", self.decimal(ms as f64 / 1_000.0)),
            60_000..600_000 if !s.is_multiple_of(60) => format!("{min} min {} s", s % 60),
            60_000..3_600_000 => format!("{min} min"),
            3_600_000..86_400_000 => two_units(min / 60, "h", min % 60, "min"),
            _ => two_units(min / 1_440, "d", min % 1_440 / 60, "h"),
        }
    }

    /// The length of a window.
    pub const fn window(self, window: Window) -> &'static str {
        match window {
            Window::Minutes => "5 min",
            Window::Hour => self.text("hour", "60 min"),
            Window::Day => self.text("24 h", "24 h"),
            Window::Week => self.text("7 d", "7 d"),
        }
    }
}

/// The label of a step; its name if the definition is unknown.
pub fn step_label(definition: Option<&Definition>, step: &str, lang: Lang) -> String {
    match definition.and_then(|definition| definition.step(step)) {
        Some(known) => known.label.get(lang.tag()).to_owned(),
        None if step == CONCLUDE => saga::conclude_label(lang.tag()).to_owned(),
        None => step.to_owned(),
    }
}

fn two_units(first: u64, unit: &str, second: u64, smaller: &str) -> String {
    if second == 0 { format!("{first} {unit}") } else { format!("{first} {unit} {second} {smaller}") }
}

/// A sentence on a step that needs attention: `Wait for the payment: 8 waiting, oldest 10 min; 8 overdue, usually at
/// most 20 s; 61 % of all waiting`.
pub fn summary(lang: Lang, label: &str, step: &StepStats, why: Why, period: Period) -> String {
    let mut parts = Vec::new();
    if step.in_incident > 0 {
        let unit = match step.in_incident {
            1 => lang.text("open incident", "incidente aberto"),
            _ => lang.text("open incidents", "incidentes abertos"),
        };
        parts.push(format!("{} {unit}", lang.number(step.in_incident)));
    }
    parts.extend(waiting(lang, step));
    if step.overdue > 0 {
        let unit = if step.overdue == 1 { lang.text("overdue", "atrasada") } else { lang.text("overdue", "atrasadas") };
        let count = lang.number(step.overdue);
        parts.push(format!(
            "{count} {unit}{}",
            usual(lang, step).map_or_else(String::new, |usual| format!(", {usual}"))
        ));
    }
    if step.failing > 0 {
        let failing = lang.text("with failing attempts", "com tentativas falhando");
        parts.push(format!("{} {failing}", lang.number(step.failing)));
    }
    if step.failure_percent > 0.0 {
        let percent = lang.percent(step.failure_percent);
        let failed = match why {
            Why::Fails => lang.text("failed", "falharam"),
            Why::Incidents | Why::Slow | Why::Retries => lang.text("fail", "falham"),
        };
        parts.push(match period {
            Period::Last(window) => {
                format!("{percent} {failed} {} {}", lang.text("in the last", "nos últimos"), lang.window(window))
            }
            Period::Between(_) => {
                let chosen = lang.text("failed in the chosen period", "falharam no período escolhido");
                format!("{percent} {chosen}")
            }
        });
    }
    if why.is_present() && step.share_of_waiting >= MUCH_WAITING {
        let of_all = lang.text("of all waiting", "de toda a espera");
        parts.push(format!("{} {of_all}", lang.percent((step.share_of_waiting * 100.0).round())));
    }
    format!("{label}: {}", parts.join("; "))
}

/// A share of all waiting from here on is part of the sentence.
const MUCH_WAITING: f64 = 0.1;

/// A sentence on the step where most sagas wait, while none is overdue: `Wait for the payment: 8 waiting, oldest 2 min;
/// usually at most 5 min`.
pub fn calm_summary(lang: Lang, label: &str, step: &StepStats) -> String {
    let parts: Vec<String> = waiting(lang, step).into_iter().chain(usual(lang, step)).collect();
    format!("{label}: {}", parts.join("; "))
}

/// `8 waiting, oldest 2 min`; `None` if no saga waits.
fn waiting(lang: Lang, step: &StepStats) -> Option<String> {
    let oldest = lang.span(step.oldest_wait_ms.unwrap_or(0).unsigned_abs());
    let waiting = lang.text("waiting, oldest", "aguardando, a mais antiga há");
    (step.now > 0).then(|| format!("{} {waiting} {oldest}", lang.number(step.now)))
}

/// `usually at most 5 min`; `None` if the step has no history.
fn usual(lang: Lang, step: &StepStats) -> Option<String> {
    let usual = step.usual_ms?;
    Some(format!("{} {}", lang.text("usually at most", "normalmente até"), lang.span(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_preferred_one_of_the_browser() {
        for (wanted, language) in [
            ("", Lang::En),
            ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", Lang::Pt),
            ("de, en;q=0.5, pt;q=0.8", Lang::Pt),
            ("en-GB,en;q=0.9,pt;q=0.8", Lang::En),
            ("fr", Lang::En),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, wanted.parse().unwrap())]);
            assert_eq!(Lang::of(&headers), language, "{wanted}");
        }
    }

    #[test]
    fn durations_and_numbers_have_local_formats() {
        let spans = [(0, "0 ms"), (999, "999 ms"), (1_500, "1.5 s"), (12_000, "12 s"), (60_000, "1 min")];
        let longer = [(90_000, "1 min 30 s"), (720_000, "12 min"), (3_900_000, "1 h 5 min"), (90_000_000, "1 d 1 h")];
        for (ms, text) in spans.into_iter().chain(longer) {
            assert_eq!(Lang::En.span(ms), text);
        }
        assert_eq!(Lang::Pt.span(1_500), "1,5 s");
        let money = |minor, currency: &str| Money { minor, currency: currency.to_owned() };
        assert_eq!(Lang::En.money(&money(123_456_789, "BRL")), "1,234,567.89 BRL");
        assert_eq!(Lang::Pt.money(&money(-105, "BRL")), "-1,05 BRL");
        assert_eq!(Lang::Pt.money(&money(5_000, "JPY")), "5.000 JPY");
        let lines = |lang: Lang, n| lang.count(n, ["line", "lines"], ["linha", "linhas"]);
        let texts = [lines(Lang::En, 0), lines(Lang::En, 1), lines(Lang::Pt, 1), lines(Lang::Pt, 1_000)];
        assert_eq!(texts, ["0 lines", "1 line", "1 linha", "1.000 linhas"]);
        assert_eq!((Lang::En.number(1_234_567), Lang::Pt.number(1_000)), ("1,234,567".into(), "1.000".into()));
    }

    #[test]
    fn the_summary_has_the_waits_and_the_failures() {
        let step = StepStats {
            now: 8,
            overdue: 8,
            usual_ms: Some(20_000),
            oldest_wait_ms: Some(10 * 60_000),
            share_of_waiting: 0.612,
            ..StepStats::default()
        };
        let sentence = summary(Lang::En, "Payment result", &step, Why::Slow, Period::Last(Window::Hour));
        let waits = "Payment result: 8 waiting, oldest 10 min; 8 overdue, usually at most 20 s; 61 % of all waiting";
        assert_eq!(sentence, waits);
        let step = StepStats { failure_percent: 12.0, ..StepStats::default() };
        let sentence = summary(Lang::Pt, "Enviar", &step, Why::Fails, Period::Last(Window::Minutes));
        assert_eq!(sentence, "Enviar: 12 % falharam nos últimos 5 min");
        let calm = StepStats { now: 3, oldest_wait_ms: Some(2_000), ..StepStats::default() };
        assert_eq!(calm_summary(Lang::En, "Ship it", &calm), "Ship it: 3 waiting, oldest 2 s");
    }
}

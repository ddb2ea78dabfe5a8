//! The languages of the pages and the API: English and Portuguese texts side by side, the formats of durations and
//! numbers, and the sentence on the step that needs attention.

mod reasons;

use axum::http::{HeaderMap, header};

use saga::Definition;

use crate::stats::{Offender, StepStats};

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

    /// The name of the status of a saga, a step or an ending; unknown ones are returned as they are.
    pub fn status(self, status: &str) -> String {
        let known = match status {
            "running" => self.text("running", "em andamento"),
            "compensating" => self.text("compensating", "compensando"),
            "completed" => self.text("completed", "concluída"),
            "compensated" => self.text("compensated", "compensada"),
            "incident" => self.text("incident", "incidente"),
            "paused" => self.text("paused", "pausada"),
            "retrying" => self.text("retrying", "em nova tentativa"),
            "waiting" => self.text("not started", "não iniciado"),
            "done" => self.text("done", "concluído"),
            "refused" => self.text("refused", "recusado"),
            "failed" => self.text("failed", "falhou"),
            "timed_out" => self.text("timed out", "tempo esgotado"),
            "abandoned" => self.text("abandoned", "abandonado"),
            "stuck" => self.text("blocked", "bloqueado"),
            "skipped" => self.text("skipped", "ignorado"),
            "confirmed" => self.text("confirmed", "confirmado"),
            "rejected" => self.text("rejected", "rejeitado"),
            "payment_not_completed" => self.text("not paid", "não pago"),
            "cancelled" => self.text("cancelled", "cancelado"),
            other => return other.replace('_', " "),
        };
        known.to_owned()
    }
}

/// The name of the step that sends the result of a saga.
pub const CONCLUDE: &str = "conclude";

/// The label of a step; its name if the definition is unknown.
pub fn step_label(definition: Option<&Definition>, step: &str, lang: Lang) -> String {
    match definition.and_then(|definition| definition.step(step)) {
        Some(known) => known.label.get(lang.tag()).to_owned(),
        None if step == CONCLUDE => saga::conclude_label(lang.tag()).to_owned(),
        None => step.to_owned(),
    }
}

impl Lang {
    /// The name of the status of a step. In Portuguese, its gender differs from that of a saga's status.
    pub fn step_status(self, status: &str) -> String {
        match status {
            "compensated" => self.text("compensated", "compensado").to_owned(),
            "paused" => self.text("paused", "pausado").to_owned(),
            other => self.status(other),
        }
    }
}

fn two_units(first: u64, unit: &str, second: u64, smaller: &str) -> String {
    if second == 0 { format!("{first} {unit}") } else { format!("{first} {unit} {second} {smaller}") }
}

/// A sentence on the step that needs attention: `Payment result: 41 waiting, oldest 12 min; 8 % time out`.
pub fn summary(lang: Lang, label: &str, step: &StepStats, offender: &Offender) -> String {
    let mut parts = Vec::new();
    if step.now > 0 {
        let oldest = lang.span(step.oldest_wait_ms.unwrap_or(0).unsigned_abs());
        let count = lang.number(step.now);
        let waiting = lang.text("waiting, oldest", "aguardando, a mais antiga há");
        parts.push(format!("{count} {waiting} {oldest}"));
    }
    let mut share = |count: u64, en, pt| {
        if count > 0 {
            parts.push(format!("{} {}", lang.percent(step.percent(count)), lang.text(en, pt)));
        }
    };
    share(step.timed_out, "time out", "esgotam o tempo");
    share(step.failed, "fail", "falham");
    let why = match offender {
        Offender::Incidents { .. } => {
            let unit = match step.in_incident {
                1 => lang.text("open incident", "incidente aberto"),
                _ => lang.text("open incidents", "incidentes abertos"),
            };
            format!("{} {unit}", lang.number(step.in_incident))
        }
        Offender::Retries { .. } => {
            format!("{} {}", lang.number(step.retrying), lang.text("retrying", "em nova tentativa"))
        }
        Offender::Slow { .. } => {
            let usual = step.p95_ms.map(|ms| lang.span(ms));
            usual.map_or_else(String::new, |usual| {
                format!("{} {usual}", lang.text("usually at most", "normalmente até"))
            })
        }
        Offender::Fails { .. } => String::new(),
    };
    parts.extend(Some(why).filter(|why| !why.is_empty()));
    format!("{label}: {}", parts.join("; "))
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
        assert_eq!((Lang::En.number(1_234_567), Lang::Pt.number(1_000)), ("1,234,567".into(), "1.000".into()));
    }

    #[test]
    fn the_summary_has_the_waits_and_the_failures() {
        let step =
            StepStats { now: 41, oldest_wait_ms: Some(12 * 60_000), done: 92, timed_out: 8, ..StepStats::default() };
        let offender = Offender::Fails { step: String::new() };
        let sentence = summary(Lang::En, "Payment result", &step, &offender);
        assert_eq!(sentence, "Payment result: 41 waiting, oldest 12 min; 8 % time out");
        let sentence = summary(Lang::Pt, "Pagamento", &step, &offender);
        assert_eq!(sentence, "Pagamento: 41 aguardando, a mais antiga há 12 min; 8 % esgotam o tempo");
    }
}

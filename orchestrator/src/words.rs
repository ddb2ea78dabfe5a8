//! What the pages and the API say to people: English and Portuguese side by side, times and numbers as people write
//! them, and the sentence on the step that stands out.

use axum::http::{HeaderMap, header};

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
    /// The one that the request likes best (RFC 9110, section 12.5.4); English where it likes neither.
    pub fn of(headers: &HeaderMap) -> Self {
        let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut best = (Self::En, 0.0);
        for part in wanted.split(',') {
            let (tag, quality) = part.split_once(";q=").unwrap_or((part, "1"));
            let quality: f32 = quality.trim().parse().unwrap_or(0.0);
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let language = match primary.as_str() {
                "pt" => Self::Pt,
                "en" => Self::En,
                _ => continue,
            };
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }

    /// Its tag (BCP 47).
    pub const fn tag(self) -> &'static str {
        self.say("en", "pt")
    }

    /// The text in this language.
    pub const fn say(self, en: &'static str, pt: &'static str) -> &'static str {
        match self {
            Self::En => en,
            Self::Pt => pt,
        }
    }

    /// A whole number, its thousands apart.
    pub fn number(self, n: u64) -> String {
        let digits = n.to_string();
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push_str(self.say(",", "."));
            }
            text.push(digit);
        }
        text
    }

    /// A number with one digit behind the point, where it is small.
    pub fn decimal(self, x: f64) -> String {
        let text = if x < 9.95 && x.fract().abs() > 0.049 { format!("{x:.1}") } else { format!("{x:.0}") };
        if self == Self::Pt { text.replace('.', ",") } else { text }
    }

    /// A share in percent.
    pub fn percent(self, x: f64) -> String {
        format!("{} %", if x > 0.0 && x < 0.1 { self.say("< 0.1", "< 0,1").to_owned() } else { self.decimal(x) })
    }

    /// A time in milliseconds, to two digits or two units.
    pub fn span(self, ms: u64) -> String {
        let (s, min) = (ms / 1_000, ms / 60_000);
        match ms {
            ..1_000 => format!("{ms} ms"),
            1_000..60_000 => format!("{} s", self.decimal(ms as f64 / 1_000.0)),
            60_000..600_000 if s % 60 > 0 => format!("{min} min {} s", s % 60),
            60_000..3_600_000 => format!("{min} min"),
            3_600_000..86_400_000 => two(min / 60, "h", min % 60, "min"),
            _ => two(min / 1_440, "d", min % 1_440 / 60, "h"),
        }
    }

    /// The name of a saga's or a step's status, or of an ending; those of other definitions as they are.
    pub fn status(self, status: &str) -> String {
        let known = match status {
            "running" => self.say("running", "em andamento"),
            "compensating" => self.say("compensating", "compensando"),
            "completed" => self.say("completed", "concluída"),
            "compensated" => self.say("compensated", "compensada"),
            "incident" => self.say("incident", "incidente"),
            "paused" => self.say("paused", "pausada"),
            "retrying" => self.say("retrying", "tentando de novo"),
            "waiting" => self.say("not begun", "não iniciada"),
            "done" => self.say("done", "feita"),
            "refused" => self.say("refused", "recusada"),
            "failed" => self.say("failed", "falhou"),
            "timed_out" => self.say("timed out", "tempo esgotado"),
            "abandoned" => self.say("given up", "abandonada"),
            "stuck" => self.say("in the way", "bloqueada"),
            "skipped" => self.say("skipped", "pulada"),
            "confirmed" => self.say("confirmed", "confirmado"),
            "rejected" => self.say("rejected", "rejeitado"),
            "payment_not_completed" => self.say("not paid", "não pago"),
            "cancelled" => self.say("cancelled", "cancelado"),
            other => return other.replace('_', " "),
        };
        known.to_owned()
    }
}

fn two(first: u64, unit: &str, second: u64, smaller: &str) -> String {
    if second == 0 { format!("{first} {unit}") } else { format!("{first} {unit} {second} {smaller}") }
}

/// What there is to say about a step that stands out: `Payment result: 41 waiting, oldest 12 min; 8 % time out`.
pub fn sentence(lang: Lang, label: &str, step: &StepStats, offender: &Offender) -> String {
    let mut parts = Vec::new();
    if step.now > 0 {
        let oldest = lang.span(step.oldest_wait_ms.unwrap_or(0).unsigned_abs());
        let (count, waiting) = (lang.number(step.now), lang.say("waiting, oldest", "aguardando, o mais antigo há"));
        parts.push(format!("{count} {waiting} {oldest}"));
    }
    let mut share = |count: u64, en, pt| {
        if count > 0 {
            parts.push(format!("{} {}", lang.percent(step.percent(count)), lang.say(en, pt)));
        }
    };
    share(step.timed_out, "time out", "esgotam o tempo");
    share(step.failed, "fail", "falham");
    let why = match offender {
        Offender::Incidents { .. } => {
            let (one, many) = (lang.say("incident", "incidente"), lang.say("incidents", "incidentes"));
            format!("{} {}", lang.number(step.in_incident), if step.in_incident == 1 { one } else { many })
        }
        Offender::Retries { .. } => {
            format!("{} {}", lang.number(step.retrying), lang.say("being retried", "sendo repetidos"))
        }
        Offender::Slow { .. } => {
            let usual = step.p95_ms.map(|ms| lang.span(ms));
            let (than, known) = (lang.say("usually at most", "normalmente até"), usual.unwrap_or_default());
            if known.is_empty() { String::new() } else { format!("{than} {known}") }
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
    fn the_language_is_the_one_the_browser_likes_best() {
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
    fn times_and_numbers_are_written_as_people_do() {
        let spans = [(0, "0 ms"), (999, "999 ms"), (1_500, "1.5 s"), (12_000, "12 s"), (60_000, "1 min")];
        let longer = [(90_000, "1 min 30 s"), (720_000, "12 min"), (3_900_000, "1 h 5 min"), (90_000_000, "1 d 1 h")];
        for (ms, text) in spans.into_iter().chain(longer) {
            assert_eq!(Lang::En.span(ms), text);
        }
        assert_eq!(Lang::Pt.span(1_500), "1,5 s");
        assert_eq!((Lang::En.number(1_234_567), Lang::Pt.number(1_000)), ("1,234,567".into(), "1.000".into()));
    }

    #[test]
    fn the_sentence_says_who_waits_and_what_fails() {
        let step =
            StepStats { now: 41, oldest_wait_ms: Some(12 * 60_000), done: 92, timed_out: 8, ..StepStats::default() };
        let offender = Offender::Fails { step: String::new() };
        let told = sentence(Lang::En, "Payment result", &step, &offender);
        assert_eq!(told, "Payment result: 41 waiting, oldest 12 min; 8 % time out");
        let told = sentence(Lang::Pt, "Pagamento", &step, &offender);
        assert_eq!(told, "Pagamento: 41 aguardando, o mais antigo há 12 min; 8 % esgotam o tempo");
    }
}

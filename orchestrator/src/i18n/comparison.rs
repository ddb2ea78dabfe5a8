//! The sentence on two versions of a definition.

use super::Lang;
use crate::stats::{Comparison, Endings, Interval, Side, Speed};

impl Lang {
    /// `Version 4 is 12 % faster, no worse at endings; 2,310 against 260 sagas`, or that there are too few.
    pub fn comparison(self, found: &Comparison) -> String {
        let against = self.text("against", "contra");
        let old = self.number(found.old.ended);
        let new = self.number(found.new.ended);
        if !found.has_enough() {
            return format!(
                "{}: {old} {against} {new}",
                self.text("Too few sagas to tell", "Poucas sagas para concluir")
            );
        }
        let version = self.text("Version", "A versão");
        let is = self.text("is", "é");
        let parts = [Some(self.speed(found)), Some(self.endings(found)), self.tail(found)];
        let shares = [
            self.share_change(
                self.text("more incidents", "mais incidentes"),
                self.text("fewer incidents", "menos incidentes"),
                found.incidents,
                Interval::share(found.old.with_incident, found.old.sagas),
                Interval::share(found.new.with_incident, found.new.sagas),
            ),
            self.share_change(
                self.text("more retries", "mais novas tentativas"),
                self.text("fewer retries", "menos novas tentativas"),
                found.retried,
                Interval::share(found.old.with_retries, found.old.sagas),
                Interval::share(found.new.with_retries, found.new.sagas),
            ),
        ];
        let parts: Vec<String> = parts.into_iter().chain(shares).flatten().collect();
        let open = if found.has_many_open() { format!("; {}", self.still_open(found)) } else { String::new() };
        let counts = format!("{old} {against} {new} sagas");
        format!("{version} {} {is} {}; {counts}{open}", found.new.version, parts.join(", "))
    }

    fn speed(self, found: &Comparison) -> String {
        match (found.speed(), found.p50) {
            (Speed::Faster, Some(ratio)) => {
                format!("{} {}", self.percent((1.0 - ratio.value) * 100.0), self.text("faster", "mais rápida"))
            }
            (Speed::Slower, Some(ratio)) => {
                format!("{} {}", self.percent((ratio.value - 1.0) * 100.0), self.text("slower", "mais lenta"))
            }
            (Speed::Same, _) => self.text("as fast", "igualmente rápida").to_owned(),
            (Speed::Unknown, _) | (Speed::Faster | Speed::Slower, None) => {
                self.text("of a speed that cannot be told apart yet", "de rapidez ainda indistinguível").to_owned()
            }
        }
    }

    fn endings(self, found: &Comparison) -> String {
        let points = self.points(found.completed.value);
        let completed = self.text("completed", "concluídas");
        match found.endings() {
            Endings::Better => {
                format!("{} ({points} {completed})", self.text("better at endings", "melhor nos finais"))
            }
            Endings::Worse => format!("{} ({points} {completed})", self.text("worse at endings", "pior nos finais")),
            Endings::NoWorse => self.text("no worse at endings", "não pior nos finais").to_owned(),
            Endings::Unknown => {
                let text = self.text("with endings that cannot be told apart yet", "com finais ainda indistinguíveis");
                text.to_owned()
            }
        }
    }

    /// The slowest sagas, if they differ otherwise than the median.
    fn tail(self, found: &Comparison) -> Option<String> {
        let ratio = found.p95?;
        match (ratio.side(1.0), found.speed()) {
            (Side::Above, Speed::Faster | Speed::Same | Speed::Unknown) => {
                let longer = self.text("with a p95 longer by", "com p95 mais longo em");
                Some(format!("{longer} {}", self.percent((ratio.value - 1.0) * 100.0)))
            }
            (Side::Below, Speed::Slower | Speed::Same | Speed::Unknown) => {
                let shorter = self.text("with a p95 shorter by", "com p95 mais curto em");
                Some(format!("{shorter} {}", self.percent((1.0 - ratio.value) * 100.0)))
            }
            (Side::Above, Speed::Slower) | (Side::Below, Speed::Faster) | (Side::Around, _) => None,
        }
    }

    /// `with more incidents (1.2 % against 0.1 %)`, the new version first; `None` if the shares may be the same.
    fn share_change(
        self,
        more: &str,
        fewer: &str,
        difference: Interval,
        old: Interval,
        new: Interval,
    ) -> Option<String> {
        let what = match difference.side(0.0) {
            Side::Above => more,
            Side::Below => fewer,
            Side::Around => return None,
        };
        let with = self.text("with", "com");
        let against = self.text("against", "contra");
        let old = self.percent(old.value * 100.0);
        let new = self.percent(new.value * 100.0);
        Some(format!("{with} {what} ({new} {against} {old})"))
    }

    fn still_open(self, found: &Comparison) -> String {
        let old = self.number(found.old.open());
        let new = self.number(found.new.open());
        match self {
            Self::En => format!("{old} and {new} have not ended yet"),
            Self::Pt => format!("{old} e {new} ainda não terminaram"),
        }
    }

    /// A difference of shares in percentage points, with its sign.
    pub fn points(self, difference: f64) -> String {
        format!("{} {}", self.signed(difference * 100.0), self.text("points", "pontos"))
    }

    /// A number with its sign and at most one decimal; 0 has no sign.
    pub fn signed(self, x: f64) -> String {
        let text = self.rounded(x.abs(), 1);
        let sign = match text.as_str() {
            "0" => "",
            _ if x < 0.0 => "−",
            _ => "+",
        };
        format!("{sign}{text}")
    }

    /// A number with at most so many decimals.
    pub fn rounded(self, x: f64, decimals: usize) -> String {
        let text = format!("{x:.decimals$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        if self == Self::Pt { text.replace('.', ",") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::stats::Cohort;

    fn near(value: f64, relative: f64) -> Option<Interval> {
        Some(Interval { low: value * (1.0 - relative), value, high: value * (1.0 + relative) })
    }

    fn cohort(version: u32, ended: u64, completed: u64, ms: f64) -> Cohort {
        Cohort {
            version,
            sagas: ended,
            ended,
            completed,
            p50: near(ms, 0.02),
            p95: near(ms * 4.0, 0.02),
            ..Cohort::default()
        }
    }

    fn sentences(old: Cohort, new: Cohort) -> [String; 2] {
        let found = Comparison::new(Arc::new(old), Arc::new(new));
        [Lang::En.comparison(&found), Lang::Pt.comparison(&found)]
    }

    #[test]
    fn the_sentence_has_what_differs_beyond_chance_and_the_numbers() {
        let old = cohort(3, 2_310, 2_250, 1_000.0);
        assert_eq!(
            sentences(old.clone(), cohort(4, 260, 254, 880.0)),
            [
                "Version 4 is 12 % faster, no worse at endings; 2,310 against 260 sagas",
                "A versão 4 é 12 % mais rápida, não pior nos finais; 2.310 contra 260 sagas",
            ]
        );
        let new = Cohort { with_incident: 30, with_retries: 40, ..cohort(4, 260, 200, 1_500.0) };
        assert_eq!(
            sentences(Cohort { with_incident: 2, with_retries: 0, ..old.clone() }, new),
            [
                "Version 4 is 50 % slower, worse at endings (−20.5 points completed), with more incidents (12 % \
                 against < 0.1 %), with more retries (15 % against 0 %); 2,310 against 260 sagas",
                "A versão 4 é 50 % mais lenta, pior nos finais (−20,5 pontos concluídas), com mais incidentes (12 % \
                 contra < 0,1 %), com mais novas tentativas (15 % contra 0 %); 2.310 contra 260 sagas",
            ]
        );
        let [english, _] = sentences(old, Cohort { p95: near(6_000.0, 0.02), ..cohort(4, 260, 254, 1_000.0) });
        assert_eq!(
            english,
            "Version 4 is as fast, no worse at endings, with a p95 longer by 50 %; 2,310 against 260 sagas"
        );
    }

    #[test]
    fn too_few_and_open_sagas_are_named() {
        assert_eq!(
            sentences(cohort(3, 12, 12, 500.0), cohort(4, 3, 3, 100.0)),
            ["Too few sagas to tell: 12 against 3", "Poucas sagas para concluir: 12 contra 3"]
        );
        let old = Cohort { p50: None, p95: None, ..cohort(3, 40, 30, 500.0) };
        let [english, portuguese] = sentences(old, Cohort { sagas: 90, ..cohort(4, 40, 28, 500.0) });
        assert_eq!(
            english,
            "Version 4 is of a speed that cannot be told apart yet, with endings that cannot be told apart yet; 40 \
             against 40 sagas; 0 and 50 have not ended yet"
        );
        assert!(portuguese.ends_with("40 contra 40 sagas; 0 e 50 ainda não terminaram"), "{portuguese}");
    }
}

//! The two versions of a rollout side by side, a sentence on their difference, and the next steps of the rollout.

use maud::{Markup, html};

use super::components;
use super::context::{PageRequest, Pages};
use super::query::{Query, link};
use crate::api::KnownDefinition;
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::stats::{COHORT_LIMIT, Cohort, Comparison, Interval, Period, Window};
use crate::view::RolloutRow;

/// The versions of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RolledVersions {
    /// The version on which the rest of the new sagas starts.
    pub other: u32,
    /// The version of the rollout.
    pub rolled: u32,
    /// The share of new sagas on it.
    pub percent: u8,
}

impl RolledVersions {
    /// The versions of a rollout; `None` if new sagas can start on only one. `versions` has the newest first.
    pub(super) fn of(rollout: Option<RolloutRow>, versions: &[KnownDefinition]) -> Option<Self> {
        let RolloutRow { version, percent, .. } = rollout?;
        let mut active = versions.iter().filter(|known| known.is_active()).map(|known| known.definition.version);
        let is_active = active.clone().any(|known| known == version);
        let other = active.find(|known| *known != version)?;
        is_active.then_some(Self { other, rolled: version, percent })
    }
}

/// The window of the comparison; a day by default.
fn window(query: &Query) -> Window {
    let chosen = query.get("window").and_then(|text| Window::ALL.into_iter().find(|window| window.as_str() == text));
    chosen.unwrap_or(Window::Day)
}

/// The comparison of the versions of a rollout.
pub(super) async fn section(
    pages: &Pages,
    request: &PageRequest,
    name: &str,
    versions: RolledVersions,
) -> Result<Markup, ApiError> {
    let window = window(&request.query);
    let RolledVersions { other, rolled, .. } = versions;
    let found = pages.api.compare(name, other, rolled, Period::Last(window)).await?;
    let lang = request.lang;
    Ok(html! { div.versions data-compared=(name) {
        p.banner.finding data-finding=(name) { (lang.comparison(&found)) }
        (windows(window, lang))
        (table(&found, lang))
        @if found.old.is_cut || found.new.is_cut { p.hint {
            (lang.text("Of each version the newest", "De cada versão, as mais recentes")) " "
            (lang.number(COHORT_LIMIT as u64)) "."
        } }
        @if request.identity.may_act() { (next_steps(request, name, versions)) }
    } })
}

fn windows(current: Window, lang: Lang) -> Markup {
    html! { nav.tabs aria-label=(lang.text("Sagas that started in the last", "Sagas iniciadas nos últimos")) {
        @for window in Window::ALL {
            a href={ "/definitions?" (link(&[("window", Some(window.as_str()))])) }
                aria-current=[(window == current).then_some("true")] { (window.label()) }
        }
    } }
}

/// A row of the table: what is measured, its value of the old and of the new version, and the difference.
struct Measure {
    key: String,
    name: String,
    old: String,
    new: String,
    difference: String,
}

fn table(found: &Comparison, lang: Lang) -> Markup {
    let version = lang.text("Version", "Versão");
    let heads = [
        lang.text("Sagas that started in the window", "Sagas iniciadas na janela").to_owned(),
        format!("{version} {}", found.old.version),
        format!("{version} {}", found.new.version),
        lang.text("Difference", "Diferença").to_owned(),
    ];
    html! {
        div.scroll tabindex="0" role="region" aria-label=(lang.text("Two versions", "Duas versões")) {
            table.cards.narrow {
                thead { tr { @for head in &heads { th scope="col" { (head) } } } }
                tbody { @for row in measures(found, lang) { tr data-row=(row.key) {
                    th scope="row" { (row.name) }
                    td data-label=(heads[1]) { (row.old) }
                    td data-label=(heads[2]) { (row.new) }
                    td data-label=(heads[3]) { (row.difference) }
                } } }
            }
        }
        p.hint { (lang.text(
            "In brackets: the 95 % intervals. Shares of endings are of the ended sagas; open ones count in the times.",
            "Entre parênteses: os intervalos de 95 %. As parcelas dos finais são das sagas encerradas; as abertas \
             contam nos tempos.")) }
    }
}

fn measures(found: &Comparison, lang: Lang) -> Vec<Measure> {
    let counts = |key: &str, name: &str, count: fn(&Cohort) -> u64| Measure {
        key: key.to_owned(),
        name: name.to_owned(),
        old: lang.number(count(&found.old)),
        new: lang.number(count(&found.new)),
        difference: String::new(),
    };
    let ended = |key: &str, name: String, count: &dyn Fn(&Cohort) -> u64, difference: Interval| Measure {
        key: key.to_owned(),
        name,
        old: share(count(&found.old), found.old.ended, lang),
        new: share(count(&found.new), found.new.ended, lang),
        difference: points(difference, lang),
    };
    let all = |key: &str, name: &str, count: fn(&Cohort) -> u64, difference: Interval| Measure {
        key: key.to_owned(),
        name: name.to_owned(),
        old: share(count(&found.old), found.old.sagas, lang),
        new: share(count(&found.new), found.new.sagas, lang),
        difference: points(difference, lang),
    };
    let time = |key: &str, name: &str, quantile: fn(&Cohort) -> Option<Interval>, ratio: Option<Interval>| Measure {
        key: key.to_owned(),
        name: name.to_owned(),
        old: duration(quantile(&found.old), lang),
        new: duration(quantile(&found.new), lang),
        difference: ratio.map_or_else(|| "–".to_owned(), |ratio| change(ratio, lang)),
    };
    let mut rows = vec![
        counts("ended", lang.text("Ended", "Encerradas"), |cohort| cohort.ended),
        counts("open", lang.text("Open", "Abertas"), Cohort::open),
        ended("completed", capital(&lang.status("completed")), &|cohort| cohort.completed, found.completed),
        ended("compensated", capital(&lang.status("compensated")), &Cohort::compensated, found.compensated),
    ];
    for (status, difference) in &found.endings {
        let name = format!("↳ {}", lang.status(status));
        rows.push(ended(&format!("ending-{status}"), name, &|cohort| cohort.with_ending(status), *difference));
    }
    let was_in_incident = lang.text("Were in incident", "Estiveram em incidente");
    rows.push(all("incidents", was_in_incident, |cohort| cohort.with_incident, found.incidents));
    rows.push(all("retried", lang.text("With retries", "Com novas tentativas"), |c| c.with_retries, found.retried));
    rows.push(Measure {
        key: "retries".to_owned(),
        name: lang.text("Retries per saga", "Novas tentativas por saga").to_owned(),
        old: lang.rounded(found.old.retries_per_saga(), 2),
        new: lang.rounded(found.new.retries_per_saga(), 2),
        difference: String::new(),
    });
    rows.push(time("p50", "p50", |cohort| cohort.p50, found.p50));
    rows.push(time("p95", "p95", |cohort| cohort.p95, found.p95));
    rows
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// `254 · 97.7 % (95.1–98.9 %)`
fn share(count: u64, of: u64, lang: Lang) -> String {
    if of == 0 {
        return "–".to_owned();
    }
    let Interval { low, value, high } = Interval::share(count, of);
    let percent = |share: f64| lang.rounded(share * 100.0, 1);
    format!("{} · {} % ({}–{} %)", lang.number(count), percent(value), percent(low), percent(high))
}

/// `−1.2 points (−3.1 … +0.4)`
fn points(difference: Interval, lang: Lang) -> String {
    let bound = |value: f64| lang.signed(value * 100.0);
    format!("{} ({} … {})", lang.points(difference.value), bound(difference.low), bound(difference.high))
}

/// `880 ms (850 ms … 910 ms)`
fn duration(quantile: Option<Interval>, lang: Lang) -> String {
    let Some(Interval { low, value, high }) = quantile else { return "–".to_owned() };
    let bound = |ms: f64| if ms.is_finite() { lang.span(ms.round() as u64) } else { "…".to_owned() };
    format!("{} ({} – {})", bound(value), bound(low), bound(high))
}

/// `−12 % (−15 … −9)`
fn change(ratio: Interval, lang: Lang) -> String {
    let percent = |ratio: f64| if ratio.is_finite() { lang.signed((ratio - 1.0) * 100.0) } else { "∞".to_owned() };
    format!("{} % ({} … {})", percent(ratio.value), percent(ratio.low), percent(ratio.high))
}

/// The form with the next steps of the rollout.
fn next_steps(request: &PageRequest, name: &str, versions: RolledVersions) -> Markup {
    let lang = request.lang;
    let RolledVersions { other, rolled, percent } = versions;
    let steps = [
        (50, lang.text("Give it 50 %", "Aumentar para 50 %")),
        (100, lang.text("Promote", "Promover")),
        (0, lang.text("Take back", "Retirar")),
    ];
    html! { form.act.next method="post" action={ "/definitions/" (name) "/rollout" }
        data-keep=(format!("next {name} {rolled} {percent}")) {
        (components::csrf(request))
        input type="hidden" name="version" value=(rolled);
        (components::reason_field(lang))
        div.buttons { @for (share, label) in steps {
            button type="submit" name="percent" value=(share) disabled[share == percent] { (label) }
        } }
        p.hint { @match lang {
            Lang::En => {
                "Version " (rolled) ": 50 %, 100 % or 0 % of the new sagas, the rest on version " (other) "."
            }
            Lang::Pt => {
                "Versão " (rolled) ": 50 %, 100 % ou 0 % das novas sagas, as demais na versão " (other) "."
            }
        } }
    } }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sessions::Role;

    fn cohort(version: u32, sagas: u64) -> Arc<Cohort> {
        let p50 = Some(Interval { low: 900.0, value: 1_000.0, high: 1_100.0 });
        let p95 = Some(Interval { low: 2_000.0, value: 4_000.0, high: f64::INFINITY });
        let endings = [("confirmed".to_owned(), sagas - 5), ("rejected".to_owned(), 5)].into_iter().collect();
        let completed = sagas - 5;
        Arc::new(Cohort { version, sagas, ended: sagas, completed, endings, retries: 3, p50, p95, ..Cohort::default() })
    }

    #[test]
    fn the_table_has_each_measure_with_its_intervals() {
        let found = Comparison::new(cohort(3, 1_000), cohort(4, 100));
        let text = table(&found, Lang::En).into_string();
        for part in [
            "Version 3",
            "Version 4",
            "995 · 99.5 % (",
            "↳ rejected",
            "1 s (900 ms – 1.1 s)",
            "4 s (2 s – …)",
            "0 % (",
            "−4.5 points (",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let empty = Comparison::new(Arc::default(), Arc::default());
        assert!(table(&empty, Lang::Pt).into_string().contains("–"));
    }

    #[test]
    fn the_next_steps_set_the_rollout_and_leave_out_the_present_one() {
        let versions = RolledVersions { other: 3, rolled: 4, percent: 50 };
        let form = next_steps(&PageRequest::of_test(Role::Operator, Lang::En), "order", versions).into_string();
        assert!(form.contains("action=\"/definitions/order/rollout\"") && form.contains("name=\"csrf\""), "{form}");
        assert!(form.contains("name=\"version\" value=\"4\"") && form.contains("name=\"why\" required"), "{form}");
        assert_eq!(form.matches("disabled").count(), 1, "{form}");
        assert!(
            form.contains("value=\"50\" disabled>Give it 50 %") && form.contains("value=\"0\">Take back"),
            "{form}"
        );
    }
}

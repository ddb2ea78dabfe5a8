//! Throughput: sagas by the minute, this instance, the consumer groups with their lag, and the dead-letter topics.

use common::worker::Group;
use maud::{Markup, html};

use super::chart::{Chart, Line, Times, Unit, chart};
use super::components;
use super::context::{Content, PageRequest, Pages, now};
use super::window;
use crate::api::{CoarseSeries, DeadTopic, Series};
use crate::causes::Cause;
use crate::error::ApiError;
use crate::i18n::Lang;

/// The maximum number of points of a line.
const MAX_POINTS: usize = 72;

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest) -> Result<Content, ApiError> {
    let lang = request.lang;
    let period = window::parse(&request.query)?;
    let series = pages.api.series(period).await?;
    let cluster = pages.cluster.state(&pages.api).await;
    let causes = cluster.as_ref().map(|state| pages.api.causes(&state.groups, &state.circuits, &[], None));
    let causes = causes.unwrap_or_default();
    let title = lang.text("Throughput", "Vazão").to_owned();
    let main = html! {
        div.top { h1 { (title) } (window::choice(lang, period, "/throughput", &[])) }
        (alarms(&causes, lang))
        section { h2 { "Sagas" } (series_chart(&series, lang)) }
        section {
            h2 { (lang.text("This instance", "Esta instância")) }
            p { (lang.text("Age of its data:", "Idade dos dados:")) " "
                strong { (lang.span(pages.api.lag())) } ". "
                @for (partition, state) in pages.api.context.status.partitions() {
                    span.pair {
                        (lang.text("partition", "partição")) " " (partition) ": "
                        strong { (partition_state(state, lang)) }
                    } " "
                }
            }
            (set_aside(pages.api.context.status.messages_set_aside(), lang))
        }
        @match &cluster {
            Ok(cluster) => {
                (groups(&cluster.groups, &causes, lang))

                (dead_letter_topics(&cluster.dead, lang))
            }
            Err(error) => p.wrong role="alert" { (error.text(lang)) },
        }
    };
    Ok(Content { title, main })
}

/// The services without an instance or without progress, and open circuit breakers; nothing while there are none.
fn alarms(causes: &[Cause], lang: Lang) -> Markup {
    html! { @if !causes.is_empty() { div.banner.offends role="status" {
        ul.causes { @for cause in causes { li { (lang.cause(cause, now())) } } }
    } } }
}

/// How many messages this instance could not process; nothing while there are none.
fn set_aside(messages: u64, lang: Lang) -> Markup {
    html! { @if messages > 0 { p.banner.offends role="status" {
        (lang.text("Messages that could not be processed and were set aside as dead letters, since the start:",
            "Mensagens que não puderam ser processadas e foram postas de lado como dead letters, desde o início:"))
        " " strong { (lang.number(messages)) }
    } } }
}

fn partition_state(state: &str, lang: Lang) -> &'static str {
    match state {
        "owned" => lang.text("owned", "desta instância"),
        "elsewhere" => lang.text("owned by another instance", "de outra instância"),
        "claiming" => lang.text("being claimed", "sendo assumida"),
        _ => lang.text("stepped down", "liberada"),
    }
}

/// The state of a consumer group, as Kafka names it.
fn group_state(state: &str, lang: Lang) -> &str {
    match lang {
        Lang::En => state,
        Lang::Pt => match state {
            "Stable" => "estável",
            "Empty" => "vazio",
            "Dead" => "inativo",
            "PreparingRebalance" | "CompletingRebalance" => "rebalanceando",
            other => other,
        },
    }
}

/// The class of a line, which sets its colour: fixed for the endings of the order saga, by index for others.
fn colour(ending: &str, place: usize) -> &'static str {
    match ending {
        "confirmed" => "good",
        "rejected" => "rejected",
        "payment_not_completed" => "unpaid",
        "cancelled" => "called-off",
        _ => ["other-0", "other-1", "other-2"].get(place % 3).copied().unwrap_or("other-0"),
    }
}

fn series_chart(series: &Series, lang: Lang) -> Markup {
    let times = Times { from: series.time(0), to: series.time(series.started.len()) };
    let is_long = series.started.len() > 24 * 60;
    let CoarseSeries { series, minutes } = series.at_most(MAX_POINTS);
    let values = |points: &[u64]| points.iter().copied().map(Some).collect();
    let started = lang.text("started", "iniciadas").to_owned();
    let mut all = vec![Line { name: started, class: "begun", points: values(&series.started) }];
    for (index, (ending, points)) in series.endings.iter().enumerate() {
        all.push(Line { name: lang.status(ending), class: colour(ending, index), points: values(points) });
    }
    let about = match (lang, minutes) {
        (Lang::En, 1) => "Sagas per minute".to_owned(),
        (Lang::En, n) => format!("Sagas per {}", lang.span(n as u64 * 60_000)),
        (Lang::Pt, 1) => "Sagas por minuto".to_owned(),
        (Lang::Pt, n) => format!("Sagas a cada {}", lang.span(n as u64 * 60_000)),
    };
    let time = |at: i64| components::short_moment(at, is_long);
    html! {
        p.hint { (about) }
        (chart(lang, &Chart { about: &about, unit: Unit::Count, lines: &all, times }))
        details data-keep="numbers" {
            summary { (lang.text("As a table", "Como tabela")) }
            (numbers(lang, &about, &all, &|index| time(series.time(index * minutes))))
        }
    }
}

/// The numbers of the chart, the latest first.
fn numbers(lang: Lang, about: &str, all: &[Line<'_>], time: &dyn Fn(usize) -> Markup) -> Markup {
    let length = all.first().map_or(0, |line| line.points.len());
    let value = |line: &Line<'_>, index: usize| line.points.get(index).copied().flatten().unwrap_or(0);
    html! { div.scroll tabindex="0" role="region" aria-label=(about) { table {
        thead { tr {
            th scope="col" { (lang.text("From", "Desde")) }
            @for line in all { th scope="col" { (line.name) } }
        } }
        tbody { @for index in (0..length).rev() {
            @if all.iter().any(|line| value(line, index) > 0) { tr {
                th scope="row" { (time(index)) }
                @for line in all { td { (lang.number(value(line, index))) } }
            } }
        } }
    } } }
}

fn groups(groups: &[Group], causes: &[Cause], lang: Lang) -> Markup {
    let heads = [
        lang.text("Group", "Grupo"),
        lang.text("State", "Estado"),
        lang.text("Lag", "Atraso"),
        lang.text("By topic", "Por tópico"),
        lang.text("Instances and their partitions", "Instâncias e suas partições"),
    ];
    html! { section {
        h2 { (lang.text("Consumer groups", "Grupos de consumidores")) }
        div.scroll tabindex="0" role="region" aria-label=(lang.text("Consumer groups", "Grupos de consumidores")) {
            table.cards {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for group in groups { (group_row(group, causes, heads, lang)) } }
            }
        }
    } }
}

fn group_row(group: &Group, causes: &[Cause], heads: [&str; 5], lang: Lang) -> Markup {
    let is_bad = causes.iter().any(|cause| cause.group() == Some(group.name.as_str()));
    let lag = group.lag.values().sum::<i64>().unsigned_abs();
    html! { tr id={ "group-" (group.name) } class=[is_bad.then_some("bad")] data-row=(group.name) {
        th scope="row" { (group.name) }
        td data-label=(heads[1]) { (group_state(&group.state, lang)) }
        td data-label=(heads[2]) { (lang.number(lag)) }
        td.wide data-label=(heads[3]) {
            @for (topic, lag) in group.lag.iter().filter(|(_, lag)| **lag > 0) {
                span.pair { (topic) " " strong { (lag) } } " "
            }
            @if lag == 0 { "–" }
        }
        td.wide data-label=(heads[4]) {
            @for member in &group.members { span.pair {
                code { (member.client) } ": " @if member.partitions.is_empty() { "–" }
                @for (index, partition) in member.partitions.iter().enumerate() { @if index > 0 { ", " } (partition) }
                @if member.is_exposed { " " strong.wrong { (lang.text(
                    "other machines may use it without authentication",
                    "outras máquinas podem usá-la sem autenticação")) } }
            } " " }
            @if group.members.is_empty() { strong.wrong { (lang.text("none", "nenhuma")) } }
        }
    } }
}

fn dead_letter_topics(topics: &[DeadTopic], lang: Lang) -> Markup {
    let heads = [lang.text("Topic", "Tópico"), lang.text("Messages", "Mensagens"), lang.text("Put back", "Devolvidas")];
    html! { section {
        h2 { "Dead letters" }
        p.hint { (lang.text("Messages that could not be read, with the reason. They are deleted after 30 days.",
            "Mensagens que não puderam ser lidas, com o motivo. São apagadas após 30 dias.")) }
        table.cards.narrow {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for DeadTopic { topic, put_back } in topics {
                tr data-row=(topic.topic) class=[(topic.count > *put_back).then_some("bad")] {
                    th scope="row" { a href={ "/dead-letters/" (topic.topic) } { (topic.topic) } }
                    td data-label=(heads[1]) { (lang.number(topic.count.unsigned_abs())) }
                    td data-label=(heads[2]) { (lang.number(put_back.unsigned_abs())) }
                }
            } }
        }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_set_aside_are_shown_in_both_languages_once_there_are_some() {
        assert_eq!(set_aside(0, Lang::En).into_string(), "");
        let text = set_aside(1_200, Lang::En).into_string();
        assert!(text.contains("set aside") && text.contains("1,200"), "{text}");
        assert!(set_aside(1, Lang::Pt).into_string().contains("postas de lado"));
    }
}

//! What goes through and what it goes through: sagas by the minute, consumer groups and their lag, instances and their
//! partitions, dead letters.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::http::Problem;
use common::worker::{DeadLetter, DeadLetterTopic, Group};
use maud::{Markup, html};
use tokio::sync::Mutex;

use super::chart::{Line, lines};
use super::query::link;
use super::{Content, Pages, Seen, flow};
use crate::api::{Api, Series};
use crate::letters::PutBack;
use crate::stats::Window;
use crate::words::Lang;

/// Points of a chart.
const POINTS: usize = 72;
/// How old what is known of the cluster may be: asking takes a question to the broker for each partition.
const FRESH: Duration = Duration::from_secs(2);
/// And the messages of a dead-letter topic: reading them takes a consumer of its own for each partition.
const FRESH_LETTERS: Duration = Duration::from_secs(10);

/// What is known of the cluster.
#[derive(Clone)]
struct Known {
    groups: Vec<Group>,
    dead: Vec<(DeadLetterTopic, i64)>,
}

/// Dead letters, and who put them back.
type Letters = Arc<Vec<(DeadLetter, Option<PutBack>)>>;

/// The cluster as it was a moment ago, the same for everybody who looks.
#[derive(Default)]
pub(super) struct Cluster {
    known: Mutex<Option<(Instant, Result<Known, String>)>>,
    letters: Mutex<HashMap<String, (Instant, Letters)>>,
}

impl Cluster {
    async fn known(&self, api: &Api) -> Result<Known, String> {
        let mut kept = self.known.lock().await;
        if let Some((at, known)) = kept.as_ref()
            && at.elapsed() < FRESH
        {
            return known.clone();
        }
        let asked = async { Ok(Known { groups: api.groups().await?, dead: api.dead_topics().await? }) };
        let known = asked.await.map_err(|problem: Problem| problem.detail().to_owned());
        *kept = Some((Instant::now(), known.clone()));
        known
    }

    /// The newest dead letters of a topic.
    pub(super) async fn letters(&self, api: &Api, topic: &str) -> Result<Letters, Problem> {
        let mut kept = self.letters.lock().await;
        kept.retain(|_, (at, _)| at.elapsed() < FRESH_LETTERS);
        if let Some((_, letters)) = kept.get(topic) {
            return Ok(letters.clone());
        }
        let letters = Arc::new(api.letters(topic).await?);
        kept.insert(topic.to_owned(), (Instant::now(), letters.clone()));
        Ok(letters)
    }

    /// One of them was put back: what is kept of the topic is old.
    pub(super) async fn forget(&self, topic: &str) {
        self.letters.lock().await.remove(topic);
        *self.known.lock().await = None;
    }
}

pub(super) async fn content(pages: &Pages, seen: &Seen) -> Result<Content, Problem> {
    let lang = seen.lang;
    let window = flow::window(seen.query.get("window"))?;
    let series = pages.api.series(window).await?;
    let known = pages.cluster.known(&pages.api).await;
    let title = lang.say("Throughput", "Vazão").to_owned();
    let to = |window: Window| format!("/throughput?{}", link(&[("window", Some(window.as_str()))]));
    let main = html! {
        div.top { h1 { (title) } (flow::windows(lang, window, to)) }
        section { h2 { (lang.say("Sagas", "Sagas")) } (chart(&series, lang)) }
        section {
            h2 { (lang.say("This instance", "Esta instância")) }
            p { (lang.say("The age of its data:", "A idade dos seus dados:")) " "
                strong { (lang.span(pages.api.lag())) } ". "
                @for (partition, place) in pages.api.context.status.partitions() {
                    span.pair { (lang.say("partition", "partição")) " " (partition) ": " strong { (worker(place, lang)) } } " "
                }
            }
        }
        @match &known {
            Ok(known) => { (groups(&known.groups, lang)) (dead(&known.dead, lang)) }
            Err(why) => p.wrong role="alert" { (why) },
        }
    };
    Ok(Content { title, main })
}

fn worker(place: &str, lang: Lang) -> &'static str {
    match place {
        "owned" => lang.say("owned", "própria"),
        "elsewhere" => lang.say("another instance's", "de outra instância"),
        "claiming" => lang.say("being claimed", "sendo assumida"),
        _ => lang.say("stepped down", "cedida"),
    }
}

/// Its class for its colour: the endings of the order saga have their own, others take turns.
fn colour(ending: &str, place: usize) -> &'static str {
    match ending {
        "confirmed" => "good",
        "rejected" => "rejected",
        "payment_not_completed" => "unpaid",
        "cancelled" => "called-off",
        _ => ["other-0", "other-1", "other-2"].get(place % 3).copied().unwrap_or("other-0"),
    }
}

fn chart(series: &Series, lang: Lang) -> Markup {
    let (series, minutes) = series.at_most(POINTS);
    let mut all =
        vec![Line { name: lang.say("begun", "iniciadas").to_owned(), class: "begun", points: &series.started }];
    for (place, (ending, points)) in series.endings.iter().enumerate() {
        all.push(Line { name: lang.status(ending), class: colour(ending, place), points });
    }
    let about = match (lang, minutes) {
        (Lang::En, 1) => "Sagas per minute".to_owned(),
        (Lang::En, n) => format!("Sagas per {}", lang.span(n as u64 * 60_000)),
        (Lang::Pt, 1) => "Sagas por minuto".to_owned(),
        (Lang::Pt, n) => format!("Sagas a cada {}", lang.span(n as u64 * 60_000)),
    };
    let long = series.started.len() * minutes > 24 * 60;
    let time = |at: i64| {
        let text = saga::Timestamp(at).to_string();
        let shown = if long { text.get(5..16) } else { text.get(11..16) };
        shown.unwrap_or_default().replace('T', " ")
    };
    let (from, to) = (time(series.time(0)), time(flow::now()));
    html! {
        p.hint { (about) " (UTC)" }
        (lines(lang, &about, &all, &from, &to))
        details data-keep="numbers" { summary { (lang.say("As a table", "Como tabela")) }
            div.scroll tabindex="0" role="region" aria-label=(about) { table {
                thead { tr { th scope="col" { (lang.say("From", "Desde")) } @for line in &all { th scope="col" { (line.name) } } } }
                tbody { @for place in (0..series.started.len()).rev() {
                    @if all.iter().any(|line| line.points.get(place).copied().unwrap_or(0) > 0) { tr {
                        th scope="row" { (time(series.time(place * minutes))) }
                        @for line in &all { td { (lang.number(line.points.get(place).copied().unwrap_or(0))) } }
                    } }
                } }
            } }
        }
    }
}

fn groups(groups: &[Group], lang: Lang) -> Markup {
    let heads = [
        lang.say("Group", "Grupo"),
        lang.say("State", "Estado"),
        lang.say("Lag", "Atraso"),
        lang.say("By topic", "Por tópico"),
        lang.say("Instances and their partitions", "Instâncias e suas partições"),
    ];
    html! { section {
        h2 { (lang.say("Consumer groups", "Grupos de consumidores")) }
        div.scroll tabindex="0" role="region" aria-label=(lang.say("Consumer groups", "Grupos de consumidores")) { table.cards {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for group in groups { @let lag = group.lag.values().sum::<i64>().unsigned_abs();
                tr data-row=(group.name) {
                    th scope="row" { (group.name) }
                    td data-label=(heads[1]) { (group.state) }
                    td data-label=(heads[2]) { (lang.number(lag)) }
                    td.wide data-label=(heads[3]) {
                        @for (topic, lag) in group.lag.iter().filter(|(_, lag)| **lag > 0) { span.pair { (topic) " " strong { (lag) } } " " }
                        @if lag == 0 { "–" }
                    }
                    td.wide data-label=(heads[4]) {
                        @for member in &group.members { span.pair {
                            code { (member.client) } ": " @if member.partitions.is_empty() { "–" }
                            @for (place, partition) in member.partitions.iter().enumerate() { @if place > 0 { ", " } (partition) }
                        } " " }
                        @if group.members.is_empty() { (lang.say("none", "nenhuma")) }
                    }
                }
            } }
        } }
    } }
}

fn dead(topics: &[(DeadLetterTopic, i64)], lang: Lang) -> Markup {
    let heads = [lang.say("Topic", "Tópico"), lang.say("Messages", "Mensagens"), lang.say("Put back", "Devolvidas")];
    html! { section {
        h2 { (lang.say("Dead letters", "Mensagens mortas")) }
        p.hint { (lang.say("What could not be read lies here, with the reason, for 30 days.",
            "O que não pôde ser lido fica aqui, com o motivo, por 30 dias.")) }
        table.cards.narrow {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for (topic, back) in topics { tr data-row=(topic.topic) class=[(topic.count > *back).then_some("bad")] {
                th scope="row" { a href={ "/dead-letters/" (topic.topic) } { (topic.topic) } }
                td data-label=(heads[1]) { (lang.number(topic.count.unsigned_abs())) }
                td data-label=(heads[2]) { (lang.number(back.unsigned_abs())) }
            } } }
        }
    } }
}

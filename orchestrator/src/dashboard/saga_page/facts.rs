//! The purchase of a saga, and its facts with their links.

use common::bounds::first_chars;
use common::messages::trace_id;
use common::topics;
use maud::{Markup, html};
use saga::{Definition, Participant, Saga};

use super::super::components::{fact, moment};
use super::super::query::link;
use crate::i18n::Lang;
use crate::inspect::purchase::{Item, Money, Purchase};
use crate::settings::Dashboard;

/// The amount and the items; nothing for a saga without them.
pub(super) fn purchase(saga: &Saga, lang: Lang) -> Markup {
    let purchase = Purchase::of(saga);
    let more = purchase.count - purchase.items.len();
    html! { @if let Some(money) = &purchase.money {
        p.purchase id="purchase" {
            strong.amount { (lang.money(money)) }
            @for entry in &purchase.items { " " span.pair { (item(entry, money, lang)) } }
            @if more > 0 { " " span.hint {
                (lang.text("and", "e")) " " (lang.count(more as u64, ["more", "more"], ["outro", "outros"]))
            } }
        }
    } }
}

fn item(item: &Item, money: &Money, lang: Lang) -> Markup {
    let price = item.minor.map(|minor| Money { minor, currency: money.currency.clone() });
    html! {
        @if let Some(quantity) = item.quantity { (quantity) " × " }
        (first_chars(&item.name, 80))
        @if let Some(price) = &price { " " span.hint { (lang.money(price)) } }
    }
}

/// The facts.
pub(super) fn facts(urls: &Dashboard, saga: &Saga, definition: Option<&Definition>, lang: Lang, now: i64) -> Markup {
    html! { dl.facts {
        (fact(lang.text("Definition", "Definição"), &html! {
            a href={ "/definitions/" (saga.definition) "/" (saga.version) } { (saga.definition) " v" (saga.version) }
        }))
        @if let Some(customer) = &saga.customer { (fact(lang.text("Customer", "Cliente"), &html! {
            a href={ "/sagas?" (link(&[("customer", Some(customer))])) } { (customer) }
        })) }
        (fact(lang.text("Started", "Início"), &moment(saga.started.0)))
        @match (saga.ended, saga.waiting_since()) {
            (Some(ended), _) => {
                (fact(lang.text("Ended", "Fim"), &moment(ended.0)))
                (fact(lang.text("Duration", "Duração"), &html! { (lang.span(ended.since(saga.started))) }))
            }
            (None, Some(since)) => (fact(lang.text("Waiting for", "Aguardando há"), &html! {
                (lang.span(saga::Timestamp(now).since(since)))
            })),
            (None, None) => {}
        }
        @if let Some(ending) = &saga.ending { (fact(lang.text("Result", "Resultado"), &html! {
            (lang.status(&ending.status)) @if let Some(reason) = &ending.reason { " (" (lang.reason(reason)) ")" }
        })) }
        @if let Some(at) = saga.deadline { (fact(lang.text("Deadline", "Prazo"), &moment(at.0))) }
        @if let Some(trace) = saga.traceparent.as_deref().and_then(trace_id) {
            (fact(lang.text("Trace", "Rastreamento"), &trace_link(urls, trace)))
        }
        @if let Some(definition) = definition {
            (fact(lang.text("Participants", "Participantes"), &html! {
                @for (name, participant) in &definition.participants {
                    span.pair { (participant_link(urls, saga, name, participant, lang)) } " "
                }
            }))
        }
    } }
}

fn trace_link(urls: &Dashboard, trace: &str) -> Markup {
    html! { @match urls.trace_link(trace) {
        Some(url) => { a href=(url) rel="noreferrer" { code { (trace) } } }
        None => code { (trace) },
    } }
}

/// A participant, with a link to its view of the saga if it is a service of this project.
fn participant_link(urls: &Dashboard, saga: &Saga, name: &str, participant: &Participant, lang: Lang) -> Markup {
    let id = saga.id;
    let known = match participant.topic.as_str() {
        topics::ORDER_COMMANDS => Some((lang.text("order", "pedido"), format!("{}/orders/{id}", urls.orders_url))),
        topics::PAYMENT_COMMANDS => {
            Some((lang.text("payment", "pagamento"), format!("{}/payments/{id}", urls.payments_url)))
        }
        topics::INVENTORY_COMMANDS => {
            Some((lang.text("reservation", "reserva"), format!("{}/reservations/{id}", urls.inventory_url)))
        }
        _ => None,
    };
    html! { @match known {
        Some((what, url)) => { (name) ": " a href=(url) rel="noreferrer" data-participant=(name) { (what) } }
        None => { span data-participant=(name) title=(participant.topic) { (name) } }
    } }
}

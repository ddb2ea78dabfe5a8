//! The webhooks: their state, and the deliveries of each. The forms are in `webhook_forms`.

use maud::{Markup, html};

use super::context::{Content, PageRequest, Pages, now};
use super::query::encoded;
use super::{components, webhook_forms};
use crate::api::{Delivery, DeliveryState, WebhookSummary};
use crate::entity::webhooks::subscription::DisabledReason;
use crate::error::ApiError;
use crate::i18n::Lang;

/// The most deliveries of each kind that a page shows.
const SHOWN: usize = 50;

/// The page of all webhooks.
pub(super) async fn content(pages: &Pages, request: &PageRequest) -> Result<Content, ApiError> {
    let lang = request.lang;
    let all = pages.api.webhooks().await?;
    let heads = heads(lang);
    let main = html! {
        h1 { "Webhooks" }
        p.hint { (lang.text(
            "Events of orders, payments, shipments and sagas, sent to other systems by signed HTTP requests.",
            "Eventos de pedidos, pagamentos, envios e sagas, enviados a outros sistemas por requisições HTTP \
             assinadas.")) }
        @if request.query.get("done") == Some("delete") {
            p.banner.fine role="status" { (lang.text("The webhook is deleted.", "O webhook foi excluído.")) }
        }
        @if all.is_empty() {
            p.empty { (lang.text("There are no webhooks.", "Não há webhooks.")) }
        } @else { table.cards {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for webhook in &all { (row(lang, webhook, heads)) } }
        } }
        @if request.identity.may_act() { (webhook_forms::create(request)) }
    };
    Ok(Content { title: "Webhooks".to_owned(), main })
}

const fn heads(lang: Lang) -> [&'static str; 6] {
    [
        "Webhook",
        lang.text("Events", "Eventos"),
        "Status",
        lang.text("Last success", "Último sucesso"),
        lang.text("Waiting", "Aguardando"),
        lang.text("Given up", "Não entregues"),
    ]
}

fn row(lang: Lang, webhook: &WebhookSummary, heads: [&str; 6]) -> Markup {
    html! { tr data-row=(webhook.id) {
        th.wide scope="row" data-label=(heads[0]) {
            a href={ "/webhooks/" (encoded(&webhook.id)) } { (name(webhook)) }
        }
        td.wide data-label=(heads[1]) { (webhook.events.join(", ")) }
        td data-label=(heads[2]) { (status(lang, webhook)) }
        td data-label=(heads[3]) { (last_success(lang, webhook)) }
        td data-label=(heads[4]) { (lang.number(webhook.pending)) }
        td data-label=(heads[5]) { (lang.number(webhook.undelivered)) }
    } }
}

/// The description, or the URL without one.
fn name(webhook: &WebhookSummary) -> &str {
    if webhook.description.is_empty() { &webhook.url } else { &webhook.description }
}

fn last_success(lang: Lang, webhook: &WebhookSummary) -> Markup {
    html! { @match webhook.last_success { Some(at) => (components::ago(lang, at.0, now())), None => "–" } }
}

/// The status with its reason, and since when all attempts fail.
fn status(lang: Lang, webhook: &WebhookSummary) -> Markup {
    html! {
        @match webhook.disabled {
            Some((at, reason)) => {
                span.status.stuck { (lang.text("disabled", "desativado")) } " " (why(lang, reason)) " · "
                (components::ago(lang, at.0, now()))
            }
            None => span.status.completed { (lang.text("enabled", "ativado")) },
        }
        @if let (None, Some(since)) = (webhook.disabled, webhook.failing_since) {
            " " span.status.retrying { (lang.text("fails", "falha")) } " " (components::ago(lang, since.0, now()))
        }
    }
}

const fn why(lang: Lang, reason: DisabledReason) -> &'static str {
    match reason {
        DisabledReason::Operator => lang.text("by an operator", "por um operador"),
        DisabledReason::Gone => lang.text("the receiver answered 410 Gone", "o destino respondeu 410 Gone"),
        DisabledReason::Failing => lang.text("all deliveries failed", "todas as entregas falharam"),
    }
}

/// The page of a webhook.
pub(super) async fn detail(pages: &Pages, request: &PageRequest, id: &str) -> Result<Content, ApiError> {
    let lang = request.lang;
    let webhook = pages.api.webhook(id).await?;
    let pending = pages.api.deliveries(id, DeliveryState::Pending, SHOWN).await?;
    let undelivered = pages.api.deliveries(id, DeliveryState::Undelivered, SHOWN).await?;
    let recent = pages.api.deliveries(id, DeliveryState::Recent, SHOWN).await?;
    let title = name(&webhook).to_owned();
    let main = html! {
        p { a href="/webhooks" { "Webhooks" } }
        h1 { (title) }
        (webhook_forms::result(request))
        (facts(lang, &webhook))
        @if request.identity.may_act() { (webhook_forms::forms(request, &webhook)) }
        (deliveries(lang, lang.text("Last attempts", "Últimas tentativas"), &recent))
        (deliveries(lang, lang.text("Waiting", "Aguardando"), &pending))
        (deliveries(lang, lang.text("Given up", "Não entregues"), &undelivered))
    };
    Ok(Content { title, main })
}

fn facts(lang: Lang, webhook: &WebhookSummary) -> Markup {
    let text = |text: &str| html! { (text) };
    html! { dl.facts {
        (components::fact("URL", &html! { code { (webhook.url) } }))
        (components::fact(lang.text("Events", "Eventos"), &text(&webhook.events.join(", "))))
        (components::fact("Status", &status(lang, webhook)))
        (components::fact(lang.text("Last success", "Último sucesso"), &last_success(lang, webhook)))
        @if let Some(error) = &webhook.last_error {
            (components::fact(lang.text("Last error", "Último erro"), &html! { span.reason { (error) } }))
        }
        (components::fact(lang.text("Accepted", "Aceitas"), &text(&lang.number(webhook.accepted))))
        (components::fact(lang.text("Waiting", "Aguardando"), &text(&lang.number(webhook.pending))))
        (components::fact(lang.text("Given up", "Não entregues"), &text(&lang.number(webhook.undelivered))))
        (components::fact(lang.text("Created", "Criado"), &html! {
            (components::moment(webhook.created.0)) " (" (webhook.by) ")"
        }))
        @if let Some(until) = webhook.previous_secret_until {
            (components::fact(
                lang.text("The previous secret signs until", "O segredo anterior assina até"),
                &components::moment(until.0),
            ))
        }
    } }
}

fn deliveries(lang: Lang, title: &str, all: &[Delivery]) -> Markup {
    let heads = [
        lang.text("Event", "Evento"),
        lang.text("Order", "Pedido"),
        lang.text("Result", "Resultado"),
        lang.text("Attempt", "Tentativa"),
        lang.text("Time", "Horário"),
        lang.text("Error", "Erro"),
    ];
    html! { section {
        h2 { (title) }
        @if all.is_empty() { p.empty { (lang.text("None.", "Nenhuma.")) } } @else {
            table.cards {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for delivery in all { tr {
                    th scope="row" data-label=(heads[0]) { (delivery.kind) }
                    td data-label=(heads[1]) { (components::saga_link(&delivery.order)) }
                    td data-label=(heads[2]) { (result(lang, delivery)) }
                    td data-label=(heads[3]) { (delivery.attempts) }
                    td data-label=(heads[4]) { (components::moment(delivery.at.unwrap_or(delivery.time).0)) }
                    td.wide data-label=(heads[5]) { (delivery.error.as_deref().unwrap_or("–")) }
                } } }
            }
        }
    } }
}

fn result(lang: Lang, delivery: &Delivery) -> Markup {
    let (class, text) = match delivery.result {
        "accepted" => ("completed", lang.text("accepted", "aceita")),
        "failed" => ("stuck", lang.text("failed", "falhou")),
        "sending" => ("running", lang.text("being sent", "em envio")),
        "retrying" => ("retrying", lang.text("attempted again", "nova tentativa")),
        "expired" => ("stuck", lang.text("all attempts failed", "todas as tentativas falharam")),
        "full" => ("stuck", lang.text("too many waited", "muitas aguardavam")),
        _ => ("", lang.text("waits", "aguarda")),
    };
    html! {
        span class={ "status " (class) } { (text) }
        @if let Some(status) = delivery.status { " " (status) }
        @if let Some(next) = delivery.next { " " (components::moment(next.0)) }
    }
}

#[cfg(test)]
mod tests {
    use common::time::Timestamp;

    use super::*;

    #[test]
    fn the_status_of_a_webhook_says_why_it_is_disabled_in_both_languages() {
        let at = Timestamp(0);
        for (lang, text) in [(Lang::En, "the receiver answered 410 Gone"), (Lang::Pt, "o destino respondeu 410 Gone")] {
            let webhook = WebhookSummary::of_test(Some((at, DisabledReason::Gone)), None);
            assert!(status(lang, &webhook).into_string().contains(text));
        }
        let failing = WebhookSummary::of_test(None, Some(at));
        let shown = status(Lang::En, &failing).into_string();
        assert!(shown.contains("enabled") && shown.contains("fails"), "{shown}");
    }

    #[test]
    fn a_description_is_escaped() {
        let webhook = WebhookSummary::of_test(None, None);
        let shown = row(Lang::En, &webhook, heads(Lang::En)).into_string();
        assert!(shown.contains("&lt;b&gt;") && !shown.contains("<b>"), "{shown}");
    }
}

//! The forms of the acts on webhooks. A new secret is shown by the answer to its form only.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use common::http::PathParams;
use maud::{Markup, html};

use super::actions::SubmittedForm;
use super::components;
use super::context::{Content, PageRequest, Pages};
use super::layout::{error_page, page};
use super::query::{Query, encoded};
use crate::api::{NewWebhook, WebhookAct, WebhookSummary};
use crate::entity::webhooks::subscription::SigningSecret;
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::messages::webhooks::WebhookChange;

/// An act on a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Test,
    Replay,
    Enable,
    Disable,
    Update,
    Rotate,
    Delete,
}

impl Act {
    const ALL: [Self; 7] =
        [Self::Test, Self::Replay, Self::Enable, Self::Disable, Self::Update, Self::Rotate, Self::Delete];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Replay => "replay",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Update => "update",
            Self::Rotate => "rotate",
            Self::Delete => "delete",
        }
    }

    const fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Test => lang.text("Send a test event", "Enviar um evento de teste"),
            Self::Replay => lang.text("Replay what was given up", "Reenviar as não entregues"),
            Self::Enable => lang.text("Enable", "Ativar"),
            Self::Disable => lang.text("Disable", "Desativar"),
            Self::Update => lang.text("Change", "Alterar"),
            Self::Rotate => lang.text("Change the secret", "Trocar o segredo"),
            Self::Delete => lang.text("Delete", "Excluir"),
        }
    }

    const fn effect(self, lang: Lang) -> &'static str {
        match self {
            Self::Test => lang.text(
                "An event webhook.test is sent, signed as all others.",
                "Um evento webhook.test é enviado, assinado como todos os outros.",
            ),
            Self::Replay => lang.text(
                "The deliveries that were given up and are kept are sent again, with the same ids.",
                "As entregas não concluídas que foram guardadas são reenviadas, com os mesmos ids.",
            ),
            Self::Enable => lang.text(
                "Events are delivered again; those that wait come first.",
                "Os eventos voltam a ser entregues; os que aguardam vêm primeiro.",
            ),
            Self::Disable => lang.text(
                "Nothing more is sent. What waits is kept, and new events are not taken.",
                "Nada mais é enviado. O que aguarda é guardado, e novos eventos não são aceitos.",
            ),
            Self::Update => lang.text(
                "The change applies from the next attempt on.",
                "A alteração vale a partir da próxima tentativa.",
            ),
            Self::Rotate => lang.text(
                "A new secret signs. The present one signs beside it for webhooks.rotation_overlap.",
                "Um novo segredo assina. O atual continua assinando junto durante webhooks.rotation_overlap.",
            ),
            Self::Delete => lang.text(
                "The webhook and what waits for it are removed.",
                "O webhook e o que aguarda por ele são removidos.",
            ),
        }
    }

    fn is_possible(self, webhook: &WebhookSummary) -> bool {
        let is_enabled = webhook.disabled.is_none();
        match self {
            Self::Test | Self::Disable => is_enabled,
            Self::Enable => !is_enabled,
            Self::Replay => is_enabled && webhook.undelivered > 0,
            Self::Update | Self::Rotate | Self::Delete => true,
        }
    }
}

/// The form to create a webhook.
pub(super) fn create(request: &PageRequest) -> Markup {
    let lang = request.lang;
    html! { details.act id="act-create" data-keep="create" {
        summary { (lang.text("New webhook …", "Novo webhook …")) }
        form method="post" action="/webhooks/new" {
            (components::request_fields(request))
            (fields(lang, "", "", "order.*"))
            (components::reason_field(lang))
            button.main type="submit" { (lang.text("Create the webhook", "Criar o webhook")) }
        }
    } }
}

fn fields(lang: Lang, url: &str, description: &str, events: &str) -> Markup {
    html! {
        label { span { "URL" } input name="url" type="url" required maxlength="2048" value=(url)
            placeholder="https://" autocomplete="off"; }
        label { span { (lang.text("Description", "Descrição")) }
            input name="description" maxlength="300" value=(description) autocomplete="off"; }
        label { span { (lang.text("Events, separated by commas", "Eventos, separados por vírgulas")) }
            input name="events" required maxlength="2048" value=(events) autocomplete="off" spellcheck="false"; }
    }
}

/// The forms of the acts that are possible now.
pub(super) fn forms(request: &PageRequest, webhook: &WebhookSummary) -> Markup {
    let lang = request.lang;
    html! { section.acts id="acts" aria-label=(lang.text("Actions", "Ações")) {
        @for act in Act::ALL.into_iter().filter(|act| act.is_possible(webhook)) {
            details.act id={ "act-" (act.as_str()) } data-keep=(act.as_str()) {
                summary { (act.label(lang)) " …" }
                form method="post" action={ "/webhooks/" (encoded(&webhook.id)) "/act" } {
                    (components::act_fields(request, act.as_str()))
                    p { (act.effect(lang)) }
                    @if act == Act::Update {
                        (fields(lang, &webhook.url, &webhook.description, &webhook.events.join(", ")))
                    }
                    (components::reason_field(lang))
                    button.main type="submit" {
                        (lang.text("Confirm: ", "Confirmar: ")) (act.label(lang).to_lowercase())
                    }
                }
            }
        }
    } }
}

/// The result of the form that led to a page.
pub(super) fn result(request: &PageRequest) -> Markup {
    let lang = request.lang;
    let done = request.query.get("done").and_then(|name| Act::ALL.into_iter().find(|act| act.as_str() == name));
    html! { @if let Some(act) = done {
        p.banner.fine id="done" role="status" { (act.label(lang)) ": " (lang.text("done", "feito")) }
    } }
}

fn events(form: &Query) -> Vec<String> {
    let text = form.get("events").unwrap_or_default();
    text.split(',').map(str::trim).filter(|event| !event.is_empty()).map(str::to_owned).collect()
}

fn value(form: &Query, name: &str) -> String {
    form.get(name).unwrap_or_default().trim().to_owned()
}

/// The page with a secret, which is not shown again.
async fn secret_page(pages: &Pages, request: &PageRequest, id: &str, secret: &SigningSecret) -> Response {
    let lang = request.lang;
    let title = lang.text("The secret of the webhook", "O segredo do webhook").to_owned();
    let main = html! {
        p { a href={ "/webhooks/" (encoded(id)) } { (lang.text("To the webhook", "Para o webhook")) } }
        h1 { (title) }
        p.banner.finding role="status" { (lang.text(
            "Copy the secret to the receiver now: it is not shown again.",
            "Copie o segredo para o destino agora: ele não será mostrado de novo.")) }
        pre id="secret" tabindex="0" { (secret.reveal()) }
    };
    page(pages, request, "/webhooks", &Content { title, main }).await
}

/// `POST /webhooks/new`
pub(super) async fn on_new(
    State(pages): State<Pages>,
    SubmittedForm { request, form, headers }: SubmittedForm,
) -> Response {
    let new = NewWebhook {
        url: value(&form, "url"),
        description: value(&form, "description"),
        events: events(&form),
        secret: None,
    };
    let act = WebhookAct { identity: &request.identity, why: value(&form, "why"), headers: &headers };
    match pages.api.create_webhook(new, &act).await {
        Ok((webhook, Some(secret))) => secret_page(&pages, &request, &webhook.id, &secret).await,
        Ok((webhook, None)) => Redirect::to(&format!("/webhooks/{}", encoded(&webhook.id))).into_response(),
        Err(error) => error_page(&pages, &request, "/webhooks", &error).await,
    }
}

/// `POST /webhooks/{id}/act`
pub(super) async fn on_one(
    State(pages): State<Pages>,
    PathParams(id): PathParams<String>,
    SubmittedForm { request, form, headers }: SubmittedForm,
) -> Response {
    let back = format!("/webhooks/{}", encoded(&id));
    let context = WebhookAct { identity: &request.identity, why: value(&form, "why"), headers: &headers };
    match carry_out(&pages, &id, &form, &context).await {
        Ok((Act::Rotate, Some(secret))) => secret_page(&pages, &request, &id, &secret).await,
        Ok((Act::Delete, _)) => Redirect::to("/webhooks?done=delete").into_response(),
        Ok((act, _)) => Redirect::to(&format!("{back}?done={}", act.as_str())).into_response(),
        Err(error) => error_page(&pages, &request, &back, &error).await,
    }
}

async fn carry_out(
    pages: &Pages,
    id: &str,
    form: &Query,
    context: &WebhookAct<'_>,
) -> Result<(Act, Option<SigningSecret>), ApiError> {
    let name = form.get("action").unwrap_or_default();
    let unknown = || ApiError::unprocessable("Choose an action.", "Escolha uma ação.");
    let act = Act::ALL.into_iter().find(|act| act.as_str() == name).ok_or_else(unknown)?;
    let api = &pages.api;
    match act {
        Act::Test => api.test_webhook(id, context).await.map(drop)?,
        Act::Replay => api.replay_webhook(id, None, context).await.map(drop)?,
        Act::Enable => api.change_webhook(id, WebhookChange::Enable, context).await.map(drop)?,
        Act::Disable => api.change_webhook(id, WebhookChange::Disable, context).await.map(drop)?,
        Act::Update => {
            let url = value(form, "url");
            let description = value(form, "description");
            let events = events(form);
            api.check_webhook(Some(&url), Some(&description), Some(&events))?;
            let change = WebhookChange::Update { url: Some(url), description: Some(description), events: Some(events) };
            api.change_webhook(id, change, context).await.map(drop)?;
        }
        Act::Rotate => return Ok((act, Some(api.rotate_secret(id, None, context).await?.1))),
        Act::Delete => api.delete_webhook(id, context).await?,
    }
    Ok((act, None))
}

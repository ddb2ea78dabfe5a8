//! The messages of a dead-letter topic: the reason of each, its content, and the form to put it back.

use common::blob::Blob;
use common::sensitive;
use maud::{Markup, html};

use super::components::{self, MAX_SHOWN};
use super::context::{Content, PageRequest, Pages};
use super::query::encoded;
use crate::api::Letter;
use crate::error::ApiError;
use crate::i18n::Lang;

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest, topic: &str) -> Result<Content, ApiError> {
    let lang = request.lang;
    let letters = pages.cluster.dead_letters_of(&pages.api, topic).await?;
    let done = request.query.get("done").and_then(|position| position.split_once('-'));
    let main = html! {
        p { a href="/throughput" { (lang.text("Throughput", "Vazão")) } }
        h1 { (topic) }
        @if let Some((partition, offset)) = done {
            p.banner.fine role="status" {
                (lang.text("Put back: partition", "Devolvida: partição")) " " (partition) ", offset " (offset)
            }
        }
        @if letters.is_empty() {
            p.empty { (lang.text("No dead letters: every message could be read.",
                "Nenhuma dead letter: todas as mensagens puderam ser lidas.")) }
        }
        @for letter in letters.iter() { (details(request, topic, letter)) }
    };
    Ok(Content { title: topic.to_owned(), main })
}

fn details(request: &PageRequest, topic: &str, letter: &Letter) -> Markup {
    let lang = request.lang;
    let Letter { message, put_back } = letter;
    let state = put_back.as_ref().map_or("", |_| "back");
    html! { details.letter data-keep=(format!("{}-{} {state}", message.partition, message.offset)) {
        summary {
            (components::moment(message.at.0)) " · "
            (lang.text("partition", "partição")) " " (message.partition) ", offset " (message.offset)
            @if let Some(done) = put_back {
                " " span.status.completed { (lang.text("put back by", "devolvida por")) " " (done.by) }
            }
            br;
            span.reason { (message.reason().unwrap_or("–")) }
        }
        @if let Some(done) = put_back { p {
            (lang.text("Put back by", "Devolvida por")) " " strong { (done.by) } ", "
            (components::moment(done.at.0)) ": " (done.why)
        } }
        h3 { (lang.text("Key", "Chave")) } (content_of(message.key.as_ref(), lang))
        h3 { (lang.text("Value", "Valor")) } (content_of(message.value.as_ref(), lang))
        h3 { (lang.text("Headers", "Cabeçalhos")) }
        table.cards.narrow { tbody { @for (name, value) in &message.headers.0 { tr {
            th scope="row" { (name) }
            td.wide { (value.text().map_or_else(|| format!("{} bytes", value.0.len()), str::to_owned)) }
        } } } }
        @if request.identity.may_act() && message.put_back(topic).is_ok() { (form(request, topic, letter)) }
    } }
}

fn form(request: &PageRequest, topic: &str, letter: &Letter) -> Markup {
    let lang = request.lang;
    html! { form.act method="post" action={ "/dead-letters/" (encoded(topic)) "/put-back" } {
        (components::csrf(request))
        input type="hidden" name="partition" value=(letter.message.partition);
        input type="hidden" name="offset" value=(letter.message.offset);
        p { (lang.text(
            "The message is sent unchanged to its source topic and partition, and read again. It also stays here.",
            "A mensagem é enviada sem alterações ao tópico e à partição de origem, e lida novamente. Ela também \
             permanece aqui.")) }
        @if letter.put_back.is_some() { label.check {
            input type="checkbox" name="again" value="yes" required; " "
            (lang.text("again, although it was put back already", "novamente, embora já tenha sido devolvida"))
        } }
        (components::reason_field(lang))
        button.main type="submit" { (lang.text("Put back", "Devolver")) }
    } }
}

/// Indented JSON, other text as it is, or the size of binary content.
fn content_of(blob: Option<&Blob>, lang: Lang) -> Markup {
    let Some(blob) = blob else { return html! { p.hint { (lang.text("none", "nenhum")) } } };
    let Some(text) = blob.text() else { return html! { p.hint { (blob.0.len()) " bytes" } } };
    if blob.0.len() <= MAX_SHOWN
        && let Ok(value) = serde_json::from_str(text)
    {
        return components::json(&value);
    }
    let text = sensitive::mask_text(text);
    let shown: String = text.chars().take(MAX_SHOWN).collect();
    html! { pre tabindex="0" { (shown) @if shown.len() < text.len() { " …" } } }
}

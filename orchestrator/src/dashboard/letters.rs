//! The messages of a dead-letter topic: why each lies there, what is in it, and putting it back.

use common::blob::Blob;
use common::http::Problem;
use common::worker::DeadLetter;
use maud::{Markup, html};

use super::query::encoded;
use super::{Content, Pages, Seen, acts, layout, one};
use crate::letters::PutBack;
use crate::words::Lang;

/// Bytes of a message that are shown.
const SHOWN: usize = 20_000;

pub(super) async fn content(pages: &Pages, seen: &Seen, topic: &str) -> Result<Content, Problem> {
    let lang = seen.lang;
    let letters = pages.cluster.letters(&pages.api, topic).await?;
    let main = html! {
        p { a href="/throughput" { (lang.say("Throughput", "Vazão")) } }
        h1 { (topic) }
        @if let Some((partition, offset)) = seen.query.get("told").and_then(|told| told.split_once('-')) {
            p.banner.fine role="status" { (lang.say("Put back: partition", "Devolvida: partição")) " " (partition) ", offset " (offset) }
        }
        @if letters.is_empty() { p.empty { (lang.say("No dead letters. All that came could be read.",
            "Nenhuma mensagem morta. Tudo que veio pôde ser lido.")) } }
        @for (letter, back) in letters.iter() { (one_letter(seen, topic, letter, back.as_ref())) }
    };
    Ok(Content { title: topic.to_owned(), main })
}

fn one_letter(seen: &Seen, topic: &str, letter: &DeadLetter, back: Option<&PutBack>) -> Markup {
    let lang = seen.lang;
    let state = back.map_or("", |_| "back");
    html! { details.letter data-keep=(format!("{}-{} {state}", letter.partition, letter.offset)) {
        summary {
            (layout::moment(letter.at.0, false)) " · " (lang.say("partition", "partição")) " " (letter.partition) ", offset " (letter.offset)
            @if let Some(back) = back { " " span.status.completed { (lang.say("put back by", "devolvida por")) " " (back.by) } }
            br; span.reason { (letter.reason().unwrap_or("–")) }
        }
        @if let Some(back) = back {
            p { (lang.say("Put back by", "Devolvida por")) " " strong { (back.by) } ", " (layout::moment(back.at.0, false)) ": " (back.why) }
        }
        h3 { (lang.say("Key", "Chave")) } (bytes(letter.key.as_ref(), lang))
        h3 { (lang.say("Value", "Valor")) } (bytes(letter.value.as_ref(), lang))
        h3 { (lang.say("Headers", "Cabeçalhos")) }
        table.cards.narrow { tbody { @for (name, value) in &letter.headers.0 { tr {
            th scope="row" { (name) } td.wide { (value.text().map_or_else(|| format!("{} bytes", value.0.len()), str::to_owned)) }
        } } } }
        @if seen.who.may_act() && letter.put_back().is_some() {
            form.act method="post" action={ "/dead-letters/" (encoded(topic)) "/put-back" } {
                (layout::csrf(seen))
                input type="hidden" name="partition" value=(letter.partition);
                input type="hidden" name="offset" value=(letter.offset);
                p { (lang.say("It is sent as it came to the topic and partition it came from, and read again. It stays here, too.",
                    "É enviada como veio ao tópico e à partição de onde veio, e lida de novo. Também fica aqui.")) }
                @if back.is_some() { label.check { input type="checkbox" name="again" value="yes" required; " "
                    (lang.say("once more, although it was put back already", "mais uma vez, embora já tenha sido devolvida")) } }
                (acts::why(lang))
                button.main type="submit" { (lang.say("Put back", "Devolver")) }
            }
        }
    } }
}

/// Bytes for people: JSON in lines, other text as it is, and of what is no text how much there is.
fn bytes(blob: Option<&Blob>, lang: Lang) -> Markup {
    let Some(blob) = blob else { return html! { p.hint { (lang.say("none", "nenhum")) } } };
    let Some(text) = blob.text() else { return html! { p.hint { (blob.0.len()) " bytes" } } };
    if blob.0.len() <= SHOWN
        && let Ok(value) = serde_json::from_str(text)
    {
        return one::json(&value);
    }
    let shown: String = text.chars().take(SHOWN).collect();
    html! { pre tabindex="0" { (shown) @if shown.len() < text.len() { " …" } } }
}

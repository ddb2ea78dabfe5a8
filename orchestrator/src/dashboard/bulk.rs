//! An act on many sagas: what and why, then exactly which ones, then what became of each. Only those that were shown
//! are acted on, and of these only those that still fit.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use common::http::Problem;
use maud::{Markup, html};
use uuid::Uuid;

use super::acts::Sent;
use super::query::{Query, of_filter};
use super::{Content, Pages, Seen, acts, flow, layout, sagas, wrong};
use crate::api::{ActOnMany, Many};
use crate::filter::Filter;
use crate::view::Listed;
use crate::words::Lang;

/// `GET /bulk?status=incident&step=reserve`: what is to be done to those that fit.
pub(super) async fn content(_: &Pages, seen: &Seen) -> Result<Content, Problem> {
    let filter = seen.query.filter()?;
    let title = title(seen.lang);
    let main = html! { h1 { (title) } (what_is_meant(&filter, seen.lang)) (form(&filter, seen)) };
    Ok(Content { title, main })
}

fn title(lang: Lang) -> String {
    lang.say("Act on many sagas", "Agir em várias sagas").to_owned()
}

fn what_is_meant(filter: &Filter, lang: Lang) -> Markup {
    let query = of_filter(filter);
    html! { p { (lang.say("All sagas with:", "Todas as sagas com:")) " "
        @for (name, value) in pairs(&query) { span.pair { (name) " = " strong { (value) } } " " }
    } }
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.to_owned(), super::query::decoded(value)))
    })
}

fn form(filter: &Filter, seen: &Seen) -> Markup {
    let lang = seen.lang;
    html! { form.act method="post" action={ "/bulk?" (of_filter(filter)) } data-keep="bulk" {
        (layout::csrf(seen))
        label { span { (lang.say("What", "O quê")) } select name="action" {
            @for action in ["retry", "resolve", "cancel", "pause", "resume"] {
                option value=(action) { (acts::action(lang, action)) }
            }
        } }
        (acts::why(lang))
        button.main type="submit" { (lang.say("Show which ones (nothing is done yet)", "Mostrar quais (nada é feito ainda)")) }
    } }
}

/// `POST /bulk?…`: without `ids` which ones it would be, with them what became of those.
pub(super) async fn act(State(pages): State<Pages>, uri: Uri, Sent { mut seen, form, headers }: Sent) -> Response {
    seen.query = Query::of(&uri);
    match acted(&pages, &seen, &form, &headers).await {
        Ok(content) => layout::page(&pages, &seen, "/bulk", &content).into_response(),
        Err(problem) => wrong(&pages, &seen, "/incidents", &problem),
    }
}

async fn acted(pages: &Pages, seen: &Seen, form: &Query, headers: &HeaderMap) -> Result<Content, Problem> {
    let (lang, filter, what) = (seen.lang, seen.query.filter()?, acts::operate(form)?);
    let why = form.get("why").unwrap_or_default().to_owned();
    let only: BTreeSet<String> = form.all("ids").flat_map(|ids| ids.split(',')).map(str::to_owned).collect();
    let only = Some(only).filter(|only| !only.is_empty());
    let asked = ActOnMany { why: why.clone(), filter: filter.clone(), dry_run: only.is_none(), what, only };
    let action = form.get("action").unwrap_or_default();
    let told = pages.api.act_on_many(&seen.who, asked, headers).await?;
    let main = html! {
        h1 { (title(lang)) }
        (what_is_meant(&filter, lang))
        @match &told {
            Many::Would(found, more) => (would(seen, &filter, (action, &why), found, *more)),
            Many::Done(all, _) => (done(lang, all)),
        }
    };
    // What was answered to a form stands still.
    Ok(Content { title: title(lang), main: html! { div data-still="true" { (main) } } })
}

fn would(seen: &Seen, filter: &Filter, (action, why): (&str, &str), found: &[Listed], more: bool) -> Markup {
    let lang = seen.lang;
    let ids: Vec<&str> = found.iter().map(|saga| saga.id.as_str()).collect();
    let count = lang.number(found.len() as u64);
    html! {
        @if found.is_empty() { p.empty { (lang.say("None fits any more.", "Nenhuma passa mais.")) } } @else {
            p.banner.offends role="status" {
                (acts::action(lang, action)) ": " (count) " " (lang.say("sagas, exactly these. ", "sagas, exatamente estas. "))
                (acts::meaning(lang, action))
                @if more { " " (lang.say("There are more; do it again for the rest.", "Há mais; repita para o restante.")) }
            }
            form.act method="post" action={ "/bulk?" (of_filter(filter)) } {
                (layout::csrf(seen))
                input type="hidden" name="request" value=(Uuid::new_v4());
                input type="hidden" name="action" value=(action);
                input type="hidden" name="why" value=(why);
                input type="hidden" name="ids" value=(ids.join(","));
                button.main type="submit" { (lang.say("Yes, all ", "Sim, todas as ")) (count) ": " (acts::action(lang, action).to_lowercase()) }
            }
            (sagas::table(found, &[], lang, flow::now()))
        }
    }
}

fn done(lang: Lang, all: &[(String, Option<String>)]) -> Markup {
    let good = all.iter().filter(|(_, why)| why.is_none()).count() as u64;
    let heads = [lang.say("Saga", "Saga"), lang.say("What became of it", "O que houve")];
    html! {
        p.banner.fine role="status" {
            (lang.number(good)) " " (lang.say("of", "de")) " " (lang.number(all.len() as u64)) " " (lang.say("done.", "feitas."))
        }
        div.scroll tabindex="0" role="region" aria-label=(heads[1]) { table.cards {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for (id, why) in all { tr {
                th scope="row" { a href={ "/sagas/" (id) } { code { (id) } } }
                td.wide data-label=(heads[1]) { @match why { None => (lang.say("done", "feito")), Some(why) => (why) } }
            } } }
        } }
    }
}

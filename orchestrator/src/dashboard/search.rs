//! The search of the header: one hit opens its saga, several are listed, and without a hit the page names the fields
//! that were searched.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::context::{Content, PageRequest, Pages, now};
use super::saga_table::SagaTable;
use super::{layout, next_page};
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::view::Found;

/// `GET /search?q=…`
pub(super) async fn show(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(request) = pages.request(&uri, &headers) else {
        return Redirect::to(&next_page::path_for(&uri)).into_response();
    };
    let found = match pages.api.search(text(&request)).await {
        Ok(found) => found,
        Err(error) => return layout::error_page(&pages, &request, uri.path(), &error).await,
    };
    if let ([one], false) = (found.sagas.as_slice(), found.has_more) {
        return Redirect::to(&format!("/sagas/{}", one.id)).into_response();
    }
    match listed(&pages, &request, &found).await {
        Ok(content) => layout::page(&pages, &request, uri.path(), &content).await,
        Err(error) => layout::error_page(&pages, &request, uri.path(), &error).await,
    }
}

/// The page.
pub(super) async fn content(pages: &Pages, request: &PageRequest) -> Result<Content, ApiError> {
    let found = pages.api.search(text(request)).await?;
    listed(pages, request, &found).await
}

fn text(request: &PageRequest) -> &str {
    request.query.get("q").unwrap_or_default()
}

async fn listed(pages: &Pages, request: &PageRequest, found: &Found) -> Result<Content, ApiError> {
    let lang = request.lang;
    let known = pages.api.known().await?;
    let table =
        SagaTable { sagas: &found.sagas, known: &known, columns: &request.columns, lang, now: now(), sorting: None };
    let title = lang.text("Search", "Busca").to_owned();
    let main = html! {
        h1 { (title) " " small { "“" (text(request)) "”" } }
        @if found.sagas.is_empty() {
            (nothing(lang))
        } @else {
            p { @if found.has_more {
                (lang.text("The newest hits; there are more. Type more of it to find fewer.",
                    "Os resultados mais recentes; há outros. Digite mais para encontrar menos."))
            } @else {
                (lang.count(found.sagas.len() as u64, ["saga found.", "sagas found."],
                    ["saga encontrada.", "sagas encontradas."]))
            } }
            (table.render())
        }
    };
    Ok(Content { title, main })
}

fn nothing(lang: Lang) -> Markup {
    html! { p.empty { (lang.text(
    "Nothing found. The search reads the ids of sagas and orders (whole, or four digits or more of it), customers, \
     mail addresses and tracking numbers (whole, or the beginning).",
    "Nada encontrado. A busca lê os ids de sagas e pedidos (inteiros, ou quatro dígitos ou mais), clientes, \
     endereços de e-mail e códigos de rastreio (inteiros, ou o começo).")) } }
}

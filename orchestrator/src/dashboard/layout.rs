//! The frame of every page: its head, the navigation, the age of the data, and the security headers.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::components;
use super::context::{Content, PageRequest, Pages};
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::view::MAX_SEARCH;

const SCRIPT: &str = concat!(include_str!("dashboard.js"), "\n", include_str!("zoom.js"));
/// The style sheets of the drawings and of the pages.
static STYLE: LazyLock<String> = LazyLock::new(|| format!("{}\n{}", saga::STYLE_SHEET, include_str!("dashboard.css")));
/// A hash of the style sheet and the script, in their URLs, since browsers cache these files without limit.
static ASSET_HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    (STYLE.as_str(), SCRIPT).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
});

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", STYLE.as_str())
}

pub(super) async fn script() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

/// Two steps joined by a line.
const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>\
                    <path d='M2 8h12' stroke='#0b5cad' stroke-width='2'/>\
                    <circle cx='3' cy='8' r='3' fill='#0b5cad'/><circle cx='13' cy='8' r='3' fill='#b26a00'/></svg>";

pub(super) async fn icon() -> impl IntoResponse {
    asset("image/svg+xml", ICON)
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let cached = "public, max-age=31536000, immutable";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cached), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], text)
}

/// A page of a logged-in user.
pub(super) async fn page(pages: &Pages, request: &PageRequest, path: &str, content: &Content) -> Response {
    let lang = request.lang;
    let identity = &request.identity;
    let incidents = pages.api.open_incidents().await;
    let tasks = pages.api.open_tasks().await;
    let body = html! {
        header {
            a.skip href="#main" { (lang.text("Skip to content", "Ir para o conteúdo")) }
            a.brand href="/" { (brand(lang)) }
            nav aria-label=(lang.text("Pages", "Páginas")) { @for (to, name) in links(lang) {
                a href=(to) aria-current=[is_current(path, to).then_some("page")] {
                    (name)
                    @if to == "/incidents" { " " span.badge id="badge" hidden[incidents == 0] { (incidents) } }
                    @if to == "/tasks" { " " span.badge.calm id="tasks-badge" hidden[tasks == 0] { (tasks) } }
                }
            } }
            (search_box(request))
            form.out method="post" action="/logout" {
                (components::csrf(request))
                span.who {
                    (identity.name)
                    @if !identity.may_act() { " (" (lang.text("read-only", "somente leitura")) ")" }
                }
                button type="submit" { (lang.text("Log out", "Sair")) }
            }
        }
        @if pages.api.context.exposure.is_some() { p.wrong.exposed { (lang.text(
            "Other machines may reach this dashboard, and it has the published default password: \
             set dashboard.password_hash.",
            "Outras máquinas podem acessar este painel, e ele tem a senha padrão publicada: \
             defina dashboard.password_hash.")) } }
        p.state {
            button.zone type="button" id="zone" hidden
                data-utc=(lang.text("Times: UTC", "Horários: UTC"))
                data-local=(lang.text("Times: local", "Horários: locais"))
                data-here="(local)" {}
            " " span id="lag" data-age=(pages.api.lag())
            data-stale=(lang.text("Stale for {} s", "Desatualizado há {} s")) { (updated(lang, pages.api.lag())) }
        }
        p.lost id="stale" role="status" hidden { (lang.text(
            "The numbers on this page are old: the orchestrator sends nothing new.",
            "Os números desta página são antigos: o orquestrador não envia nada de novo.")) }
        p.lost id="lost" role="status" hidden { (lang.text(
            "The connection is lost, and the data may be out of date. Reconnecting …",
            "A conexão caiu, e os dados podem estar desatualizados. Reconectando …")) }
        main id="main" tabindex="-1" { (content.main) }
    };
    shell(lang, &content.title, true, &body).into_response()
}

/// The search for a saga, on every page.
fn search_box(request: &PageRequest) -> Markup {
    let lang = request.lang;
    let what =
        lang.text("Find an id, customer, mail or tracking number", "Buscar id, cliente, e-mail ou código de rastreio");
    let short = lang.text("Id, customer, mail, tracking", "Id, cliente, e-mail, rastreio");
    html! { form.search role="search" method="get" action="/search" {
        input type="search" name="q" aria-label=(what) placeholder=(short) title=(what) required
            maxlength=(MAX_SEARCH) autocomplete="off" spellcheck="false";
        button type="submit" { (lang.text("Find", "Buscar")) }
    } }
}

/// A page with an error.
pub(super) async fn error_page(pages: &Pages, request: &PageRequest, path: &str, error: &ApiError) -> Response {
    let lang = request.lang;
    let title = lang.text("The request failed", "A solicitação falhou").to_owned();
    let main = html! {
        h1 { (title) }
        p.wrong role="alert" { (error.text(lang)) }
        p { a href=(path) { (lang.text("Back", "Voltar")) } }
    };
    let mut response = page(pages, request, path, &Content { title, main }).await;
    *response.status_mut() = error.status();
    response
}

/// The name of the site.
pub(super) const fn brand(lang: Lang) -> &'static str {
    lang.text("Order sagas", "Sagas de pedidos")
}

/// The age of the data.
pub(super) fn updated(lang: Lang, lag: u64) -> String {
    if lag < 1_000 {
        return lang.text("Updated now", "Atualizado agora").to_owned();
    }
    match lang {
        Lang::En => format!("Updated {} ago", lang.span(lag)),
        Lang::Pt => format!("Atualizado há {}", lang.span(lag)),
    }
}

const fn links(lang: Lang) -> [(&'static str, &'static str); 8] {
    [
        ("/", lang.text("Flow", "Fluxo")),
        ("/sagas", "Sagas"),
        ("/incidents", lang.text("Incidents", "Incidentes")),
        ("/tasks", lang.text("Tasks", "Tarefas")),
        ("/throughput", lang.text("Throughput", "Vazão")),
        ("/definitions", lang.text("Definitions", "Definições")),
        ("/webhooks", "Webhooks"),
        ("/audit", lang.text("Audit", "Auditoria")),
    ]
}

fn is_current(path: &str, to: &str) -> bool {
    let below = |parent: &str| path == parent || path.starts_with(&format!("{parent}/"));
    match to {
        "/" => path == "/",
        "/throughput" => below(to) || below("/dead-letters"),
        "/sagas" => below(to) || below("/bulk") || below("/search"),
        other => below(other),
    }
}

/// An HTML document.
pub(super) fn shell(lang: Lang, title: &str, live: bool, body: &Markup) -> impl IntoResponse + use<> {
    let markup = html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · " (brand(lang)) }
                link rel="icon" href="/favicon.svg" type="image/svg+xml";
                link rel="stylesheet" href={ "/dashboard.css?" (ASSET_HASH.as_str()) };
                @if live { script src={ "/dashboard.js?" (ASSET_HASH.as_str()) } defer {} }
            }
            body { (body) }
        }
    };
    (headers(), markup)
}

pub(super) fn headers() -> [(HeaderName, HeaderValue); 4] {
    [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ]
}

//! What is around every page: the head, the way to the other pages, how old the data are, and the headers that keep
//! others out.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Content, Pages, Seen};
use crate::words::Lang;

const SCRIPT: &str = include_str!("dashboard.js");
/// The page's own sheet, and that of the drawings.
static STYLE: LazyLock<String> = LazyLock::new(|| format!("{}\n{}", saga::STYLE_SHEET, include_str!("dashboard.css")));
/// Changes when what it stands for does: browsers keep these files for ever.
static STAMP: LazyLock<String> = LazyLock::new(|| {
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

/// Three steps, one after the other.
const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><path d='M2 8h12' stroke='#0b5cad' stroke-width='2'/>\
                    <circle cx='3' cy='8' r='3' fill='#0b5cad'/><circle cx='13' cy='8' r='3' fill='#b26a00'/></svg>";

pub(super) async fn icon() -> impl IntoResponse {
    asset("image/svg+xml", ICON)
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let kept = "public, max-age=31536000, immutable";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], text)
}

/// A page for who is logged in.
pub(super) fn page(pages: &Pages, seen: &Seen, path: &str, content: &Content) -> Response {
    let (lang, lag) = (seen.lang, pages.api.lag());
    let body = html! {
        header {
            a.skip href="#main" { (lang.say("To the content", "Ir para o conteúdo")) }
            a.brand href="/" { "Order sagas" }
            nav aria-label=(lang.say("Pages", "Páginas")) { @for (to, name) in ways(lang) {
                a href=(to) aria-current=[is_current(path, to).then_some("page")] { (name) }
            } }
            form.out method="post" action="/logout" {
                (csrf(seen))
                span.who { (seen.who.name) @if !seen.who.may_act() { " (" (lang.say("looks only", "só consulta")) ")" } }
                button type="submit" { (lang.say("Log out", "Sair")) }
            }
        }
        p.state { span id="lag" { (asof(lang, lag)) } }
        p.lost id="lost" role="status" hidden { (lang.say(
            "The connection is lost: what you see may be old. Trying again …",
            "A conexão caiu: o que você vê pode estar velho. Tentando de novo …")) }
        main id="main" tabindex="-1" { (content.main) }
    };
    shell(lang, &content.title, true, &body).into_response()
}

/// How old the data are.
pub(super) fn asof(lang: Lang, lag: u64) -> String {
    match lang {
        Lang::En => format!("Data as of {} ago", lang.span(lag)),
        Lang::Pt => format!("Dados de {} atrás", lang.span(lag)),
    }
}

const fn ways(lang: Lang) -> [(&'static str, &'static str); 5] {
    [
        ("/", lang.say("Flow", "Fluxo")),
        ("/sagas", lang.say("Sagas", "Sagas")),
        ("/incidents", lang.say("Incidents", "Incidentes")),
        ("/throughput", lang.say("Throughput", "Vazão")),
        ("/definitions", lang.say("Definitions", "Definições")),
    ]
}

fn is_current(path: &str, to: &str) -> bool {
    let below = |parent: &str| path == parent || path.starts_with(&format!("{parent}/"));
    match to {
        "/" => path == "/",
        "/throughput" => below(to) || below("/dead-letters"),
        "/sagas" => below(to) || below("/bulk"),
        other => below(other),
    }
}

/// What every form of a session carries.
pub(super) fn csrf(seen: &Seen) -> Markup {
    html! { input type="hidden" name="csrf" value=(seen.who.csrf); }
}

/// A whole document.
pub(super) fn shell(lang: Lang, title: &str, live: bool, body: &Markup) -> impl IntoResponse + use<> {
    let markup = html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Order sagas" }
                link rel="icon" href="/favicon.svg" type="image/svg+xml";
                link rel="stylesheet" href={ "/dashboard.css?" (STAMP.as_str()) };
                @if live { script src={ "/dashboard.js?" (STAMP.as_str()) } defer {} }
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

/// A drawing, which the engine has escaped.
pub(super) fn drawing(svg: String) -> Markup {
    PreEscaped(svg)
}

/// A saga's or a step's status, as a word in its colour.
pub(super) fn status(lang: Lang, status: &str) -> Markup {
    html! { span class={ "status " (status) } { (lang.status(status)) } }
}

/// A moment: for people how long ago, and the time itself where one points at it.
pub(super) fn ago(lang: Lang, at: i64, now: i64) -> Markup {
    let time = saga::Timestamp(at).to_string();
    let span = lang.span(now.saturating_sub(at).max(0).unsigned_abs());
    html! { time datetime=(time) title=(time) { @match lang {
        Lang::En => { (span) " ago" }
        Lang::Pt => { "há " (span) }
    } } }
}

/// A moment, whole, to the second or the millisecond.
pub(super) fn moment(at: i64, exact: bool) -> Markup {
    let time = saga::Timestamp(at).to_string();
    let shown = time.replace('T', " ");
    let shown = shown.get(..if exact { 23 } else { 19 }).unwrap_or(&shown);
    html! { time datetime=(time) { (shown) " UTC" } }
}

/// The last eight digits of an id: enough to tell the few on a page apart, also where ids begin with the time.
pub(super) fn short(id: &str) -> String {
    id.len().checked_sub(8).and_then(|from| id.get(from..)).map_or_else(|| id.to_owned(), |tail| format!("…{tail}"))
}

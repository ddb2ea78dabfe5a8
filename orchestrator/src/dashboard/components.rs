//! The small parts that several pages have: statuses, times, JSON, drawings, and fields of forms.

use common::sensitive;
use maud::{Markup, PreEscaped, html};
use serde_json::Value;
use uuid::Uuid;

use super::context::PageRequest;
use crate::i18n::Lang;

/// The maximum bytes of JSON or text that are shown: a page is sent again whenever it changes.
pub(super) const MAX_SHOWN: usize = 20_000;

/// The CSRF token of the session, which every form has.
pub(super) fn csrf(request: &PageRequest) -> Markup {
    html! { input type="hidden" name="csrf" value=(request.identity.csrf); }
}

/// The hidden fields of a form: the CSRF token, and an id by which a form that is sent twice is applied once.
pub(super) fn request_fields(request: &PageRequest) -> Markup {
    html! {
        (csrf(request))
        input type="hidden" name="request" value=(Uuid::new_v4());
    }
}

/// The hidden fields of a form for one of several actions.
pub(super) fn act_fields(request: &PageRequest, action: &str) -> Markup {
    html! {
        (request_fields(request))
        input type="hidden" name="action" value=(action);
    }
}

/// The field for an operator's reason.
pub(super) fn reason_field(lang: Lang) -> Markup {
    html! {
        label {
            span { (lang.text("Reason", "Motivo")) }
            input name="why" required maxlength="300" autocomplete="off";
        }
    }
}

/// A field of a filter.
pub(super) fn field(name: &str, label: &str, value: Option<&str>, example: &str) -> Markup {
    html! { label { span { (label) } input name=(name) value=[value] placeholder=(example) autocomplete="off"; } }
}

/// A choice of a filter; nothing chosen matches all.
pub(super) fn choice(name: &str, label: &str, options: &[&str], own: Option<&str>, lang: Lang) -> Markup {
    html! { label { span { (label) } select name=(name) {
        option value="" { (lang.text("any", "qualquer")) }
        @for option in options { option value=(option) selected[own == Some(*option)] { (option) } }
        @if let Some(other) = own.filter(|own| !options.contains(own)) { option value=(other) selected { (other) } }
    } } }
}

/// A drawing; the engine has escaped its texts.
pub(super) fn drawing(svg: String) -> Markup {
    PreEscaped(svg)
}

/// The status of a saga, in its colour.
pub(super) fn status(lang: Lang, status: &str) -> Markup {
    html! { span class={ "status " (status) } { (lang.status(status)) } }
}

/// The status of a step, in its colour.
pub(super) fn step_status(lang: Lang, status: &str) -> Markup {
    html! { span class={ "status " (status) } { (lang.step_status(status)) } }
}

/// How long ago a time was, with the time itself as its tooltip.
pub(super) fn ago(lang: Lang, at: i64, now: i64) -> Markup {
    let time = saga::Timestamp(at).to_string();
    let span = lang.span(now.saturating_sub(at).max(0).unsigned_abs());
    html! { time datetime=(time) title=(time) { @match lang {
        Lang::En => { (span) " ago" }
        Lang::Pt => { "há " (span) }
    } } }
}

/// A time to the second.
pub(super) fn moment(at: i64) -> Markup {
    time_to(at, 19)
}

/// A time to the millisecond.
pub(super) fn exact_moment(at: i64) -> Markup {
    time_to(at, 23)
}

/// A time to the minute, of a long period with its day.
pub(super) fn short_moment(at: i64, is_long: bool) -> Markup {
    let time = saga::Timestamp(at).to_string();
    let (begin, end) = if is_long { (5, 16) } else { (11, 16) };
    let shown = time.get(begin..end).unwrap_or_default().replace('T', " ");
    html! { time datetime=(time) data-at=(time) data-begin=(begin) data-end=(end) { (shown) } }
}

fn time_to(at: i64, length: usize) -> Markup {
    let time = saga::Timestamp(at).to_string();
    let spaced = time.replace('T', " ");
    let shown = spaced.get(..length).unwrap_or(&spaced);
    html! { time datetime=(time) data-length=(length) { (shown) " UTC" } }
}

/// The last eight digits of an id: they differ on a page, even for ids that start with the time.
pub(super) fn short(id: &str) -> String {
    id.len().checked_sub(8).and_then(|from| id.get(from..)).map_or_else(|| id.to_owned(), |tail| format!("…{tail}"))
}

/// A link to the page of a saga.
pub(super) fn saga_link(id: &str) -> Markup {
    html! { a href={ "/sagas/" (id) } { code title=(id) { (short(id)) } } }
}

/// A name with its value, in a list of them.
pub(super) fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// Indented JSON without sensitive texts, cut after [`MAX_SHOWN`] bytes.
pub(super) fn json(value: &Value) -> Markup {
    let mut value = value.clone();
    sensitive::mask(&mut value);
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    let end = (0..=MAX_SHOWN.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let (shown, rest) = text.split_at(end);
    html! { pre tabindex="0" { (shown) @if !rest.is_empty() { " …" } } }
}

//! The choice of the window of time on a page.

use maud::{Markup, html};

use crate::error::ApiError;
use crate::i18n::Lang;
use crate::stats::Window;

/// Parses the window of a query; an hour by default.
pub(super) fn parse(text: Option<&str>) -> Result<Window, ApiError> {
    let Some(text) = text else { return Ok(Window::default()) };
    let found = Window::ALL.into_iter().find(|window| window.as_str() == text);
    found.ok_or_else(|| {
        ApiError::bad_request(
            format!("window = {text}: it must be one of 5m, 1h, 24h, 7d"),
            format!("window = {text}: deve ser um de 5m, 1h, 24h, 7d"),
        )
    })
}

/// Links to the same page with each window.
pub(super) fn tabs(lang: Lang, current: Window, to: impl Fn(Window) -> String) -> Markup {
    html! { nav.tabs aria-label=(lang.text("Time window", "Janela de tempo")) { @for window in Window::ALL {
        a href=(to(window)) aria-current=[(window == current).then_some("true")] { @match window {
            Window::Minutes => "5 min", Window::Hour => "1 h", Window::Day => "24 h", Window::Week => "7 d",
        } }
    } } }
}

//! Sessions: the responses that extend them, and pages that stay open longer than the cookie they were opened with.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use serde_json::Value;
use tests::cluster::Cluster;
use tests::process::Name;

use crate::browser::Chromium;

crate::browser_tests::browser_tests!(
    only_pages_extend_a_session_and_no_shared_file_does,
    an_open_page_goes_on_with_the_newest_session,
);

/// `dashboard.session_secret` of the tests.
pub(crate) const SECRET: &str = "a key of the tests, at least 32 bytes";
/// The default of `dashboard.session_idle`, in milliseconds.
const IDLE: i64 = 30 * 60_000;

/// The token of the same session that was last used `ago` milliseconds before.
fn used(token: &str, ago: i64) -> Result<String> {
    let payload = token.split('.').nth(1).context("no payload")?;
    let mut claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload)?)?;
    let used = claims["used"].as_i64().context("no time of the last use")? - ago;
    claims["used"] = used.into();
    claims["opened"] = used.into();
    Ok(encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET.as_bytes()))?)
}

async fn only_pages_extend_a_session_and_no_shared_file_does(
    cluster: &Arc<Cluster>,
    chromium: &mut Chromium,
) -> Result<()> {
    let tab = chromium.logged_in().await?;
    let token = used(&tab.session().await?, 2 * 60_000)?;
    let files = "[...document.querySelectorAll('link[href], script[src]')] \
                 .map((one) => one.getAttribute('href') ?? one.getAttribute('src'))";
    let files: Vec<String> = serde_json::from_value(tab.eval(files).await?)?;
    ensure!(files.len() == 3, "{files:?}");
    let pages = ["/", "/sagas", "/incidents", "/throughput", "/audit", "/definitions", "/definitions/order/8/flow.svg"];
    let orchestrator = cluster.service(Name::Orchestrator)?;
    for path in files.iter().map(String::as_str).chain(pages) {
        let request = cluster.http.get(orchestrator.url(path)).header(COOKIE, format!("session={token}"));
        let response = request.send().await?.error_for_status()?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_shared = header(CACHE_CONTROL).contains("public");
        ensure!(is_shared != pages.contains(&path), "{path}: {}", header(CACHE_CONTROL));
        ensure!(header(SET_COOKIE).starts_with("session=") != is_shared, "{path}: {:?}", response.headers());
    }
    Ok(())
}

async fn an_open_page_goes_on_with_the_newest_session(_: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.logged_in().await?;
    tab.go("/sagas").await?;
    let newest = tab.session().await?;
    let count = "window.same = true; window.opened = 0; \
                 window.EventSource = class extends window.EventSource { constructor(url) { \
                 super(url); this.addEventListener('open', () => { window.opened += 1; }); } }; true";
    tab.eval(count).await?;
    // A stream with the cookie that the page had before another page replaced it.
    let reopen = "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))";
    tab.set_session(&used(&newest, IDLE - 15_000)?).await?;
    tab.eval(reopen).await?;
    tab.wait_until("the stream with the old cookie", "window.opened === 1").await?;
    tab.set_session(&newest).await?;
    tab.wait_until("another stream", "window.opened === 2").await?;
    tab.wait_until("updates", "document.getElementById('lag').innerText.startsWith('Updated')").await?;
    ensure!(tab.eval("window.same").await? == true && tab.location().await? == "/sagas", "the page was left");
    // The login is for those without a session.
    tab.go("/login?next=%2Fsagas%3Fstatus%3Drunning").await?;
    ensure!(tab.location().await? == "/sagas?status=running", "{}", tab.location().await?);
    // A session that has ended leads to the login, and back.
    tab.set_session(&used(&newest, IDLE)?).await?;
    tab.eval(reopen).await?;
    tab.wait_until("the login", "location.pathname === '/login' && document.readyState === 'complete'").await?;
    ensure!(tab.location().await? == "/login?next=%2Fsagas%3Fstatus%3Drunning", "{}", tab.location().await?);
    Ok(())
}

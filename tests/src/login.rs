//! The login to the dashboard without a browser.

use anyhow::{Context, Result, ensure};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

use crate::cluster::USER;
use crate::http::client;
use crate::wait::SOON;

/// Logs in at the dashboard as a browser does, from an address that a proxy reports. Returns the client, which has
/// the cookies and follows no redirects, and the answer.
///
/// # Errors
/// When the form is not served, or the orchestrator does not answer.
pub async fn log_in(base: &str, from: &str, password: &str, next: &str) -> Result<(Client, Response)> {
    let browser = client().timeout(SOON).cookie_store(true).redirect(Policy::none()).build()?;
    let page = browser.get(format!("{base}/login?next={next}")).send().await?;
    ensure!(page.status() == StatusCode::OK, "the login form for {next}: {}", page.status());
    let page = page.text().await?;
    let field = |name: &str| {
        let from = page.split_once(&format!("name=\"{name}\" value=\"")).map(|(_, rest)| rest);
        from.and_then(|rest| rest.split_once('"')).map(|(value, _)| value.to_owned()).context(name.to_owned())
    };
    let csrf = field("csrf")?;
    let next = field("next")?;
    let form = [("user", USER), ("password", password), ("csrf", &csrf), ("next", &next)];
    let sent = browser.post(format!("{base}/login")).header("X-Forwarded-For", from).form(&form).send().await?;
    Ok((browser, sent))
}

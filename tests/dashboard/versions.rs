//! A rollout: both versions side by side, and its next steps from the page.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::cluster::{Cluster, PASSWORD, USER};
use tests::process::Name;

use crate::browser::{Chromium, Tab};

crate::browser_tests::browser_tests!(two_versions_are_compared_and_the_rollout_continues_from_the_page,);

/// The version in `order-9.toml`, on which new orders start.
const NEW: u64 = 9;
/// More sagas than a comparison needs.
const ENOUGH: usize = 22;

/// Starts a share of new orders on the new version.
async fn roll_out(cluster: &Cluster, percent: u8) -> Result<()> {
    let url = cluster.service(Name::Orchestrator)?.url("/api/definitions/order/rollout");
    let rollout = json!({"version": NEW, "percent": percent, "why": "a comparison"});
    cluster.http.put(url).basic_auth(USER, Some(PASSWORD)).json(&rollout).send().await?.error_for_status()?;
    Ok(())
}

/// Orders that end without a payment: there is not enough stock.
async fn rejected_orders(cluster: &Arc<Cluster>) -> Result<()> {
    let item = cluster.item(1).await?;
    for _ in 0..ENOUGH {
        item.order(2).place().await?.ends("rejected").await?;
    }
    Ok(())
}

/// Takes a next step, and expects this share.
async fn next_step(tab: &Tab<'_>, percent: u8, why: &str) -> Result<()> {
    tab.fill("[data-compared=order] input[name=why]", why).await?;
    tab.submit(&format!("[data-compared=order] button[value='{percent}']")).await?;
    tab.wait_for_text("#definition-order p.share", &format!("{percent} % of new sagas start on version {NEW}")).await?;
    let present = format!("document.querySelector('[data-compared=order] button[value=\"{percent}\"]').disabled");
    ensure!(tab.eval(&present).await? == true, "the present share is offered");
    Ok(())
}

async fn two_versions_are_compared_and_the_rollout_continues_from_the_page(
    cluster: &Arc<Cluster>,
    chromium: &mut Chromium,
) -> Result<()> {
    let orchestrator = cluster.service(Name::Orchestrator)?;
    let all = cluster.get(orchestrator, "/api/definitions").await?.context("no definitions")?;
    let orders = all["items"].as_array().into_iter().flatten().filter(|known| known["name"] == "order");
    let versions = orders.filter_map(|known| known["version"].as_u64());
    let old = versions.filter(|version| *version != NEW).max().context("no other version")?;
    roll_out(cluster, 0).await?;
    let tab = chromium.logged_in().await?;
    tab.go("/definitions").await?;
    tab.wait_for_text("[data-finding=order]", "Too few sagas to tell: 0 against").await?;
    rejected_orders(cluster).await?;
    roll_out(cluster, 100).await?;
    rejected_orders(cluster).await?;
    // The page is current without a reload.
    tab.wait_for_text("[data-finding=order]", &format!("Version {NEW} is ")).await?;
    tab.wait_for_text("[data-finding=order]", &format!("; {ENOUGH} against ")).await?;
    for row in ["completed", "compensated", "ending-rejected", "incidents", "retried", "p50", "p95"] {
        let text = tab.text(&format!("[data-compared=order] tr[data-row='{row}']")).await?;
        ensure!(text.as_deref().is_some_and(|text| text.contains('(')), "no interval at {row}: {text:?}");
    }
    let path = format!("/api/definitions/order/compare?from={old}&to={NEW}&window=1h");
    let found = cluster.get(orchestrator, &path).await?.context("no comparison")?;
    ensure!(found["versions"][0]["endings"]["rejected"]["count"] == ENOUGH, "{found:#}");
    ensure!(found["enough"] == true && found["versions"][0]["completed"]["count"] == 0, "{found:#}");
    tab.submit("[data-compared=order] nav a[href*='window=1h']").await?;
    tab.wait_for_text("[data-compared=order] nav a[aria-current]", "1 h").await?;
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    next_step(&tab, 50, "it holds so far").await?;
    next_step(&tab, 0, "a doubt").await?;
    next_step(&tab, 100, "the doubt is gone").await?;
    tab.go("/audit").await?;
    tab.wait_for_text("main", "the doubt is gone").await?;
    // Someone who may only read sees the comparison, but no next steps.
    let tab = chromium.tab().await?;
    tab.log_in("guest", PASSWORD).await?;
    tab.go("/definitions").await?;
    tab.wait_for_text("[data-finding=order]", &format!("Version {NEW} is ")).await?;
    ensure!(tab.eval("!document.querySelector('[data-compared] form')").await? == true, "a form for a viewer");
    Ok(())
}

//! The search of the header finds a saga by what an operator has at hand, from any page.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::cluster::{Cluster, USER};
use tests::process::Name;
use uuid::Uuid;

use crate::browser::{Chromium, Tab};

crate::browser_tests::browser_tests!(anything_is_found_from_anywhere, an_act_is_in_the_audit_with_its_outcome,);

async fn search(tab: &Tab<'_>, text: &str) -> Result<String> {
    // The browser's protocol has no key for an ellipsis, which an operator pastes.
    if text.is_ascii() {
        tab.fill("form.search input", text).await?;
    } else {
        tab.eval(&format!("document.querySelector('form.search input').value = {}", json!(text))).await?;
    }
    tab.submit("form.search button").await?;
    tab.location().await
}

async fn anything_is_found_from_anywhere(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let item = cluster.item(10).await?;
    let customer = Uuid::new_v4().to_string();
    let mail = format!("ana.{customer}@example.com");
    let first = item.order(1).by(&customer).with(json!({"customer": {"name": "Ana", "email": mail}})).place().await?;
    let second = item.order(1).by(&customer).place().await?;
    for order in [&first, &second] {
        order.payment("pending").await?;
    }
    let tab = chromium.logged_in().await?;
    let page = format!("/sagas/{}", first.id);
    let middle = first.id.get(9..23).context("an id has 36 digits")?;
    for (from, text) in [("/incidents", first.id.as_str()), ("/throughput", mail.as_str()), ("/definitions", middle)] {
        tab.go(from).await?;
        ensure!(search(&tab, text).await? == page, "{text} from {from} leads to {}", tab.location().await?);
        tab.wait_for_text(".top .status", "running").await?;
    }
    // The shortened id of the list can be typed back.
    tab.go(&format!("/sagas?id={}", first.id)).await?;
    let shown = tab.text("tbody th code").await?.context("no id in the list")?;
    ensure!(shown.starts_with('…'), "{shown}");
    ensure!(search(&tab, &shown).await? == page, "{shown} leads to {}", tab.location().await?);
    // Several hits are listed; without a hit the page reports it.
    let several = search(&tab, &customer).await?;
    ensure!(several.starts_with("/search?"), "{several}");
    ensure!(tab.eval("document.querySelectorAll('tbody tr').length").await? == 2, "both orders of the customer");
    for order in [&first, &second] {
        let row = format!("!!document.querySelector('tr[data-row=\"{}\"]')", order.id);
        ensure!(tab.eval(&row).await? == true, "{} is not listed", order.id);
    }
    search(&tab, "nobody@example.org").await?;
    tab.wait_for_text(".empty", "Nothing found").await?;
    search(&tab, "<script>alert(1)</script>").await?;
    tab.wait_for_text("h1", "<script>").await?;
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    for order in [first, second] {
        order.result("approved").await?;
        order.ends("confirmed").await?;
    }
    Ok(())
}

async fn an_act_is_in_the_audit_with_its_outcome(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let order = cluster.item(5).await?.order(1).place().await?;
    order.payment("pending").await?;
    let tab = chromium.logged_in().await?;
    tab.go(&format!("/sagas/{}", order.id)).await?;
    tab.click("[data-act=pause] summary").await?;
    tab.fill("[data-act=pause] input[name=why]", "a stocktaking").await?;
    tab.submit("[data-act=pause] button").await?;
    tab.wait_for_text(".top .status", "paused").await?;
    // Not possible a second time: refused acts are recorded, too.
    let answer = order.saga_action(&json!({"action": "pause", "why": "once more"})).await?;
    ensure!(answer.status() == 409, "{}", answer.status());
    tab.submit("nav a[href='/audit']").await?;
    let row = format!("tr[data-row^='saga/{}']", order.id);
    tab.wait_until("both acts", &format!("document.querySelectorAll(\"{row}\").length === 2")).await?;
    let newest = tab.text(&row).await?.unwrap_or_default();
    let all = [USER, "once more", "127.0.0.1", "refused"];
    ensure!(all.iter().all(|part| newest.contains(part)), "{newest}");
    let first = tab.text(&format!("{row}:nth-of-type(2)")).await?.unwrap_or_default();
    ensure!(first.contains("a stocktaking") && first.contains("applied"), "{first}");
    let acts = cluster.get(cluster.service(Name::Orchestrator)?, "/api/audit?limit=2").await?.unwrap_or_default();
    ensure!(acts["items"][0]["why"] == "once more" && acts["items"][1]["from"] == "127.0.0.1", "{acts:#}");
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    order.saga_action(&json!({"action": "resume", "why": "it is over"})).await?.error_for_status()?;
    order.result("approved").await?;
    order.ends("confirmed").await
}

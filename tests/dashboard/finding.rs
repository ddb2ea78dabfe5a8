//! The search of the header finds a saga by what an operator has at hand, from any page.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::cluster::Cluster;
use uuid::Uuid;

use crate::browser::{Chromium, Tab};

crate::browser_tests!(anything_is_found_from_anywhere,);

async fn search(tab: &Tab, text: &str) -> Result<String> {
    tab.fill("form.search input", text).await?;
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
    // Several hits are a list, and none says so.
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

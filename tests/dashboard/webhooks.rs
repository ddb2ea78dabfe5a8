//! A webhook from its creation to its removal, with a receiver of the test.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use serde_json::json;
use tests::cluster::Cluster;
use tests::receiver::Receiver;
use tests::wait::{SOON, until};

use crate::browser::{Chromium, Tab};

crate::browser_tests::browser_tests!(a_webhook_is_created_tried_disabled_and_deleted_from_the_page,);

/// Opens the form of an act, and sends it.
async fn act(tab: &Tab<'_>, name: &str, why: &str) -> Result<()> {
    tab.click(&format!("#act-{name} summary")).await?;
    tab.fill(&format!("#act-{name} input[name=why]"), why).await?;
    tab.submit(&format!("#act-{name} button[type=submit]")).await
}

async fn a_webhook_is_created_tried_disabled_and_deleted_from_the_page(
    _: &Arc<Cluster>,
    chromium: &mut Chromium,
) -> Result<()> {
    let receiver = Receiver::new()?;
    let tab = chromium.logged_in().await?;
    tab.go("/webhooks").await?;
    tab.click("#act-create summary").await?;
    tab.fill("#act-create input[name=url]", &receiver.url()).await?;
    tab.fill("#act-create input[name=description]", "CRM").await?;
    tab.fill("#act-create input[name=events]", "saga.paused, webhook.made-up").await?;
    tab.fill("#act-create input[name=why]", "the CRM follows").await?;
    tab.submit("#act-create button[type=submit]").await?;
    tab.wait_for_text("main", "The webhook is invalid").await?;
    tab.go("/webhooks").await?;
    tab.click("#act-create summary").await?;
    tab.fill("#act-create input[name=url]", &receiver.url()).await?;
    tab.fill("#act-create input[name=description]", "CRM").await?;
    tab.fill("#act-create input[name=events]", "saga.paused, saga.resumed").await?;
    tab.fill("#act-create input[name=why]", "the CRM follows").await?;
    tab.submit("#act-create button[type=submit]").await?;
    tab.wait_for_text("#secret", "whsec_").await?;
    let secret = tab.text("#secret").await?.context("no secret")?;

    tab.submit("main a[href^='/webhooks/']").await?;
    tab.wait_for_text("h1", "CRM").await?;
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    act(&tab, "test", "does it work?").await?;
    let request = until("the test event", SOON, || async { Ok(receiver.requests().into_iter().next()) }).await?;
    ensure!(request.event()?["type"] == json!("webhook.test"), "{request:?}");
    // The page is current without a reload.
    tab.wait_for_text("main", "webhook.test").await?;
    tab.wait_for_text("main", "accepted").await?;
    ensure!(!tab.text("main").await?.unwrap_or_default().contains(&secret), "the secret is shown again");

    receiver.answers(StatusCode::GONE);
    act(&tab, "test", "is it there?").await?;
    tab.wait_for_text("main", "the receiver answered 410 Gone").await?;
    tab.go("/webhooks").await?;
    tab.wait_for_text("main", "disabled").await?;
    tab.submit("th a[href^='/webhooks/']").await?;
    tab.wait_for_text("h1", "CRM").await?;
    receiver.answers(StatusCode::OK);
    act(&tab, "enable", "it is back").await?;
    tab.wait_for_text("main", "enabled").await?;
    act(&tab, "delete", "no more CRM").await?;
    tab.wait_for_text("main", "The webhook is deleted.").await?;
    tab.go("/audit").await?;
    for text in ["the CRM follows", "it is back", "no more CRM", "the receiver answered 410 Gone"] {
        tab.wait_for_text("main", text).await?;
    }
    Ok(())
}

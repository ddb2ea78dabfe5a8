//! The diagram of the flow is zoomed, moved and shown on the full screen, and stays so while the page updates.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tests::cluster::Cluster;
use tests::orders::PlacedOrder;

use crate::browser::{Chromium, Tab};

crate::browser_tests::browser_tests!(the_diagram_is_zoomed_and_moved_and_stays_so_while_the_page_updates,);

/// The scale of the diagram, and how far it is moved.
const TRANSFORM: &str = "(() => {
  const shown = new DOMMatrix(getComputedStyle(document.querySelector('.strip')).transform);
  return [Math.round(shown.a * 100), Math.round(shown.e), Math.round(shown.f)];
})()";

/// The number of orders that wait for their payment in the diagram.
const WAITING: &str = "[...document.querySelectorAll('[data-step=payment-result] .live')]\
                       .reduce((sum, t) => sum + Number(t.textContent.match(/(\\d+) here/)?.[1] ?? 0), 0)";

async fn zoomed(tab: &Tab<'_>, percent: i64) -> Result<()> {
    tab.wait_for_text(".zoom output", &format!("{percent} %")).await?;
    tab.wait_until(&format!("a diagram of {percent} %"), &format!("{TRANSFORM}[0] === {percent}")).await
}

/// How far the diagram is moved to the right and down, once it stands still.
async fn moved(tab: &Tab<'_>) -> Result<(i64, i64)> {
    tab.wait_until("a diagram that stands still", "document.querySelector('.strip').getAnimations().length === 0")
        .await?;
    let shown = tab.eval(TRANSFORM).await?;
    Ok((shown[1].as_i64().context("no place")?, shown[2].as_i64().context("no place")?))
}

/// The whole screen has the current numbers, too.
async fn on_the_full_screen(tab: &Tab<'_>, order: &PlacedOrder) -> Result<()> {
    tab.click("[data-zoom=full]").await?;
    tab.wait_until("the full screen", "document.fullscreenElement?.matches('figure.flow') === true").await?;
    tab.click("[data-zoom=in]").await?;
    zoomed(tab, 125).await?;
    let waiting = tab.eval(WAITING).await?;
    order.result("approved").await?;
    order.ends("confirmed").await?;
    tab.wait_until("one order less in the diagram", &format!("{WAITING} < {waiting}")).await?;
    tab.click("[data-zoom=full]").await?;
    tab.wait_until("the page", "document.fullscreenElement === null").await?;
    tab.click("[data-zoom=reset]").await?;
    zoomed(tab, 100).await
}

async fn the_diagram_is_zoomed_and_moved_and_stays_so_while_the_page_updates(
    cluster: &Arc<Cluster>,
    chromium: &mut Chromium,
) -> Result<()> {
    let tab = chromium.logged_in().await?;
    tab.go("/").await?;
    tab.wait_until("the buttons", "document.querySelector('.zoom')?.hidden === false").await?;
    tab.click("[data-zoom=in]").await?;
    zoomed(&tab, 125).await?;
    // Live updates change the numbers in the diagram, and not its size.
    let waiting = tab.eval(WAITING).await?;
    let order = cluster.item(3).await?.order(1).place().await?;
    order.payment("pending").await?;
    tab.wait_until("the order in the diagram", &format!("{WAITING} > {waiting}")).await?;
    zoomed(&tab, 125).await?;
    ensure!(tab.eval("document.querySelector('.zoom').hidden").await? == false, "the buttons are gone");
    // The keys.
    tab.eval("document.querySelector('.canvas').focus()").await?;
    tab.press("+").await?;
    zoomed(&tab, 156).await?;
    let before = moved(&tab).await?;
    tab.press("ArrowRight").await?;
    let after = moved(&tab).await?;
    ensure!(after.0 < before.0 && after.1 == before.1, "from {before:?} to {after:?}");
    tab.press("-").await?;
    zoomed(&tab, 125).await?;
    // The wheel zooms only with Ctrl.
    let wheel = |ctrl: bool| {
        format!(
            "document.querySelector('.strip').dispatchEvent(new WheelEvent('wheel', {{ deltaY: -100, ctrlKey: {ctrl}, \
             clientX: 300, clientY: 300, bubbles: true, cancelable: true }}))"
        )
    };
    ensure!(tab.eval(&wheel(false)).await? == true, "the page no longer scrolls");
    zoomed(&tab, 125).await?;
    ensure!(tab.eval(&wheel(true)).await? == false, "the page is zoomed, too");
    zoomed(&tab, 156).await?;
    // Dragging over a step moves it, and opens nothing.
    let before = moved(&tab).await?;
    tab.drag(".canvas", 0.6, 0.4).await?;
    let after = moved(&tab).await?;
    ensure!(after.0 < before.0 && tab.location().await? == "/", "from {before:?} to {after:?}");
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    tab.eval("document.querySelector('.canvas').focus()").await?;
    tab.press("Escape").await?;
    zoomed(&tab, 100).await?;
    ensure!(moved(&tab).await? == (0, 0), "{:?}", moved(&tab).await?);
    on_the_full_screen(&tab, &order).await?;
    // Nothing moves by itself if the system asks for that.
    tab.reduce_motion().await?;
    tab.click("[data-zoom=in]").await?;
    let transition = "getComputedStyle(document.querySelector('.strip')).transitionDuration";
    tab.wait_until("no transition", &format!("{transition} === '0s'")).await?;
    zoomed(&tab, 125).await
}

//! What the dashboard shows a technical lead while something is wrong.

use std::sync::Arc;

use anyhow::{Result, ensure};
use tests::cluster::Cluster;
use tests::process::Name;

use crate::browser::Chromium;

crate::browser_tests::browser_tests!(
    the_headline_names_the_step_where_customers_wait,
    the_headline_names_the_service_without_an_instance,
    a_frozen_orchestrator_is_shown_as_stale,
    the_diagram_is_readable_at_both_widths,
);

async fn the_headline_names_the_step_where_customers_wait(
    cluster: &Arc<Cluster>,
    chromium: &mut Chromium,
) -> Result<()> {
    let item = cluster.item(40).await?;
    // The history: payments that are answered within seconds, so that a wait of ten seconds is overdue.
    for _ in 0..6 {
        let order = item.order(1).place().await?;
        order.payment("pending").await?;
        order.result("approved").await?;
        order.ends("confirmed").await?;
    }
    let mut waiting = Vec::new();
    for _ in 0..6 {
        waiting.push(item.order(1).place().await?);
    }
    let tab = chromium.logged_in().await?;
    for window in ["5m", "1h"] {
        tab.go(&format!("/?window={window}")).await?;
        tab.wait_until(
            "the headline on those who wait",
            "document.querySelector('.headline a')?.dataset.finding === 'payment-result' && \
             /[1-9]\\d* overdue/.test(document.querySelector('.headline').innerText)",
        )
        .await?;
        // The diagram and the table agree with the sentence, and show the same rate.
        tab.wait_until(
            "the same step in the diagram and the table",
            "document.querySelector('tr.offends')?.dataset.row === 'payment-result' && \
             document.querySelectorAll('.strip .heat-5').length === 1 && \
             !!document.querySelector('.strip [data-step=payment-result].heat-5.offends') && \
             !!document.querySelector('tr[data-row=payment-result] .key.heat-5')",
        )
        .await?;
    }
    tab.submit(".headline a").await?;
    ensure!(tab.location().await?.contains("step=payment-result"), "{}", tab.location().await?);
    for order in &waiting {
        order.result("approved").await?;
        order.ends("confirmed").await?;
    }
    tab.go("/").await?;
    tab.wait_until(
        "another headline once they no longer wait",
        "document.querySelector('.headline a')?.dataset.finding !== 'payment-result'",
    )
    .await
}

async fn the_headline_names_the_service_without_an_instance(
    cluster: &Arc<Cluster>,
    chromium: &mut Chromium,
) -> Result<()> {
    let item = cluster.item(20).await?;
    let first = item.order(1).place().await?;
    first.payment("pending").await?;
    first.result("approved").await?;
    first.ends("confirmed").await?;
    let payments = cluster.service(Name::Payments)?;
    payments.sigterm().await?;
    let mut orders = Vec::new();
    for _ in 0..4 {
        orders.push(item.order(1).place().await?);
    }
    let tab = chromium.logged_in().await?;
    let cause = ".banner [data-cause=payment-service]";
    tab.wait_for_text(cause, "payment-service has no instance").await?;
    let whole = format!(
        "/has no instance, \\d+ messages behind, since \\d\\d:\\d\\d UTC/\
         .test(document.querySelector('{cause}').innerText)"
    );
    tab.wait_until("the messages behind, and since when", &whole).await?;
    tab.submit(cause).await?;
    ensure!(tab.location().await? == "/throughput", "{}", tab.location().await?);
    tab.wait_until("a red group", "!!document.querySelector('tr.bad[data-row=payment-service]')").await?;
    tab.wait_for_text(".banner", "payment-service has no instance").await?;
    ensure!(tab.eval("!document.querySelector('tr.bad[data-row=inventory-service]')").await? == true);
    payments.restart().await?;
    tab.wait_until("no red group", "!document.querySelector('tr.bad[data-row$=service]')").await?;
    tab.go("/").await?;
    tab.wait_until("no cause", "!document.querySelector('[data-cause=payment-service]')").await?;
    // Some were requested in time by a second attempt, the others are compensated.
    for order in orders {
        order.result("declined").await?;
        order.ends("payment_not_completed").await?;
    }
    Ok(())
}

async fn a_frozen_orchestrator_is_shown_as_stale(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.logged_in().await?;
    tab.go("/").await?;
    tab.wait_for_text("#lag", "Updated now").await?;
    let orchestrator = cluster.service(Name::Orchestrator)?;
    orchestrator.sigstop()?;
    let shown = tab
        .wait_until(
            "the age of the page",
            "!document.getElementById('stale').hidden && \
             /^Stale for ([5-9]|[1-9]\\d+) s$/.test(document.getElementById('lag').innerText)",
        )
        .await;
    orchestrator.sigcont()?;
    shown?;
    tab.wait_until(
        "a current page",
        "document.getElementById('stale').hidden && document.getElementById('lag').innerText.startsWith('Updated')",
    )
    .await?;
    // An error page is not stale: it shows that there is no such saga, and still does.
    tab.go("/sagas/00000000-0000-0000-0000-000000000000").await?;
    tab.eval(
        "window.beats = 0; new EventSource(`/live?at=${location.pathname}`)\
         .addEventListener('lag', () => { window.beats += 1 })",
    )
    .await?;
    tab.wait_until("heartbeats of an error page", "window.beats > 1").await
}

/// The smallest text of the diagram, and how much of its canvas is used.
const MEASURE: &str = "(() => {
  const strip = document.querySelector('.strip');
  const shown = [...strip.querySelectorAll('*')].filter((one) => one.checkVisibility() && one.innerText?.trim());
  const all = strip.getBoundingClientRect();
  const nodes = [...strip.querySelectorAll('.card, .event, .endings')].map((one) => one.getBoundingClientRect());
  return {
    text: Math.min(...shown.map((one) => parseFloat(getComputedStyle(one).fontSize))),
    wide: strip.scrollWidth - strip.clientWidth,
    right: all.right - Math.max(...nodes.map((one) => one.right)),
    bottom: all.bottom - Math.max(...nodes.map((one) => one.bottom)),
  };
})()";

async fn the_diagram_is_readable_at_both_widths(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let order = cluster.item(3).await?.order(1).place().await?;
    order.payment("pending").await?;
    let tab = chromium.logged_in().await?;
    let order_page = format!("/sagas/{}", order.id);
    for path in ["/", order_page.as_str()] {
        for (width, phone) in [(1440, false), (360, true)] {
            tab.set_size(width, 900, phone).await?;
            tab.go(path).await?;
            tab.wait_until("the diagram", "!!document.querySelector('.strip .card')").await?;
            let seen = tab.eval(MEASURE).await?;
            let at_most = |name: &str, most: f64| seen[name].as_f64().is_some_and(|value| value <= most);
            ensure!(!at_most("text", 11.9), "text below 12 px at {width}: {seen}");
            ensure!(at_most("wide", 0.0), "wider than the page at {width}: {seen}");
            ensure!(at_most("right", 120.0) && at_most("bottom", 120.0), "an empty canvas at {width}: {seen}");
        }
        let below = "[...document.querySelectorAll('.strip > li')].every((one, i, all) => i === 0 || \
                     one.getBoundingClientRect().top >= all[i - 1].getBoundingClientRect().bottom - 1)";
        ensure!(tab.eval(below).await? == true, "the steps are not below each other at 360 px: {path}");
    }
    tab.set_size(1440, 900, false).await?;
    tab.go("/").await?;
    // The same names as in the table.
    let names = "JSON.stringify([...document.querySelectorAll('.strip .card strong')].map((one) => \
                 one.firstChild.textContent.trim()).sort()) === \
                 JSON.stringify([...document.querySelectorAll('tbody tr th a')].map((one) => one.innerText).sort())";
    tab.wait_until("the same names in the diagram and the table", names).await?;
    // The way of a failure is drawn for a step in focus.
    let more = "document.querySelector('[data-step=finalize]').parentElement.querySelector('.more')";
    ensure!(tab.eval(&format!("{more}.checkVisibility()")).await? == false, "shown without focus");
    tab.eval("document.querySelector('[data-step=finalize]').focus()").await?;
    tab.wait_until(
        "the way of a failure in focus",
        &format!("{more}.checkVisibility() && {more}.innerText.includes('✗')"),
    )
    .await?;
    order.result("approved").await?;
    order.ends("confirmed").await
}

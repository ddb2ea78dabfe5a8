//! The waits over time: from the table of the flow to the charts of a step, and to any period.

use std::sync::Arc;

use anyhow::{Result, ensure};
use tests::cluster::Cluster;
use tests::process::Name;
use tests::wait::{SOON, until};

use crate::browser::Chromium;

crate::browser_tests::browser_tests!(the_course_of_a_step_is_opened_and_a_part_of_it_chosen,);

async fn the_course_of_a_step_is_opened_and_a_part_of_it_chosen(
    cluster: &Arc<Cluster>,
    chromium: &mut Chromium,
) -> Result<()> {
    let order = cluster.item(5).await?.order(1).place().await?;
    order.payment("pending").await?;
    let orchestrator = cluster.service(Name::Orchestrator)?;
    let path = "/api/flow/history?definition=order&window=5m";
    until("the wait for the payment in the history", SOON, || async {
        let history = cluster.get(orchestrator, path).await?.unwrap_or_default();
        let payment = history["steps"].as_array().into_iter().flatten().find(|step| step["step"] == "payment-result");
        let last = payment.and_then(|step| step["points"].as_array()).and_then(|points| points.last());
        Ok(last.filter(|last| last["waiting"].as_u64() > Some(0)).map(drop))
    })
    .await?;
    let tab = chromium.logged_in().await?;
    tab.go("/").await?;
    tab.wait_until("a course", "!!document.querySelector('a.course[data-course=payment-result] path')").await?;
    tab.submit("a.course[data-course=payment-result]").await?;
    ensure!(tab.location().await?.contains("chart=payment-result"), "{}", tab.location().await?);
    tab.wait_for_text("#over-time", "Wait for the payment").await?;
    tab.wait_for_text("#over-time", "p95").await?;
    ensure!(tab.eval("document.querySelectorAll('#over-time svg.chart').length").await? == 2, "two charts");
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    // Dragging over the last quarter of the hour chooses it.
    tab.eval("window.before = true").await?;
    tab.drag("#over-time svg.chart", 0.75, 0.98).await?;
    tab.wait_until("the chosen period", "window.before !== true && location.search.includes('from=')").await?;
    let shown = tab.location().await?;
    ensure!(shown.contains("to=") && shown.contains("chart=payment-result") && !shown.contains("window="), "{shown}");
    tab.wait_for_text("#over-time", "Wait for the payment").await?;
    let from = "(new Date(`${document.querySelector('input[name=to]').value}Z`) - \
                new Date(`${document.querySelector('input[name=from]').value}Z`)) / 60000";
    let minutes = tab.eval(from).await?.as_f64().unwrap_or(0.0);
    ensure!((10.0..=20.0).contains(&minutes), "{minutes} minutes of an hour");
    // The same period of another page, in its URL and in its fields.
    let period: String = shown
        .split(['?', '&'])
        .filter(|part| part.starts_with("from=") || part.starts_with("to="))
        .collect::<Vec<_>>()
        .join("&");
    tab.go(&format!("/throughput?{period}")).await?;
    tab.wait_until("the open fields", "document.querySelector('details.period').open").await?;
    ensure!(tab.eval("document.querySelectorAll('svg.chart').length").await? == 1, "no chart");
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    order.result("approved").await?;
    order.ends("confirmed").await
}

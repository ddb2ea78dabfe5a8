//! What the dashboard shows a technical lead while something is wrong.

use std::sync::Arc;

use anyhow::{Result, ensure};
use tests::cluster::Cluster;

use crate::browser::Chromium;

crate::browser_tests!(the_headline_names_the_step_where_customers_wait,);

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
             document.querySelectorAll('.saga-graph .heat-5').length === 1 && \
             !!document.querySelector('.saga-graph [data-step=payment-result].heat-5.offends') && \
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

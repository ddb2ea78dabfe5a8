//! The layout of every page at the widths of a phone and a desktop, in light and dark: no page is too wide, none has a
//! serious accessibility violation, and a screenshot of each is written, in both languages.

use std::sync::Arc;

use anyhow::{Result, ensure};
use tests::cluster::Cluster;
use tests::files;
use tests::orders::{PlacedOrder, RESULTS};
use tests::process::Name;
use tests::wait::{PATIENT, until_is};

use crate::browser::{Chromium, Tab};

crate::browser_tests::browser_tests!(every_page_at_both_widths_in_both_themes);

const WIDTHS: [(i64, i64, bool); 2] = [(360, 740, true), (1440, 900, false)];
const THEMES: [&str; 2] = ["light", "dark"];

/// Places orders in every state: paid, rejected, declined, waiting, retrying, incident.
async fn orders_in_every_state(cluster: &Arc<Cluster>) -> Result<[PlacedOrder; 4]> {
    let item = cluster.item(500).await?;
    let scarce = cluster.item(1).await?;
    let mut paid = Vec::new();
    let mut declined = Vec::new();
    for number in 0..12 {
        let order = item.order(1).place().await?;
        if number % 4 == 3 { declined.push(order) } else { paid.push(order) }
    }
    for order in &paid {
        order.result("approved").await?;
    }
    for order in &declined {
        order.result("declined").await?;
    }
    for order in &paid {
        order.ends("confirmed").await?;
    }
    for order in &declined {
        order.ends("payment_not_completed").await?;
    }
    scarce.order(5).place().await?.ends("rejected").await?;
    let waiting = item.order(1).place().await?;
    waiting.payment("pending").await?;
    for _ in 0..3 {
        item.order(1).place().await?.payment("pending").await?;
    }
    cluster.kafka.publish(RESULTS, Some(0), b"this is not JSON").await?;
    cluster.dead_letter(RESULTS, b"this is not JSON").await?;
    let payments = cluster.service(Name::Payments)?;
    payments.sigterm().await?;
    let stopped = item.order(2).place().await?;
    until_is("the saga", serde_json::json!("incident"), PATIENT, || async {
        Ok(stopped.saga().await?["status"].clone())
    })
    .await?;
    let paid = paid.remove(0);
    let declined = declined.remove(0);
    Ok([paid, declined, waiting, stopped])
}

/// The pages by the names of their screenshots.
fn pages(orders: [&PlacedOrder; 4]) -> Vec<(&'static str, String)> {
    let [paid, declined, waiting, stopped] = orders;
    vec![
        ("flow", "/?window=1h".to_owned()),
        ("flow-course", "/?window=1h&chart=payment-result".to_owned()),
        ("sagas", "/sagas".to_owned()),
        ("sagas-waiting", "/sagas?sort=waiting&from=2020-01-01T00:00:00".to_owned()),
        ("sagas-filtered", "/sagas?status=running&step=payment-result&waitingLongerThan=1ms".to_owned()),
        ("saga-completed", format!("/sagas/{}", paid.id)),
        ("saga-compensated", format!("/sagas/{}", declined.id)),
        ("saga-incident", format!("/sagas/{}", stopped.id)),
        ("incidents", "/incidents".to_owned()),
        ("tasks", "/tasks".to_owned()),
        ("tasks-filtered", "/tasks?kind=payment-result&role=nobody&overdue=true".to_owned()),
        ("task", format!("/tasks/{}.payment-result", waiting.id)),
        ("bulk", "/bulk?status=incident&step=request-payment".to_owned()),
        ("throughput", "/throughput?window=1h".to_owned()),
        ("dead-letters", "/dead-letters/payment-results.dlq".to_owned()),
        ("definitions", "/definitions".to_owned()),
        ("definition", "/definitions/order/5".to_owned()),
        ("definition-diff", "/definitions/order/diff?from=5&to=6".to_owned()),
        ("search", "/search?q=nothing".to_owned()),
        ("webhooks", "/webhooks".to_owned()),
        ("audit", "/audit".to_owned()),
        ("flow-built-in", "/?definition=order&version=5&window=1h".to_owned()),
        ("not-found", "/sagas/no-id".to_owned()),
    ]
}

/// Opens a page, looks at it in both themes, and returns its accessibility violations, those of colors only if asked
/// for. The second theme changes nothing but colors.
async fn visit(tab: &Tab<'_>, name: &str, path: &str, width: i64, colors: bool) -> Result<Vec<String>> {
    tab.set_theme(THEMES[0]).await?;
    tab.go(path).await?;
    tab.wait_until("the page", "document.readyState === 'complete' && !!document.querySelector('h1')").await?;
    if width < 1000 || name.starts_with("saga-") || name == "dead-letters" {
        tab.eval("document.querySelectorAll('details').forEach((one, i) => { if (i < 3) one.open = true })").await?;
    }
    let mut violations = Vec::new();
    for theme in THEMES {
        tab.set_theme(theme).await?;
        let page = format!("{name} at {width}, {theme}");
        look(tab, &page, &format!("{name}-{width}-{theme}.png")).await?;
        let found = match (theme == THEMES[0], colors) {
            (true, true) => tab.accessibility_violations().await?,
            (true, false) => tab.violations_without_colors().await?,
            (false, true) => tab.color_violations().await?,
            (false, false) => Vec::new(),
        };
        violations.extend(found.into_iter().map(|violation| format!("{page}: {violation}")));
    }
    Ok(violations)
}

/// Writes a screenshot, and checks that the page is not too wide.
async fn look(tab: &Tab<'_>, page: &str, screenshot: &str) -> Result<()> {
    tab.screenshot(&files::target()?.join("screenshots").join(screenshot)).await?;
    let wide = tab.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth").await?;
    ensure!(wide.as_i64() <= Some(0), "{page}: {wide} pixels too wide");
    Ok(())
}

/// Visits pages at both widths. The suffix is that of another language, which changes no color.
async fn visit_all(tab: &Tab<'_>, pages: &[(&'static str, String)], suffix: &str) -> Result<Vec<String>> {
    let mut violations = Vec::new();
    for (width, height, phone) in WIDTHS {
        tab.set_size(width, height, phone).await?;
        for (name, path) in pages {
            violations.extend(visit(tab, &format!("{name}{suffix}"), path, width, suffix.is_empty()).await?);
        }
    }
    Ok(violations)
}

async fn every_page_at_both_widths_in_both_themes(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let [paid, declined, waiting, stopped] = orders_in_every_state(cluster).await?;
    let pages = pages([&paid, &declined, &waiting, &stopped]);
    files::empty(&files::target()?.join("screenshots"))?;
    let tab = chromium.tab().await?;
    let mut violations = visit_all(&tab, &[("login", "/login".to_owned())], "").await?;
    tab.log_in(tests::cluster::USER, tests::cluster::PASSWORD).await?;
    violations.extend(visit_all(&tab, &pages, "").await?);
    tab.set_languages("pt-BR,pt;q=0.9,en;q=0.5").await?;
    violations.extend(visit_all(&tab, &pages, "-pt").await?);
    cluster.service(Name::Payments)?.restart().await?;
    ensure!(violations.is_empty(), "{}", violations.join("\n"));
    Ok(())
}

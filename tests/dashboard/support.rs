//! What support does: reads an incident, finds the sagas of a customer in the list, and exports them.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::cluster::{Cluster, PASSWORD, USER};
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{SOON, until};
use uuid::Uuid;

use crate::browser::{Chromium, Tab};
use crate::interactions::incidents;

crate::browser_tests::browser_tests!(
    an_incident_is_resolved_in_the_page,
    the_list_is_sorted_and_keeps_its_columns,
    an_export_has_the_same_sagas_and_no_formula,
    times_are_shown_in_utc_or_in_local_time,
    a_bulk_action_reports_every_saga_also_those_that_no_longer_match,
);

async fn an_incident_is_resolved_in_the_page(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let order = incidents(cluster, 1).await?.remove(0);
    let tab = chromium.logged_in().await?;
    tab.wait_for_text(".banner", "incident").await?;
    tab.go(&format!("/sagas/{}", order.id)).await?;
    tab.wait_for_text(".top .status", "incident").await?;
    // What was to be undone, what was answered, since when, and what each action does.
    let shown = tab.text("section.incident").await?.context("no box of the incident")?;
    for part in ["could not be undone", "Request the payment", "payment.refund", "not answered in time", "UTC", "ago"] {
        ensure!(shown.contains(part), "{part} in {shown}");
    }
    ensure!(shown.contains("Retry: sends") && shown.contains("Resolve: nothing is sent"), "{shown}");
    // Two attempts to request the payment and one to refund it, all not answered: three marks.
    ensure!(tab.eval("document.querySelectorAll('.timeline .tick').length").await? == 3, "marks of attempts");
    tab.wait_for_text("#purchase", "BRL").await?;
    let links = "[...document.querySelectorAll('.facts a')].map((one) => one.href).join(' ')";
    let links = tab.eval(links).await?.as_str().unwrap_or_default().to_owned();
    for part in ["/sagas?customer=", "http://traces.example/", &format!("/payments/{}", order.id)] {
        ensure!(links.contains(part), "{part} in {links}");
    }
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    // The link in the box opens the form.
    tab.click("section.incident a[href='#act-resolve']").await?;
    tab.fill("[data-act=resolve] input[name=why]", "refunded by hand").await?;
    tab.submit("[data-act=resolve] button").await?;
    tab.wait_for_text(".banner", "refunded by hand").await?;
    tab.wait_for_text(".top .status", "compensated").await?;
    ensure!(tab.text("section.incident").await?.is_none(), "the box of an incident that has ended");
    let saga = order.saga().await?;
    ensure!(saga["operations"][0]["by"] == USER && saga["operations"][0]["action"] == "resolve", "{saga:#}");
    ensure!(saga["incidents"] == json!([]), "{saga:#}");
    order.ends("payment_not_completed").await?;
    order.reservation("released").await?;
    cluster.service(Name::Payments)?.restart().await
}

/// The heads of the table.
async fn heads(tab: &Tab<'_>) -> Result<String> {
    let heads = "[...document.querySelectorAll('thead th')].map((one) => one.innerText).join('|')";
    Ok(tab.eval(heads).await?.as_str().unwrap_or_default().to_owned())
}

async fn first_row(tab: &Tab<'_>) -> Result<String> {
    Ok(tab.eval("document.querySelector('tbody tr')?.dataset.row").await?.as_str().unwrap_or_default().to_owned())
}

async fn the_list_is_sorted_and_keeps_its_columns(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let item = cluster.item(10).await?;
    let customer = Uuid::new_v4().to_string();
    let first = item.order(1).by(&customer).place().await?;
    first.payment("pending").await?;
    let second = item.order(1).by(&customer).place().await?;
    second.payment("pending").await?;
    let tab = chromium.logged_in().await?;
    tab.go(&format!("/sagas?customer={customer}")).await?;
    ensure!(first_row(&tab).await? == second.id, "the newest is first");
    tab.submit("thead th:not([aria-sort]) a").await?;
    ensure!(tab.location().await?.contains("sort=waiting"), "{}", tab.location().await?);
    ensure!(first_row(&tab).await? == first.id, "the longest wait is first");
    let shown = tab.text("tbody tr").await?.unwrap_or_default();
    ensure!(shown.contains("BRL"), "no amount: {shown}");
    ensure!(heads(&tab).await?.contains("Amount") && !heads(&tab).await?.contains("Updated"), "{}", heads(&tab).await?);
    // The choice of the columns is kept, and the list stays as it was.
    tab.click("#columns summary").await?;
    tab.click("#columns input[value=amount]").await?;
    tab.click("#columns input[value=updated]").await?;
    tab.submit("#columns button").await?;
    ensure!(tab.location().await?.contains("sort=waiting"), "{}", tab.location().await?);
    for path in [tab.location().await?, format!("/search?q={customer}")] {
        tab.go(&path).await?;
        let heads = heads(&tab).await?;
        ensure!(!heads.contains("Amount") && heads.contains("Updated"), "{path}: {heads}");
    }
    // A period, in the URL.
    tab.go(&format!("/sagas?customer={customer}&from=2020-01-01T00:00&to=2020-01-02T00:00")).await?;
    tab.wait_for_text(".empty", "No saga matches").await?;
    ensure!(tab.eval("document.querySelector('input[name=from]').value").await? == "2020-01-01T00:00");
    tab.go("/sagas?from=2020-01-02&to=2020-01-01").await?;
    tab.wait_for_text("[role=alert]", "from must be before to").await?;
    // No saga is paused: its pill is grey.
    tab.go("/sagas").await?;
    ensure!(tab.eval("!!document.querySelector('.status.paused.zero')").await? == true, "a pill with 0 in colour");
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    for order in [first, second] {
        order.result("approved").await?;
        order.ends("confirmed").await?;
    }
    Ok(())
}

async fn an_export_has_the_same_sagas_and_no_formula(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let id = Uuid::new_v4().to_string();
    let customer = format!("=HYPERLINK(\"http://evil.example/{id}\")");
    let order = json!({
        "orderId": id, "customerId": customer, "amountMinor": 1050, "currency": "BRL",
        "items": [{"id": Uuid::new_v4(), "name": "a ticket", "amountMinor": 1050, "quantity": 1}],
    });
    cluster.kafka.event("created-orders", "order.created", &id, &order).await?;
    let order = PlacedOrder::with_id(cluster, &id);
    until("its saga", SOON, || async { Ok((!order.saga().await?.is_null()).then_some(())) }).await?;
    let tab = chromium.logged_in().await?;
    let encoded = customer.replace('"', "%22").replace('=', "%3D");
    tab.go(&format!("/sagas?customer={encoded}")).await?;
    tab.wait_until("the saga", "document.querySelectorAll('tbody tr').length === 1").await?;
    let export = |format: &str| {
        format!("fetch(document.querySelector('a[download=\"sagas.{format}\"]').href).then((answer) => answer.text())")
    };
    let csv = tab.eval(&export("csv")).await?.as_str().unwrap_or_default().to_owned();
    let lines: Vec<&str> = csv.lines().collect();
    ensure!(lines.len() == 2 && lines[0].starts_with("id,definition,version,status,"), "{csv}");
    ensure!(lines[1].contains(&id) && lines[1].contains("\"'=HYPERLINK(") && lines[1].contains(",1050,BRL,"), "{csv}");
    let text = tab.eval(&export("json")).await?.as_str().unwrap_or_default().to_owned();
    let json: Value = serde_json::from_str(&text)?;
    ensure!(json["items"][0]["id"] == id.as_str() && json["cut"] == false && json["count"] == 1, "{json:#}");
    let api = cluster.get(cluster.service(Name::Orchestrator)?, "/api/sagas/export?format=json&to=2020-01-01").await?;
    ensure!(api == Some(json!({"items": [], "cut": false, "count": 0})), "{api:?}");
    Ok(())
}

async fn times_are_shown_in_utc_or_in_local_time(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let order = cluster.item(5).await?.order(1).place().await?;
    order.payment("pending").await?;
    let tab = chromium.logged_in().await?;
    tab.set_zone("America/Sao_Paulo").await?;
    tab.go(&format!("/sagas?id={}&from=2020-01-01T12:00:00Z", order.id)).await?;
    tab.wait_for_text("tbody time", "UTC").await?;
    tab.submit("#zone").await?;
    tab.wait_for_text("tbody time", "−03:00").await?;
    ensure!(tab.eval("document.querySelector('input[name=from]').value").await? == "2020-01-01T09:00");
    // Live updates keep it, and the URL stays in UTC.
    order.result("approved").await?;
    tab.wait_for_text("tbody .status", "completed").await?;
    tab.wait_for_text("tbody time", "−03:00").await?;
    // The form sends UTC, and its field stays as it is, also if the browser stays on the page.
    let stay = "(() => { const form = document.querySelector('form.filter'); \
                form.addEventListener('submit', (event) => event.preventDefault(), { once: true }); \
                form.requestSubmit(); \
                return [new FormData(form).get('from'), form.elements.from.value, new FormData(form).get('to')]; })()";
    let sent = tab.eval(stay).await?;
    ensure!(sent == json!(["2020-01-01T12:00:00", "2020-01-01T09:00", ""]), "{sent}");
    tab.submit("form.filter button").await?;
    ensure!(tab.location().await?.contains("from=2020-01-01T12%3A00"), "{}", tab.location().await?);
    tab.submit("#zone").await?;
    tab.wait_for_text("tbody time", "UTC").await?;
    order.ends("confirmed").await
}

async fn a_bulk_action_reports_every_saga_also_those_that_no_longer_match(
    cluster: &Arc<Cluster>,
    chromium: &mut Chromium,
) -> Result<()> {
    let customer = Uuid::new_v4().to_string();
    let order = cluster.item(5).await?.order(1).by(&customer).place().await?;
    order.payment("pending").await?;
    let tab = chromium.logged_in().await?;
    tab.go(&format!("/bulk?status=running&customer={customer}")).await?;
    tab.select("select[name=action]", "pause").await?;
    tab.fill("input[name=why]", "the provider is under repair").await?;
    tab.submit("form.act button").await?;
    tab.wait_for_text(".banner", "1 saga, exactly as listed").await?;
    // It ends before the operator confirms.
    order.result("approved").await?;
    order.ends("confirmed").await?;
    let has_ended = || async { Ok((order.saga().await?["status"] == "completed").then_some(())) };
    until("the end of the saga", SOON, has_ended).await?;
    tab.submit("form.act button").await?;
    tab.wait_for_text(".banner", "1 saga has not recorded the action").await?;
    tab.wait_for_text(&format!("tr[data-row='{}']", order.id), "no longer matches").await?;
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    ensure!(order.saga().await?["operations"] == json!([]), "the action was applied");
    // An action for which no saga matches has outcomes: none.
    let orchestrator = cluster.service(Name::Orchestrator)?;
    let action = json!({"action": "pause", "why": "x", "filter": {"status": "running", "customer": customer}});
    let request = cluster.http.post(orchestrator.url("/api/sagas/actions")).basic_auth(USER, Some(PASSWORD));
    let answer: Value = request.json(&action).send().await?.error_for_status()?.json().await?;
    ensure!(answer["count"] == 0 && answer["items"] == json!([]), "{answer:#}");
    let path = answer["links"]["outcomes"].as_str().unwrap_or_default();
    let outcomes = cluster.get(orchestrator, path).await?.context("no outcomes")?;
    ensure!(outcomes["count"] == 0 && outcomes["items"] == json!([]), "{outcomes:#}");
    tab.go(&path.replace("/api/bulk-actions/", "/bulk/")).await?;
    tab.wait_for_text(".empty", "No saga has recorded this action").await
}

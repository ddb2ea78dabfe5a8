//! A user's interactions with the dashboard.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::cluster::{Cluster, PASSWORD, USER};
use tests::orders::{PlacedOrder, RESULTS};
use tests::process::Name;
use tests::wait::{PATIENT, SOON, until, until_is};
use uuid::Uuid;

use crate::browser::{Chromium, Tab};

crate::browser_tests::browser_tests!(
    only_the_right_password_logs_in,
    the_numbers_update_without_a_reload,
    a_waiting_order_is_found_and_continues,
    many_are_retried_after_a_dry_run,
    customers_input_is_escaped,
    a_dead_letter_is_read_and_put_back,
    a_viewer_cannot_change_anything,
    it_works_with_the_keyboard_alone,
    it_is_translated_to_portuguese,
    a_lost_connection_is_shown_and_recovers,
);

async fn only_the_right_password_logs_in(_: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.tab().await?;
    tab.go("/sagas?status=running").await?;
    ensure!(tab.location().await?.starts_with("/login?next="), "no redirect to the login: {}", tab.location().await?);
    tab.fill("#user", USER).await?;
    tab.fill("#password", "guess").await?;
    tab.submit("form.login button").await?;
    tab.wait_for_text("[role=alert]", "Wrong user or password").await?;
    tab.fill("#user", USER).await?;
    tab.fill("#password", PASSWORD).await?;
    tab.submit("form.login button").await?;
    ensure!(
        tab.location().await? == "/sagas?status=running",
        "no redirect to the requested page: {}",
        tab.location().await?
    );
    ensure!(tab.eval("document.cookie").await? == "", "scripts can read the session");
    tab.submit(".out button").await?;
    ensure!(tab.location().await? == "/login", "not logged out: {}", tab.location().await?);
    tab.go("/").await?;
    ensure!(tab.location().await? == "/login", "logged in again: {}", tab.location().await?);
    Ok(())
}

/// The number of starts of a step, as the page shows it.
async fn started(tab: &Tab<'_>, step: &str) -> Result<u64> {
    let script = format!("document.querySelector('tr[data-row=\"{step}\"] td:nth-of-type(4)')?.innerText");
    let text = tab.eval(&script).await?;
    Ok(text.as_str().unwrap_or_default().replace(',', "").parse().unwrap_or(0))
}

async fn the_numbers_update_without_a_reload(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.logged_in().await?;
    tab.set_size(1440, 500, false).await?;
    tab.wait_for_text("h1", "Order").await?;
    let before = started(&tab, "reserve").await?;
    // The user has scrolled and focused a link of the table.
    tab.eval("window.same = true; document.querySelector('tr[data-row=finalize] a').focus()").await?;
    tab.eval("window.scrollTo(0, 200)").await?;
    ensure!(tab.eval("window.scrollY > 0").await? == true, "the page is too short to scroll");
    let top = "(document.querySelector('tr[data-row=finalize]').getBoundingClientRect().top)";
    let before_it = tab.eval(top).await?;
    let item = cluster.item(10).await?;
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(item.order(1).place().await?);
    }
    until_is("started orders", before + 3, SOON, || started(&tab, "reserve")).await?;
    tab.wait_until(
        "the orders in the diagram",
        "[...document.querySelectorAll('[data-step=payment-result] .live')].some(t => \
              /[1-9]\\d* here/.test(t.textContent))",
    )
    .await?;
    ensure!(tab.eval("window.same").await? == true, "the page was reloaded");
    ensure!(tab.eval("document.activeElement.closest('tr')?.dataset.row").await? == "finalize", "the focus was lost");
    let from = before_it.as_f64().unwrap_or_default();
    let to = tab.eval(top).await?.as_f64().unwrap_or_default();
    ensure!((from - to).abs() <= 2.0, "the row moved from {from} to {to}");
    for order in &orders {
        order.result("approved").await?;
        order.ends("confirmed").await?;
    }
    tab.wait_until(
        "the orders at the last step",
        &format!(
            "document.querySelector('tr[data-row=conclude] td:nth-of-type(4)').innerText.replace(',', '') >= {}",
            before + 3
        ),
    )
    .await
}

async fn a_waiting_order_is_found_and_continues(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let order = cluster.item(5).await?.order(1).place().await?;
    order.payment("pending").await?;
    let tab = chromium.logged_in().await?;
    // From the flow to the sagas that wait for the payment, and to the order.
    tab.wait_until("the step as a link", "!!document.querySelector('tr[data-row=payment-result] a')").await?;
    tab.submit("tr[data-row=payment-result] a").await?;
    ensure!(tab.location().await?.contains("step=payment-result"), "{}", tab.location().await?);
    tab.fill("input[name=id]", &order.id).await?;
    tab.submit("form.filter button").await?;
    tab.wait_until("one row", "document.querySelectorAll('tbody tr').length === 1").await?;
    tab.submit("tbody th a").await?;
    ensure!(tab.location().await? == format!("/sagas/{}", order.id), "{}", tab.location().await?);
    tab.wait_for_text(".top .status", "running").await?;
    tab.wait_for_text("#step-payment-result summary", "Wait for the payment").await?;
    tab.eval("window.same = true").await?;
    order.result("approved").await?;
    tab.wait_for_text(".top .status", "completed").await?;
    tab.wait_for_text("dl.facts", "confirmed").await?;
    ensure!(tab.eval("window.same").await? == true, "the page was reloaded");
    // The messages are shown: the command to the inventory, and the callback.
    tab.click("#step-reserve summary").await?;
    tab.wait_for_text("#step-reserve pre", &order.id).await?;
    tab.click("#step-payment-result summary").await?;
    tab.wait_for_text("#step-payment-result pre", "approved").await
}

/// Places orders whose payment can neither be requested nor compensated, so that they become incidents. The payment
/// service is left stopped, since its late replies would resolve them.
pub(crate) async fn incidents(cluster: &Arc<Cluster>, count: usize) -> Result<Vec<PlacedOrder>> {
    let item = cluster.item(10).await?;
    let payments = cluster.service(Name::Payments)?;
    payments.sigterm().await?;
    let mut orders = Vec::new();
    for _ in 0..count {
        orders.push(item.order(1).place().await?);
    }
    for order in &orders {
        until_is("the saga", json!("incident"), PATIENT, || async { Ok(order.saga().await?["status"].clone()) })
            .await?;
    }
    Ok(orders)
}

async fn many_are_retried_after_a_dry_run(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let orders = incidents(cluster, 2).await?;
    let tab = chromium.logged_in().await?;
    tab.go("/incidents").await?;
    tab.wait_for_text("tr[data-step=request-payment] td:nth-of-type(2)", "2").await?;
    // What failed is named, with its age, and the navigation shows the number.
    tab.wait_for_text("tr[data-step=request-payment] th", "payment.refund").await?;
    tab.wait_for_text("tr[data-step=request-payment] td:nth-of-type(3)", "high").await?;
    tab.wait_for_text("tr[data-step=request-payment] td:nth-of-type(4)", "ago").await?;
    tab.wait_for_text("#badge", "2").await?;
    tab.submit("tr[data-step=request-payment] td:last-of-type a").await?;
    let offered = "[...document.querySelectorAll('select[name=action] option')].map((one) => one.value).join()";
    ensure!(tab.eval(offered).await? == "retry,resolve", "{}", tab.eval(offered).await?);
    tab.select("select[name=action]", "retry").await?;
    tab.fill("input[name=why]", "the payment service is back").await?;
    tab.submit("form.act button").await?;
    for order in &orders {
        let row = format!("!!document.querySelector('tr[data-row=\"{}\"]')", order.id);
        tab.wait_until("each order in the list", &row).await?;
        let saga = order.saga().await?;
        ensure!(
            saga["status"] == "incident" && saga["operations"] == json!([]),
            "the dry run changed the saga: {saga:#}"
        );
    }
    ensure!(tab.eval("document.querySelectorAll('tbody tr').length").await? == 2, "other orders are listed");
    tab.submit("form.act button").await?;
    tab.wait_for_text(".banner", "2 of 2 applied").await?;
    ensure!(tab.location().await?.starts_with("/bulk/"), "{}", tab.location().await?);
    // The sagas retry, and end when the service is available; the page shows how.
    for order in &orders {
        let saga = order.saga().await?;
        ensure!(saga["operations"][0]["action"] == "retry" && saga["operations"][0]["by"] == USER, "{saga:#}");
    }
    cluster.service(Name::Payments)?.restart().await?;
    for order in &orders {
        order.ends("payment_not_completed").await?;
        let row = format!("tr[data-row='{}']", order.id);
        tab.wait_for_text(&row, "compensated").await?;
        tab.wait_for_text(&row, "not paid").await?;
    }
    let bulk = tab.location().await?;
    let id = bulk.trim_start_matches("/bulk/").split('?').next().unwrap_or_default().to_owned();
    let path = format!("/api/bulk-actions/{id}");
    let outcome = cluster.get(cluster.service(Name::Orchestrator)?, &path).await?.unwrap_or_default();
    ensure!(outcome["count"] == 2 && outcome["items"][0]["saga"]["status"] == "compensated", "{outcome:#}");
    ensure!(tab.accessibility_violations().await?.is_empty(), "{:?}", tab.accessibility_violations().await?);
    tab.wait_until("no badge", "document.getElementById('badge').hidden").await?;
    tab.go("/incidents").await?;
    tab.wait_for_text(".banner", "No open incidents").await
}

async fn customers_input_is_escaped(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let id = Uuid::new_v4().to_string();
    let evil = "<script>window.evil = true</script><img src=x onerror='window.evil = true'>";
    let order = json!({
        "orderId": id, "customerId": evil, "amountMinor": 1050, "currency": "BRL",
        "items": [{"id": Uuid::new_v4(), "name": evil, "amountMinor": 1050, "quantity": 1}],
    });
    cluster.kafka.event("created-orders", "order.created", &id, &order).await?;
    let order = PlacedOrder::with_id(cluster, &id);
    until("its saga", SOON, || async { Ok((!order.saga().await?.is_null()).then_some(())) }).await?;
    let tab = chromium.logged_in().await?;
    let customer = format!("/sagas?customer={}", evil.replace(' ', "%20").replace('\'', "%27"));
    for path in [format!("/sagas?id={id}"), format!("/sagas/{id}"), customer] {
        tab.go(&path).await?;
        tab.wait_until("the saga", "document.querySelector('main').innerText.includes('<script>')").await?;
        ensure!(tab.eval("window.evil === undefined").await? == true, "a customer's script ran at {path}");
        ensure!(tab.eval("document.querySelectorAll('main script, main img').length").await? == 0, "at {path}");
    }
    // The content security policy blocks inline scripts.
    tab.eval(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.evil = 1' }))",
    )
    .await?;
    ensure!(tab.eval("window.evil === undefined").await? == true, "the policy lets inline scripts run");
    resolve_the_incident(&order).await
}

/// Ends the incident of a saga whose order does not exist, so that it is in no headline afterwards.
async fn resolve_the_incident(order: &PlacedOrder) -> Result<()> {
    let status = || async { Ok(order.saga().await?["status"].as_str().unwrap_or_default().to_owned()) };
    until_is("its saga", "incident".to_owned(), PATIENT, status).await?;
    let resolve = json!({"action": "resolve", "step": "conclude", "happened": true, "why": "there is no such order"});
    order.saga_action(&resolve).await?.error_for_status()?;
    until_is("its saga", "compensated".to_owned(), SOON, status).await
}

async fn a_dead_letter_is_read_and_put_back(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let broken = format!("{{\"orderId\": \"{}\", \"status\": ", Uuid::new_v4());
    cluster.kafka.publish(RESULTS, Some(0), broken.as_bytes()).await?;
    cluster.dead_letter(RESULTS, broken.as_bytes()).await?;
    let tab = chromium.logged_in().await?;
    tab.go("/throughput").await?;
    tab.wait_for_text("tr[data-row=orchestrator]", "orchestrator@").await?;
    tab.wait_until(
        "a dead letter",
        "parseInt(document.querySelector('tr[data-row=\"payment-results.dlq\"] td')?.innerText) > 0",
    )
    .await?;
    tab.submit("tr[data-row='payment-results.dlq'] a").await?;
    tab.wait_for_text("details.letter .reason", "the value is not of this topic's format").await?;
    tab.click("details.letter summary").await?;
    tab.wait_for_text("details.letter", "orderId").await?;
    tab.fill("details.letter input[name=why]", "let us see").await?;
    tab.submit("details.letter button").await?;
    tab.wait_for_text(".banner", "Put back").await?;
    tab.wait_until(
        "the operator's name",
        &format!(
            "[...document.querySelectorAll('details.letter summary')].some(s => \
              s.innerText.includes('put back by {USER}'))"
        ),
    )
    .await?;
    // It is unreadable again.
    until("a second dead letter", SOON, || async {
        let letters = cluster.kafka.read("payment-results.dlq").await?;
        Ok((letters.iter().filter(|letter| letter.value == broken.as_bytes()).count() == 2).then_some(()))
    })
    .await
}

async fn a_viewer_cannot_change_anything(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let order = cluster.item(5).await?.order(1).place().await?;
    order.payment("pending").await?;
    let tab = chromium.tab().await?;
    tab.log_in("guest", PASSWORD).await?;
    tab.go(&format!("/sagas/{}", order.id)).await?;
    tab.wait_for_text(".top .status", "running").await?;
    ensure!(tab.eval("document.querySelectorAll('main form').length").await? == 0, "a viewer sees a form");
    let forged = format!(
        "fetch('/sagas/{}/act', {{ method: 'POST', body: new URLSearchParams({{ action: 'cancel', why: 'x', \
         csrf: document.querySelector('[name=csrf]').value }}) }}).then((answer) => answer.status)",
        order.id
    );
    ensure!(tab.eval(&forged).await? == 403, "a viewer's forged request succeeds");
    let api = cluster.service(Name::Orchestrator)?.url(&format!("/api/sagas/{}/actions", order.id));
    let answer =
        cluster.http.post(api).basic_auth("guest", Some(PASSWORD)).json(&json!({"action": "cancel", "why": "x"}));
    ensure!(answer.send().await?.status() == 403);
    // An operator's form without its CSRF token is rejected.
    let tab = chromium.logged_in().await?;
    tab.go(&format!("/sagas/{}", order.id)).await?;
    let forged = forged.replace("document.querySelector('[name=csrf]').value", "'guessed'");
    ensure!(tab.eval(&forged).await? == 403, "a form of another site succeeds");
    order.result("approved").await?;
    order.ends("confirmed").await
}

async fn it_works_with_the_keyboard_alone(_: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.tab().await?;
    tab.go("/login").await?;
    tab.type_text(USER).await?;
    tab.press("Tab").await?;
    tab.type_text(PASSWORD).await?;
    tab.eval("window.before = true").await?;
    tab.press("Enter").await?;
    tab.wait_until("the first page", "window.before !== true && location.pathname === '/'").await?;
    tab.eval("document.body.focus()").await?;
    // The first tab stop skips the header, the next ones are in it.
    tab.eval("document.querySelector('.skip').focus()").await?;
    for _ in 0..3 {
        tab.press("Tab").await?;
    }
    ensure!(tab.eval("document.activeElement.innerText").await? == "Sagas", "the third tab stop is not the list");
    let outline = tab.eval("getComputedStyle(document.activeElement).outlineStyle").await?;
    ensure!(outline == "solid", "the focus is not visible: {outline}");
    tab.eval("window.before = true").await?;
    tab.press("Enter").await?;
    tab.wait_until("the list", "window.before !== true && location.pathname === '/sagas'").await
}

async fn it_is_translated_to_portuguese(_: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.tab().await?;
    tab.set_languages("pt-BR,pt;q=0.9,en;q=0.5").await?;
    tab.log_in(USER, PASSWORD).await?;
    ensure!(tab.eval("document.documentElement.lang").await? == "pt");
    for (path, words) in
        [("/", "Fluxo"), ("/incidents", "Incidentes abertos"), ("/throughput", "Vazão"), ("/definitions", "Definições")]
    {
        tab.go(path).await?;
        tab.wait_for_text("h1", words).await?;
    }
    tab.go("/").await?;
    tab.wait_until(
        "the steps in Portuguese",
        "document.querySelector('[data-step=reserve]').textContent.includes('Reservar')",
    )
    .await?;
    // Live updates are translated, too.
    tab.wait_until("a live update", "document.getElementById('lag').innerText.startsWith('Atualizado')").await
}

async fn a_lost_connection_is_shown_and_recovers(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.logged_in().await?;
    tab.go("/sagas").await?;
    tab.wait_until("the live connection", "document.getElementById('lost').hidden").await?;
    let orchestrator = cluster.service(Name::Orchestrator)?;
    orchestrator.sigterm().await.context("an open page delays the shutdown")?;
    tab.wait_until("the notice of the lost connection", "!document.getElementById('lost').hidden").await?;
    orchestrator.restart().await?;
    // The session survives the restart: the page goes on.
    tab.wait_until("the connection", "document.getElementById('lost').hidden").await?;
    tab.go("/sagas").await?;
    ensure!(tab.location().await? == "/sagas", "{}", tab.location().await?);
    Ok(())
}

//! What people do with the dashboard.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::cluster::{Cluster, PASSWORD, USER};
use tests::process::Name;
use tests::story::{Placed, RESULTS};
use tests::wait::{PATIENT, SOON, until, until_is};
use uuid::Uuid;

use crate::browser::{Chromium, Tab};

crate::played!(
    only_the_right_password_opens_it,
    the_numbers_move_without_a_reload,
    an_order_that_waits_is_found_and_goes_on,
    an_incident_is_resolved_in_the_page,
    many_are_retried_after_a_dry_run,
    what_customers_write_is_only_text,
    a_dead_letter_is_read_and_put_back,
    a_viewer_looks_and_cannot_act,
    it_is_used_with_the_keyboard_alone,
    it_speaks_portuguese,
    a_lost_connection_says_so_and_comes_back,
);

async fn only_the_right_password_opens_it(_: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.tab().await?;
    tab.go("/sagas?status=running").await?;
    ensure!(tab.at().await?.starts_with("/login?next="), "who is not logged in is asked: {}", tab.at().await?);
    tab.fill("#user", USER).await?;
    tab.fill("#password", "guess").await?;
    tab.submit("form.login button").await?;
    tab.shows("[role=alert]", "Wrong user or password").await?;
    tab.fill("#user", USER).await?;
    tab.fill("#password", PASSWORD).await?;
    tab.submit("form.login button").await?;
    ensure!(tab.at().await? == "/sagas?status=running", "it leads to what was asked for: {}", tab.at().await?);
    ensure!(tab.eval("document.cookie").await? == "", "no script sees the session");
    tab.submit(".out button").await?;
    ensure!(tab.at().await? == "/login", "logged out: {}", tab.at().await?);
    tab.go("/").await?;
    ensure!(tab.at().await? == "/login", "and that holds: {}", tab.at().await?);
    Ok(())
}

/// How many began at a step of the new version, as the page shows it.
async fn begun(tab: &Tab, step: &str) -> Result<u64> {
    let script = format!("document.querySelector('tr[data-row=\"{step}\"] td:nth-of-type(3)')?.innerText");
    let told = tab.eval(&script).await?;
    Ok(told.as_str().unwrap_or_default().replace(',', "").parse().unwrap_or(0))
}

async fn the_numbers_move_without_a_reload(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.logged_in().await?;
    tab.size(1440, 500, false).await?;
    tab.shows("h1", "Order").await?;
    let before = begun(&tab, "reserve").await?;
    // Somebody has scrolled, and stands on a link of the table.
    tab.eval("window.same = true; document.querySelector('tr[data-row=finalize] a').focus()").await?;
    tab.eval("window.scrollTo(0, 200)").await?;
    ensure!(tab.eval("window.scrollY > 0").await? == true, "it is too short to be scrolled");
    let place = "(document.querySelector('tr[data-row=finalize]').getBoundingClientRect().top)";
    let before_it = tab.eval(place).await?;
    let item = cluster.item(10).await?;
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(item.order(1).place().await?);
    }
    until_is("orders begun", before + 3, SOON, || begun(&tab, "reserve")).await?;
    tab.sees(
        "them in the drawing",
        "[...document.querySelectorAll('[data-step=payment-result] text')].some(t => \
              /[1-9]\\d* here/.test(t.textContent))",
    )
    .await?;
    ensure!(tab.eval("window.same").await? == true, "the page was loaded anew");
    ensure!(tab.eval("document.activeElement.closest('tr')?.dataset.row").await? == "finalize", "the focus went away");
    let from = before_it.as_f64().unwrap_or_default();
    let to = tab.eval(place).await?.as_f64().unwrap_or_default();
    ensure!((from - to).abs() <= 2.0, "what was at {from} jumped to {to}");
    for order in &orders {
        order.result("approved").await?;
        order.ends("confirmed").await?;
    }
    tab.sees(
        "none of them there any more",
        &format!(
            "document.querySelector('tr[data-row=conclude] td:nth-of-type(3)').innerText.replace(',', '') >= {}",
            before + 3
        ),
    )
    .await
}

async fn an_order_that_waits_is_found_and_goes_on(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let order = cluster.item(5).await?.order(1).place().await?;
    order.payment("pending").await?;
    let tab = chromium.logged_in().await?;
    // From the flow to who waits for the payment, and there to the one order.
    tab.sees("the step as a link", "!!document.querySelector('tr[data-row=payment-result] a')").await?;
    tab.submit("tr[data-row=payment-result] a").await?;
    ensure!(tab.at().await?.contains("step=payment-result"), "{}", tab.at().await?);
    tab.fill("input[name=id]", &order.id).await?;
    tab.submit("form.filter button").await?;
    tab.sees("one row", "document.querySelectorAll('tbody tr').length === 1").await?;
    tab.submit("tbody th a").await?;
    ensure!(tab.at().await? == format!("/sagas/{}", order.id), "{}", tab.at().await?);
    tab.shows(".top .status", "running").await?;
    tab.shows("#step-payment-result summary", "Wait for the payment").await?;
    tab.eval("window.same = true").await?;
    order.result("approved").await?;
    tab.shows(".top .status", "completed").await?;
    tab.shows("dl.facts", "confirmed").await?;
    ensure!(tab.eval("window.same").await? == true, "the page was loaded anew");
    // What was said is there: the command to the stock, and the callback.
    tab.click("#step-reserve summary").await?;
    tab.shows("#step-reserve pre", &order.id).await?;
    tab.click("#step-payment-result summary").await?;
    tab.shows("#step-payment-result pre", "approved").await
}

/// Orders whose payment can neither be asked for nor called back: incidents. The payment service is left down, since
/// with its late answers they would go on by themselves.
async fn incidents(cluster: &Arc<Cluster>, count: usize) -> Result<Vec<Placed>> {
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

async fn an_incident_is_resolved_in_the_page(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let order = incidents(cluster, 1).await?.remove(0);
    let tab = chromium.logged_in().await?;
    tab.shows(".banner", "incident").await?;
    tab.go(&format!("/sagas/{}", order.id)).await?;
    tab.shows(".top .status", "incident").await?;
    tab.click("[data-act=resolve] summary").await?;
    tab.fill("[data-act=resolve] input[name=why]", "refunded by hand").await?;
    tab.submit("[data-act=resolve] button").await?;
    tab.shows(".banner", "refunded by hand").await?;
    tab.shows(".top .status", "compensated").await?;
    let saga = order.saga().await?;
    ensure!(saga["operations"][0]["by"] == USER && saga["operations"][0]["action"] == "resolve", "{saga:#}");
    order.ends("payment_not_completed").await?;
    order.reservation("released").await?;
    cluster.service(Name::Payments)?.restart().await
}

async fn many_are_retried_after_a_dry_run(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let orders = incidents(cluster, 2).await?;
    let tab = chromium.logged_in().await?;
    tab.go("/incidents").await?;
    tab.shows("tr[data-row=request-payment] td:nth-of-type(2)", "2").await?;
    tab.submit("tr[data-row=request-payment] td:last-of-type a").await?;
    tab.choose("select[name=action]", "retry").await?;
    tab.fill("input[name=why]", "the payment service is back").await?;
    tab.submit("form.act button").await?;
    for order in &orders {
        let row = format!("!!document.querySelector('tr[data-row=\"{}\"]')", order.id);
        tab.sees("each of them listed", &row).await?;
        let saga = order.saga().await?;
        ensure!(saga["status"] == "incident" && saga["operations"] == json!([]), "nothing is done yet: {saga:#}");
    }
    ensure!(tab.eval("document.querySelectorAll('tbody tr').length").await? == 2, "and no others");
    tab.submit("form.act button").await?;
    tab.shows(".banner", "2 of 2 done").await?;
    // They tried again, and with the service back they come to their end.
    for order in &orders {
        let saga = order.saga().await?;
        ensure!(saga["operations"][0]["action"] == "retry" && saga["operations"][0]["by"] == USER, "{saga:#}");
    }
    cluster.service(Name::Payments)?.restart().await?;
    for order in &orders {
        order.ends("payment_not_completed").await?;
    }
    tab.go("/incidents").await?;
    tab.shows(".banner", "No open incidents").await
}

async fn what_customers_write_is_only_text(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let id = Uuid::new_v4().to_string();
    let evil = "<script>window.evil = true</script><img src=x onerror='window.evil = true'>";
    let order = json!({
        "orderId": id, "customerId": evil, "amountMinor": 1050, "currency": "BRL",
        "items": [{"id": Uuid::new_v4(), "name": evil, "amountMinor": 1050, "quantity": 1}],
    });
    cluster.kafka.event("created-orders", "order.created", &id, &order).await?;
    let order = Placed::known(cluster, &id);
    until("its saga", SOON, || async { Ok((!order.saga().await?.is_null()).then_some(())) }).await?;
    let tab = chromium.logged_in().await?;
    let customer = format!("/sagas?customer={}", evil.replace(' ', "%20").replace('\'', "%27"));
    for path in [format!("/sagas?id={id}"), format!("/sagas/{id}"), customer] {
        tab.go(&path).await?;
        tab.sees("the saga", "document.querySelector('main').innerText.includes('<script>')").await?;
        ensure!(tab.eval("window.evil === undefined").await? == true, "a customer's script ran at {path}");
        ensure!(tab.eval("document.querySelectorAll('main script, main img').length").await? == 0, "at {path}");
    }
    // And no script that is not ours would run.
    tab.eval(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.evil = 1' }))",
    )
    .await?;
    ensure!(tab.eval("window.evil === undefined").await? == true, "the policy lets inline scripts run");
    Ok(())
}

async fn a_dead_letter_is_read_and_put_back(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let broken = format!("{{\"orderId\": \"{}\", \"status\": ", Uuid::new_v4());
    cluster.kafka.publish(RESULTS, Some(0), broken.as_bytes()).await?;
    cluster.dead_letter(RESULTS, broken.as_bytes()).await?;
    let tab = chromium.logged_in().await?;
    tab.go("/throughput").await?;
    tab.shows("tr[data-row=orchestrator]", "orchestrator@").await?;
    tab.sees(
        "a dead letter",
        "parseInt(document.querySelector('tr[data-row=\"payment-results.dlq\"] td')?.innerText) > 0",
    )
    .await?;
    tab.submit("tr[data-row='payment-results.dlq'] a").await?;
    tab.shows("details.letter .reason", "the value is not of this topic's format").await?;
    tab.click("details.letter summary").await?;
    tab.shows("details.letter", "orderId").await?;
    tab.fill("details.letter input[name=why]", "let us see").await?;
    tab.submit("details.letter button").await?;
    tab.shows(".banner", "Put back").await?;
    tab.sees(
        "who did it",
        &format!(
            "[...document.querySelectorAll('details.letter summary')].some(s => \
              s.innerText.includes('put back by {USER}'))"
        ),
    )
    .await?;
    // It can't be read this time either.
    until("it to come back", SOON, || async {
        let lying = cluster.kafka.read("payment-results.dlq").await?;
        Ok((lying.iter().filter(|letter| letter.value == broken.as_bytes()).count() == 2).then_some(()))
    })
    .await
}

async fn a_viewer_looks_and_cannot_act(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let order = cluster.item(5).await?.order(1).place().await?;
    order.payment("pending").await?;
    let tab = chromium.tab().await?;
    tab.log_in("guest", PASSWORD).await?;
    tab.go(&format!("/sagas/{}", order.id)).await?;
    tab.shows(".top .status", "running").await?;
    ensure!(tab.eval("document.querySelectorAll('main form').length").await? == 0, "a viewer is offered an act");
    let forged = format!(
        "fetch('/sagas/{}/act', {{ method: 'POST', body: new URLSearchParams({{ action: 'cancel', why: 'x', \
         csrf: document.querySelector('[name=csrf]').value }}) }}).then((answer) => answer.status)",
        order.id
    );
    ensure!(tab.eval(&forged).await? == 403, "a viewer acts by hand");
    let api = cluster.service(Name::Orchestrator)?.url(&format!("/api/sagas/{}/actions", order.id));
    let answer =
        cluster.http.post(api).basic_auth("guest", Some(PASSWORD)).json(&json!({"action": "cancel", "why": "x"}));
    ensure!(answer.send().await?.status() == 403);
    // And an operator's form without its token is nobody's.
    let tab = chromium.logged_in().await?;
    tab.go(&format!("/sagas/{}", order.id)).await?;
    let forged = forged.replace("document.querySelector('[name=csrf]').value", "'guessed'");
    ensure!(tab.eval(&forged).await? == 403, "a form of another site acts");
    order.result("approved").await?;
    order.ends("confirmed").await
}

async fn it_is_used_with_the_keyboard_alone(_: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.tab().await?;
    tab.go("/login").await?;
    tab.types(USER).await?;
    tab.press("Tab").await?;
    tab.types(PASSWORD).await?;
    tab.eval("window.before = true").await?;
    tab.press("Enter").await?;
    tab.sees("the first page", "window.before !== true && location.pathname === '/'").await?;
    tab.eval("document.body.focus()").await?;
    // The first stop leads past the head, the next ones through it.
    tab.eval("document.querySelector('.skip').focus()").await?;
    for _ in 0..3 {
        tab.press("Tab").await?;
    }
    ensure!(tab.eval("document.activeElement.innerText").await? == "Sagas", "the third stop is the list");
    let outline = tab.eval("getComputedStyle(document.activeElement).outlineStyle").await?;
    ensure!(outline == "solid", "where the focus is can't be seen: {outline}");
    tab.eval("window.before = true").await?;
    tab.press("Enter").await?;
    tab.sees("the list", "window.before !== true && location.pathname === '/sagas'").await
}

async fn it_speaks_portuguese(_: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.tab().await?;
    tab.language("pt-BR,pt;q=0.9,en;q=0.5").await?;
    tab.log_in(USER, PASSWORD).await?;
    ensure!(tab.eval("document.documentElement.lang").await? == "pt");
    for (path, words) in
        [("/", "Fluxo"), ("/incidents", "Incidentes abertos"), ("/throughput", "Vazão"), ("/definitions", "Definições")]
    {
        tab.go(path).await?;
        tab.shows("h1", words).await?;
    }
    tab.go("/").await?;
    tab.sees(
        "the steps in Portuguese",
        "document.querySelector('[data-step=reserve]').textContent.includes('Reservar')",
    )
    .await?;
    // So it stays when it is kept up to date.
    tab.sees("a change", "document.getElementById('lag').innerText.startsWith('Atualizado')").await
}

async fn a_lost_connection_says_so_and_comes_back(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let tab = chromium.logged_in().await?;
    tab.go("/sagas").await?;
    tab.sees("it is live", "document.getElementById('lost').hidden").await?;
    let orchestrator = cluster.service(Name::Orchestrator)?;
    orchestrator.sigterm().await.context("an open page keeps it from ending")?;
    tab.sees("that the connection is lost", "!document.getElementById('lost').hidden").await?;
    orchestrator.restart().await?;
    // A restart has forgotten who was logged in: it leads there, and back.
    tab.sees("the login", "location.pathname === '/login'").await?;
    tab.fill("#user", USER).await?;
    tab.fill("#password", PASSWORD).await?;
    tab.submit("form.login button").await?;
    ensure!(tab.at().await? == "/sagas", "{}", tab.at().await?);
    Ok(())
}

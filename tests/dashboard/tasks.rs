//! The page "Tasks": found, claimed and completed with the keyboard, in both languages.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::json;
use tests::cluster::{Cluster, PASSWORD, USER, VIEWER};
use tests::process::Name;
use tests::wait::{SOON, until};

use crate::browser::{Chromium, Tab};

crate::browser_tests::browser_tests!(
    a_task_is_claimed_and_completed_with_the_keyboard,
    a_task_of_another_person_is_taken_over
);

/// Places an order that waits for somebody to approve its payment. Returns the order and the path of its task.
async fn waiting(cluster: &Arc<Cluster>) -> Result<(tests::orders::PlacedOrder, String)> {
    let order = cluster.item(5).await?.order(1).place().await?;
    order.payment("pending").await?;
    let path = format!("/api/tasks/{}.payment-result", order.id);
    until("the task", SOON, || async { cluster.get(cluster.service(Name::Orchestrator)?, &path).await }).await?;
    let page = path.trim_start_matches("/api").to_owned();
    Ok((order, page))
}

/// Presses Tab until an element has the focus.
async fn tab_to(tab: &Tab<'_>, selector: &str) -> Result<()> {
    let script = format!("document.activeElement?.matches({})", json!(selector));
    for _ in 0..60 {
        if tab.eval(&script).await? == true {
            return Ok(());
        }
        tab.press("Tab").await?;
    }
    anyhow::bail!("no tab stop at {selector}")
}

/// Presses Enter at an element that leads to another page.
async fn enter(tab: &Tab<'_>, path: &str) -> Result<()> {
    tab.eval("window.before = true").await?;
    tab.press("Enter").await?;
    let loaded = format!(
        "window.before !== true && document.readyState === 'complete' && location.pathname === {}",
        json!(path)
    );
    tab.wait_until("the next page", &loaded).await
}

async fn is_accessible(tab: &Tab<'_>) -> Result<()> {
    let violations = tab.accessibility_violations().await?;
    ensure!(violations.is_empty(), "{}", violations.join("\n"));
    Ok(())
}

async fn a_task_is_claimed_and_completed_with_the_keyboard(
    cluster: &Arc<Cluster>,
    chromium: &mut Chromium,
) -> Result<()> {
    let (order, page) = waiting(cluster).await?;
    let tab = chromium.logged_in().await?;
    tab.go("/tasks?kind=payment-result").await?;
    tab.wait_for_text("h1", "Tasks").await?;
    tab.wait_until("the badge", "!document.getElementById('tasks-badge').hidden").await?;
    let row = format!("tr[data-row='{}.payment-result']", order.id);
    tab.wait_for_text(&row, "Approve or decline the payment").await?;
    is_accessible(&tab).await?;
    tab.eval(&format!("document.querySelector({}).focus()", json!(format!("{row} a")))).await?;
    enter(&tab, &page).await?;
    is_accessible(&tab).await?;
    tab.wait_for_text("#about", "Amount\n10.50 BRL").await?;
    tab.wait_for_text("#complete", "Decision").await?;
    tab.eval("document.querySelector('.skip').focus()").await?;
    tab_to(&tab, "#claim button").await?;
    enter(&tab, &page).await?;
    tab.wait_for_text("dl.facts", USER).await?;
    // The form by keyboard: the status is chosen by its first letter, and the reason is typed.
    tab.eval("document.querySelector('.skip').focus()").await?;
    tab_to(&tab, "#complete select[name='field.status']").await?;
    tab.press("a").await?;
    ensure!(tab.eval("document.activeElement.value").await? == "approved", "the status is not chosen");
    tab_to(&tab, "#complete input[name=why]").await?;
    tab.type_text("the money is there").await?;
    enter(&tab, "/tasks").await?;
    tab.wait_for_text("#done", "the money is there").await?;
    order.ends("confirmed").await?;
    tab.go(&format!("/sagas/{}", order.id)).await?;
    tab.wait_for_text("#history", "complete by techlead: the money is there").await?;
    tab.go("/audit").await?;
    tab.wait_for_text("tbody", "the money is there").await
}

async fn a_task_of_another_person_is_taken_over(cluster: &Arc<Cluster>, chromium: &mut Chromium) -> Result<()> {
    let (order, page) = waiting(cluster).await?;
    let claim = json!({"by": "ana", "why": "mine", "action": "claim", "step": "payment-result"});
    cluster.kafka.event("saga-commands", "saga.action", &order.id, &claim).await?;
    let tab = chromium.tab().await?;
    tab.set_languages("pt-BR,pt;q=0.9,en;q=0.5").await?;
    tab.log_in(USER, PASSWORD).await?;
    // The page of the saga leads to the task.
    tab.go(&format!("/sagas/{}", order.id)).await?;
    tab.wait_for_text("#task-payment-result", "Aprovar ou recusar o pagamento (ana)").await?;
    tab.submit("#task-payment-result a").await?;
    ensure!(tab.location().await? == page, "{}", tab.location().await?);
    tab.wait_for_text("#take-over", "está com esta tarefa").await?;
    ensure!(tab.eval("!document.getElementById('complete')").await? == true, "the form of a claimed task");
    is_accessible(&tab).await?;
    tab.fill("#take-over input[name=why]", "ana foi embora").await?;
    tab.submit("#take-over button").await?;
    tab.wait_for_text("#complete", "Concluir a tarefa").await?;
    is_accessible(&tab).await?;
    tab.select("#complete select[name='field.status']", "declined").await?;
    tab.fill("#complete textarea[name='field.reason']", "sem saldo").await?;
    tab.fill("#complete input[name=why]", "o banco ligou").await?;
    tab.submit("#complete button").await?;
    tab.wait_for_text("#done", "Concluída").await?;
    order.ends("payment_not_completed").await?;
    // Someone who may only read sees tasks without forms.
    let (other, page) = waiting(cluster).await?;
    let tab = chromium.tab().await?;
    tab.log_in(VIEWER, PASSWORD).await?;
    tab.go(&page).await?;
    tab.wait_for_text("h1", "Approve or decline the payment").await?;
    ensure!(tab.eval("document.querySelectorAll('main form').length").await? == 0, "a viewer sees a form");
    other.result("approved").await?;
    other.ends("confirmed").await
}

//! Stock by HTTP: changes by operators, the low stock event, and movements whose sums are the stock.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::items::Item;
use tests::process::Name;
use tests::wait::{SOON, until};
use uuid::Uuid;

crate::group::scenarios!(
    operators_change_the_stock_with_a_reason,
    an_invalid_change_is_rejected,
    low_stock_is_reported_once,
    after_many_orders_the_movements_match_the_stock,
    the_inventory_api_is_described,
);

/// Sends a change of an item's stock. Returns the status and the response.
async fn change(cluster: &Cluster, item: &Item, what: &str, body: &Value, key: &str) -> Result<(StatusCode, Value)> {
    let url = cluster.service(Name::Inventory)?.url(&format!("/stock/{}/{what}", item.id));
    let answer = cluster.http.post(url).header("Idempotency-Key", key).json(body).send().await?;
    Ok((answer.status(), answer.json().await?))
}

/// All movements of an item, and the first page with its stock and accounts.
async fn movements(cluster: &Cluster, item: &str) -> Result<(Vec<Value>, Value)> {
    let service = cluster.service(Name::Inventory)?;
    let mut all = Vec::new();
    let mut cursor = String::new();
    let mut first = None;
    loop {
        let path = format!("/stock/{item}/movements?limit=7{cursor}");
        let mut page = cluster.get(service, &path).await?.ok_or_else(|| anyhow!("no item {item}"))?;
        all.extend(page["items"].as_array_mut().map(std::mem::take).context("items")?);
        let next = page["next"].as_str().map(str::to_owned);
        first.get_or_insert(page);
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok((all, first.unwrap_or_default())),
        }
    }
}

/// Expects that the sums of an item's movements equal its accounts and its stock.
pub(crate) async fn movements_match_the_stock(cluster: &Cluster, item: &str) -> Result<Vec<Value>> {
    let (all, first) = movements(cluster, item).await?;
    let mut sums = BTreeMap::<String, i64>::new();
    for moved in &all {
        let quantity = moved["quantity"].as_i64().context("a quantity")?;
        for (account, quantity) in [("from", -quantity), ("to", quantity)] {
            *sums.entry(moved[account].as_str().unwrap_or_default().to_owned()).or_default() += quantity;
        }
    }
    let accounts = first["accounts"].as_array().context("accounts")?.iter();
    let accounts: BTreeMap<_, _> = accounts
        .map(|account| {
            (account["account"].as_str().unwrap_or_default().to_owned(), account["balance"].as_i64().unwrap_or(0))
        })
        .collect();
    ensure!(accounts == sums, "the accounts are {accounts:?}, the movements {sums:?}");
    ensure!(sums.values().sum::<i64>() == 0, "the movements don't balance: {sums:?}");
    let of = |account: &str| sums.get(account).copied().unwrap_or(0);
    let on_hand = of("available") + of("reserved");
    let reserved = of("reserved");
    let stock = &first["stock"];
    ensure!(stock["onHand"] == on_hand && stock["reserved"] == reserved, "{stock}, but the movements {sums:?}");
    Ok(all)
}

async fn operators_change_the_stock_with_a_reason(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(2).place().await?;
    order.ends("confirmed").await?;
    item.has_stock(8, 0).await?;
    let steps = [
        ("receipts", json!({"quantity": 5, "by": "ana", "why": "delivery note 17"}), 5, 13),
        ("adjustments", json!({"quantity": -1, "by": "rui", "why": "torn"}), -1, 12),
        ("counts", json!({"onHand": 8, "by": "ana", "why": "the yearly count"}), -4, 8),
    ];
    for (what, body, moved, on_hand) in &steps {
        let key = Uuid::new_v4().to_string();
        let first = change(&cluster, &item, what, body, &key).await?;
        let (status, answer) = &first;
        ensure!(
            *status == StatusCode::CREATED && answer["moved"] == *moved && answer["onHand"] == *on_hand,
            "{answer}"
        );
        ensure!(change(&cluster, &item, what, body, &key).await? == first, "a repeated request is another change");
        let mut other = body.clone();
        other["why"] = "something else".into();
        let (status, problem) = change(&cluster, &item, what, &other, &key).await?;
        ensure!(
            status == StatusCode::UNPROCESSABLE_ENTITY,
            "another change with the same key is accepted: {status} {problem}"
        );
        item.has_stock(*on_hand, 0).await?;
    }
    let all = movements_match_the_stock(&cluster, &item.id).await?;
    let what: Vec<_> = all.iter().map(|moved| moved["what"].as_str().unwrap_or_default()).collect();
    ensure!(what == ["counted", "adjusted", "received", "confirmed", "reserved", "counted"], "{what:?}");
    let torn = all.iter().find(|moved| moved["what"] == "adjusted").context("the adjustment")?;
    ensure!(torn["by"] == "rui" && torn["why"] == "torn" && torn["at"].is_string(), "{torn}");
    let confirmed = all.iter().find(|moved| moved["what"] == "confirmed").context("the order's")?;
    ensure!(confirmed["reference"] == order.id && confirmed["to"] == "customers", "{confirmed}");
    Ok(())
}

async fn an_invalid_change_is_rejected(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(3).await?;
    let key = || Uuid::new_v4().to_string();
    let too_much = json!({"quantity": -4, "by": "rui", "why": "all gone"});
    let (status, problem) = change(&cluster, &item, "adjustments", &too_much, &key()).await?;
    ensure!(status == StatusCode::CONFLICT, "{status} {problem}");
    ensure!(problem["detail"].as_str().is_some_and(|text| text.contains("only 3 are available")), "{problem}");
    for (what, body, pointer) in [
        ("adjustments", json!({"quantity": 0, "by": "a", "why": "b"}), "#/quantity"),
        ("receipts", json!({"quantity": 1, "by": " ", "why": "b"}), "#/by"),
        ("counts", json!({"onHand": -1, "by": "a", "why": "b"}), "#/onHand"),
        ("counts", json!({"onHand": "many", "by": "a", "why": "b"}), "#/onHand"),
    ] {
        let (status, problem) = change(&cluster, &item, what, &body, &key()).await?;
        ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && problem["errors"][0]["pointer"] == pointer, "{problem}");
    }
    let mut unknown = item.clone();
    "no-such".clone_into(&mut unknown.id);
    let body = json!({"quantity": 1, "by": "a", "why": "b"});
    ensure!(change(&cluster, &unknown, "receipts", &body, &key()).await?.0 == StatusCode::NOT_FOUND);
    let elsewhere = cluster.get(cluster.service(Name::Inventory)?, "/stock?warehouse=elsewhere").await?;
    ensure!(elsewhere == Some(json!({"items": []})), "{elsewhere:?}");
    item.has_stock(3, 0).await
}

async fn low_stock_is_reported_once(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    // The default limit is 10.
    let item = cluster.item(12).await?;
    for _ in 0..4 {
        item.order(1).place().await?.ends("confirmed").await?;
    }
    let events = until("stock.low", SOON, || async {
        let all = cluster.kafka.about("stock-events", &item.id).await?;
        Ok(Some(all).filter(|all| !all.is_empty()))
    })
    .await?;
    ensure!(events.len() == 1 && events[0].kind() == "stock.low", "not once: {events:?}");
    let value: Value = serde_json::from_slice(&events[0].value)?;
    ensure!(value["available"] == 9 && value["threshold"] == 10 && value["warehouse"] == "main", "{value}");
    Ok(())
}

async fn after_many_orders_the_movements_match_the_stock(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let many = cluster.item(500).await?;
    let few = cluster.item(5).await?;
    let mut orders = Vec::new();
    for n in 0..40 {
        let draft = if n % 4 == 0 { many.order(1).of(&few.id, 1) } else { many.order(2) };
        orders.push(draft.amount(if n % 5 == 0 { "10.13" } else { "10.50" }).place().await?);
    }
    for order in &orders {
        order.ended().await?;
    }
    let of = |order: &str, all: &[Value]| all.iter().filter(|moved| moved["reference"] == order).count();
    for item in [&many, &few] {
        until("the movements to match the stock", SOON, || async {
            let all = movements_match_the_stock(&cluster, &item.id).await?;
            let incomplete: Vec<_> =
                orders.iter().filter(|order| of(&order.id, &all) == 1).map(|order| &order.id).collect();
            // A rejected order has no movements.
            Ok(incomplete.is_empty().then_some(()))
        })
        .await?;
    }
    Ok(())
}

async fn the_inventory_api_is_described(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let inventory = cluster.service(Name::Inventory)?;
    let description = cluster.get(inventory, "/openapi.json").await?.unwrap_or_default();
    ensure!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{description:#}");
    let order = cluster.item(1).await?.order(1).place().await?;
    order.ends("confirmed").await?;
    order.reservation("confirmed").await?;
    let reservation = cluster.get(inventory, &format!("/reservations/{}", order.id)).await?.unwrap_or_default();
    let described = &description["components"]["schemas"]["Reservation"];
    for (member, _) in reservation.as_object().context("an object")? {
        ensure!(described["properties"][member].is_object(), "{member} is not described: {described:#}");
    }
    let page = cluster.http.get(inventory.url("/docs/")).send().await?;
    ensure!(page.status() == StatusCode::OK && page.text().await?.contains("swagger-ui"), "no documentation page");
    Ok(())
}

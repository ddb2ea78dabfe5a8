//! Orders at the prices of the warehouse's items: `orders.price = "catalogue"`.

use std::sync::Arc;

use anyhow::{Result, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::items::Item;
use tests::process::Name;

crate::group::scenarios!(an_order_is_taken_at_the_prices_of_the_items_only);

async fn set_price(cluster: &Cluster, item: &Item, on_hand: i64, price: Value) -> Result<()> {
    let url = cluster.service(Name::Inventory)?.url(&format!("/stock/{}", item.id));
    let body = json!({"name": "a ticket", "onHand": on_hand, "price": price});
    let answer = cluster.http.put(url).json(&body).send().await?;
    let status = answer.status();
    let stock: Value = answer.json().await?;
    ensure!(status == StatusCode::OK && stock["price"] == body["price"], "PUT /stock returns {status}: {stock}");
    Ok(())
}

async fn an_order_is_taken_at_the_prices_of_the_items_only(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let without_price = item.order(2).amount("21.00").place().await?;
    without_price.ends("rejected").await?;
    without_price.has_reason("no_price").await?;
    without_price.payment("none").await?;

    set_price(&cluster, &item, 10, json!({"amount": 10.50, "currency": "BRL"})).await?;
    let order = item.order(2).amount("21.00").place().await?;
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    item.has_stock(8, 0).await?;

    set_price(&cluster, &item, 8, json!({"amount": 12.00, "currency": "BRL"})).await?;
    let outdated = item.order(2).amount("21.00").place().await?;
    outdated.ends("rejected").await?;
    outdated.has_reason("wrong_price").await?;
    outdated.payment("none").await?;
    item.has_stock(8, 0).await?;

    let url = cluster.service(Name::Orders)?.url("/orders");
    let body = item.order(2).amount("0.01").body()?;
    let answer = cluster.http.post(url).json(&body).send().await?;
    ensure!(answer.status() == StatusCode::UNPROCESSABLE_ENTITY, "POST /orders returns {}", answer.status());
    Ok(())
}

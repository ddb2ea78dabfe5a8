//! Items of the stock, as the scenarios use them.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::json;
use uuid::Uuid;

use crate::cluster::{Cluster, Stock};
use crate::http::send_once;
use crate::orders::OrderDraft;
use crate::process::Name;
use crate::wait::{SOON, until_is};

/// An item of one scenario.
#[derive(Clone)]
pub struct Item {
    cluster: Arc<Cluster>,
    /// Its id.
    pub id: String,
}

impl Cluster {
    /// Puts a new item into stock.
    ///
    /// # Errors
    /// When the API rejects it.
    pub async fn item(self: &Arc<Self>, on_hand: i64) -> Result<Item> {
        let item = Item { cluster: Arc::clone(self), id: Uuid::new_v4().to_string() };
        item.set(on_hand).await?;
        Ok(item)
    }
}

impl Item {
    /// Sets the stock.
    ///
    /// # Errors
    /// When the API rejects it, or does not return it.
    pub async fn set(&self, on_hand: i64) -> Result<()> {
        let url = self.cluster.service(Name::Inventory)?.url(&format!("/stock/{}", self.id));
        let body = json!({"name": "a ticket", "onHand": on_hand});
        let (status, _, text) = send_once(self.cluster.http.put(&url).json(&body)).await?;
        ensure!(status.is_success(), "PUT /stock returns {status}: {text}");
        self.cluster.remember_item(&self.id, on_hand);
        self.has_stock(on_hand, 0).await
    }

    /// Waits for this stock.
    ///
    /// # Errors
    /// The stock at the deadline.
    pub async fn has_stock(&self, on_hand: i64, reserved: i64) -> Result<()> {
        let expected = Some(Stock { on_hand, reserved, available: on_hand - reserved });
        until_is("the stock", expected, SOON, || async { Ok(self.cluster.stock().await?.remove(&self.id)) }).await
    }

    /// An order of this item.
    pub fn order(&self, quantity: i64) -> OrderDraft {
        self.cluster.order().of(&self.id, quantity)
    }
}

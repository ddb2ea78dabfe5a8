//! Orders and their expected states, as the scenarios use them.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cluster::{Cluster, PARTITIONS, PASSWORD, USER};
use crate::http::send_once;
use crate::process::Name;
use crate::wait::{PATIENT, SOON, until, until_is};

/// The topic of payment results.
pub const RESULTS: &str = common::topics::PAYMENT_RESULTS;

impl Cluster {
    /// An order of a new customer, without items.
    pub fn order(self: &Arc<Self>) -> OrderDraft {
        let customer = Uuid::new_v4().to_string();
        let amount = "10.50".to_owned();
        OrderDraft {
            cluster: Arc::clone(self),
            customer,
            amount,
            items: Vec::new(),
            via: 0,
            traceparent: None,
            more: Value::Null,
        }
    }

    /// Places an order of one piece and expects that it is confirmed: the services still work.
    ///
    /// # Errors
    /// When it is not confirmed.
    pub async fn confirms_an_order(self: &Arc<Self>) -> Result<()> {
        let order = self.item(1).await?.order(1).place().await?;
        if self.is_manual() {
            order.payment("pending").await?;
            order.result("approved").await?;
        }
        order.ends("confirmed").await.context("an order placed afterwards")
    }

    /// Expects that orders on all partitions are confirmed.
    ///
    /// # Errors
    /// When one is not confirmed.
    pub async fn confirms_orders(self: &Arc<Self>) -> Result<()> {
        for _ in 0..4 {
            self.confirms_an_order().await?;
        }
        Ok(())
    }

    /// Returns true if operators publish the payment results.
    pub fn is_manual(&self) -> bool {
        self.options.settings.contains(&(Name::Payments, "PROVIDER__KIND", "manual"))
    }
}

/// An order to be placed.
#[derive(Clone)]
pub struct OrderDraft {
    cluster: Arc<Cluster>,
    /// The customer's id.
    pub customer: String,
    amount: String,
    items: Vec<(String, i64)>,
    via: usize,
    traceparent: Option<String>,
    more: Value,
}

impl OrderDraft {
    /// Adds members to the body.
    #[must_use]
    pub fn with(mut self, more: Value) -> Self {
        self.more = more;
        self
    }

    /// Adds an item.
    #[must_use]
    pub fn of(mut self, item: &str, quantity: i64) -> Self {
        self.items.push((item.to_owned(), quantity));
        self
    }

    /// Sets the amount. The simulated provider decides by the cents.
    #[must_use]
    pub fn amount(mut self, amount: &str) -> Self {
        amount.clone_into(&mut self.amount);
        self
    }

    /// Sets the customer.
    #[must_use]
    pub fn by(mut self, customer: &str) -> Self {
        customer.clone_into(&mut self.customer);
        self
    }

    /// Sets the instance of order-service to use.
    #[must_use]
    pub fn via(mut self, instance: usize) -> Self {
        self.via = instance;
        self
    }

    /// Sets the trace context.
    #[must_use]
    pub fn traceparent(mut self, traceparent: &str) -> Self {
        self.traceparent = Some(traceparent.to_owned());
        self
    }

    /// The body of the request.
    ///
    /// # Errors
    /// When the amount is not a number.
    pub fn body(&self) -> Result<Value> {
        let amount: Value = serde_json::from_str(&self.amount)?;
        let items = self.items.iter();
        let items: Vec<_> = items
            .map(|(id, quantity)| json!({"id": id, "name": "a ticket", "amount": 10.5, "quantity": quantity}))
            .collect();
        let mut body = json!({"customerId": self.customer, "amount": amount, "items": items});
        if let (Some(body), Some(more)) = (body.as_object_mut(), self.more.as_object()) {
            body.extend(more.clone());
        }
        Ok(body)
    }

    /// Places the order.
    ///
    /// # Errors
    /// Any response but a 201 with the order and its Location.
    pub async fn place(&self) -> Result<PlacedOrder> {
        let url = self.cluster.instance(Name::Orders, self.via)?.url("/orders");
        let mut request = self.cluster.http.post(url).json(&self.body()?);
        if let Some(traceparent) = &self.traceparent {
            request = request.header("traceparent", traceparent);
        }
        let (status, headers, text) = send_once(request).await?;
        ensure!(status == StatusCode::CREATED, "POST /orders returns {status}: {text}");
        let order: Value = serde_json::from_str(&text)?;
        let id = order["id"].as_str().ok_or_else(|| anyhow!("no id in {order}"))?.to_owned();
        let location = headers.get("location").and_then(|l| l.to_str().ok()).unwrap_or_default();
        ensure!(location.ends_with(&format!("/orders/{id}")), "Location is '{location}'");
        self.cluster.remember_order(&id, None);
        Ok(PlacedOrder { cluster: Arc::clone(&self.cluster), id, via: self.via, created: order })
    }
}

/// A placed order.
#[derive(Clone)]
pub struct PlacedOrder {
    cluster: Arc<Cluster>,
    /// Its id.
    pub id: String,
    via: usize,
    /// The response of the POST.
    pub created: Value,
}

impl PlacedOrder {
    /// An order with this id.
    pub fn with_id(cluster: &Arc<Cluster>, id: &str) -> Self {
        Self { cluster: Arc::clone(cluster), id: id.to_owned(), via: 0, created: Value::Null }
    }

    /// The same order, read from another instance of order-service.
    #[must_use]
    pub fn via(&self, instance: usize) -> Self {
        Self { via: instance, ..self.clone() }
    }

    /// The order's representation.
    ///
    /// # Errors
    /// When it does not exist.
    pub async fn get(&self) -> Result<Value> {
        let service = self.cluster.instance(Name::Orders, self.via)?;
        let order = self.cluster.get(service, &format!("/orders/{}", self.id)).await?;
        order.ok_or_else(|| anyhow!("order {} does not exist", self.id))
    }

    /// Waits until it has ended and expects this status.
    ///
    /// # Errors
    /// The order with another status.
    pub async fn ends(&self, status: &str) -> Result<()> {
        self.cluster.remember_order(&self.id, Some(status));
        let ended = self.ended().await?;
        if ended["status"] != status {
            bail!("order {} has not ended as {status}: {ended:#}", self.id);
        }
        Ok(())
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// The order and its saga after two minutes.
    pub async fn ended(&self) -> Result<Value> {
        let url = self.cluster.instance(Name::Orders, self.via)?.url(&format!("/orders/{}", self.id));
        let what = format!("order {} to end", self.id);
        let ended = until(&what, PATIENT, || async {
            let answer = self.cluster.http.get(&url).header("Prefer", "wait=10").send().await?;
            let status = answer.status();
            ensure!(status.is_success(), "GET {url} returns {status}: {}", answer.text().await?);
            let order: Value = answer.json().await?;
            if is_underway(&order) { Err(anyhow!("it is {order:#}")) } else { Ok(Some(order)) }
        });
        match ended.await {
            Ok(order) => Ok(order),
            Err(error) => Err(error.context(format!("its saga: {:#}", self.saga().await.unwrap_or_default()))),
        }
    }

    /// Expects that its saga has not ended.
    ///
    /// # Errors
    /// The ended order.
    pub async fn is_underway(&self) -> Result<()> {
        let order = self.get().await?;
        ensure!(is_underway(&order), "it has ended: {order:#}");
        Ok(())
    }

    /// A step of its saga.
    ///
    /// # Errors
    /// As [`Cluster::get`], and when there is no such step.
    pub async fn step(&self, name: &str) -> Result<Value> {
        let saga = self.saga().await?;
        let step = saga["steps"].as_array().into_iter().flatten().find(|step| step["name"] == name);
        step.cloned().with_context(|| format!("no step {name} in {saga:#}"))
    }

    /// Its saga, as the orchestrator's API returns it.
    ///
    /// # Errors
    /// As [`Cluster::get`].
    pub async fn saga(&self) -> Result<Value> {
        let orchestrator = self.cluster.service(Name::Orchestrator)?;
        Ok(self.cluster.get(orchestrator, &format!("/api/sagas/{}", self.id)).await?.unwrap_or_default())
    }

    /// Expects this reason for its end.
    ///
    /// # Errors
    /// The other reason.
    pub async fn has_reason(&self, reason: &str) -> Result<()> {
        let order = self.get().await?;
        ensure!(order["reason"] == reason, "the reason is {} and not {reason}: {order:#}", order["reason"]);
        Ok(())
    }

    /// Waits for the payment's status; `none` if there is no payment.
    ///
    /// # Errors
    /// The status at the deadline.
    pub async fn payment(&self, status: &str) -> Result<()> {
        self.has_status(Name::Payments, "payments", status).await
    }

    /// Waits for the reservation's status; `none` if there is no reservation.
    ///
    /// # Errors
    /// The status at the deadline.
    pub async fn reservation(&self, status: &str) -> Result<()> {
        self.has_status(Name::Inventory, "reservations", status).await
    }

    async fn has_status(&self, name: Name, of: &str, status: &str) -> Result<()> {
        let what = format!("{of} of order {}", self.id);
        until_is(&what, status.to_owned(), SOON, || status_of(&self.cluster, name, of, &self.id)).await
    }

    /// The partition of its messages.
    pub fn partition(&self) -> i32 {
        common::topics::partition_of(self.id.as_bytes(), PARTITIONS)
    }

    /// Publishes its payment's result like an operator, without key and headers, on its saga's partition.
    ///
    /// # Errors
    /// When the broker rejects it.
    pub async fn result(&self, status: &str) -> Result<()> {
        self.result_on(self.partition(), status).await
    }

    /// Requests an action on its saga as the dashboard's operator.
    ///
    /// # Errors
    /// When the orchestrator does not answer.
    pub async fn saga_action(&self, action: &Value) -> Result<reqwest::Response> {
        let url = self.cluster.service(Name::Orchestrator)?.url(&format!("/api/sagas/{}/actions", self.id));
        Ok(self.cluster.http.post(url).basic_auth(USER, Some(PASSWORD)).json(action).send().await?)
    }

    /// Declines its payment once that waits for a result, and expects that the order ends.
    ///
    /// # Errors
    /// As [`PlacedOrder::ends`].
    pub async fn declined_by_hand(&self) -> Result<()> {
        self.payment("pending").await?;
        self.result("declined").await?;
        self.ends("payment_not_completed").await
    }

    /// Publishes its payment's result on another partition than its saga's.
    ///
    /// # Errors
    /// When the broker rejects it.
    pub async fn result_on_other_partition(&self, status: &str) -> Result<()> {
        self.result_on((self.partition() + 1) % PARTITIONS, status).await
    }

    async fn result_on(&self, partition: i32, status: &str) -> Result<()> {
        let text = format!(r#"{{"orderId":"{}","status":"{status}"}}"#, self.id);
        self.cluster.kafka.publish(RESULTS, Some(partition), text.as_bytes()).await
    }

    /// Waits for a message of this kind about it.
    ///
    /// # Errors
    /// When none arrives.
    pub async fn has_message(&self, topic: &str, kind: &str) -> Result<()> {
        until(&format!("{kind} on {topic}"), SOON, || async {
            Ok(self.cluster.kafka.about(topic, &self.id).await?.into_iter().find(|m| m.kind() == kind))
        })
        .await
        .map(|_| ())
    }
}

/// Returns true if the order's saga has not ended.
fn is_underway(order: &Value) -> bool {
    let of_saga = order["timeline"].as_array().into_iter().flatten().filter(|moment| moment["step"].is_null());
    of_saga.count() < 2
}

/// The status of an order's payment or reservation, or `none`.
///
/// # Errors
/// As [`Cluster::get`].
pub async fn status_of(cluster: &Cluster, name: Name, of: &str, order: &str) -> Result<String> {
    let found = cluster.get(cluster.service(name)?, &format!("/{of}/{order}")).await?;
    Ok(found.as_ref().and_then(|f| f["status"].as_str()).unwrap_or("none").to_owned())
}

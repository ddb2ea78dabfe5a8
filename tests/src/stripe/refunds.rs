//! Refunds and Disputes of the fake Stripe server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use axum::extract::{Form, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use super::ledger::{Fields, Ledger, Stripe, ledger, once, respond, unknown};
use super::records::{DisputeRecord, RefundRecord};

impl Stripe {
    /// The body of a webhook event about an order's refunds or its disputes: of the last one.
    ///
    /// # Errors
    /// When there is none.
    pub fn event_of(&self, kind: &str, order: &str) -> Result<String> {
        let intent = self.of_order(order).pop().context("there is no intent")?.id;
        let ledger = ledger(&self.ledger);
        let refund = ledger.refunds.iter().rev().find(|refund| refund.intent == intent).map(RefundRecord::json);
        let dispute = ledger.disputes.iter().rev().find(|dispute| dispute.intent == intent).map(DisputeRecord::json);
        let object = if kind.contains("dispute") { dispute } else { refund }.context("there is nothing to report")?;
        let id = format!("evt_{}", Uuid::new_v4().simple());
        Ok(json!({ "id": id, "type": kind, "livemode": false, "data": { "object": object } }).to_string())
    }

    /// The ids of all refunds of an order, oldest first.
    pub fn refunds_of(&self, order: &str) -> Vec<String> {
        let ids: Vec<String> = self.of_order(order).into_iter().map(|intent| intent.id).collect();
        let ledger = ledger(&self.ledger);
        ledger.refunds.iter().filter(|refund| ids.contains(&refund.intent)).map(|refund| refund.id.clone()).collect()
    }

    /// Ends the pending refunds of an order.
    pub fn settle_refunds(&self, order: &str, succeeds: bool) {
        let ids: Vec<String> = self.of_order(order).into_iter().map(|intent| intent.id).collect();
        let mut ledger = ledger(&self.ledger);
        let Ledger { refunds, intents, .. } = &mut *ledger;
        for refund in refunds.iter_mut().filter(|refund| ids.contains(&refund.intent) && refund.status == "pending") {
            refund.status = if succeeds { "succeeded" } else { "failed" };
            if let Some(intent) = intents.get_mut(&refund.intent).filter(|_| !succeeds) {
                intent.refunded -= refund.amount;
            }
        }
    }

    /// Refunds a part of an order in Stripe's own dashboard.
    ///
    /// # Errors
    /// When there is no intent.
    pub fn refund_in_dashboard(&self, order: &str, amount: i64) -> Result<()> {
        let id = self.of_order(order).pop().context("there is no intent")?.id;
        let mut ledger = ledger(&self.ledger);
        ledger.intents.get_mut(&id).context("there is no intent")?.refunded += amount;
        ledger.refunds.push(RefundRecord {
            id: format!("re_{}", Uuid::new_v4().simple()),
            intent: id,
            amount,
            status: "succeeded",
            metadata: BTreeMap::new(),
        });
        Ok(())
    }

    /// Opens a dispute of an order, or changes the status of the one that it has.
    ///
    /// # Errors
    /// When there is no intent.
    pub fn dispute(&self, order: &str, status: &str) -> Result<()> {
        let intent = self.of_order(order).pop().context("there is no intent")?;
        let mut ledger = ledger(&self.ledger);
        match ledger.disputes.iter_mut().find(|dispute| dispute.intent == intent.id) {
            Some(known) => status.clone_into(&mut known.status),
            None => ledger.disputes.push(DisputeRecord {
                id: format!("dp_{}", Uuid::new_v4().simple()),
                intent: intent.id,
                amount: intent.amount,
                status: status.to_owned(),
            }),
        }
        Ok(())
    }
}

pub(super) async fn refund(State(all): State<Arc<Mutex<Ledger>>>, headers: HeaderMap, Form(form): Fields) -> Response {
    once(&all, &headers, "refund", &form, |ledger| {
        let named = form.get("payment_intent").and_then(|id| ledger.intents.get_mut(id));
        let Some(intent) = named else { return unknown() };
        let left = intent.received - intent.refunded;
        let amount = form.get("amount").and_then(|text| text.parse().ok()).unwrap_or(left);
        if amount > left || amount <= 0 {
            let code = if left == 0 { "charge_already_refunded" } else { "amount_too_large" };
            let error = json!({ "type": "invalid_request_error", "code": code,
                "message": "The amount exceeds the charge." });
            return (400, json!({ "error": error }));
        }
        let status = match intent.amount % 100 {
            37 => "pending",
            38 => "failed",
            _ => "succeeded",
        };
        intent.refunded += if status == "failed" { 0 } else { amount };
        let named = form.iter().filter_map(|(name, value)| {
            Some((name.strip_prefix("metadata[")?.strip_suffix(']')?.to_owned(), value.clone()))
        });
        let made = RefundRecord {
            id: format!("re_{}", Uuid::new_v4().simple()),
            intent: intent.id.clone(),
            amount,
            status,
            metadata: named.collect(),
        };
        let answer = made.json();
        ledger.refunds.push(made);
        (200, answer)
    })
    .await
}

type Parameters = Query<BTreeMap<String, String>>;

pub(super) async fn list(State(all): State<Arc<Mutex<Ledger>>>, Query(query): Parameters) -> Response {
    let mut ledger = ledger(&all);
    ledger.requests += 1;
    let of = query.get("payment_intent").map(String::as_str).unwrap_or_default();
    let data: Vec<Value> =
        ledger.refunds.iter().rev().filter(|refund| refund.intent == of).map(RefundRecord::json).collect();
    respond((200, json!({ "object": "list", "data": data, "has_more": false })))
}

pub(super) async fn disputes(State(all): State<Arc<Mutex<Ledger>>>, Query(query): Parameters) -> Response {
    let mut ledger = ledger(&all);
    ledger.requests += 1;
    let of = query.get("payment_intent").map(String::as_str).unwrap_or_default();
    let data: Vec<Value> =
        ledger.disputes.iter().filter(|dispute| dispute.intent == of).map(DisputeRecord::json).collect();
    respond((200, json!({ "object": "list", "data": data, "has_more": false })))
}

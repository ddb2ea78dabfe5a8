//! Notices to the customer: rendered from templates in the customer's language, told once each on the topic
//! `notifications`, and mailed where the shop has a mail server.

use std::sync::LazyLock;

use common::ids::{self, OrderId};
use common::messages::{Message, Outgoing, Reply, Unreadable};
use common::money::Amount;
use common::time::Timestamp;
use common::topics;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, context};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::conclude::Shipment;
use crate::mail::Mailing;
use crate::order::delivery::{Customer, Language};
use crate::order::entity::Kept;
use crate::order::{Decision, Order, Orders, Status, answer, change};

/// `ce_type` of the command by which the saga wants the customer told that all went well.
pub const NOTIFY: &str = "order.notify";
/// `ce_type` of a notice.
pub const NOTICE: &str = "notice.created";

/// Value of `order.notify`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notify {
    pub order_id: OrderId,
    /// How it is shipped, where it is.
    #[serde(default)]
    pub shipment: Option<Shipment>,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NoticeKind)]
pub enum Kind {
    /// The order is confirmed.
    Confirmed,
    /// It is on its way.
    Shipped,
    /// It was not paid.
    NotPaid,
    /// It could not be taken.
    Rejected,
    /// It was called off.
    Cancelled,
    /// The same, and what was paid is given back.
    Refunded,
    /// A return is done.
    Returned,
    /// A return was not accepted.
    ReturnRefused,
}

impl Kind {
    /// The notice of an ending. That all went well is told by a step of the saga.
    pub(crate) const fn of_ending(status: Status) -> Option<Self> {
        match status {
            Status::Rejected => Some(Self::Rejected),
            Status::PaymentNotCompleted => Some(Self::NotPaid),
            Status::Cancelled => Some(Self::Cancelled),
            Status::Refunded => Some(Self::Refunded),
            Status::Pending
            | Status::Reserved
            | Status::AwaitingPayment
            | Status::Paid
            | Status::Confirmed
            | Status::Shipped
            | Status::Returned => None,
        }
    }

    const fn template(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, Self::Confirmed) => include_str!("../templates/en/confirmed.txt"),
            (Language::En, Self::Shipped) => include_str!("../templates/en/shipped.txt"),
            (Language::En, Self::NotPaid) => include_str!("../templates/en/not_paid.txt"),
            (Language::En, Self::Rejected) => include_str!("../templates/en/rejected.txt"),
            (Language::En, Self::Cancelled) => include_str!("../templates/en/cancelled.txt"),
            (Language::En, Self::Refunded) => include_str!("../templates/en/refunded.txt"),
            (Language::En, Self::Returned) => include_str!("../templates/en/returned.txt"),
            (Language::En, Self::ReturnRefused) => include_str!("../templates/en/return_refused.txt"),
            (Language::Pt, Self::Confirmed) => include_str!("../templates/pt/confirmed.txt"),
            (Language::Pt, Self::Shipped) => include_str!("../templates/pt/shipped.txt"),
            (Language::Pt, Self::NotPaid) => include_str!("../templates/pt/not_paid.txt"),
            (Language::Pt, Self::Rejected) => include_str!("../templates/pt/rejected.txt"),
            (Language::Pt, Self::Cancelled) => include_str!("../templates/pt/cancelled.txt"),
            (Language::Pt, Self::Refunded) => include_str!("../templates/pt/refunded.txt"),
            (Language::Pt, Self::Returned) => include_str!("../templates/pt/returned.txt"),
            (Language::Pt, Self::ReturnRefused) => include_str!("../templates/pt/return_refused.txt"),
        }
    }
}

/// What an order remembers of a notice: each is told once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NoticeTold)]
pub struct Noticed {
    pub kind: Kind,
    /// The return that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_id: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Value of `notice.created`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    pub notice_id: Uuid,
    pub order_id: OrderId,
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_id: Option<Uuid>,
    pub language: Language,
    pub to: Recipient,
    pub subject: String,
    /// Plain text.
    pub text: String,
    pub created_at: Timestamp,
}

/// Whom a notice is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recipient {
    pub name: String,
    pub email: String,
}

/// The saga wants the customer told: of the shipment where there is one, else that the order is confirmed.
pub(crate) fn notify_step(
    rules: &Orders,
    tx: Decision<'_, '_>,
    message: &Message,
    now: Timestamp,
) -> Result<(), Unreadable> {
    let asked: Notify = message.json()?;
    answer(
        tx,
        message,
        asked.order_id,
        now,
        |_| (),
        |tx, key, ()| {
            let kind = if asked.shipment.is_some() { Kind::Shipped } else { Kind::Confirmed };
            // The order itself is told of its shipment when it ends: until then this is all it knows of it.
            change(tx, key, |order| {
                if asked.shipment.is_some() && order.is_underway() {
                    order.shipment = asked.shipment;
                }
            });
            tell(rules, tx, key, kind, None, now);
            Reply::done()
        },
    )
}

/// Tells the customer, unless there is nobody to tell or it was told before.
pub(crate) fn tell(
    rules: &Orders,
    tx: Decision<'_, '_>,
    key: &str,
    kind: Kind,
    return_id: Option<Uuid>,
    now: Timestamp,
) {
    let written = change(tx, key, |order| {
        let customer = order.placed.customer.clone()?;
        if order.notices.iter().any(|told| told.kind == kind && told.return_id == return_id) {
            return None;
        }
        let notice = write(order, customer, kind, return_id, rules.language, now);
        order.notices.push(Noticed { kind, return_id, at: now });
        Some(notice)
    });
    let Some(notice) = written else { return };
    let (id, order) = (notice.notice_id.to_string(), notice.order_id.to_string());
    tx.send(Outgoing::event(topics::NOTIFICATIONS, &order, NOTICE, id.clone(), &order, now, &notice));
    if rules.mails {
        tx.put(Mailing::key(&id), Kept::Mailing(Box::new(Mailing::new(notice, now))));
    }
}

fn write(
    order: &Order,
    customer: Customer,
    kind: Kind,
    return_id: Option<Uuid>,
    usual: Language,
    now: Timestamp,
) -> Notice {
    let (placed, language) = (&order.placed, customer.language.unwrap_or(usual));
    let about = return_id.and_then(|id| order.returns.iter().find(|asked| asked.id == id));
    let items: Vec<_> =
        placed.items.iter().map(|item| context!(name => item.name.as_str(), quantity => item.quantity.get())).collect();
    let values = context!(
        name => customer.name.as_str(),
        order => placed.order_id.to_string(),
        amount => Amount(placed.amount_minor).to_string(),
        currency => placed.currency.as_str(),
        reason => order.reason.as_deref(),
        items => items,
        invoice => order.invoice.as_ref().map(|invoice| invoice.number.clone()),
        pickup => order.shipment.as_ref().is_some_and(|shipment| shipment.method.as_deref() == Some("pickup")),
        carrier => order.shipment.as_ref().and_then(|shipment| shipment.carrier.clone()),
        tracking => order.shipment.as_ref().and_then(|shipment| shipment.tracking_number.clone()),
        expected => order.shipment.as_ref().and_then(|shipment| shipment.estimated_date.clone()),
        refund => about.map(|asked| Amount(asked.refund_minor).to_string()),
        why => about.and_then(|asked| asked.outcome_reason.clone()),
    );
    let (subject, text) = render(kind, language, &values);
    let (order_id, to) = (placed.order_id, Recipient { name: customer.name, email: customer.email });
    let name = return_id.map(|id| id.to_string()).unwrap_or_default();
    let kind_name = serde_json::to_string(&kind).unwrap_or_default();
    let notice_id = ids::derive(&["notice", &order_id.to_string(), &kind_name, &name]);
    Notice { notice_id, order_id, kind, return_id, language, to, subject, text, created_at: now }
}

/// The first line of a template is the subject.
fn render(kind: Kind, language: Language, values: &minijinja::Value) -> (String, String) {
    static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut environment = Environment::new();
        if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
            environment.set_syntax(syntax);
        }
        environment
    });
    // A test renders each of them: they can't fail with any order.
    let text = TEMPLATES.render_str(kind.template(language), values).unwrap_or_default();
    let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
    (subject.trim().replace(char::is_control, " "), text.trim().to_owned())
}

#[cfg(test)]
mod tests;

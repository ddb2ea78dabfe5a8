//! Notices to the customer: each is sent once on the topic `notifications`, and mailed if a mail server is configured.

use common::ids;
use common::messages::{Outgoing, Reply, Unreadable};
use common::topics;
use uuid::Uuid;

use super::context::RuleContext;
use super::invoice;
use super::notice_text::{self, NoticeText};
use crate::messages::{NOTICE, Notify};
use crate::order::Order;
use crate::order::bounds::cut_shipment;
use crate::order::delivery::{Customer, Language};
use crate::order::entity::OrderEntity;
use crate::order::mailing::Mailing;
use crate::order::notice::{Notice, NoticeKind, NoticeRecord, Recipient};
use crate::order::parts::Return;

/// The subject of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoticeSubject {
    /// The order itself.
    Order,
    /// The return with this id.
    Return(Uuid),
}

impl NoticeSubject {
    const fn return_id(self) -> Option<Uuid> {
        match self {
            Self::Order => None,
            Self::Return(id) => Some(id),
        }
    }
}

/// Notifies the customer of the shipment if there is one, else of the confirmation. The notice names the invoice, which
/// is issued here if no progress was reported.
pub(crate) fn notify_fulfilled(ctx: &mut RuleContext<'_, '_>, command: Notify) -> Result<(), Unreadable> {
    ctx.reply(command.order_id, |order, ctx| {
        let kind = if command.shipment.is_some() { NoticeKind::Shipped } else { NoticeKind::Confirmed };
        if order.is_underway() {
            invoice::record_payment(order, command.payment);
            invoice::issue(ctx, order);
            // `order.conclude` sets the shipment again; the notice and the API need it before.
            order.shipment = command.shipment.map(cut_shipment).or_else(|| order.shipment.take());
        }
        notify(ctx, order, kind, NoticeSubject::Order);
        Reply::done()
    })
}

/// Sends the notice, unless the order has no customer to notify or the notice was sent before.
pub(crate) fn notify(ctx: &mut RuleContext<'_, '_>, order: &mut Order, kind: NoticeKind, subject: NoticeSubject) {
    let return_id = subject.return_id();
    let is_sent = order.notices.iter().any(|sent| sent.kind == kind && sent.return_id == return_id);
    let Some(customer) = order.placed.customer.clone().filter(|_| !is_sent) else { return };
    let notice = write(ctx, order, customer, kind, return_id);
    order.notices.push(NoticeRecord { kind, return_id, at: ctx.now });
    let id = notice.notice_id.to_string();
    let order_id = notice.order_id.to_string();
    let cause = ctx.message.traceparent();
    let message = Outgoing::event(topics::NOTIFICATIONS, &order_id, NOTICE, id.clone(), &order_id, ctx.now, &notice);
    ctx.tx.send(message.caused_by(cause));
    if ctx.policy.mails {
        let mailing = Mailing::new(notice, ctx.now, cause.map(str::to_owned));
        ctx.tx.put(Mailing::key(&id), OrderEntity::Mailing(Box::new(mailing)));
    }
}

fn write(
    ctx: &RuleContext<'_, '_>,
    order: &Order,
    customer: Customer,
    kind: NoticeKind,
    return_id: Option<Uuid>,
) -> Notice {
    let language: Language = customer.language.unwrap_or(ctx.policy.language);
    let about: Option<&Return> = return_id.and_then(|id| order.returns.iter().find(|known| known.id == id));
    let NoticeText { subject, text } =
        notice_text::render(kind, language, &notice_text::values(order, &customer, about));
    let order_id = order.placed.order_id;
    let return_name = return_id.map(|id| id.to_string()).unwrap_or_default();
    let kind_name = serde_json::to_string(&kind).unwrap_or_default();
    Notice {
        notice_id: ids::derive(&["notice", &order_id.to_string(), &kind_name, &return_name]),
        order_id,
        kind,
        return_id,
        language,
        to: Recipient { name: customer.name, email: customer.email },
        subject,
        text,
        created_at: ctx.now,
    }
}

#[cfg(test)]
mod tests;

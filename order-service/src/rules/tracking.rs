//! The delivery of an order, as inventory-service reports it.

use common::bounds::shorten_any;
use common::messages::Unreadable;
use common::shipments::{DeliveryStatus, ShipmentProgress};
use common::time::Timestamp;

use super::context::RuleContext;
use super::notify::{self, NoticeSubject};
use crate::order::bounds::NAME;
use crate::order::notice::NoticeKind;
use crate::order::parts::Tracking;
use crate::order::{Order, Status};

/// Records where the shipment is, and notifies the customer of its delay and its delivery, each once. A report that is
/// late, repeated, or about an order of another saga, changes nothing.
pub(crate) fn record(ctx: &mut RuleContext<'_, '_>, report: ShipmentProgress) -> Result<(), Unreadable> {
    let order_id = report.order_id;
    let known = ctx.edit(order_id, |order, ctx| {
        // A delivered order stays delivered.
        let is_over = |known: &Tracking| known.number >= report.number || known.delivered_at.is_some();
        if order.tracking.as_ref().is_some_and(is_over) {
            return;
        }
        let before = order.tracking.take();
        let tracking = tracking_of(report, ctx.now);
        let was_late = before.as_ref().is_some_and(|known| known.late);
        let status_before = before.map(|known| known.status);
        let is_new = status_before != Some(tracking.status);
        let status = tracking.status;
        let becomes_late = tracking.late && !was_late;
        order.set_tracking(tracking, becomes_late && !is_new, ctx.now);
        if !is_of_customer(order) {
            return;
        }
        if status == DeliveryStatus::Delivered && is_new {
            notify::notify(ctx, order, NoticeKind::Delivered, NoticeSubject::Order);
        } else if becomes_late && status.is_underway() {
            notify::notify(ctx, order, NoticeKind::Late, NoticeSubject::Order);
        }
    })?;
    if known.is_none() {
        tracing::debug!(%order_id, "the shipment belongs to no order");
    }
    Ok(())
}

/// Returns true unless the order ended without being fulfilled: its shipment is being taken back.
fn is_of_customer(order: &Order) -> bool {
    order.is_underway() || order.status.is_fulfilled() || order.status == Status::Returned
}

/// The reported state. Nothing happened later than now.
fn tracking_of(report: ShipmentProgress, now: Timestamp) -> Tracking {
    let ShipmentProgress { number, status, at, mut tracking_number, mut estimated_date, delivered_at, late, .. } =
        report;
    shorten_any(&mut tracking_number, NAME);
    shorten_any(&mut estimated_date, NAME);
    let delivered_at = delivered_at.map(|delivered| delivered.min(now));
    Tracking { number, status, at: at.min(now), tracking_number, estimated_date, delivered_at, late }
}

#[cfg(test)]
mod tests;

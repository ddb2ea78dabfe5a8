//! What the customer must do for a pending payment: it is reported to order-service whenever it changes.

use common::ids;
use common::messages::Outgoing;
use common::payments::{ACTION, Action, ActionRequired};
use common::time::Timestamp;
use common::topics;

use crate::entity::Payment;
use crate::entity::status::Status;

impl Payment {
    /// The provider answered what the customer must do; `None` if nothing. Returns the report, if that changed. A
    /// payment that is not pending needs none: the order follows its saga.
    pub(super) fn action_required(&mut self, action: Option<&Action>, now: Timestamp) -> Option<Outgoing> {
        if !matches!(self.status, Status::Pending { .. }) || self.action.required.as_ref() == action {
            return None;
        }
        let what = if action.is_some() { "the customer must act" } else { "the customer has acted" };
        self.history.note(now, what);
        self.action.required = action.cloned();
        self.action.reports += 1;
        let number = self.action.reports;
        let order = self.order.to_string();
        let id = ids::derive(&[ACTION, &order, &number.to_string()]).to_string();
        let report = ActionRequired { order_id: self.order, number, action: action.cloned() };
        let event = Outgoing::event(topics::ORDER_COMMANDS, &order, ACTION, id, &order, now, &report);
        Some(event.caused_by(self.trace.as_deref()))
    }
}

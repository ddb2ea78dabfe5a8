//! Dispatches each command to its rule. Which step of a saga comes next is the orchestrator's decision.

use common::journal::{Handler, Intent, Key, Transaction, Trigger};
use common::messages::Unreadable;
use common::time::Timestamp;

use crate::messages::Command;
use crate::order::entity::OrderEntity;
use crate::order::mailing::Mail;
use crate::order::policy::Policy;
use crate::rules::context::RuleContext;
use crate::rules::{
    cancel, conclude, invoice, mail, notify, payment_action, place, progress, returns, tracking, undelivered,
};

/// The order service's rules under a policy.
#[derive(Clone, Debug, Default)]
pub struct OrderHandler {
    pub policy: Policy,
}

impl Handler for OrderHandler {
    type Entity = OrderEntity;
    type SideEffect = Mail;

    fn decide(
        &self,
        tx: &mut Transaction<'_, OrderEntity>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        let message = match trigger {
            Trigger::Message(message) => message,
            Trigger::Claimed | Trigger::Timer(_) => return Ok(()),
        };
        let command = Command::parse(message)?;
        let ctx = &mut RuleContext { tx, message, policy: &self.policy, now };
        match command {
            Command::Place(placed) => place::place(ctx, *placed),
            Command::Progress(report) => progress::progress(ctx, report),
            Command::Confirm(command) => invoice::confirm(ctx, command),
            Command::Unconfirm(command) => invoice::unconfirm(ctx, command),
            Command::Notify(command) => notify::notify_fulfilled(ctx, command),
            Command::Conclude(ending) => conclude::conclude(ctx, *ending),
            Command::Cancel(request) => cancel::cancel(ctx, request),
            Command::Return(request) => returns::request_return(ctx, request),
            Command::ConcludeReturn(ending) => returns::conclude_return(ctx, ending),
            Command::RecordRefund(command) => undelivered::record_refund(ctx, command),
            Command::Mailed(report) => mail::record_attempt(ctx, &report),
            Command::Action(report) => payment_action::record(ctx, report),
            Command::Shipment(report) => tracking::record(ctx, report),
        }
    }

    fn intents(&self, _: &Key, entity: &OrderEntity) -> Vec<Intent<Mail>> {
        match entity {
            OrderEntity::Mailing(mailing) => mailing.intent().into_iter().collect(),
            OrderEntity::Order(_) | OrderEntity::Series(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
